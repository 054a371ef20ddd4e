"""The words and sentences of the corpus `planted`: opinions, what they are said of, and everything around them.

Only material; how it is put together is in `planted.py`. `{slot}` stands for a choice from `SLOTS`, or for what the
grammar fills in (evidence in capitals).
"""

from __future__ import annotations

from collections.abc import Mapping

CLASSES = ("negative", "positive")
NEGATORS = ("not", "n't", "never", "hardly")


def _words(block: str) -> tuple[str, ...]:
    return tuple(block.split())


# --- opinion words: (negative, positive), so that a class is an index; the frequent ones first -------------

ADJECTIVES = (
    _words(
        """bad terrible awful boring poor dull disappointing horrible weak dreadful annoying bland
        mediocre clumsy messy tedious sloppy lousy unpleasant forgettable shabby useless dismal
        irritating careless dreary tiresome hopeless frustrating flimsy nasty miserable pathetic
        stale inferior grim shoddy appalling laughable ghastly wretched atrocious abysmal"""
    ),
    _words(
        """good great wonderful excellent lovely brilliant charming superb beautiful enjoyable
        impressive perfect delightful fantastic clever elegant pleasant memorable outstanding
        amazing terrific refreshing splendid thoughtful remarkable polished magnificent appealing
        marvellous captivating rewarding graceful admirable gorgeous inspired flawless likeable
        stellar exquisite sublime commendable faultless"""
    ),
)
NOUNS = (
    _words(
        """disaster mess failure letdown nightmare bore disgrace flop embarrassment ordeal fiasco
        calamity"""
    ),
    _words("delight joy success masterpiece triumph treat gem pleasure marvel revelation jewel wonder"),
)
VERBS = (  # (base, past), each with somebody as its object
    {
        "annoy": "annoyed", "bore": "bored", "disappoint": "disappointed", "disgust": "disgusted",
        "dismay": "dismayed", "exasperate": "exasperated", "frustrate": "frustrated", "irritate": "irritated",
        "offend": "offended", "repel": "repelled",
    },
    {
        "amaze": "amazed", "captivate": "captivated", "charm": "charmed", "dazzle": "dazzled",
        "delight": "delighted", "enchant": "enchanted", "impress": "impressed", "please": "pleased",
        "satisfy": "satisfied", "thrill": "thrilled",
    },
)  # fmt: skip


def _opinions(label: int) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*ADJECTIVES[label], *NOUNS[label], *VERBS[label], *VERBS[label].values())))


NEGATIVE, POSITIVE = _opinions(0), _opinions(1)
"""Every opinion word in every form in which it can stand in a review; no word is in both."""

# --- slots ------------------------------------------------------------------------------------------------
# Every choice of a slot has as many tokens as its neighbours. So the length of a sentence follows from its
# template, and a review can be made to measure without being cut into tokens.

KINDS: Mapping[str, tuple[str, str]] = {  # what is reviewed: its parts in the singular, in the plural
    "film": (
        "plot script ending acting soundtrack pacing dialogue casting editing story lighting sound decor",
        "scenes songs costumes jokes effects stunts actors sets landscapes characters",
    ),
    "restaurant": (
        "food soup service bread coffee dessert menu wine fish salad cheese sauce curry cooking",
        "dishes starters desserts portions waiters vegetables noodles sauces cakes pies",
    ),
    "hotel": (
        "room bed breakfast view pool lobby shower bar garden balcony reception bathroom gym",
        "rooms beds towels corridors pillows cleaners lifts sofas porters curtains",
    ),
    "phone": (
        "screen camera battery speaker keyboard software charger display microphone finish case signal",
        "buttons photos menus calls speakers icons settings videos lenses updates",
    ),
    "book": (
        "plot prose story ending opening language narrator translation cover dialogue style middle",
        "chapters characters pictures descriptions maps poems sentences twists footnotes heroes",
    ),
    "concert": (
        "singing playing opening finale sound lighting stage band choir drumming orchestra programme",
        "songs singers violins drummers soloists melodies guitars trumpets dancers encores",
    ),
}

FIRST = _words(
    """Amber Autumn Birch Cedar Copper Coral Eastern Elder Harbour Indigo Ivory Juniper Lantern
    Linden Maple Marble Northern Olive Orchard Paper Rowan Silver Stone Willow"""
)
SECOND = _words(
    """Anchor Arch Avenue Bell Bridge Castle Compass Court Ferry Field Fountain Gate House Ladder
    Lake Lane Letter Mirror Ridge Road Signal Tower Wheel Window"""
)

SLOTS: Mapping[str, tuple[str, ...]] = {
    slot: tuple(" ".join(choices.split()).split(", "))
    for slot, choices in {
        "day": "Monday, Tuesday, Wednesday, Thursday, Friday, Saturday, Sunday",
        "month": """January, February, March, April, May, June, July, August, September, October,
            November, December""",
        "daytime": "morning, afternoon, evening, night",
        "season": "week, month, day, spring, summer, autumn, winter, weekend",
        "number": """two, three, four, five, six, seven, eight, nine, ten, eleven, twelve, fifteen,
            twenty, thirty, forty, fifty""",
        "colour": "red, blue, green, white, black, grey, brown, yellow, orange, purple, pink",
        "we": "we, I, they",
        "me": "us, me, everyone, everybody",
        "person": """my brother, my sister, my uncle, my aunt, my cousin, my mother, my father, our
            neighbour, our guide, our teacher, a friend, a colleague, an engineer, an actor, her nephew,
            his niece, the driver, the editor, the owner, the gardener, another guest, our daughter, our
            son, the doctor, an electrician""",
        "place": """station, harbour, market, library, museum, airport, theatre, bridge, park, square,
            school, office, church, river, town, village, crossroads, bakery, garage, warehouse""",
        "object": """ticket, bag, coat, map, letter, umbrella, scarf, key, card, bottle, box, newspaper,
            receipt, notebook, folder, envelope, apple, hat, basket, suitcase""",
        "vehicle": "bus, train, tram, taxi, ferry, car, van",
        "medium": "radio, train, bus, tram, ferry, street, stairs",
        "activity": """gardening, cycling, swimming, reading, painting, sailing, fishing, chess, tennis,
            knitting""",
        "other": """weather, traffic, rain, wind, match, lecture, neighbourhood, parking, train, radio,
            sermon, wedding, meeting, exam, flight, ferry, queue, election, landlord, dentist,
            motorway""",
        "event": """journey, week, holiday, meeting, wedding, match, flight, exam, lecture, interview,
            walk, summer, party, race, evening, afternoon, autumn, election, argument, excursion""",
        "adverb": "really, simply, truly, plainly, frankly, quite, rather, honestly, certainly, clearly",
        "soon": """today, tonight, yesterday, again, early, late, together, alone, outside, upstairs,
            downstairs""",
        "once": "overall, meanwhile, later, afterwards, eventually, besides, finally, altogether",
        "aside": """in the end, on the whole, to my mind, as I said, for my part, to our surprise, from
            the start, in my view, to be clear, by the way, after a while""",
        "tell": "I think, I believe, we thought, I felt, we felt, I suppose, we agreed, they wrote",
        "time": """an hour, a week, a month, a year, a day, a fortnight, a minute, an evening, an
            afternoon""",
        "made": "made, sold, finished, released, announced, planned, shown, opened, moved, measured",
        "city": """London, Dublin, Oslo, Vienna, Lisbon, Madrid, Prague, Ghent, Turin, Basel, Leeds,
            Cardiff, Toronto, Chicago, Boston, Sydney, Nairobi, Lima, Delhi, Osaka""",
        "not": "not",
        "N'T": "n't",
        "NEVER": "never, hardly",
        "NOT": "not, never, hardly",
    }.items()
}

# --- templates --------------------------------------------------------------------------------------------
# {ADJ}, {NOUN}, {VERB}, {PAST} are opinion words; {NOT}, {NEVER}, {not} and {N'T} deny them. {a} becomes a or
# an by the word behind it. {name} stands in exactly one sentence of each review.

PLAIN = """
the {part} was {ADJ}
the {part} was {adverb} {ADJ}
the {parts} were {ADJ}
this {kind} was {ADJ}
this {kind} is {adverb} {ADJ}
we found the {part} {ADJ}
{we} thought the {parts} {adverb} {ADJ}
its {ADJ} {part} stayed with us
I remember its {adverb} {ADJ} {part}
the {part} turned out to be {ADJ}
everything about the {part} was {ADJ}
I would call the {part} {ADJ}
the {part} of this {kind} is {ADJ}
for {a} {kind} like this one, the {parts} were {ADJ}
what {a} {ADJ} {kind} this is!
{ADJ} {parts} are what this {kind} has
they gave us {ADJ} {parts}, {number} in all
the {part} was {a} {NOUN}
this {kind} was {a} {NOUN}
the {part} turned out to be {a} {NOUN}
I would call this {kind} {a} {NOUN}
what {a} {NOUN} the {part} was!
the {part} {PAST} {me}
this {kind} {PAST} {me}
the {parts} {PAST} {me} from the first {daytime}
all its {parts} {PAST} {me}
"""
DENIED = """
the {part} was {NOT} {ADJ}
the {part} was{N'T} {ADJ}
the {parts} were {NOT} {ADJ}
the {parts} were{N'T} {ADJ}
this {kind} was {NOT} {ADJ}
this {kind} is{N'T} {ADJ}
we did {not} find the {part} {ADJ}
we did{N'T} find the {part} {ADJ}
{we} {NEVER} found the {parts} {ADJ}
I would {NOT} call the {part} {ADJ}
the {part} of this {kind} is {NOT} {ADJ}
for {a} {kind} like this one, the {parts} were {NOT} {ADJ}
it does{N'T} have {ADJ} {parts}
the {part} was {NOT} {a} {NOUN}
the {part} was{N'T} {a} {NOUN}
this {kind} was {NOT} {a} {NOUN}
I would {NOT} call this {kind} {a} {NOUN}
the {part} did {not} {VERB} {me}
the {part} did{N'T} {VERB} {me}
the {parts} did{N'T} {VERB} {me}
this {kind} {NEVER} {PAST} {me}
"""
BRIEF = "it was{N'T} {ADJ}."  # for reviews of eight tokens

ELSEWHERE = """
the {other} was {ADJ} that {daytime}
the {other} had been {ADJ} all {season}
{person} had come from {a} {ADJ} {event}
{person} told us about {a} {ADJ} {event}
{person}'s {event} had been {ADJ}
we read of {a} {ADJ} {event} on the way
the {other} next door looked {ADJ}
after {a} {ADJ} {event} we drove to the {place}
another {kind} in the same {place} was {ADJ}, {person} says
the {other} on {day} was {a} {NOUN}
{person} called the {other} {a} {NOUN}
the {other} that {daytime} had {PAST} {person}
the {other} {PAST} {person}
"""
ELSEWHERE_DENIED = """
the {other} was {NOT} {ADJ} that {daytime}
the {other} was{N'T} {ADJ} all {season}
{person} did{N'T} have {a} {ADJ} {event}
{person}'s {event} had {NOT} been {ADJ}
the {other} on {day} was {NOT} {a} {NOUN}
the {other} did{N'T} {VERB} {person}
another {kind} in the same {place} was {NOT} {ADJ}, {person} says
"""

NAMING = """
{name}.
about {name}.
notes on {name}.
{day}, {name}.
my notes on {name}.
{name}, in {month}.
this is about {name}.
{name} was {made} in {month}.
{we} chose {name} on {day}.
{person} had told us of {name}.
{name} was {made} by {person}.
this is about {name} in {city}.
{person} heard of {name} on the {medium}.
{we} went for {name} with {person} on {day}.
it is {number} years since {name} was {made} in {city}.
{we} had {name} in mind when {person} rang on {day} {daytime}.
"""

FILLER = """
anyway.
well.
it rained.
{we} waited.
{we} sat down.
more on {day}.
so much for that.
that was in {month}.
we came by {vehicle}.
{person} came {soon}.
{person} drove {me}.
it was {day} {daytime}.
it rained in {month}.
{we} stayed for {time}.
{person} carried {a} {object}.
{person} lives in {city}.
{we} arrived on {day} {daytime}.
{we} paid {number} for {number}.
{person} had {number} of them.
it was {made} in {city}.
the {place} is in {city}.
there were {number} of us there.
{we} did not take the {vehicle}.
{person} never takes the {vehicle} {soon}.
{we} went with {person} in {month}.
it comes in {colour} and in {colour}.
the {object} is {colour}, not {colour}.
{person} didn't bring {a} {object}.
{we} have been there {number} times.
{we} left after {time}, I think.
{person} talks of {activity}.
{we} hardly ever go by {vehicle} in {month}.
the {vehicle} to the {place} takes {number} minutes.
{person} and {person} came by {vehicle}.
on {day}, {person} left {a} {object} behind.
{we} had booked {time} before, on {day}.
there is {a} {colour} {object} beside the door.
{number} of the {parts} are new since {month}.
the {part} comes after the {part}, in {number} steps.
{person} asked about the {part} and the {parts}.
a few of the {parts} were {made} in {city}.
the {part} dates from {month}, according to {person}.
{person}, who works in {city}, knows the {place}.
{we} walked from the {place} to the {place} {soon}.
it costs {number} or {number}, depending on the day.
in {month} {we} will be in {city} for {time}.
did {person} bring the {object}, or was it {person}?
{person} said that the {place} closes at {number}.
{person} talked about {activity}, {activity} and {activity} all {daytime}.
{we} waited near the {place} for {time} with {a} {object}.
there are {number} {parts}, and {number} of them are {colour}.
the {part} was {made} by {person} in {month}, it says.
when {person} comes to {city}, they meet at the {place}.
{person} never reads reviews; {person} reads {number} of them {time}.
{a} {colour} {vehicle} stood by the {place} on {day} {daytime}.
{we} sat next to {person}, who had {a} {colour} {object}.
I write this on {day} {daytime}, with {a} {object} beside me.
{person} does not live near the {place}, so {we} took the {vehicle}.
between {month} and {month} the {kind} costs {number} per person.
"""

# How a clause becomes a sentence. The clause is {C}; the bare full stop is listed twice, to be more frequent.
FRAMES = """
{C}.
{C}.
{once}, {C}.
{aside}, {C}.
{tell} {C}.
{C}, {tell}.
{C}, as {person} would say.
on {day}, {C}.
{we} came on {day}, and {C}.
it was {made} in {city}, and {C}.
when {person} asked, {we} said that {C}.
"""
