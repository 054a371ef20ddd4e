import re

from hypothesis import given, settings
from hypothesis import strategies as st

from attnaudit.text import length_batches, words, words_without_punctuation

LAWS = settings(deadline=None, derandomize=True, max_examples=400)

PIECES = [
    "n't",
    "n’t",
    "'s",
    "don't",
    "3,000.5",
    "é",
    "e\u0301",
    "中",
    "👩🏽‍🚀",
    "👍🏽",
    "\u200d",
    "\ufe0f",
    "_",
    "İ",
    "ſ",
    " ",
]
TEXTS = st.one_of(
    st.text(),
    st.text(alphabet=st.characters(categories=["L", "M", "N", "P", "S", "Zs", "Cf"])),
    st.lists(st.one_of(st.sampled_from(PIECES), st.text(max_size=3)), max_size=12).map("".join),
    st.text(alphabet="aNn't’ sd.,1!-"),
)


@given(TEXTS)
@LAWS
def test_a_token_is_its_stretch_of_the_text_in_lower_case(text):
    for token in words(text):
        assert token.text == text[token.start : token.end].lower().replace("’", "'")


@given(TEXTS)
@LAWS
def test_every_character_is_white_space_or_in_exactly_one_token(text):
    covered = [0] * len(text)
    for token in words(text):
        assert token.start < token.end
        for i in range(token.start, token.end):
            covered[i] += 1
    assert covered == [0 if re.match(r"\s", character) else 1 for character in text]


@given(TEXTS)
@LAWS
def test_tokens_stand_in_reading_order(text):
    ends = [0] + [token.end for token in words(text)]
    assert all(end <= token.start for end, token in zip(ends, words(text), strict=False))


@given(TEXTS, TEXTS)
@LAWS
def test_a_space_cuts(first, second):
    """Tokens never reach over white space, so that sentences can be counted one by one."""
    assert len(words(f"{first} {second}")) == len(words(first)) + len(words(second))


@given(TEXTS)
@LAWS
def test_without_punctuation_keeps_a_part_and_something(text):
    kept, everything = words_without_punctuation(text), words(text)
    assert set(kept) <= set(everything)
    assert bool(kept) == bool(everything)


@given(st.text(alphabet=st.characters(min_codepoint=0x4E00, max_codepoint=0x9FFF), max_size=30))
@LAWS
def test_a_chinese_character_is_a_token(text):
    assert [token.text for token in words(text)] == list(text)


@given(st.lists(st.integers(0, 60), max_size=60), st.integers(1, 2000), st.sampled_from([0.0, 0.5, 0.8, 1.0]))
@LAWS
def test_batches_hold_everything_once_and_keep_to_the_budget(lengths, budget, alike):
    batches = length_batches(lengths, budget=budget, alike=alike)
    assert sorted(i for batch in batches for i in batch) == list(range(len(lengths)))
    for batch in batches:
        longest = max(lengths[i] for i in batch)
        assert longest == lengths[batch[0]]
        assert len(batch) == 1 or longest * len(batch) <= budget
    heads = [lengths[batch[0]] for batch in batches]
    assert heads == sorted(heads, reverse=True)
