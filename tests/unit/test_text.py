from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attnaudit.text import (
    TOKENISERS,
    Token,
    Vocabulary,
    alphanumeric,
    chunks,
    clinical,
    general,
    general_without_punctuation,
    length_batches,
    vocabulary,
    words,
    words_without_punctuation,
)


def cut(text):
    return [token.text for token in words(text)]


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("", []),
        (" \t\n ", []),
        ("It's good.", ["it", "'s", "good", "."]),
        ("doesn't", ["does", "n't"]),
        ("DOESN’T", ["does", "n't"]),
        ("can't've", ["ca", "n't", "'ve"]),
        ("I'll, you'd, we’re, I'm", ["i", "'ll", ",", "you", "'d", ",", "we", "'re", ",", "i", "'m"]),
        ("'tis the 90s'", ["'", "tis", "the", "90", "s", "'"]),
        ("n't", ["n't"]),
        ("ain'thing", ["ain", "'", "thing"]),
        ("3,000.5 or 7.", ["3,000.5", "or", "7", "."]),
        ("well-known (so-called)", ["well", "-", "known", "(", "so", "-", "called", ")"]),
        ("<br />", ["<", "br", "/", ">"]),
        ("snake_case", ["snake_case"]),
        ("naïve Œuvre", ["naïve", "œuvre"]),
        ("e\u0301tude", ["e\u0301tude"]),  # a combining accent belongs to its letter
        ("中文abc", ["中", "文", "abc"]),
        ("カタカナ", ["カ", "タ", "カ", "ナ"]),
        ("हिन्दी", ["हिन्दी"]),
        ("שָׁלוֹם", ["שָׁלוֹם"]),
        ("ไทย", ["ไทย"]),
        ("👍", ["👍"]),
        ("👍🏽!!", ["👍🏽", "!", "!"]),
        ("👨‍👩‍👧 ok", ["👨‍👩‍👧", "ok"]),
        ("👩🏽‍🚀.", ["👩🏽‍🚀", "."]),
        ("❤️‍🔥❤️", ["❤️‍🔥", "❤️"]),
        ("a\u00a0b\u2028c", ["a", "b", "c"]),
    ],
)
def test_words(text, tokens):
    assert cut(text) == tokens


def test_offsets():
    assert words("No, isn’t it?") == [
        Token("no", 0, 2),
        Token(",", 2, 3),
        Token("is", 4, 6),
        Token("n't", 6, 9),
        Token("it", 10, 12),
        Token("?", 12, 13),
    ]


def test_without_punctuation():
    assert [t.text for t in words_without_punctuation("Well, 'tis (not) 5.5!")] == [
        "well",
        "tis",
        "not",
        "5.5",
    ]
    assert [t.text for t in words_without_punctuation("?! …")] == ["?", "!", "…"]
    assert words_without_punctuation("") == []


def texts(tokens):
    return [token.text for token in tokens]


def test_what_stands_between_spaces_is_not_changed():
    assert chunks(" @entity1 's\tDon't. ") == [
        Token("@entity1", 1, 9),
        Token("'s", 10, 12),
        Token("Don't.", 13, 19),
    ]
    assert chunks(" ") == []


def test_the_general_cleaner_hides_numbers():
    assert general("In 1999, MP3s cost $3.50!") == [
        Token("in", 0, 2),
        Token("qqq", 3, 7),
        Token(",", 7, 8),
        Token("qqq", 9, 13),
        Token("cost", 14, 18),
        Token("$", 19, 20),
        Token("qqq", 20, 24),
        Token("!", 24, 25),
    ]
    assert texts(general_without_punctuation("In 1999, (he) didn't!")) == ["in", "qqq", "he", "did", "n't"]
    assert texts(general_without_punctuation("?!")) == ["?", "!"]


def test_all_that_is_no_letter_or_digit_separates():
    assert texts(alphanumeric("It's a well-made, 21st Century `` Été ''")) == [
        *("it", "s", "a", "well", "made"),
        *("21st", "century", "été"),
    ]
    assert alphanumeric("A.b") == [Token("a", 0, 1), Token("b", 2, 3)]
    assert alphanumeric("?!") == []


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("Pt. doesn't take ASA", ["pt", ".", "does", "n't", "take", "asa"]),
        (
            "seen by Dr. [**Last Name (un) **] on [**2118-6-2**]",
            ["seen", "by", "dr", ".", "<DE>", "on", "<DE>"],
        ),
        ("[* * Hospital1\n18 * *]x", ["<DE>", "x"]),
        ("[**unclosed [**a**]", ["[", "*", "unclosed", "<DE>"]),
        ("5mg of B12, 120/80", ["qqq", "mg", "of", "qqq", ",", "qqq", "/", "qqq"]),
        ("==== - - - ____ a--b ..!!", ["=", "-", "_", "a", "-", "b", ".", "!"]),
        ("snake_case", ["snake", "_", "case"]),
        ("<de>", ["<", "de", ">"]),
        ("", []),
    ],
)
def test_clinical_notes(text, tokens):
    assert texts(clinical(text)) == tokens


def test_offsets_of_clinical_notes():
    assert clinical("a [**b c**] - - 12") == [
        Token("a", 0, 1),
        Token("<DE>", 2, 11),
        Token("-", 12, 15),
        Token("qqq", 16, 18),
    ]


PIECES = [
    "Word",
    "don't",
    "3D",
    "[**",
    "**]",
    "*",
    " ",
    "\n",
    ".",
    "--",
    "_",
    "n't",
    "’s",
    "中",
    "é",
    "e\u0301",
    "👍🏽",
]


@given(text=st.lists(st.sampled_from(PIECES), max_size=25).map("".join))
@pytest.mark.parametrize("name", TOKENISERS)
def test_tokens_stand_in_order_and_apart(name, text):
    tokens = TOKENISERS[name](text)
    assert all(token.text and token.start < token.end for token in tokens)
    assert all(a.end <= b.start for a, b in pairwise(tokens))
    assert all(not text[t.start].isspace() and not text[t.end - 1].isspace() for t in tokens)


def test_tokenisers_are_versioned():
    assert all(name.rpartition("-")[2].isdigit() for name in TOKENISERS)


def test_vocabulary_counts_texts_and_not_occurrences():
    texts = [words(text) for text in ("b b b", "a c", "a <pad>")]
    assert vocabulary(texts).words == (
        "<pad>",
        "<unknown>",
        "<start>",
        "<end>",
        "<",
        ">",
        "a",
        "b",
        "c",
        "pad",
    )
    assert vocabulary(texts, min_df=2).words == ("<pad>", "<unknown>", "<start>", "<end>", "a")
    assert vocabulary([]).index() == {"<pad>": 0, "<unknown>": 1, "<start>": 2, "<end>": 3}


def test_a_vocabulary_begins_with_the_special_words():
    with pytest.raises(ValueError, match="must begin with"):
        Vocabulary(("a", "b"))
    assert len(Vocabulary(("<pad>", "<unknown>", "<start>", "<end>", "a"))) == 5


@pytest.mark.parametrize(
    ("lengths", "budget", "batches"),
    [
        ([], 10, []),
        ([3, 5, 4], 10, [[1, 2], [0]]),
        ([50, 1, 1], 10, [[0], [1, 2]]),
        ([2, 2, 2, 2], 4, [[0, 1], [2, 3]]),
        ([0, 0], 4, [[0, 1]]),
    ],
)
def test_length_batches(lengths, budget, batches):
    assert length_batches(lengths, budget=budget) == batches


def test_unlike_lengths_part_once_a_batch_is_large_enough():
    lengths = [100] * 3 + [80] * 2 + [79] * 4 + [10] * 3
    batches = length_batches(lengths, budget=10_000, alike=0.8)
    assert [[lengths[i] for i in batch] for batch in batches] == [[100, 100, 100, 80, 80], [79] * 4, [10] * 3]
    few = length_batches([100, 100, 10, 10], budget=10_000, alike=0.8)
    assert few == [[0, 1, 2], [3]]  # two texts of 100 are too few to stand by themselves


def test_a_long_text_takes_linear_time():
    assert len(words("x" * 200_000)) == 1
    assert len(words("n't" * 20_000)) > 0
    assert len(words("1," * 50_000)) > 0
    assert len(clinical("[**" * 50_000)) > 0
    assert len(clinical("- " * 100_000)) == 1
    assert len(clinical("[**" + "* " * 100_000)) > 0
    assert len(clinical("[" + " " * 100_000 + "*")) > 0
