"""A transformer audited from its folder by one command: tables, card, report, and everything that is refused."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from attnaudit.cli import main
from attnaudit.errors import DataError, ModelError, SpecError, UnsupportedModelError
from attnaudit.models.pretrained import pretrained
from attnaudit.report import write_report
from attnaudit.result import Result
from attnaudit.run import audit
from attnaudit.spec import Spec
from attnaudit.spec.companions import Companions
from attnaudit.studies.gather import gather
from tests import tiny_transformers as tiny

CLASSES = ("bad", "fair", "good")
TEXTS = tiny.texts(*([5, 9, 14, 3] * 9))


def saved(folder: Path, *, make: Any = tiny.bert, classes: Any = CLASSES, markers: bool = True) -> Path:
    model = make()
    if classes:
        model.config.id2label = dict(enumerate(classes))
        model.config.label2id = {name: number for number, name in enumerate(classes)}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HF_HUB_DISABLE_PROGRESS_BARS", "1")
        model.save_pretrained(folder)
    tiny.tokenizer(markers=markers).save_pretrained(folder)
    return folder


def written(path: Path, texts: Any = TEXTS, classes: Any = CLASSES) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["text", "label"])
        rows.writerows(
            [text.fields["text"], classes[number % len(classes)]] for number, text in enumerate(texts)
        )
    return path


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `bert`, `gpt2` and `data.csv`."""
    folder = tmp_path_factory.mktemp("transformers")
    saved(folder / "bert")
    saved(folder / "gpt2", make=tiny.gpt2, markers=False)
    written(folder / "data.csv")
    return folder


def spec(place: Path, name: str = "bert", **changes: Any) -> Spec:
    plain: dict[str, Any] = {
        "task": {"name": "file", "path": str(place / "data.csv")},
        "model": {"name": "transformer", "path": str(place / name)},
        "counterfactuals": [
            {"name": "permuted", "draws": 5},
            "uniform",
            {"name": "adversarial_rows", "steps": 5},
        ],
        "erasures": [{"name": "re_encoded", "sample": 6, "draws": 2}],
    }
    return Spec.parse(plain | changes)


@pytest.fixture(scope="module")
def run(place: Path) -> Result:
    everything = [
        *("attention", "attention_all_layers", "attention_rollout", "attention_gradient"),
        *("gradient_full", "gradient_norm", "leave_one_out"),
    ]
    return audit(spec(place, measures=everything), store=place / "runs")


# --- what comes of it ------------------------------------------------------------------------------------


def test_every_table_is_about_words(run: Result) -> None:
    instances = {row["instance_id"]: row for row in run.tables["instances"].to_pylist()}
    for row, text in zip(instances.values(), TEXTS, strict=True):
        assert row["tokens"] == text.fields["text"].split()
        assert [row["text"][span["start"] : span["end"]] for span in row["offsets"]] == row["tokens"]
        assert row["audited"] == [True] * len(row["tokens"])
    for row in run.tables["importance"].to_pylist():
        assert len(row["scores"]) == instances[row["instance_id"]]["n_audited"]
        assert row["status"] in ("ok", "constant"), row
    kinds = set(run.tables["counterfactual"]["kind"].to_pylist())
    assert kinds == {"permuted", "uniform", "adversarial_search"}


def test_the_output_is_that_of_the_model_called_by_hand(run: Result, place: Path) -> None:
    loaded = pretrained(str(place / "bert"))
    for row in run.tables["instances"].to_pylist():
        with torch.no_grad():
            logits = loaded.model(**loaded.tokenizer(row["text"], return_tensors="pt")).logits[0]
        assert row["output"] == pytest.approx(torch.softmax(logits.double(), dim=-1).tolist(), abs=1e-5)


def test_the_record_has_the_self_test_and_no_folder_decides_the_run(
    run: Result, place: Path, tmp_path: Path
) -> None:
    model = run.manifest["model"]
    assert (model["class"], model["row"], model["query"]) == ("BertForSequenceClassification", "first", None)
    assert model["self_test"]["difference"] == model["self_test"]["others"] == 0.0
    assert list(model["self_test"]["sites"]) == [f"bert.encoder.layer.{n}.attention.self" for n in (0, 1)]
    shutil.copytree(place / "bert", tmp_path / "elsewhere")
    asked = run.spec.model_copy(update={"model": spec(tmp_path, "elsewhere").model})
    assert audit(asked, store=place / "runs").folder == run.folder


def test_the_card_answers_what_can_be_asked_of_a_given_model(run: Result) -> None:
    answers = {answer.question: answer for answer in run.card if answer.group == "overall"}
    assert answers["exclusiveness"].verdict != "not run" != answers["removal"].verdict
    assert answers["necessity"].sentence == answers["consistency"].sentence
    assert "it was given" in answers["necessity"].sentence


def test_the_report_says_what_is_shown_as_its_attention(run: Result, tmp_path: Path) -> None:
    page = write_report(run, tmp_path / "report.html").read_text()
    assert (
        "BertForSequenceClassification (bert), taken as it was given: 2 sites of attention, 4 heads" in page
    )
    assert "row of the first token, from which it reads its prediction" in page
    assert "attention rollout" in page


def test_a_decoder_is_audited_by_the_same_command(
    place: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(place)
    arguments = ["run", "--model", "gpt2", "--data", "data.csv", "--limit", "8", "--no-controls", "--json"]
    arguments += ["--measure", "attention", "--measure", "gradient_full", "--store", str(place / "runs")]
    monkeypatch.setattr("sys.argv", ["attnaudit", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 0
    told = json.loads(capsys.readouterr().out)
    assert Result.open(told["path"]).manifest["model"]["row"] == "last"


def test_outputs_without_names_are_the_classes_of_the_corpus(place: Path, tmp_path: Path) -> None:
    saved(tmp_path / "unnamed", classes=None)
    small = {"measures": ["attention"], "counterfactuals": [], "erasures": [], "limit": 4}
    task = {"name": "file", "path": str(place / "data.csv")}
    assert audit(spec(tmp_path, "unnamed", task=task, **small), store=tmp_path / "runs").classes == CLASSES


# --- what is refused -------------------------------------------------------------------------------------


def test_other_classes_than_the_corpus_has_are_refused(place: Path, tmp_path: Path) -> None:
    saved(tmp_path / "named", classes=("a", "b", "c"))
    task = {"name": "file", "path": str(place / "data.csv")}
    with pytest.raises(DataError, match=r"knows .*a.*b.*c"):
        audit(spec(tmp_path, "named", task=task), store=tmp_path / "runs")


def test_another_number_of_classes_is_refused(place: Path, tmp_path: Path) -> None:
    saved(tmp_path / "unnamed", classes=None)
    data = written(tmp_path / "two.csv", classes=("bad", "good"))
    with pytest.raises(DataError, match=r"has 2 classes \(bad, good\), and the model has 3 outputs"):
        audit(spec(tmp_path, "unnamed", task={"name": "file", "path": str(data)}), store=tmp_path / "runs")


def test_a_text_that_is_too_long_is_refused_or_cut_as_asked(place: Path, tmp_path: Path) -> None:
    data = written(tmp_path / "long.csv", [*TEXTS[:5], *tiny.texts(90, seed=3)])
    small = {"measures": ["attention"], "counterfactuals": [], "erasures": []}
    task = {"name": "file", "path": str(data)}
    with pytest.raises(DataError, match=r"and the model reads 64; give shorter texts"):
        audit(spec(place, task=task, **small), store=tmp_path / "runs")
    model = {"name": "transformer", "path": str(place / "bert"), "too_long": "truncate"}
    run = audit(spec(place, task=task, model=model, **small), store=tmp_path / "runs")
    assert 30 < run.tables["instances"]["n_audited"].to_pylist()[-1] < 64


def test_pickled_weights_are_refused(place: Path, tmp_path: Path) -> None:
    folder = tmp_path / "pickled"
    shutil.copytree(place / "bert", folder)
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(UnsupportedModelError, match=r"in `pytorch_model\.bin`, and reading"):
        pretrained(str(folder))


def test_a_model_without_a_trained_classifier_is_refused(tmp_path: Path) -> None:
    saved(tmp_path / "whole", classes=None)
    tiny.bert().bert.save_pretrained(tmp_path / "whole")
    with pytest.raises(UnsupportedModelError, match="holds no trained classifier"):
        pretrained(str(tmp_path / "whole"))


def test_a_folder_that_is_not_there_is_said_plainly(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="there is no such folder"):
        pretrained(str(tmp_path / "none"))


@pytest.mark.parametrize("content", ["", "{}", '{"model_type": "bert", "num_hidden_layers": "x"}'])
def test_what_is_no_model_is_refused_in_words(tmp_path: Path, content: str) -> None:
    folder = tmp_path / "none"
    folder.mkdir()
    (folder / "config.json").write_text(content)
    (folder / "model.safetensors").write_bytes(b"")
    with pytest.raises(ModelError, match="no classifier of texts can be loaded"):
        pretrained(str(folder))


def test_nothing_is_trained_beside_a_model_that_was_given(run: Result) -> None:
    with pytest.raises(SpecError, match="how it was trained is not known"):
        gather(run, Companions.parse({"seeds": 3, "controls": False}))


@pytest.mark.parametrize(
    "changes", [{"counterfactuals": ["adversarial", "same_weights"]}, {"erasures": ["by_rank"]}]
)
def test_questions_of_one_attention_are_refused_before_anything_is_read(place: Path, changes: Any) -> None:
    with pytest.raises(SpecError, match="cannot be asked of a transformer"):
        spec(place, **changes)


@pytest.mark.parametrize(
    "changes", [{"measures": ["attention_rollout"]}, {"counterfactuals": ["adversarial_rows"]}]
)
def test_questions_of_layers_are_refused_of_a_model_with_one_attention(changes: Any) -> None:
    with pytest.raises(SpecError, match="cannot be asked of a model with one attention"):
        Spec.parse({"task": "planted", **changes})
