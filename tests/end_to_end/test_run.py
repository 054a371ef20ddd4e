"""A whole audit: the same spec twice, a killed run taken up again, a model carried over, texts kept out."""

from __future__ import annotations

import gzip
import importlib
import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
import torch

from attnaudit import store, tables
from attnaudit.core import Batch
from attnaudit.errors import DataError, ModelError, StoreError
from attnaudit.report import write_report
from attnaudit.result import Result
from attnaudit.run import audit
from attnaudit.spec import Spec
from tests import tiny


def same_tables(a: Result, b: Result) -> None:
    for name in tables.TABLES:
        assert a.tables[name].equals(b.tables[name]), name


def test_every_table_is_there_and_keyed(planted_run: Result) -> None:
    assert store.verify(planted_run.folder) == []
    for name, table in tables.TABLES.items():
        rows = planted_run.tables[name]
        assert rows.num_rows > 0, name
        keys = list(zip(*(rows[column].to_pylist() for column in table.key), strict=True))
        assert len(set(keys)) == len(keys), name
    assert planted_run.tables["instances"].num_rows == 60


def test_every_measure_and_counterfactual_covers_every_instance(planted_run: Result) -> None:
    ids = set(planted_run.tables["instances"]["instance_id"].to_pylist())
    for table, column in (("importance", "measure"), ("counterfactual", "kind")):
        rows = planted_run.tables[table]
        for name in set(rows[column].to_pylist()):
            found = rows.filter(pc.field(column) == name)["instance_id"].to_pylist()
            assert set(found) == ids, name


def test_exact_is_never_below_search(planted_run: Result) -> None:
    rows = planted_run.tables["counterfactual"]
    exact = rows.filter(pc.field("kind") == "adversarial_exact")["attention_jsd"].to_numpy()
    search = rows.filter(pc.field("kind") == "adversarial_search")["attention_jsd"].to_numpy()
    assert (exact - search).min() >= -1e-12


def test_evidence_lies_where_the_corpus_put_it(planted_run: Result) -> None:
    from attnaudit.tasks import read

    corpus = read(tiny.small_spec().task, seed=0)
    by_id = {instance.id: instance for instance in corpus.splits["test"]}
    for row in planted_run.tables["instances"].to_pylist():
        spans = [span for span, audited in zip(row["offsets"], row["audited"], strict=True) if audited]
        marked = {
            row["text"][s["start"] : s["end"]] for s, e in zip(spans, row["evidence"][0], strict=True) if e
        }
        instance = by_id[row["instance_id"]]
        planted = " ".join(instance.fields["text"][r.start : r.end] for r in instance.rationales[0])
        assert marked
        assert all(word in planted for word in marked)


def test_the_same_spec_and_seed_twice_gives_identical_tables(planted_run: Result, tmp_path: Path) -> None:
    again = audit(tiny.small_spec(), store=tmp_path)
    same_tables(planted_run, again)
    assert again.manifest["run_id"] == planted_run.manifest["run_id"]
    digests = {n: t["parts"] for n, t in planted_run.manifest["tables"].items()}
    assert digests == {n: t["parts"] for n, t in again.manifest["tables"].items()}


def test_a_finished_run_is_found_and_not_repeated(planted_run: Result) -> None:
    before = (planted_run.folder / "manifest.json").stat().st_mtime_ns
    again = audit(tiny.small_spec(), store=planted_run.folder.parent)
    assert again.folder == planted_run.folder
    assert (again.folder / "manifest.json").stat().st_mtime_ns == before


def test_another_seed_is_another_run(planted_run: Result, tmp_path: Path) -> None:
    other = audit(tiny.small_spec(seed=1), store=tmp_path)
    assert other.manifest["run_id"] != planted_run.manifest["run_id"]
    assert not other.tables["importance"].equals(planted_run.tables["importance"])


@pytest.mark.slow
def test_killed_at_random_moments_then_resumed_is_the_uninterrupted_run(
    planted_run: Result, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = tmp_path / "spec.yaml"
    spec.write_text(json.dumps(tiny.small_spec().plain()))
    # Small parts, so that there are many places to be killed at; the numbers must not depend on them.
    code = (
        "import attnaudit.batches as b, attnaudit.stages as s; s.CHUNK = 7; b.TOKENS = 256\n"
        "import sys; from attnaudit.cli import main\n"
        f"sys.argv = ['attnaudit', 'run', {str(spec)!r}, '--store', {str(tmp_path / 'store')!r}, '--json',\n"
        "            '--no-controls']\n"
        "main()"
    )
    draw = random.Random(0)
    kills = 0
    for _ in range(12):
        process = subprocess.Popen(
            [sys.executable, "-c", code], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        partial = tmp_path / "store"
        # Wait until it has begun to write, then a random while longer: mostly inside training or the experiments.
        while process.poll() is None and not any(partial.glob("*.partial/*")):
            time.sleep(0.05)
        try:
            process.wait(draw.uniform(0.0, 1.2))
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
            kills += 1
            if kills == 4:
                break
        else:
            break
    assert kills >= 1
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    resumed = Result.open(json.loads(done.stdout)["path"])
    assert store.verify(resumed.folder) == []
    for name in tables.TABLES:
        a, b = planted_run.tables[name], resumed.tables[name]
        assert a.drop_columns(_numeric(a)).equals(b.drop_columns(_numeric(b))), name
    # Other parts mean other batches, so the last bits may differ; the same parts give the same bits:
    monkeypatch.setattr("attnaudit.stages.CHUNK", 7)
    monkeypatch.setattr("attnaudit.batches.TOKENS", 256)
    same_tables(resumed, audit(tiny.small_spec(), store=tmp_path / "uninterrupted"))


def _numeric(table: pa.Table) -> list[str]:
    """Columns whose last bits depend on the company in the batch, and the words that follow from them."""
    return [field.name for field in table.schema if "double" in str(field.type) or "float" in str(field.type)]


def write_csv(path: Path, rows: list[tuple[str, str]]) -> Path:
    path.write_text("text,label\n" + "".join(f'"{text}",{label}\n' for text, label in rows), encoding="utf-8")
    return path


def test_the_model_of_a_run_audits_other_data_without_training(planted_run: Result, tmp_path: Path) -> None:
    data = write_csv(
        tmp_path / "mine.csv", [("the film was wonderful", "positive"), ("a dull, dreadful plot", "negative")]
    )
    spec = Spec.parse(
        {
            "model": {"name": "earlier", "run": str(planted_run.folder)},
            "task": {"name": "file", "path": str(data)},
        }
    )
    result = audit(spec, store=tmp_path / "store")
    assert result.tables["training"].num_rows == 0
    assert result.tables["instances"].num_rows == 2
    weights = [r.manifest["files"]["model.safetensors"]["sha256"] for r in (planted_run, result)]
    assert weights[0] == weights[1]
    write_csv(data, [("x", "positive"), ("y", "unheard of")])
    with pytest.raises(DataError, match="unheard of"):
        audit(spec, store=tmp_path / "store")


def test_an_altered_model_is_not_audited(planted_run: Result, tmp_path: Path) -> None:
    import shutil

    copy = Path(shutil.copytree(planted_run.folder, tmp_path / "copy"))
    model = copy / "model.safetensors"
    model.write_bytes(model.read_bytes()[:-4] + b"\0\0\0\0")
    spec = Spec.parse({"model": {"name": "earlier", "run": str(copy)}})
    with pytest.raises(StoreError, match="altered"):
        audit(spec, store=tmp_path / "store")


def test_other_class_names_or_another_border_between_train_and_dev_is_another_run(tmp_path: Path) -> None:
    small = {"model": {"embedding": 8, "hidden": 8}, "train": {"epochs": 1}, "measures": ["attention"]}
    labels = ["no", "yes"] * 40

    def run_id(rename: dict[str, str], border: int) -> str:
        splits = ["train"] * border + ["dev"] * (60 - border) + ["test"] * 20
        named = [rename.get(label, label) for label in labels]
        lines = [f"word{n} text,{named[n]},{splits[n]}" for n in range(80)]
        path = tmp_path / "same.csv"
        path.write_text("\n".join(["text,label,split", *lines]))
        task = {"name": "file", "path": str(path), "split_column": "split"}
        spec = Spec.parse({**small, "task": task, "counterfactuals": []})
        return audit(spec, store=tmp_path / "store").manifest["run_id"]

    ids = {run_id({}, 40), run_id({"no": "bad", "yes": "good"}, 40), run_id({}, 30)}
    assert len(ids) == 3
    assert run_id({}, 40) in ids


def test_a_damaged_checkpoint_is_started_anew(planted_run: Result, tmp_path: Path) -> None:
    partial = tmp_path / f"{planted_run.folder.name}.partial"
    partial.mkdir()
    (partial / "last-epoch.safetensors").write_bytes(b"torn")
    (partial / "seconds.json").write_text("")
    same_tables(planted_run, audit(tiny.small_spec(), store=tmp_path))


def test_what_is_not_finite_is_said_and_not_computed_with(tmp_path: Path) -> None:
    broken = tiny.model()
    with torch.no_grad():
        broken.readout.weight.fill_(float("nan"))
    with pytest.raises(ModelError, match="not finite"):
        audit(Spec.parse({"task": {"test": 10}}), model=broken, store=tmp_path)


def test_a_model_in_double_precision_is_not_silently_rounded(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="float32"):
        audit(Spec.parse({"task": {"test": 10}}), model=tiny.model().double(), store=tmp_path)


@pytest.mark.parametrize(("name", "message"), [("Signed", "≥ 0"), ("Flat", "of the shape")])
def test_a_measure_from_outside_that_gives_what_none_may_is_named(
    tmp_path: Path, name: str, message: str
) -> None:
    spec = Spec.parse({"task": {"test": 10}, "measures": [f"tests.end_to_end.test_run:{name}"]})
    with pytest.raises(ModelError, match=message):
        audit(spec, model=tiny.model(), store=tmp_path)


def test_an_edited_measure_from_outside_is_asked_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    module = tmp_path / "my_measures.py"
    code = (
        "import torch\nclass Mine:\n    objective = 'mine'\n    def __call__(self, model, batch):\n"
        "        return torch.arange(batch.token_ids.shape[1])[None, None].expand(len(batch), 1, -1) * {}\n"
    )
    spec = Spec.parse({"task": {"test": 10}, "measures": ["my_measures:Mine"], "counterfactuals": []})
    for factor in (1, 3):
        module.write_text(code.format(factor))
        sys.modules.pop("my_measures", None)
        importlib.invalidate_caches()
        rows = audit(spec, model=tiny.model(), store=tmp_path / "store").tables["importance"]
        assert rows["scores"][0].as_py()[:2] == [factor, 2 * factor]
        assert rows["measure"][0].as_py() == "my_measures.Mine"


class Signed:
    objective = "something signed"

    def __call__(self, _model: object, batch: Batch) -> torch.Tensor:
        return -torch.ones(batch.token_ids.shape)[:, None]


class Flat:
    objective = "something without steps"

    def __call__(self, _model: object, batch: Batch) -> torch.Tensor:
        return torch.ones(batch.token_ids.shape)


def test_a_model_in_hand_is_audited_as_it_is(tmp_path: Path) -> None:
    spec = Spec.parse({"task": {"name": "planted", "test": 10}})
    model = tiny.model()
    result = audit(spec, model=model, store=tmp_path)
    assert result.tables["training"].num_rows == 0
    other = audit(spec, model=tiny.model(seed=3), store=tmp_path)
    assert other.folder != result.folder


def test_no_text_keeps_texts_out(planted_run: Result, tmp_path: Path) -> None:
    hidden = audit(tiny.small_spec(keep_text=False), store=tmp_path)
    rows = hidden.tables["instances"]
    assert rows["text"].null_count == rows["tokens"].null_count == rows.num_rows
    texts = planted_run.tables["instances"]["text"].to_pylist()
    in_tables = "".join(str(hidden.tables[name].to_pylist()) for name in tables.TABLES)
    tokens = {
        word for tokens in planted_run.tables["instances"]["tokens"].to_pylist() for word in tokens[1:-1]
    }
    assert len(tokens) > 200
    own = {"overall", "pool", "end", "start", "test", "ok"}  # words of the tables' own
    assert [word for word in tokens - own if f"'{word}'" in in_tables] == []
    page = re.sub(r"<[^>]*>", " ", write_report(hidden).read_text())
    everything = re.sub(r"\s+", " ", in_tables + page + (hidden.folder / "manifest.json").read_text()).lower()
    for text in texts:
        words = text.lower().split()
        assert not any(" ".join(words[n : n + 5]) in everything for n in range(len(words) - 4)), text
    assert hidden.tables["summary"].equals(planted_run.tables["summary"])


def test_limit_audits_a_drawn_part_and_trains_on_everything(planted_run: Result, tmp_path: Path) -> None:
    few = audit(tiny.small_spec(limit=11), store=tmp_path)
    assert few.tables["instances"].num_rows == 11
    assert few.tables["training"].equals(planted_run.tables["training"])
    ids = planted_run.tables["instances"]["instance_id"].to_pylist()
    drawn = few.tables["instances"]["instance_id"].to_pylist()
    assert drawn == [i for i in ids if i in set(drawn)] != ids[:11]


def test_word_vectors_are_read_and_their_coverage_is_recorded(tmp_path: Path) -> None:
    path = tmp_path / "vectors.txt.gz"
    words = {"the": 1.0, "wonderful": 2.0, "unheard-of": 3.0}
    lines = "3 24\n" + "".join(f"{word} {' '.join([str(value)] * 24)}\n" for word, value in words.items())
    path.write_bytes(gzip.compress(lines.encode()))
    spec = tiny.small_spec(
        model={"embedding": 24, "hidden": 16, "vectors": str(path)}, measures=["attention"]
    )
    result = audit(spec, store=tmp_path / "store")
    vectors = result.manifest["model"]["vectors"]
    assert vectors["found"] == 2
    assert f"2 of {vectors['words']:,} of them from a file" in write_report(result).read_text()
    assert vectors["words"] == result.manifest["model"]["vocabulary"] > 200
    assert store.verify(result.folder) == []
    path.write_bytes(gzip.compress((lines + "the 1.0\n").encode()))
    with pytest.raises(DataError, match=r"line 5: .*24 numbers"):
        audit(spec, store=tmp_path / "store")


def test_odd_texts_go_through(tmp_path: Path) -> None:
    odd = [
        "word",
        "👍",
        "שלום עולם",
        "我喜欢这部电影",
        "<img src=x onerror=alert(1)>",
        "a" * 300,
        "?",
        "x y " * 60,
    ]
    rows = [(text, label) for text in odd for label in ("no", "yes") for _ in range(4)]
    data = write_csv(tmp_path / "odd.csv", rows)
    spec = tiny.small_spec(task={"name": "file", "path": str(data)}, train={"epochs": 1})
    result = audit(spec, store=tmp_path / "store")
    status = result.tables["importance"].filter(pc.field("measure") == "leave_one_out")
    lengths = result.tables["instances"]["n_audited"].to_numpy()
    assert [s == "too_short" for s in status["status"].to_pylist()] == (lengths < 2).tolist()
    assert any("repeat" in warning or "both" in warning for warning in result.manifest["data"]["warnings"])


@pytest.mark.slow
def test_a_text_of_5000_tokens_is_audited_in_bounded_memory(tmp_path: Path) -> None:
    rows = [("good " + "film " * 4998 + "good", "yes"), ("bad " * 5000, "no")]
    data = write_csv(tmp_path / "long.csv", [*rows, ("ok", "yes")])
    made = tiny.model(classes=("no", "yes"))
    from attnaudit.models import save

    save(made, tmp_path / "m.safetensors")
    code = (
        "import resource, torch; torch.set_num_threads(1)\n"
        "from attnaudit.models import load; from attnaudit.run import audit; from attnaudit.spec import Spec\n"
        f"m = load({str(tmp_path / 'm.safetensors')!r})\n"
        f"audit(Spec.parse({{'task': {{'name': 'file', 'path': {str(data)!r}}}}}), model=m, "
        f"store={str(tmp_path / 'store')!r})\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(done.stdout) < 2_500_000  # kB


def test_a_full_device_says_so_and_loses_nothing(planted_run: Result, tmp_path: Path) -> None:
    """On a real, tiny file system where one can be mounted; the unit test of the store covers it elsewhere."""
    small = tmp_path / "small"
    small.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=400k", "tmpfs", str(small)], capture_output=True
    )
    if mounted.returncode:
        pytest.skip("no right to mount a small file system here")
    try:
        with pytest.raises(StoreError, match="no space left"):
            audit(tiny.small_spec(), store=small)
        assert list(small.glob("*.partial"))
        subprocess.run(["mount", "-o", "remount,size=64m", str(small)], check=True)
        same_tables(planted_run, audit(tiny.small_spec(), store=small))
    finally:
        subprocess.run(["umount", str(small)], check=True)


def test_numbers_in_the_summary_are_those_of_the_tables(planted_run: Result) -> None:
    rows = planted_run.tables["agreement"]
    pair = rows.filter((pc.field("measure_a") == "attention") & (pc.field("measure_b") == "leave_one_out"))
    taus = pair["value"].drop_null().to_numpy()
    found = next(
        r
        for r in planted_run.tables["summary"].to_pylist()
        if (r["subject"], r["group"], r["statistic"]) == ("attention ~ leave_one_out", "overall", "mean")
    )
    assert found["value"] == pytest.approx(taus.mean())
    assert found["n"] == len(taus)
    assert found["n_undefined"] == 60 - len(taus)
    assert np.isfinite(taus).all()


def test_environment_is_recorded(planted_run: Result) -> None:
    manifest = planted_run.manifest
    assert manifest["environment"]["packages"]["torch"]
    assert manifest["environment"]["threads"] == 1
    assert set(manifest["seconds"]) >= {"model", "leave_one_out", "permuted"}
    assert Spec.parse(manifest["spec"]) == tiny.small_spec()
    assert os.fspath(planted_run.folder).endswith(manifest["run_id"])
