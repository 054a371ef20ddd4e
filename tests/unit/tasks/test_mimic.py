import csv
import gzip
import subprocess
import sys
import tracemalloc
from collections import Counter

import pytest
from sklearn.model_selection import train_test_split

from attnaudit import spec
from attnaudit.errors import DataError
from attnaudit.spec import run_id
from attnaudit.tasks import mimic
from attnaudit.text import clinical
from tests.unit.tasks import mimic_extract

NOTES = ",".join(f'"{name}"' for name in mimic_extract.NOTES) + "\n"
DIAGNOSES = ",".join(f'"{name}"' for name in mimic_extract.DIAGNOSES) + "\n"


@pytest.fixture(scope="module")
def extract(tmp_path_factory):
    """A folder with an extract, and what was planted in it: admission → codes and texts."""
    folder = tmp_path_factory.mktemp("mimic")
    return folder, mimic_extract.write(folder, admissions=160)


def anemia(folder, suffix=".csv", **options):
    paths = {
        "notes": str(folder / f"NOTEEVENTS{suffix}"),
        "diagnoses": str(folder / f"DIAGNOSES_ICD{suffix}"),
    }
    return mimic.anemia(spec.Anemia(**paths, **options), 0)


def diabetes(folder, seed=0, *, ids=False, **options):
    paths = {"notes": str(folder / "NOTEEVENTS.csv"), "diagnoses": str(folder / "DIAGNOSES_ICD.csv")}
    if ids:
        options["split_ids"] = str(folder / "ids")
    return mimic.diabetes(spec.Diabetes(**paths, **options), seed)


def all_of(corpus):
    return {int(i.id.rpartition("/")[2]): i for split in corpus.splits.values() for i in split}


# --- cohorts --------------------------------------------------------------------------------------------


def test_the_anemia_cohort(extract):
    folder, planted = extract
    corpus = anemia(folder, above=0)
    found = all_of(corpus)
    expected = {}
    for admission, (codes, texts) in planted.items():
        acute = "2851" in codes
        chronic = "28521" in codes or "28529" in codes
        if acute != chronic and texts:
            expected[admission] = int(acute)
    assert {admission: instance.target for admission, instance in found.items()} == expected
    assert corpus.classes == ("chronic", "acute")
    assert 0 < sum(expected.values()) < len(expected)
    assert list(corpus.splits) == ["train", "dev", "test"]
    assert (corpus.recipe.tokeniser, corpus.recipe.min_df) == ("clinical-1", 5)
    assert (corpus.recipe.hidden, corpus.recipe.epochs, corpus.recipe.batch) == (128, 8, 32)


def test_reports_come_before_addenda_each_by_date(extract):
    folder, planted = extract
    found = all_of(diabetes(folder))
    assert any(len(texts) > 1 for _, texts in planted.values())
    for admission, (_, texts) in planted.items():
        if texts:
            assert found[admission].fields["text"] == " ".join(texts).strip()


def test_the_anemia_split_is_that_of_the_published_code(extract):
    folder, planted = extract
    corpus = anemia(folder, above=0)
    found = all_of(corpus)
    subjects = {admission: 3 + number // 2 for number, admission in enumerate(planted)}
    order = sorted(found, key=lambda i: (found[i].target, subjects[i], i))
    targets = [found[i].target for i in order]
    rest, test = train_test_split(range(len(order)), stratify=targets, test_size=0.2, random_state=12939)
    rest = sorted(rest)
    train, dev = train_test_split(
        rest, stratify=[targets[i] for i in rest], test_size=0.15, random_state=13448
    )
    for name, part in (("train", train), ("dev", dev), ("test", test)):
        assert [i.id for i in corpus.splits[name]] == [f"anemia/{order[i]}" for i in sorted(part)]


def test_the_diabetes_cohort_of_the_published_split(extract):
    folder, planted = extract
    corpus = diabetes(folder, ids=True)
    for split, instances in corpus.splits.items():
        listed = (folder / "ids" / f"{split}_50_hadm_ids.csv").read_text().split()
        assert sorted(i.id for i in instances) == sorted(f"diabetes/{admission}" for admission in listed)
        for instance in instances:
            codes, _ = planted[int(instance.id.rpartition("/")[2])]
            assert instance.target == int("25000" in codes)  # 25002 is another
    assert corpus.classes == ("no diabetes", "diabetes")
    assert any("Published split: 155 admissions are listed, 155 of them" in note for note in corpus.notes)
    assert corpus == diabetes(folder, 5, ids=True)


def test_the_diabetes_cohort_without_the_published_split(extract):
    folder, planted = extract
    corpus = diabetes(folder)
    assert set(all_of(corpus)) == {admission for admission, (_, texts) in planted.items() if texts}
    assert any("The published split was not given (`split_ids`)" in note for note in corpus.notes)
    assert any("drawn with seed 0" in note for note in corpus.notes)
    assert diabetes(folder, 1).splits != corpus.splits


def test_the_notes_say_what_was_left_out(extract):
    folder, planted = extract
    notes = " ".join(anemia(folder).notes)
    both = sum("2851" in codes and ("28521" in codes or "28529" in codes) for codes, _ in planted.values())
    errors = sum(number % 13 == 5 for number in range(160))
    assert f"{both} with both and " in notes
    assert f"{errors} discharge summaries that are marked as errors (ISERROR) were left out" in notes
    assert "rows of diagnoses without a code were left out" in notes
    assert "data use agreement" in notes


def test_notes_are_kept_by_their_length(extract):
    folder, _ = extract
    every = {i.id: len(clinical(i.fields["text"])) for i in all_of(diabetes(folder, above=0)).values()}
    lengths = sorted(every.values())
    above, below = lengths[20], lengths[-20]
    kept = {i.id for i in all_of(diabetes(folder, above=above, below=below)).values()}
    assert kept == {name for name, length in every.items() if above < length < below}


def test_the_shortest_anemia_note_of_each_split_is_left_out(extract):
    """As in the published code, which takes the shortest of a split for its strict lower bound."""
    folder, _ = extract
    every, kept = anemia(folder, above=0), anemia(folder)
    for split, instances in every.splits.items():
        lengths = {i.id: len(clinical(i.fields["text"])) for i in instances}
        least = min(lengths.values())
        assert [i.id for i in kept.splits[split]] == [name for name, n in lengths.items() if n > least]


def test_nothing_of_the_right_length(extract):
    folder, _ = extract
    with pytest.raises(DataError, match=r"none of the .* notes has more than 6 and fewer than 8 words"):
        diabetes(folder, below=8)


def test_where_the_files_lie_is_no_part_of_the_run(tmp_path):
    def asked(folder):
        task = {"name": "diabetes", "notes": f"{folder}/a", "diagnoses": f"{folder}/b", "split_ids": folder}
        return spec.Spec.parse({"task": task})

    assert run_id(asked("here"), "digest") == run_id(asked("there"), "digest")


# --- forms in which the files come -------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["packed", "small letters", "windows", "floats", "dots", "more columns"])
def test_the_same_corpus_whatever_the_form(tmp_path, extract, form):
    folder, _ = extract
    suffix = ".csv.gz" if form == "packed" else ".csv"
    for name in ("NOTEEVENTS", "DIAGNOSES_ICD"):
        with (folder / f"{name}.csv").open(newline="") as file:
            rows = list(csv.reader(file))
        if form == "small letters":
            rows[0] = [column.lower() for column in rows[0]]
        position = rows[0].index("HADM_ID") if form == "floats" else 0
        for row in rows[1:]:
            if form == "floats" and row[position]:
                row[position] += ".0"
            if form == "dots" and name == "DIAGNOSES_ICD" and len(row[-1]) > 3:
                row[-1] = f"{row[-1][:3]}.{row[-1][3:]}"
        if form == "more columns":
            rows = [[str(number), *row] for number, row in enumerate(rows)]
        path = tmp_path / f"{name}{suffix}"
        with mimic_extract.opened(path) as file:
            csv.writer(file, lineterminator="\r\n" if form == "windows" else "\n").writerows(rows)
    assert anemia(tmp_path, suffix).splits == anemia(folder).splits


def test_memory_does_not_grow_with_what_is_not_wanted(tmp_path):
    """10 MB of notes, of which a tenth are discharge summaries and few of these wanted."""
    mimic_extract.write(tmp_path, megabytes=8)
    tracemalloc.start()
    try:
        assert anemia(tmp_path).splits
        assert tracemalloc.get_traced_memory()[1] < 3e6
    finally:
        tracemalloc.stop()


# --- faults -----------------------------------------------------------------------------------------------


def note(admission=1, date="2151-07-16", category="Discharge summary", kind="Report", error="", text="words"):
    return f'1,2,{admission},{date},,,"{category}","{kind}",,{error},"{text}"\n'


def refused(tmp_path, notes=None, diagnoses=None, task=anemia, **options):
    """What is said of these files; sound ones where not given."""
    sound = [note(i, text="some words of a note " * 3) for i in range(1, 21)]
    codes = [f"{i},{i},{i},1,{'2851' if i % 2 else '28521'}\n" for i in range(1, 21)]
    for name, content in (
        ("NOTEEVENTS.csv", NOTES + "".join(sound) if notes is None else notes),
        ("DIAGNOSES_ICD.csv", DIAGNOSES + "".join(codes) if diagnoses is None else diagnoses),
    ):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(DataError) as caught:
        task(tmp_path, **options)
    return str(caught.value)


def test_a_missing_column_is_named_with_what_is_there(tmp_path):
    said = refused(tmp_path, notes=NOTES.replace("HADM_ID", "HADMID") + note())
    assert said.startswith("NOTEEVENTS.csv, line 1: no column `HADM_ID`. Columns there: `ROW_ID`,")
    assert "Did you mean `HADMID` for `HADM_ID`?" in said
    assert "It must be the table NOTEEVENTS." in said


def test_exchanged_files(tmp_path, extract):
    folder, _ = extract
    given = {
        "notes": str(folder / "DIAGNOSES_ICD.csv"),
        "diagnoses": str(folder / "NOTEEVENTS.csv"),
    }
    with pytest.raises(DataError, match=r"Are `notes` and `diagnoses` exchanged\?"):
        mimic.anemia(spec.Anemia(**given), 0)


@pytest.mark.parametrize(
    ("header", "named"),
    [
        ("subject_id,hadm_id,seq_num,icd_code,icd_version\n", "columns `icd_code`, `icd_version` belong to"),
        ("ROW_ID,SUBJECT_ID,HADM_ID,SEQ_NUM,ICD10_CODE\n", "column `ICD10_CODE` belongs to"),
    ],
)
def test_diagnoses_of_another_version(tmp_path, header, named):
    said = refused(tmp_path, diagnoses=header + "1,2,3,4,5\n")
    assert f"DIAGNOSES_ICD.csv, line 1: the {named} another version (MIMIC-IV or ICD-10)" in said
    assert "there is no column `ICD9_CODE`. Give the files of MIMIC-III" in said


def test_notes_of_another_version(tmp_path):
    header = "note_id,subject_id,hadm_id,note_type,note_seq,charttime,storetime,text\n"
    said = refused(tmp_path, notes=header + "1,2,3,DS,1,,,a\n")
    assert "`note_id`, `note_type`, `note_seq` belong to another version" in said


@pytest.mark.parametrize("code", ["D62", "I10", "N183", "E1165X", "D63.1"])
def test_codes_of_another_version(tmp_path, code):
    said = refused(tmp_path, diagnoses=DIAGNOSES + "1,1,1,1,4019\n2,1,1,2," + code + "\n")
    if code == "E1165X":  # E stands in both; this one fits neither
        assert "1 row: `E1165X` is no ICD-9 code (DIAGNOSES_ICD.csv, line 3)" in said
    else:
        assert said.startswith(f"DIAGNOSES_ICD.csv, line 3: `{code}` is a code of ICD-10")


def test_codes_and_numbers_that_are_none(tmp_path):
    rows = "1,1,1,1,abc\n1,1,x,1,4019\n1,,1,1,4019\n1,1,1,1,abc\n1,1,1\n"
    said = refused(tmp_path, diagnoses=DIAGNOSES + rows)
    assert said.startswith("DIAGNOSES_ICD.csv is malformed:")
    assert "2 rows: `abc` is no ICD-9 code (first: DIAGNOSES_ICD.csv, line 2)" in said
    assert "1 row: HADM_ID must be a whole number, found `x` (DIAGNOSES_ICD.csv, line 3)" in said
    assert "1 row: SUBJECT_ID must be a whole number, found `` (DIAGNOSES_ICD.csv, line 4)" in said
    assert "another number of fields than the 5 of the header (DIAGNOSES_ICD.csv, line 6: 3 fields)" in said


def test_malformed_notes_are_named_with_the_line_they_begin_in(tmp_path):
    rows = [note(text="two\nlines"), note("1x"), note(date="7/16/2151"), "1,2,3\n"]
    said = refused(tmp_path, notes=NOTES + "".join(rows))
    assert "1 row: HADM_ID must be a whole number, found `1x` (NOTEEVENTS.csv, line 4)" in said
    assert "CHARTDATE must be a date such as 2151-07-16, found `7/16/2151` (NOTEEVENTS.csv, line 5)" in said
    assert "fields than the 11 of the header (NOTEEVENTS.csv, line 6: 3 fields)" in said


def test_other_notes_may_be_as_they_are(tmp_path):
    """Only discharge summaries of the cohort are looked at in full."""
    others = note("", category="ECG") + note("x", date="", category="Radiology") + note(999, date="?")
    said = refused(tmp_path, notes=NOTES + others)
    assert "none of its 1 discharge summaries belongs to one of the 20 admissions of the cohort" in said


def test_an_unclosed_quotation_mark(tmp_path, monkeypatch):
    said = refused(tmp_path, notes=NOTES + note() + '1,2,3,4,,,"Discharge summary","Report",,,"open\n' * 3)
    assert "NOTEEVENTS.csv: the row that begins in line 3 is malformed" in said
    monkeypatch.setattr(mimic, "_LONGEST_NOTE", 200)  # is noticed long before the end of a large file
    said = refused(tmp_path, notes=NOTES + note() + '1,2,3,4,,,"x","x",,,"open\n' + "words\n" * 10_000)
    assert "the row that begins in line 3 is malformed (field larger than field limit (200))" in said


def test_a_damaged_archive_and_one_that_is_none(tmp_path, extract):
    folder, _ = extract
    whole = gzip.compress((folder / "NOTEEVENTS.csv").read_bytes())
    codes = gzip.compress((folder / "DIAGNOSES_ICD.csv").read_bytes())
    (tmp_path / "DIAGNOSES_ICD.csv.gz").write_bytes(codes)
    for content in (whole[: len(whole) // 2], (folder / "NOTEEVENTS.csv").read_bytes()):
        (tmp_path / "NOTEEVENTS.csv.gz").write_bytes(content)
        with pytest.raises(DataError, match=r"NOTEEVENTS.csv.gz: the gzip archive is damaged or cut off"):
            anemia(tmp_path, ".csv.gz")


def test_not_utf8(tmp_path):
    said = refused(tmp_path, notes=(NOTES + note(text="caf\xe9")).encode("latin-1"))
    assert "NOTEEVENTS.csv, line 2, byte" in said


@pytest.mark.parametrize(("content", "said"), [("", "the file is empty"), ("\n\n", "there are no rows")])
def test_empty_files(tmp_path, content, said):
    assert refused(tmp_path, notes=content) == f"NOTEEVENTS.csv: {said}"


def test_files_that_are_not_there_or_of_another_kind(tmp_path, extract):
    folder, _ = extract
    codes = str(folder / "DIAGNOSES_ICD.csv")
    (tmp_path / "notes.txt").write_text("a")
    for notes, said in (
        (tmp_path / "no.csv", "there is no such file"),
        (tmp_path, "is a folder"),
        (tmp_path / "notes.txt", "the suffix must say the format: `.csv`, the text formats also with `.gz`"),
    ):
        with pytest.raises(DataError, match=said):
            mimic.anemia(spec.Anemia(notes=str(notes), diagnoses=codes), 0)


def test_no_discharge_summaries(tmp_path):
    said = refused(tmp_path, notes=NOTES + note(category="ECG") * 3 + note(category="Nursing"))
    assert (
        "no row has the category `Discharge summary`. Categories there (rows): `ECG` (3), `Nursing` (1)"
        in said
    )


def test_no_codes_and_no_class(tmp_path):
    assert "there are no rows with a code" in refused(tmp_path, diagnoses=DIAGNOSES)
    rows = "".join(f"1,1,{i},1,2851\n" for i in range(1, 21))
    said = refused(tmp_path, diagnoses=DIAGNOSES + rows)
    assert "anemia: none of 20 admissions has the class `chronic` by DIAGNOSES_ICD.csv" in said


def test_a_cohort_too_small_to_be_split(tmp_path):
    rows = [note(i, text="some words of a note") for i in (1, 2, 3)]
    said = refused(tmp_path, notes=NOTES + "".join(rows))
    assert "the cohort of 3 admissions is too small to be split" in said


def test_errors_are_left_out(tmp_path):
    rows = "".join(note(i, error=1) for i in range(1, 21))
    said = refused(tmp_path, notes=NOTES + rows)
    assert "none of its 20 discharge summaries" in said


# --- the lists of the published split ----------------------------------------------------------------------


def lists(tmp_path, **contents):
    folder = tmp_path / "ids"
    folder.mkdir()
    for split, content in contents.items():
        (folder / f"{split}_50_hadm_ids.csv").write_text(content)
    return {"task": diabetes, "split_ids": str(folder)}


@pytest.mark.parametrize(
    ("contents", "said"),
    [
        ({"train": "1\n", "dev": "2\n"}, "lacks test_50_hadm_ids.csv"),
        ({}, "lacks train_50_hadm_ids.csv, dev_50_hadm_ids.csv, test_50_hadm_ids.csv. The folder must hold"),
        (
            {"train": "1\n\nx\n", "dev": "2\n", "test": "3\n"},
            "train_50_hadm_ids.csv, line 3: must be a whole",
        ),
        (
            {"train": "1\n", "dev": "1\n", "test": "3\n"},
            "admission 1 already stands in train_50_hadm_ids.csv",
        ),
        ({"train": "1\n", "dev": "2\n", "test": "3\n3\n"}, "line 2: admission 3 already stands in test_50"),
        ({"train": "1\n", "dev": "\n", "test": "3\n"}, "dev_50_hadm_ids.csv: the list is empty"),
        ({"train": "1\n", "dev": "99\n", "test": "3\n"}, "none of the admissions in dev_50_hadm_ids.csv has"),
        (
            {"train": "1\n4\n", "dev": "2\n", "test": "3\n"},
            "split `train`: none of 2 admissions has the class",
        ),
    ],
)
def test_faults_of_the_lists(tmp_path, contents, said):
    assert said in refused(tmp_path, **lists(tmp_path, **contents))


def test_no_folder_of_lists(tmp_path):
    assert "there is no such folder" in refused(tmp_path, task=diabetes, split_ids=str(tmp_path / "no"))


# --- the generator ------------------------------------------------------------------------------------------


def test_the_extract_is_true_to_the_schema_and_the_same_each_time(tmp_path):
    mimic_extract.write(tmp_path / "a", admissions=40)
    mimic_extract.write(tmp_path / "b", admissions=40)
    content = (tmp_path / "a" / "NOTEEVENTS.csv").read_bytes()
    assert content == (tmp_path / "b" / "NOTEEVENTS.csv").read_bytes()
    with (tmp_path / "a" / "NOTEEVENTS.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    by_category = Counter()
    for row in rows:
        by_category[row["CATEGORY"] == "Discharge summary"] += len(row["TEXT"])
    assert 0.05 < by_category[True] / by_category.total() < 0.2
    assert any("\n" in row["TEXT"] and '"' in row["TEXT"] for row in rows)
    assert any(row["ISERROR"] == "1" for row in rows)
    assert any(not row["HADM_ID"] for row in rows)


def test_the_extract_of_a_given_size_from_the_command_line(tmp_path):
    command = [sys.executable, mimic_extract.__file__, str(tmp_path), "--megabytes", "0.5", "--packed"]
    assert "admissions" in subprocess.run(command, capture_output=True, text=True, check=True).stdout
    with gzip.open(tmp_path / "NOTEEVENTS.csv.gz") as file:
        assert 0.4e6 < len(file.read()) < 0.8e6
