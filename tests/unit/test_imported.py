"""Scores from a file become a run: the same numbers as computed ones, or one message with every fault."""

import gzip
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from attnaudit import store
from attnaudit.compare import compare
from attnaudit.drawing import FIGURES, export_figures
from attnaudit.errors import DataError, SchemaError, SpecError
from attnaudit.imported import import_scores
from attnaudit.report import write_report
from attnaudit.result import Result
from attnaudit.spec import Spec
from attnaudit.spec.companions import Companions
from attnaudit.studies.gather import gather
from attnaudit.terminal import show
from tests.unit.report.small_run import small_run

GOOD = {
    "tokens": ["a", "quiet", "wonder"],
    "attention": [0.2, 0.3, 0.5],
    "importance": {"gradient": [0.1, -0.2, 0.3], "leave_one_out": [0.0, 0.1, 0.4]},
}


def written(path: Path, *rows: dict) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def dumped(run: Result) -> list[dict]:
    """What is stored of a run, as rows of a file: markers have weight and scores 0."""
    scores: dict[str, dict[str, list[float]]] = {}
    for row in run.tables["importance"].to_pylist():
        if row["scores"] is not None:
            scores.setdefault(row["instance_id"], {})[row["measure"]] = row["scores"]
    rows = []
    for one in run.tables["instances"].to_pylist():
        audited = one["audited"]

        def spread(values: list, filler: object, audited: list[bool] = audited) -> list:
            known = iter(values)
            return [next(known) if inside else filler for inside in audited]

        measures = {name: spread(values, 0.0) for name, values in scores[one["instance_id"]].items()}
        row = {"id": one["instance_id"], "text": one["text"], "tokens": one["tokens"], "label": one["target"]}
        row |= {"attention": measures.pop("attention"), "importance": measures}
        row |= {"audited": one["audited"], "output": one["output"]}
        if one["evidence"]:
            row["evidence"] = [spread(marks, False) for marks in one["evidence"]]
        rows.append(row)
    return rows


def numbers(run: Result, *experiments: str) -> list[dict]:
    return [row for row in run.tables["summary"].to_pylist() if row["experiment"] in experiments]


def test_the_scores_of_a_run_give_its_numbers_again(planted_run, tmp_path):
    path = written(tmp_path / "planted.jsonl", *dumped(planted_run))
    again = import_scores(path, store=tmp_path, classes=planted_run.classes)
    for name in ("agreement", "plausibility"):
        assert again.tables[name].combine_chunks().equals(planted_run.tables[name].combine_chunks())
    asked = ("agreement", "plausibility", "quality")
    assert numbers(again, *asked) == numbers(planted_run, *asked)
    assert len(numbers(again, "plausibility")) > 0
    own, theirs = ([a for a in run.card if a.question == "agreement"] for run in (again, planted_run))
    assert own == theirs
    columns = ["target", "prediction", "output", "offsets", "audited", "evidence", "tokens", "text"]
    known = (run.tables["instances"].select(columns).combine_chunks() for run in (again, planted_run))
    assert next(known).equals(next(known))


def test_several_parts_and_a_kill_between_them_change_nothing(tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    rows = [{**GOOD, "attention": rng.dirichlet(np.ones(3)).tolist()} for _ in range(10)]
    path = written(tmp_path / "many.jsonl", *rows)
    monkeypatch.setattr("attnaudit.store.CHUNK", 4)
    whole = import_scores(path, store=tmp_path / "whole")
    assert store.part_numbers(whole.manifest, "instances") == [0, 1, 2]

    def stop(_stage: str, done: int, _total: int) -> None:
        if done > 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        import_scores(path, store=tmp_path / "killed", progress=stop)
    assert not (tmp_path / "killed" / whole.folder.name).exists()
    resumed = import_scores(path, store=tmp_path / "killed")
    assert resumed.manifest["tables"] == whole.manifest["tables"]
    assert store.verify(resumed.folder) == []
    assert import_scores(path, store=tmp_path / "killed").folder == resumed.folder


def test_every_format_of_one_content_is_the_same_run(tmp_path):
    rows = [{**GOOD, "id": 7, "output": [0.25, 0.75]}, {**GOOD, "id": 8, "output": [0.5, 0.5]}]
    plain = written(tmp_path / "one.jsonl", *rows)
    packed = tmp_path / "one.jsonl.gz"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    table = tmp_path / "one.parquet"
    pq.write_table(pa.Table.from_pylist(rows), table)
    ids = {import_scores(path, store=tmp_path).manifest["run_id"] for path in (plain, packed, table)}
    assert len(ids) == 1


def test_maps_and_half_precision_in_parquet(tmp_path):
    half = pa.array([[0.2, 0.3, 0.5]], pa.list_(pa.float16()))
    single = [("gradient", [1.0, -2.0, 3.0])]
    kind = pa.map_(pa.string(), pa.list_(pa.float32()))
    columns = {"tokens": [GOOD["tokens"]], "attention": half, "importance": pa.array([single], kind)}
    pq.write_table(pa.table(columns), tmp_path / "half.parquet")
    run = import_scores(tmp_path / "half.parquet", store=tmp_path)
    scores = {row["measure"]: row["scores"] for row in run.tables["importance"].to_pylist()}
    assert scores["gradient"] == [1, 2, 3]


def test_without_outputs_nothing_is_said_by_class(tmp_path, capsys):
    rows = [{**GOOD, "label": i % 2} for i in range(40)]
    run = import_scores(written(tmp_path / "plain.jsonl", *rows), store=tmp_path)
    assert run.groups == ("overall",)
    assert run.tables["instances"]["prediction"].null_count == 40
    assert run.scores == {}
    assert {a.question: a.verdict for a in run.card}["agreement"] != "not run"
    show(run)
    assert "no score is defined" in capsys.readouterr().out
    page = write_report(run).read_text(encoding="utf-8")
    assert "this needs both outputs and labels" in page
    assert "What needs the model" in page
    assert 'id="permutation"' not in page
    assert 'id="adversary"' not in page
    assert Result.open(run.folder)._repr_html_()
    assert store.verify(run.folder) == []
    drawn = {path.stem for path in export_figures(run, tmp_path / "figures", ["svg"])}
    assert drawn == {"tau_gradient", "tau_leave_one_out", "tau_pairs"} <= set(FIGURES)
    with pytest.raises(SpecError, match="holds imported scores"):
        _ = run.spec


def test_ordinary_tables_still_refuse_an_unknown_prediction(tmp_path):
    table = small_run(tmp_path).tables["instances"]
    place = table.schema.get_field_index("prediction")
    field = table.schema.field(place).with_nullable(True)
    known = table.set_column(place, field, table["prediction"])
    from attnaudit import tables

    with pytest.raises(SchemaError, match="null in every row or in none"):
        tables.check("instances", known)
    nothing = table.set_column(place, table.schema.field(place), pa.nulls(len(table), pa.int32()))
    with pytest.raises(SchemaError, match="must not be null"):
        tables.check("instances", nothing)


def test_what_was_done_to_the_scores_is_said(tmp_path):
    rows = [
        {**GOOD, "audited": [False, True, True], "colour": 1},
        {"tokens": ["x"], "attention": [1.0], "importance": {"gradient": None}},
        {"tokens": ["x", "y"], "attention": [1.0, 0.0], "audited": [False, True]},
    ]
    run = import_scores(written(tmp_path / "s.jsonl", *rows), store=tmp_path)
    notes = " ".join(run.manifest["data"]["notes"])
    assert "Of `gradient` the absolute value was taken: it is below 0 somewhere in 1 of 3 texts" in notes
    assert "On average 60% of a text's attention" in notes
    assert "Fields that were not read: `colour`" in notes
    assert "2 of 3 texts have fewer than 2 audited tokens" in run.manifest["data"]["warnings"][0]
    found = {(row["instance_id"][-1], row["measure"]): row for row in run.tables["importance"].to_pylist()}
    np.testing.assert_allclose(found["1", "attention"]["scores"], [0.375, 0.625], rtol=1e-6)
    assert found["2", "gradient"]["status"] == "not_run"
    assert found["3", "attention"]["status"] == "not_applicable"
    np.testing.assert_allclose(found["1", "gradient"]["scores"], [0.2, 0.3], rtol=1e-6)


def test_tokens_are_found_in_their_text(tmp_path):
    rows = [
        {**GOOD, "text": "A quiet, quiet WONDER"},
        {**GOOD, "tokens": ["won", "##der", "s"], "text": "wonders"},
        {**GOOD, "tokens": ["[CLS]", "ab", "ab"], "audited": [False, True, True], "text": "ab ab"},
        GOOD,
    ]
    run = import_scores(written(tmp_path / "s.jsonl", *rows), store=tmp_path)
    found = [
        [None if o is None else (o["start"], o["end"]) for o in row]
        for row in run.tables["instances"]["offsets"].to_pylist()
    ]
    assert found == [
        [(0, 1), (2, 7), (15, 21)],
        [None, None, None],
        [None, (0, 2), (3, 5)],
        [(0, 1), (2, 7), (8, 14)],
    ]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"tokens": None}, "`tokens` must be a list of strings, one or more (s.jsonl, line 1: nothing)"),
        ({"tokens": [], "attention": []}, "`tokens` must be a list of strings"),
        ({"tokens": ["a", 1, "b"]}, "as token 2"),
        ({"tokens": ["a", "\ud800", "b"]}, "half of a surrogate pair"),
        ({"attention": None}, "`attention` must be a list of numbers, one a token"),
        ({"attention": [0.5, 0.5]}, "2 numbers for 3 tokens"),
        ({"attention": [-0.5, 1, 0.5]}, "`attention` must be ≥ 0 (s.jsonl, line 1: -0.5 for token 1)"),
        (
            {"attention": [0.5, float("nan"), 0.5]},
            "finite numbers (in single precision) (s.jsonl, line 1: nan",
        ),
        ({"attention": [0.5, float("inf"), 0.5]}, "inf for token 2"),
        ({"attention": [0.5, 10**400, 0.5]}, "finite numbers"),
        ({"attention": [0.5, "0.2", 0.3]}, "a value of type `str` for token 2"),
        ({"attention": [True, 0, 0]}, "a value of type `bool` for token 1"),
        ({"attention": [0.5, 0.2, 0.1]}, "a sum of 0.8"),
        ({"attention": [0, 0, 0]}, "must not be 0 on every token"),
        ({"importance": [1, 2, 3]}, "`importance` must be an object"),
        ({"importance": {"gradient": [1, 2]}}, "`importance.gradient` must have a number a token"),
        ({"importance": {"gradient": [1, 2, 1e39]}}, "1e+39 for token 3"),
        ({"importance": {"attention": [1, 2, 3]}}, "must not hold `attention`"),
        ({"importance": {"a ~ b": [1, 2, 3]}}, "the name of a measure"),
        ({"importance": {str(i): [1, 2, 3] for i in range(21)}}, "20 measures at most"),
        ({"output": [1.0]}, "two classes or more"),
        ({"output": [2.0, -1.0]}, "not logits"),
        ({"output": [0.5, 0.4]}, "sum 0.9"),
        ({"output": [0.5, 0.5], "label": 2}, "`label` must be the index of a class, 0 to 1"),
        ({"label": "positive"}, "`--classes`"),
        ({"label": 1.5}, "the index or the name"),
        ({"label": 1, "target": 1}, "two names for one field"),
        ({"audited": [True, False]}, "2 entries for 3 tokens"),
        ({"audited": [False] * 3}, "`audited` must be true for a token at least"),
        ({"evidence": [True, False, False]}, "`evidence` must be a list of lists"),
        ({"evidence": [[True, 2, False]]}, "must hold true and false"),
        ({"id": ""}, "`id` must be a string or a whole number"),
        ({"text": 3}, "`text` must be a string"),
        ({"importances": {}}, "did you mean `importance`?"),
    ],
)
def test_a_fault_is_told_with_row_and_field(tmp_path, change, said):
    path = written(tmp_path / "s.jsonl", GOOD | change)
    with pytest.raises(DataError) as refused:
        import_scores(path, store=tmp_path / "store")
    assert said in str(refused.value)
    assert "line 1" in str(refused.value)
    assert not (tmp_path / "store").exists()


def test_all_faults_are_told_at_once(tmp_path):
    path = written(
        tmp_path / "s.jsonl",
        {**GOOD, "id": "x", "output": [0.5, 0.5]},
        {**GOOD, "id": "x", "output": [0.5, 0.5]},
        GOOD,
        {**GOOD, "output": [0.2, 0.2, 0.6]},
        GOOD | {"attention": [1, 1, 1], "tokens": ["a", "b"]},
    )
    path.write_text(path.read_text() + "{no json\n" + json.dumps(GOOD))
    with pytest.raises(DataError) as refused:
        import_scores(path, store=tmp_path)
    message = str(refused.value)
    for said in (
        "kinds of fault",
        "`id` stands in an earlier row already (s.jsonl, line 2: 'x', as in line 1)",
        "2 rows: `output` must be given in every row or in none (first: s.jsonl, line 3",
        "`output` must hold 2 probabilities, as in the first row (s.jsonl, line 4: 3)",
        "3 numbers for 2 tokens",
        "line 6, column 2: not JSON",
    ):
        assert said in message


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("e.jsonl", b"", "the file is empty"),
        ("e.jsonl", b"\n\n", "there are no rows"),
        ("e.jsonl", b"[1]\n", "each line must hold a JSON object"),
        ("e.csv", b"tokens\n", "the suffix must say the format"),
        ("e.parquet", b"PAR1 no", "cannot be read as Parquet"),
        ("e.jsonl.gz", b"\x1f\x8b broken", "gzip"),
    ],
)
def test_files_that_are_no_such_files(tmp_path, name, content, said):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=said):
        import_scores(tmp_path / name, store=tmp_path)


def test_a_missing_column_of_parquet(tmp_path):
    pq.write_table(pa.table({"tokens": [["a"]], "weights": [[1.0]]}), tmp_path / "c.parquet")
    with pytest.raises(DataError, match="no column `attention`"):
        import_scores(tmp_path / "c.parquet", store=tmp_path)


def test_attention_of_any_sum_is_taken_when_asked(tmp_path):
    path = written(tmp_path / "s.jsonl", GOOD | {"attention": [2, 3, 5]})
    run = import_scores(path, store=tmp_path, normalise=True)
    np.testing.assert_allclose(run.tables["importance"]["scores"][0].as_py(), [0.2, 0.3, 0.5], rtol=1e-6)


@pytest.mark.parametrize("classes", [["a"], ["a", "a"], ["a", ""]])
def test_classes_that_are_none(tmp_path, classes):
    with pytest.raises(SpecError, match="classes"):
        import_scores(written(tmp_path / "s.jsonl", GOOD), store=tmp_path, classes=classes)


def test_strange_texts_stay_texts(tmp_path, capsys):
    tokens = ["<script>alert(1)</script>", "שלום", "😀", "a\u202eb", "nul\x00", "\x1b[31m"]
    row = {"tokens": tokens, "attention": [1 / 6] * 6, "importance": {"<b>": [1, 2, 3, 4, 5, 6]}, "id": "<i>"}
    long = {"tokens": ["w"] * 5000, "attention": [1 / 5000] * 5000, "importance": {"<b>": [1] * 5000}}
    run = import_scores(written(tmp_path / "s.jsonl", row, long), store=tmp_path)
    assert run.tables["instances"]["tokens"][0].as_py() == tokens
    assert "<b>" not in write_report(run).read_text(encoding="utf-8").split("<main")[1].split("<script")[0]
    show(run)
    assert "\x1b[31m" not in capsys.readouterr().out


def test_texts_can_be_kept_out(tmp_path):
    run = import_scores(written(tmp_path / "s.jsonl", GOOD), store=tmp_path, keep_text=False)
    assert run.tables["instances"]["tokens"].null_count == 1
    assert run.classes == ()
    for part in run.folder.rglob("*.parquet"):
        assert b"wonder" not in part.read_bytes()


@pytest.mark.parametrize(
    "given",
    [
        lambda run: {"model": {"name": "earlier", "run": run}},
        lambda run: {"model": {"encoder": "average", "guide": run}},
        lambda run: {"train": {"goal": {"name": "imitate", "run": run}}},
    ],
)
def test_no_model_can_be_taken_from_imported_scores(tmp_path, given):
    from attnaudit.run import audit

    run = import_scores(written(tmp_path / "s.jsonl", GOOD), store=tmp_path)
    with pytest.raises(SpecError, match="holds imported scores and no model"):
        audit(Spec.parse(given(str(run.folder))), store=tmp_path)


@pytest.mark.parametrize("asked", [{"seeds": 3}, {"kinds": ["uniform"]}, {}])
def test_nothing_is_trained_beside_imported_scores(tmp_path, asked):
    run = import_scores(written(tmp_path / "s.jsonl", GOOD), store=tmp_path)
    with pytest.raises(SpecError, match="nothing can be trained beside it"):
        gather(run, Companions.parse(asked))
    assert Result.open(run.folder).evidence is None


def test_the_card_answers_agreement_and_says_what_needs_the_model(planted_run, tmp_path):
    path = written(tmp_path / "planted.jsonl", *dumped(planted_run))
    run = import_scores(path, store=tmp_path, classes=planted_run.classes)
    answers = run.card
    assert [a.question for a in answers if a.verdict == "not run"] == [
        "exclusiveness",
        "necessity",
        "consistency",
        "removal",
    ]
    assert {a.sentence for a in answers if a.verdict == "not run"} == {
        "Needs the model itself; the scores were imported without it."
    }
    assert len([a for a in answers if a.question == "agreement"]) == len(run.groups) > 1
    for use in run.uses():
        assert use.verdict != "supported"
        assert "removal" in use.in_the_way
        assert "not run" in use.sentence
    assert "needs the model itself" in run._repr_html_().lower()


def test_imported_scores_beside_the_run_they_come_from(planted_run, tmp_path):
    rows = dumped(planted_run)
    named = import_scores(written(tmp_path / "a.jsonl", *rows), store=tmp_path, classes=planted_run.classes)
    found = compare(planted_run, named)
    assert (found.between.row_a == found.between.row_b).all()
    assert {row["difference"] for row in found.table.to_pylist()} <= {0.0, None}
    assert {one.name: one.estimate.value for one in found.distances}["output_tvd"] == 0
    assert found.settings == ()
    assert "The scores of B were imported; how they were computed is not known here." in found.notes
    bare = [{name: value for name, value in row.items() if name != "output"} for row in rows]
    unnamed = import_scores(written(tmp_path / "b.jsonl", *bare), store=tmp_path)
    for pair in ((planted_run, unnamed), (unnamed, planted_run), (unnamed, named)):
        found = compare(*pair)
        of = {one.name: one for one in found.distances}
        assert of["attention_jsd"].estimate.value == 0
        for name in ("output_tvd", "same_prediction"):
            assert (of[name].estimate.value, of[name].n_undefined) == (None, len(rows))
        assert any(note.startswith("Without the outputs of") for note in found.notes)
        assert any("`--classes`" in note for note in found.notes)
        accuracy = next(row for row in found.table.to_pylist() if row["statistic"] == "accuracy")
        assert (accuracy["difference"], accuracy["n_undefined"]) == (None, len(rows))


def test_importing_needs_no_torch(tmp_path):
    path = written(tmp_path / "s.jsonl", GOOD)
    (tmp_path / "torch.py").write_text("raise ImportError('no torch here')\n")
    code = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r}); sys.argv = ['attnaudit', 'import', {str(path)!r}, "
        f"'--store', {str(tmp_path / 'runs')!r}]\n"
        "from attnaudit.cli import main; main()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (folder,) = (tmp_path / "runs").iterdir()
    assert (folder / "report.html").exists()
