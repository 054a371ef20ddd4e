import csv
import gzip
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from attnaudit import spec
from attnaudit.errors import DataError, SpecError
from attnaudit.tasks import files, rows

ROWS = [("a good film", "pos"), ("a bad film", "neg"), ("fine", "pos")]
CSV = "text,label\n" + "".join(f"{text},{label}\n" for text, label in ROWS)


def save(path, content):
    """Text as UTF-8, bytes as they are; gzip by the name."""
    content = content.encode("utf-8") if isinstance(content, str) else content
    path.write_bytes(gzip.compress(content) if path.name.endswith(".gz") else content)
    return str(path)


def read(path, classes=None, **options):
    return files.file(spec.File(path=str(path), **options), 0, classes)


def refused(path, classes=None, **options):
    with pytest.raises(DataError) as caught:
        read(path, classes, **options)
    return str(caught.value)


def jsonl(*values):
    return "".join(json.dumps(value) + "\n" for value in values)


def objects():
    return jsonl(*({"text": text, "label": label} for text, label in ROWS))


def table(path, **columns):
    pq.write_table(pa.table(columns), path)
    return path


# --- formats --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", [".csv", ".CSV", ".tsv", ".jsonl", ".ndjson", ".parquet"])
@pytest.mark.parametrize("packed", ["", ".gz"])
def test_every_format_gives_the_same_corpus(tmp_path, suffix, packed):
    path = tmp_path / f"my reviews{suffix}{packed}"
    if suffix == ".parquet":
        if packed:
            pytest.skip("Parquet is packed already")
        table(path, text=[text for text, _ in ROWS], label=[label for _, label in ROWS])
    else:
        content = {".tsv": CSV.replace(",", "\t"), ".csv": CSV}.get(suffix.lower(), objects())
        save(path, content)
    corpus = read(path)
    first = 2 if suffix.lower() in (".csv", ".tsv") else 1
    assert corpus.classes == ("neg", "pos")
    assert [(i.id, i.fields["text"], i.target) for i in corpus.splits["all"]] == [
        (f"my reviews/{first:06d}", "a good film", 1),
        (f"my reviews/{first + 1:06d}", "a bad film", 0),
        (f"my reviews/{first + 2:06d}", "fine", 1),
    ]
    assert corpus.name == path.name
    assert (corpus.recipe.tokeniser, corpus.recipe.min_df) == ("words-1", 1)
    assert (corpus.attended, corpus.query, corpus.cloze) == ("text", None, False)
    assert corpus.notes == (
        f"{path.name}: only one row has the class `neg`, from which it can hardly be learned.",
    )


TEXTS = [
    'He said: "<script>alert(1)</script>" & left, twice',
    " leading and trailing\t ",
    "line one\nline two\r\nline three",
    "naïve 中文 👩🏽‍🚀 \u2028 \u00a0 \x0b ﷽",
    "\ufeffinner mark",
    '""',
    "=1+1",
    "a\\nb \x00 c",
]


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".jsonl.gz", ".parquet"])
def test_texts_come_through_byte_for_byte(tmp_path, suffix):
    path = tmp_path / f"odd{suffix}"
    labels = [str(i % 2) for i in range(len(TEXTS))]
    if suffix == ".parquet":
        table(path, text=TEXTS, label=labels)
    elif suffix == ".jsonl.gz":
        save(path, jsonl(*({"text": t, "label": y} for t, y in zip(TEXTS, labels, strict=True))))
    else:
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, delimiter="\t" if suffix == ".tsv" else ",")
            writer.writerows([("text", "label"), *zip(TEXTS, labels, strict=True)])
    assert [i.fields["text"] for i in read(path).splits["all"]] == TEXTS


def test_ids_hold_the_line_where_a_row_begins(tmp_path):
    path = save(tmp_path / "a.csv", 'text,label\n"one\ntwo\n",x\n\nthree,y\n')
    assert [i.id for i in read(path).splits["all"]] == ["a/000002", "a/000006"]


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl"])
def test_a_byte_order_mark_and_windows_line_ends(tmp_path, name):
    content = (CSV if name == "a.csv" else objects()).replace("\n", "\r\n")
    corpus = read(save(tmp_path / name, b"\xef\xbb\xbf" + content.encode()))
    assert [i.fields["text"] for i in corpus.splits["all"]] == [text for text, _ in ROWS]


def test_very_long_fields(tmp_path):
    before = csv.field_size_limit()
    corpus = read(save(tmp_path / "a.csv", f'text,label\n"{"word " * 100_000}",x\nb,y\n'))
    assert len(corpus.splits["all"][0].fields["text"]) == 500_000
    assert csv.field_size_limit() == before


def test_columns_of_other_names_and_further_columns(tmp_path):
    path = save(tmp_path / "a.csv", "n,gold,body\n1,x,one\n2,y,two\n")
    corpus = read(path, text_column="body", label_column="gold")
    assert [(i.fields["text"], i.target) for i in corpus.splits["all"]] == [("one", 0), ("two", 1)]


def test_a_tilde_is_the_home_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    save(tmp_path / "a.csv", CSV)
    assert read("~/a.csv").splits


# --- the file as a whole --------------------------------------------------------------------------------


def test_no_such_file(tmp_path):
    assert refused(tmp_path / "no.csv").endswith("no.csv: there is no such file")


def test_a_folder(tmp_path):
    assert "is a folder" in refused(tmp_path)


@pytest.mark.parametrize("name", ["a.xlsx", "a", "a.gz", "a.parquet.gz", "a.csv.zip"])
def test_an_unknown_suffix(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(b"something")
    said = refused(path)
    assert "`.csv`, `.tsv`, `.jsonl`, `.ndjson`, `.parquet`" in said or (
        name == "a.parquet.gz" and "suffix" in said
    )


@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.jsonl", "a.parquet"])
def test_an_empty_file(tmp_path, name):
    assert refused(save(tmp_path / name, b"")) == f"{name}: the file is empty"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", "text,label\n"),
        ("a.csv", "\n\n"),
        ("a.jsonl", "\n \n"),
        ("a.csv.gz", ""),
        ("a.csv", b"\xef\xbb\xbf"),
    ],
)
def test_a_file_without_rows(tmp_path, name, content):
    assert "there are no rows with a text and a label" in refused(save(tmp_path / name, content))


def test_a_parquet_file_without_rows(tmp_path):
    assert "there are no rows" in refused(
        table(tmp_path / "a.parquet", text=pa.array([], "string"), label=pa.array([], "string"))
    )


def test_not_utf8_says_the_line(tmp_path):
    said = refused(save(tmp_path / "a.csv", "text,label\nfine,x\ncaf\xe9,y\n".encode("latin-1")))
    assert said.startswith("a.csv, line 3, byte 4: not UTF-8 (byte 0xe9). Save the file as UTF-8")


def test_not_utf8_far_into_a_packed_json_file(tmp_path):
    content = objects().encode() * 5000 + b'{"text": "\xff", "label": "pos"}\n'
    assert "a.jsonl.gz, line 15001, byte 11" in refused(save(tmp_path / "a.jsonl.gz", content))


def test_not_utf8_at_the_very_end(tmp_path):
    assert "line 2, byte 3" in refused(save(tmp_path / "a.csv", b"text,label\na,\xc3"))


@pytest.mark.parametrize("damage", ["cut", "no gzip", "flipped"])
def test_a_damaged_gzip_file(tmp_path, damage):
    path = tmp_path / "a.csv.gz"
    whole = gzip.compress(CSV.encode() * 300)
    flipped = bytearray(whole)
    flipped[len(whole) // 2] ^= 0xFF
    path.write_bytes({"cut": whole[:-9], "no gzip": CSV.encode(), "flipped": bytes(flipped)}[damage])
    said = refused(path)
    assert "the gzip archive is damaged or cut off" in said


@pytest.mark.parametrize("cut", [4, 60])
def test_a_damaged_parquet_file(tmp_path, cut):
    path = table(tmp_path / "a.parquet", text=["a", "b"], label=["x", "y"])
    path.write_bytes(path.read_bytes()[:-cut])
    assert "a.parquet: cannot be read as Parquet: " in refused(path)


# --- columns --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl", "a.parquet"])
def test_a_missing_column_is_said_with_the_existing_ones(tmp_path, name):
    path = tmp_path / name
    if name == "a.parquet":
        table(path, Text=["a"], target=["x"])
    else:
        save(path, "Text,target\na,x\n" if name == "a.csv" else jsonl({"Text": "a", "target": "x"}))
    said = refused(path, label_column="targte")
    assert "no column `text` and no column `targte`. Columns there: `Text`, `target`." in said
    assert "Did you mean `Text` for `text`?" in said
    assert "Did you mean `target` for `targte`?" in said


def test_another_delimiter_is_guessed(tmp_path):
    said = refused(save(tmp_path / "a.csv", "text;label\na;x\n"))
    assert "The header holds ';': save the file with ',' between columns." in said


def test_a_column_that_stands_there_twice(tmp_path):
    assert "the column `text` stands there 2 times" in refused(
        save(tmp_path / "a.csv", "text,label,text\na,x,b\n")
    )


def test_a_missing_split_column(tmp_path):
    assert "no column `part`" in refused(save(tmp_path / "a.csv", CSV), split_column="part")


# --- rows -----------------------------------------------------------------------------------------------


def test_rows_with_another_number_of_fields(tmp_path):
    said = refused(save(tmp_path / "a.csv", "text,label\na,x\nb\nc,y\nd,x,z\n"))
    assert (
        said
        == "a.csv: 2 rows: another number of fields than the 2 of the header (first: a.csv, line 3: 1 field)."
    )


@pytest.mark.parametrize("content", ['text,label\na,x\n"b,y\nc,x\n', 'text,label\na,x\n"b" c,y\n'])
def test_a_malformed_quotation(tmp_path, content):
    said = refused(save(tmp_path / "a.csv", content))
    assert "the row that begins in line 3 is malformed" in said
    assert "must be doubled" in said


def test_malformed_json(tmp_path):
    said = refused(save(tmp_path / "a.jsonl", '{"text": "a", "label": "x"}\n\n{"text": "b" "label": "y"}\n'))
    assert said.startswith("a.jsonl, line 3, column 14: not JSON (Expecting ',' delimiter).")


@pytest.mark.parametrize("line", ['["a", "x"]', '"a"', "3", "null"])
def test_json_that_is_no_object(tmp_path, line):
    said = refused(save(tmp_path / "a.jsonl", objects() + line + "\n"))
    assert said.startswith("a.jsonl, line 4: each line must hold a JSON object")


@pytest.mark.parametrize("line", ["[" * 100_000, '{"text": "a", "label": ' + "9" * 5000 + "}"])
def test_json_that_python_cannot_hold(tmp_path, line):
    assert "a.jsonl, line 1: cannot be read as JSON" in refused(save(tmp_path / "a.jsonl", line + "\n"))


EMPTY = "text,label\na,x\n,y\n  ,x\nb,\n,\nc,y\nd,\t\n"


def test_empty_texts_and_labels_are_counted_with_the_first_line(tmp_path):
    said = refused(save(tmp_path / "a.csv", EMPTY))
    assert "2 rows: the text is empty (first: a.csv, line 3)" in said
    assert "2 rows: the label is empty (first: a.csv, line 5)" in said
    assert "1 row: the text and the label are empty (a.csv, line 6)" in said
    assert "`drop_empty = true`" in said


def test_empty_texts_and_labels_are_left_out_when_asked(tmp_path):
    corpus = read(save(tmp_path / "a.csv", EMPTY), drop_empty=True)
    assert [i.fields["text"] for i in corpus.splits["all"]] == ["a", "c"]
    assert corpus.notes[0] == "Left out: 2 rows: the text is empty (first: a.csv, line 3)."
    assert len([note for note in corpus.notes if note.startswith("Left out: ")]) == 3


def test_nothing_is_left_when_all_is_left_out(tmp_path):
    said = refused(save(tmp_path / "a.csv", "text,label\na,\nb,\n"), drop_empty=True)
    assert "there are no rows with a text and a label" in said
    assert "2 rows: the label is empty" in said


def test_a_key_that_some_rows_lack_is_empty_there(tmp_path):
    path = save(
        tmp_path / "a.jsonl", objects() + jsonl({"text": "a"}, {"label": "x"}, {"text": None, "label": "x"})
    )
    said = refused(path)
    assert "1 row: the label is empty (a.jsonl, line 4)" in said
    assert "2 rows: the text is empty (first: a.jsonl, line 5)" in said


def test_values_of_other_types(tmp_path):
    path = save(
        tmp_path / "a.jsonl",
        jsonl(
            {"text": 3, "label": "x"},
            {"text": ["a"], "label": "x"},
            {"text": "a", "label": ["x"]},
            {"text": "", "label": "y"},
        ),
    )
    said = refused(path)
    assert "1 row: the text must be a string, found a value of type `int` (a.jsonl, line 1)" in said
    assert "found a value of type `list` (a.jsonl, line 2)" in said
    assert "a label must be a string, a whole number or a truth value" in said
    assert "1 row: the text is empty (a.jsonl, line 4)" in said  # all kinds of fault at once


def test_values_of_other_types_in_parquet(tmp_path):
    said = refused(table(tmp_path / "a.parquet", text=[1, 2], label=["x", "y"]))
    assert "2 rows: the text must be a string, found a value of type `int` (first: a.parquet, row 1)" in said


@pytest.mark.parametrize("key", ["text", "label"])
def test_half_a_surrogate_pair(tmp_path, key):
    row = {"text": '"a"', "label": '"x"'} | {key: '"\\ud83d"'}
    said = refused(save(tmp_path / "a.jsonl", f'{{"text": {row["text"]}, "label": {row["label"]}}}\n'))
    assert f"the {key} holds half of a surrogate pair" in said


# --- labels ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("label", "name"),
    [
        ("pos", "pos"), (" pos ", "pos"), ("1", "1"), (1, "1"), (1.0, "1"), ("1.0", "1"), ("-1.00", "-1"),
        (0.0, "0"), (-0.0, "0"), (True, "True"), (False, "False"), (0.5, "0.5"),
        ("0.50", "0.50"), ("v1.0", "v1.0"),
        (None, None), ("", None), (" \t", None), (float("nan"), None), ("01", "01"),
    ],
)  # fmt: skip
def test_the_name_of_a_class(label, name):
    assert rows.class_name(label) == name


@pytest.mark.parametrize("label", [[1], {}, b"x", float("inf")])
def test_what_is_no_label(label):
    with pytest.raises(TypeError, match="a label must be"):
        rows.class_name(label)


@pytest.mark.parametrize(
    ("labels", "classes"),
    [
        ([1, 0], ("0", "1")),
        ([10, 9], ("9", "10")),
        ([1, -1], ("-1", "1")),
        ([1.0, 0.0, 1.0], ("0", "1")),
        ([True, False], ("False", "True")),
        (["pos", "neg"], ("neg", "pos")),
        (["POS", "neg"], ("neg", "POS")),
        (["Positive", "Negative"], ("Negative", "Positive")),
        (["class 10", "class 9"], ("class 9", "class 10")),
        (["1", "one"], ("1", "one")),
        (["nan", "ham"], ("ham", "nan")),
        (["spam", "ham"], ("ham", "spam")),
        (["Ja", "nein"], ("Ja", "nein")),
    ],
)
def test_the_order_of_classes(tmp_path, labels, classes):
    path = save(tmp_path / "a.jsonl", jsonl(*({"text": "a", "label": label} for label in labels)))
    corpus = read(path)
    assert corpus.classes == classes
    assert [corpus.classes[i.target] for i in corpus.splits["all"]] == [
        rows.class_name(label) for label in labels
    ]


def test_integers_with_a_gap_come_as_floats_from_parquet(tmp_path):
    corpus = read(
        table(tmp_path / "a.parquet", text=["a", "b", "c"], label=[1.0, None, 0.0]), drop_empty=True
    )
    assert corpus.classes == ("0", "1")
    assert len(corpus.splits["all"]) == 2


def test_a_single_label(tmp_path):
    said = refused(save(tmp_path / "a.csv", "text,label\na,x\nb,x\n"))
    assert "a single label: all 2 rows have `x`" in said


def labelled(*labels):
    return "text,label\n" + "".join(f"text {i},{label}\n" for i, label in enumerate(labels))


def test_more_than_two_classes_in_natural_order(tmp_path):
    stars = ["10", "9", "2", "1"] * 3
    corpus = read(save(tmp_path / "a.csv", labelled(*stars)))
    assert corpus.classes == ("1", "2", "9", "10")
    assert [corpus.classes[i.target] for i in corpus.splits["all"]] == stars
    assert corpus.notes == ()


@pytest.mark.parametrize(
    ("labels", "number", "said"),
    [
        ([f"{i / 7:.3f}" for i in range(500)], 500, "more than 100"),
        ([str(i % 101) for i in range(500)], 101, "more than 100"),
        (["a", "b", "c", "a", "b"], 3, "more than half of the 5 rows"),
        ([f"user {i}" for i in range(40)], 40, "more than half of the 40 rows"),
    ],
)
def test_what_is_no_column_of_classes(tmp_path, labels, number, said):
    message = refused(save(tmp_path / "a.csv", labelled(*labels)))
    assert message.startswith(f"a.csv: {number} different labels, {said}")
    assert "this is no column of classes" in message
    assert "Name another column as `label_column`, or merge labels" in message
    if number > 12:
        assert f"and {number - 12} more" in message
    assert len(message) < 500


def test_labels_that_are_whole_texts_are_shortened(tmp_path):
    message = refused(save(tmp_path / "a.csv", labelled(*(f"{i} {'long ' * 1000}" for i in range(20)))))
    assert "…` (1), `1 long long" in message
    assert len(message) < 1000


def test_the_half_is_that_of_the_training_rows(tmp_path):
    lines = [f"t{i},{label},{split}\n" for i, (label, split) in enumerate(
        [("x", "train"), ("y", "train"), ("z", "train"), ("x", "train")] + [("x", "test")] * 20
    )]  # fmt: skip
    said = refused(save(tmp_path / "a.csv", "text,label,part\n" + "".join(lines)), split_column="part")
    assert "split `train`: 3 different labels, more than half of the 4 rows" in said


def test_a_hundred_classes_are_fine(tmp_path):
    assert len(read(save(tmp_path / "a.csv", labelled(*(i % 100 for i in range(300))))).classes) == 100


def test_classes_of_a_single_row_are_said(tmp_path):
    corpus = read(save(tmp_path / "a.csv", labelled(*"aaabbbcd")))
    assert corpus.classes == ("a", "b", "c", "d")
    assert corpus.notes == (
        "a.csv: only one row each has the classes `c`, `d`, from which they can hardly be learned.",
    )


# --- pairs of texts -------------------------------------------------------------------------------------

PAIRS = [
    ("a man sleeps", "he rests", "entailment"),
    ("a man sleeps", "he runs", "contradiction"),
    ("a man sleeps", "he dreams", "neutral"),
] * 2


def pairs_file(path):
    if path.suffix == ".csv":
        lines = ["premise,hypothesis,gold\n", *(",".join(row) + "\n" for row in PAIRS)]
        return save(path, "".join(lines))
    if path.suffix == ".jsonl":
        return save(path, jsonl(*({"premise": p, "hypothesis": h, "gold": g} for p, h, g in PAIRS)))
    premises, hypotheses, labels = zip(*PAIRS, strict=True)
    return table(path, premise=premises, hypothesis=hypotheses, gold=labels)


NLI = {"text_column": "premise", "query_column": "hypothesis", "label_column": "gold"}


@pytest.mark.parametrize("name", ["nli.csv", "nli.jsonl", "nli.parquet"])
def test_a_query_beside_the_text(tmp_path, name):
    corpus = read(pairs_file(tmp_path / name), **NLI)
    assert (corpus.attended, corpus.query, corpus.cloze) == ("text", "query", False)
    assert corpus.classes == ("contradiction", "entailment", "neutral")
    found = [(i.fields["text"], i.fields["query"], corpus.classes[i.target]) for i in corpus.splits["all"]]
    assert found == PAIRS
    assert all(list(i.fields) == ["text", "query"] for i in corpus.splits["all"])


def test_a_query_with_a_split_column(tmp_path):
    lines = [f"t{i},q{i},{'ab'[i % 2]},{'train' if i < 8 else 'test'}\n" for i in range(12)]
    path = save(tmp_path / "a.csv", "text,question,label,part\n" + "".join(lines))
    corpus = read(path, query_column="question", split_column="part")
    assert [i.fields["query"] for i in corpus.splits["test"]] == ["q8", "q9", "q10", "q11"]


def test_an_empty_query_is_as_an_empty_text(tmp_path):
    content = "text,query,label\na,b,x\nc, ,y\n,,x\nd,e,y\n"
    path = save(tmp_path / "a.csv", content)
    said = refused(path, query_column="query")
    assert "1 row: the query is empty (a.csv, line 3)" in said
    assert "1 row: the text and the query are empty (a.csv, line 4)" in said
    assert "leave rows with an empty text, query or label out" in said
    corpus = read(path, query_column="query", drop_empty=True)
    assert [i.fields["query"] for i in corpus.splits["all"]] == ["b", "e"]
    assert corpus.notes[0] == "Left out: 1 row: the query is empty (a.csv, line 3)."


def test_a_query_of_another_type_or_half_a_surrogate_pair(tmp_path):
    rows = '{"text": "a", "query": 3, "label": "x"}\n{"text": "a", "query": "\\ud83d", "label": "y"}\n'
    said = refused(save(tmp_path / "a.jsonl", rows), query_column="query")
    assert "the query must be a string, found a value of type `int` (a.jsonl, line 1)" in said
    assert "the query holds half of a surrogate pair, which no UTF-8 file can hold (a.jsonl, line 2)" in said


@pytest.mark.parametrize("task", ["file", "hub"])
@pytest.mark.parametrize("column", ["text", "label"])
def test_a_query_is_a_column_of_its_own(task, column):
    place = {"path": "a.csv"} if task == "file" else {"dataset": "a"}
    with pytest.raises(SpecError, match=f"must be three columns, found `{column}` for the query as well"):
        spec.Spec.parse({"task": {"name": task, **place, "query_column": column}})


def test_a_missing_query_column(tmp_path):
    said = refused(save(tmp_path / "a.csv", CSV), query_column="labels")
    assert "no column `labels`. Columns there: `text`, `label`. Did you mean `label` for `labels`?" in said


# --- splits ---------------------------------------------------------------------------------------------


def test_a_split_column_with_every_alias(tmp_path):
    names = ["train", "Training", "dev", "valid", "validation", " VAL ", "test", "testing"]
    lines = [f"t{i},{label},{name}\n" for i, name in enumerate(names) for label in ("x", "y")]
    corpus = read(save(tmp_path / "a.csv", "text,label,part\n" + "".join(lines)), split_column="part")
    assert {name: len(split) for name, split in corpus.splits.items()} == {"train": 4, "dev": 8, "test": 4}


def test_an_unknown_split(tmp_path):
    content = "text,label,part\na,x,train\nb,y,trian\nc,y,\n"
    said = refused(save(tmp_path / "a.csv", content), split_column="part")
    assert "1 row: unknown split `trian`; known are `train`, `training`," in said
    assert "(a.csv, line 3)" in said
    assert "unknown split ``" in said


def test_an_unknown_split_in_json(tmp_path):
    path = save(tmp_path / "a.jsonl", jsonl({"text": "a", "label": "x", "split": None}))
    assert "unknown split `None`" in refused(path, split_column="split")


def test_several_files(tmp_path):
    (tmp_path / "sub").mkdir()
    train, dev = save(tmp_path / "a.csv", CSV), save(tmp_path / "sub" / "a.csv", CSV)
    test = save(tmp_path / "b.jsonl", objects())
    corpus = read(train, dev_path=dev, test_path=test)
    assert list(corpus.splits) == ["train", "dev", "test"]
    assert [split[0].id for split in corpus.splits.values()] == [
        "a/train/000002",
        "a/dev/000002",
        "b/test/000001",
    ]


def test_train_and_test_without_dev(tmp_path):
    corpus = read(save(tmp_path / "a.csv", CSV), test_path=save(tmp_path / "b.csv", CSV))
    assert list(corpus.splits) == ["train", "test"]


def test_a_second_file_that_is_missing_or_empty(tmp_path):
    path = save(tmp_path / "a.csv", CSV)
    assert "no such file" in refused(path, test_path=str(tmp_path / "b.csv"))
    said = refused(path, test_path=save(tmp_path / "b.csv", "text,label\n"))
    assert "split `test`: there are no rows" in said


def test_faults_of_all_files_are_told_at_once(tmp_path):
    said = refused(save(tmp_path / "a.csv", CSV + ",pos\n"), test_path=save(tmp_path / "b.csv", CSV + "x\n"))
    assert "a.csv, line 5" in said
    assert "b.csv, line 5: 1 field" in said


def test_a_label_that_train_lacks(tmp_path):
    test = save(tmp_path / "b.csv", CSV + "what,maybe\nnow,maybe\nthen,posi\n")
    said = refused(save(tmp_path / "a.csv", CSV), test_path=test)
    assert (
        "unknown label `maybe` (2 rows, first: b.csv, line 5); `posi` (1 row, first: b.csv, line 7)" in said
    )
    assert "The training part has `neg`, `pos`." in said


def test_two_ways_of_asking_for_a_split(tmp_path):
    path = save(tmp_path / "a.csv", CSV)
    with pytest.raises(SpecError, match="either `split_column` or"):
        read(path, split_column="part", test_path=path)


# --- classes that a model knows -------------------------------------------------------------------------


def test_given_classes_keep_their_order(tmp_path):
    corpus = read(save(tmp_path / "a.csv", CSV), classes=("pos", "neg"))
    assert corpus.classes == ("pos", "neg")
    assert [i.target for i in corpus.splits["all"]] == [0, 1, 0]


def test_a_single_class_is_fine_when_classes_are_given(tmp_path):
    corpus = read(save(tmp_path / "a.csv", "text,label\na,1.0\n"), classes=["0", "1"])
    assert corpus.classes == ("0", "1")
    assert [i.target for i in corpus.splits["all"]] == [1]


def test_a_label_that_the_model_does_not_know(tmp_path):
    said = refused(save(tmp_path / "a.csv", CSV), classes=("negative", "positive"))
    assert "unknown label `pos` (2 rows, first: a.csv, line 2); `neg` (1 row, first: a.csv, line 3)" in said
    assert "The model knows `negative`, `positive`." in said
