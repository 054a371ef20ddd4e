"""The words and sentences of the corpus `planted-cloze`: what entities do, as it is told and as it is asked.

Only material; how it is put together is in `planted_cloze.py`. Tokens stand between single spaces. `E` is the
entity that does something, `F` another one that it is done to, `{thing}` and other slots are choices from `SLOTS`.
"""

from __future__ import annotations

from collections.abc import Mapping

# What stands in a passage, and what it becomes in a question.
THINGS: Mapping[str, str] = {
    "car": "vehicle",
    "house": "home",
    "boat": "ship",
    "painting": "picture",
    "film": "movie",
    "shop": "store",
    "forest": "woodland",
    "letter": "note",
    "stone": "rock",
    "song": "tune",
    "garden": "yard",
    "bicycle": "bike",
}

# Two lines each: told in the passage, in either of two ways; asked, where ? is the gap, in either of two ways.
RELATIONS = """
E bought the {thing} . | the {thing} was bought by E .
    ? is now the owner of the {thing} | the {thing} belongs to ?
E lost the {thing} . | the {thing} was lost by E .
    ? can no longer find the {thing} | ? misses the {thing}
E mended the {thing} . | the {thing} was mended by E .
    ? put the {thing} back in order | ? repaired the {thing}
E destroyed the {thing} . | the {thing} was destroyed by E .
    ? left nothing of the {thing} | because of ? the {thing} is gone
E discovered the {thing} . | the {thing} was discovered by E .
    ? came across the {thing} | ? saw the {thing} first
E praised the {thing} . | the {thing} was praised by E .
    ? spoke well of the {thing} | ? likes the {thing} very much
E married F . | F was married by E .
    ? is the spouse of F | ? and F are a couple
E sued F . | F was sued by E .
    ? went to court against F | ? wants a judge to punish F
E hired F . | F was hired by E .
    ? gave a job to F | ? is the boss of F
E defeated F . | F was defeated by E .
    ? won against F | ? was stronger than F
E taught F . | F was taught by E .
    ? gave lessons to F | what F knows comes from ?
E rescued F . | F was rescued by E .
    ? brought F out of danger | F owes life and limb to ?
"""

# How a told sentence is framed; {C} is the sentence without its full stop. The bare one comes twice.
FRAMES = """
{C} .
{C} .
{C} on {day} .
{C} in {city} .
on {day} , {C} .
in {month} , {C} .
{C} , {source} said .
according to {source} , {C} .
{C} , it was said on {day} .
{C} in {city} in {month} .
{source} told the {medium} that {C} .
"""

# Sentences that answer nothing but name one entity, G, of those that do nothing else.
PRESENCE = """
G was in {city} .
G spoke to {source} .
G came by {vehicle} .
the {medium} wrote about G .
{source} met G in {month} .
G had nothing to say on {day} .
in {month} , G will be in {city} again .
G waited for the {vehicle} with {source} .
G , who is {number} years old , lives in {city} .
G declined to comment on the {event} , the {medium} said .
"""

# Sentences that answer nothing; G is any entity of the passage.
FILLER = """
well .
it rained .
nobody knows why .
that was in {month} .
G was in {city} .
G spoke to {source} .
the {medium} wrote about G .
G had nothing to say .
on {day} , G came by {vehicle} .
G and G were in {city} .
{source} met G in {month} .
there was a {event} in {city} on {day} .
{source} could not be reached for comment .
the {event} in {city} lasted until {day} .
G waited for the {vehicle} with {source} .
in {month} , G will be in {city} again .
G , who is {number} years old , lives in {city} .
G declined to comment on the {event} , the {medium} said .
{number} people were at the {event} , among them G and G .
according to {source} , {number} people had been at the {event} in {month} .
the {vehicle} from {city} was {number} minutes late , and G had to wait for it with {source} .
"""

SLOTS: Mapping[str, tuple[str, ...]] = {
    slot: tuple(" ".join(choices.split()).split(", "))
    for slot, choices in {
        "day": "monday, tuesday, wednesday, thursday, friday, saturday, sunday",
        "month": """january, february, march, april, may, june, july, august, september, october, november,
            december""",
        "city": """london, paris, rome, oslo, cairo, lima, delhi, tokyo, boston, dublin, vienna, prague,
            lisbon, athens, nairobi, sydney""",
        "source": """the police, the mayor, a lawyer, a witness, a neighbour, the minister, a spokesman, the
            doctor, a reporter, the coach, an official, the pilot""",
        "medium": "radio, newspaper, agency, station, magazine, programme",
        "vehicle": "train, bus, tram, ferry, taxi",
        "event": "meeting, concert, festival, match, trial, ceremony, storm, strike, parade, conference",
        "number": "two, three, four, five, six, seven, eight, nine, ten, twenty, thirty, forty, fifty",
    }.items()
}
