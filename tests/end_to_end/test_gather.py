"""Companions beside a run: asked twice, killed, moved, damaged, and where one of them fails."""

from __future__ import annotations

import errno
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pyarrow.compute as pc
import pytest
import torch

from attnaudit import store
from attnaudit.card.check import check
from attnaudit.card_text import plain
from attnaudit.errors import AuditError, SchemaError, SpecError, StoreError
from attnaudit.named import AUDITED
from attnaudit.report import write_report
from attnaudit.result import Result
from attnaudit.run import audit
from attnaudit.spec.companions import Companions
from attnaudit.spec.policy import Policy
from attnaudit.studies import controls
from attnaudit.studies import gather as module
from attnaudit.studies.gather import gather, plan
from attnaudit.sweep import Outcome
from attnaudit.train import fit
from tests.gathering import InThisProcess, asked, evidence_bytes, in_this_process, spec

EVERYTHING = {"seeds": 2, "kinds": ["uniform", "guide"]}


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> InThisProcess:
    return in_this_process(monkeypatch)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with a run and its companions; tests copy it."""
    with pytest.MonkeyPatch.context() as patch:
        in_this_process(patch)
        run = audit(spec(), store=tmp_path_factory.mktemp("runs"))
        return gather(run, asked(**EVERYTHING)).folder


def copied(folder: Path, to: Path) -> Result:
    """The run with its whole store in another place."""
    shutil.copytree(folder.parent, to)
    return Result.open(to / folder.name)


def trainings(result: Result) -> list[str]:
    assert result.evidence is not None
    return [f"{one['kind']} {one['subject']}" for one in result.evidence["trainings"]]


def edit_manifest(folder: Path, **changes: object) -> None:
    path = folder / store.MANIFEST
    content = json.loads(path.read_text()) | changes
    content["manifest_sha256"] = store._manifest_digest(content)
    path.write_text(json.dumps(content))


# --- what is gathered ------------------------------------------------------------------------------------


def test_the_card_is_whole_and_says_from_what(finished: Path) -> None:
    run = Result.open(finished)
    assert store.verify(finished) == []
    names = [f"{name}, seed {s}" for name in ("base", "uniform", "own") for s in (0, 1)]
    assert trainings(run) == [
        "seeds seed 1",
        "uniform seed 0",
        "uniform seed 1",
        *(f"guide {n}" for n in names),
    ]
    answered = {a.question: a.verdict for a in run.card if a.group == "overall"}
    assert answered["necessity"] != "not run" != answered["consistency"]
    assert run.evidence["failed"] == {}
    assert (run.evidence["seed"], run.evidence["of"]) == (0, run.manifest["manifest_sha256"])
    keys = run.tables["diagnostic"].select(["instance_id", "kind", "subject", "quantity"]).to_pylist()
    assert len({tuple(key.values()) for key in keys}) == len(keys)
    assert plain(run)["uses"]


def test_asking_again_trains_nothing_and_changes_no_bit(
    finished: Path, tmp_path: Path, here: InThisProcess
) -> None:
    run = copied(finished, tmp_path / "runs")
    before = (run.folder / "evidence" / "manifest.json").read_bytes()
    for again in (EVERYTHING, {"seeds": 1}, {"kinds": ["guide", "uniform", "guide"]}):
        assert gather(run, asked(**again)) is run
    assert here.specs == []
    assert (run.folder / "evidence" / "manifest.json").read_bytes() == before


def test_nothing_is_trained_beside_numbers_of_other_rules(
    finished: Path, tmp_path: Path, here: InThisProcess
) -> None:
    folder = copied(finished, tmp_path / "runs").folder
    shutil.rmtree(folder / "evidence")
    edit_manifest(folder, numbers_version=1)
    with pytest.raises(SpecError, match="of version 1"):
        gather(Result.open(folder), asked(seeds=2))
    assert here.specs == []
    assert (
        gather(Result.open(folder), asked()).evidence is not None
    )  # the controls are trained by today's anyway


def test_kinds_in_any_order_are_the_same_question(tmp_path: Path, here: InThisProcess) -> None:
    run = audit(spec(), store=tmp_path)
    first = gather(run, asked(kinds=["guide", "uniform", "guide"]))
    assert gather(first, asked(kinds=["guide", "uniform"])) is first


def test_asking_for_more_keeps_what_was_there(finished: Path, tmp_path: Path, here: InThisProcess) -> None:
    run = copied(finished, tmp_path / "runs")
    before = run.tables["diagnostic"].to_pylist()
    more = gather(run, asked(seeds=3))
    assert [one.training_seed for one in here.specs] == [2] * 5  # a seed, uniform, three guides
    after = more.tables["diagnostic"].to_pylist()
    assert all(row in after for row in before)
    assert set(trainings(run)) < set(trainings(more))
    assert more.evidence["asked"]["kinds"] == ["uniform", "guide"]
    at_once = gather(audit(spec(), store=tmp_path / "other"), asked(seeds=3, kinds=["uniform", "guide"]))
    assert evidence_bytes(at_once) == evidence_bytes(more)
    assert at_once.tables["summary"].equals(more.tables["summary"])


def test_the_run_alone_has_the_whole_card_and_takes_more(
    finished: Path, tmp_path: Path, here: InThisProcess
) -> None:
    alone = Path(shutil.copytree(finished, tmp_path / "elsewhere" / "mine"))
    run, original = Result.open(alone), Result.open(finished)
    assert store.verify(alone) == []
    assert run.tables["summary"].equals(original.tables["summary"])
    assert run.card == original.card
    write_report(run)
    strict = gather(run, asked(), policy=Policy.parse({"seed_distance": 0.01}))
    assert here.specs == []  # a policy trains nothing
    assert evidence_bytes(strict) == evidence_bytes(original)
    assert strict.policy.seed_distance == 0.01
    assert gather(strict, asked()).policy.seed_distance == 0.01  # it stays


def test_what_cannot_be_trained_again_is_not_lost(
    finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Result.open(shutil.copytree(finished, tmp_path / "elsewhere" / "mine"))

    monkeypatch.setattr(
        module, "sweep", lambda specs, **_: [Outcome(n, None, "no data", 0.0) for n in range(len(specs))]
    )
    more = gather(run, asked(seeds=3))
    assert evidence_bytes(more) == evidence_bytes(run)
    assert set(more.evidence["failed"].values()) == {"no data"}
    assert len(more.evidence["failed"]) == 5


def test_weights_of_imitations_add_up(tmp_path: Path, here: InThisProcess) -> None:
    run = audit(spec(), store=tmp_path)
    first = gather(run, asked(kinds=["imitation"], imitation=[0.01, 0.01]))
    assert trainings(first) == ["imitation weight 0.01"]
    kept = [p for p in first.tables["diagnostic"].to_pylist() if p["kind"] == "imitation"]
    for folder in tmp_path.iterdir():  # the other runs are thrown away
        if folder != run.folder:
            shutil.rmtree(folder)
    second = gather(first, asked(kinds=["imitation", "guide"], imitation=[0.0]))
    assert trainings(second)[:2] == ["imitation weight 0", "imitation weight 0.01"]
    assert trainings(second)[-2:] == [
        "guide imitation weight 0, seed 0",
        "guide imitation weight 0.01, seed 0",
    ]
    assert [p for p in second.tables["diagnostic"].to_pylist() if p["subject"] == "weight 0.01"] == kept
    for weight in (-1.0, float("nan"), float("inf")):
        with pytest.raises(SpecError, match="imitation"):
            asked(kinds=["imitation"], imitation=[weight])


def test_deception_hides_evidence_or_given_words(tmp_path: Path, here: InThisProcess) -> None:
    run = audit(spec(), store=tmp_path)
    first = gather(run, asked(kinds=["deception"]))
    masses = first.tables["diagnostic"].filter(pc.field("quantity") == "hidden_mass")
    assert set(masses["subject"].to_pylist()) == {AUDITED, "hiding"}
    assert masses["value"].null_count == 0
    again = gather(first, asked(seeds=2))  # rows are taken over
    assert again.tables["diagnostic"].filter(pc.field("quantity") == "hidden_mass").equals(masses)
    other = gather(again, asked(kinds=["deception"], hide=["the"]))
    assert here.specs[-1].train.goal.words == ("the",)
    changed = other.tables["diagnostic"].filter(pc.field("quantity") == "hidden_mass")
    assert changed["value"].null_count > 0
    assert store.verify(other.folder) == []


@pytest.mark.parametrize(
    "changes",
    [
        {"limit": 11},
        {"keep_text": False},
        {"seed": 4},
        {"train": {"epochs": 1, "seed": 9}},
        {"model": {"embedding": 8, "hidden": 8, "encoder": "cnn", "attention": "dot"}},
        {"model": {"embedding": 8, "hidden": 8, "encoder": "bilstm", "attention": "uniform"}},
        {
            "task": {"name": "planted-cloze", "train": 40, "dev": 20, "test": 20},
            "counterfactuals": ["permuted"],
        },
    ],
    ids=lambda changes: "-".join(changes),
)
def test_any_run_can_have_companions(changes: dict, tmp_path: Path, here: InThisProcess) -> None:
    run = audit(spec(**changes), store=tmp_path)
    found = gather(run, asked(**EVERYTHING))
    assert found.evidence["failed"] == {}
    assert store.verify(run.folder) == []
    first = run.spec.training_seed
    other = 0 if first else 1
    assert trainings(found)[:3] == [f"seeds seed {other}", f"uniform seed {first}", f"uniform seed {other}"]
    assert found.evidence["seed"] == first
    assert all(one.seed == run.spec.seed and one.limit == run.spec.limit for one in here.specs)
    write_report(found)
    rows = found.tables["diagnostic"].filter(pc.field("kind") != "representation")
    assert set(rows["status"].to_pylist()) == {"ok"}
    uniform = rows.filter((pc.field("kind") == "uniform") & (pc.field("quantity") == "attention_jsd"))
    if run.spec.model.attention == "uniform":
        assert pc.max(uniform["value"]).as_py() < 1e-9
    else:
        assert pc.max(uniform["value"]).as_py() > 1e-9
    if not run.spec.keep_text:
        hiding = gather(found, asked(kinds=["deception"], hide=["the"]))
        masses = hiding.tables["diagnostic"].filter(pc.field("quantity") == "hidden_mass")
        assert masses["value"].null_count == len(masses)  # its words are not there to be looked for
        assert set(masses["status"].to_pylist()) == {"not_applicable"}


def test_a_guided_run_has_uniform_companions_that_are_uniform(tmp_path: Path, here: InThisProcess) -> None:
    lender = audit(spec(), store=tmp_path)
    model = {"embedding": 8, "hidden": 8, "encoder": "average", "guide": str(lender.folder)}
    run = audit(spec(model=model), store=tmp_path)
    found = gather(run, asked(kinds=["uniform", "guide"]))
    assert found.evidence["failed"] == {}
    folders = {one["subject"]: one["run"] for one in found.evidence["trainings"] if one["kind"] != "seeds"}
    for subject in ("seed 0", "uniform, seed 0"):
        rows = Result.open(tmp_path / folders[subject]).tables["importance"].to_pylist()
        assert all(max(row["scores"]) - min(row["scores"]) < 1e-6 for row in rows)
    own = Result.open(tmp_path / folders["own, seed 0"])
    assert own.manifest["model"]["attention"] == "additive"


def test_beside_a_model_that_was_trained_to_hide(tmp_path: Path, here: InThisProcess) -> None:
    run = audit(spec(train={"epochs": 1, "goal": "hide"}), store=tmp_path)
    found = gather(run, asked(seeds=2, kinds=["uniform", "guide"]))
    assert found.evidence["failed"] == {}


# --- what must not be ------------------------------------------------------------------------------------


def test_nothing_is_trained_beside_a_model_that_was_not_trained_so(
    tmp_path: Path, here: InThisProcess
) -> None:
    run = audit(spec(), store=tmp_path)
    taken = audit(spec(model={"name": "earlier", "run": str(run.folder)}), store=tmp_path)
    with pytest.raises(SpecError, match="taken from"):
        gather(taken, asked(seeds=2))
    goal = {"name": "imitate", "run": str(run.folder)}
    imitating = audit(spec(train={"epochs": 1, "goal": goal}), store=tmp_path)
    with pytest.raises(SpecError, match="imitates"):
        gather(imitating, asked(kinds=["uniform"]))
    assert here.specs == []
    assert plan(taken.spec, taken.folder, asked()) == []


@pytest.mark.parametrize("model", [{"guide": "somewhere"}, {"attention": "uniform"}])
def test_what_cannot_move_its_attention_imitates_nobody(model: dict) -> None:
    with pytest.raises(SpecError, match="imitates another"):
        spec(model=model, train={"goal": {"name": "imitate", "run": "somewhere"}})


def test_goals_and_guides_that_do_not_fit_are_said(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"unknown goal `imitat`: did you mean `imitate`"):
        spec(train={"goal": "imitat"})
    with pytest.raises(SpecError, match=r"train.goal.weigth"):
        spec(train={"goal": {"name": "hide", "weigth": 1}})
    for changes in (
        {"train": {"goal": {"name": "imitate", "run": str(tmp_path / "gone")}}},
        {"model": {"guide": str(tmp_path / "gone")}},
    ):
        with pytest.raises(StoreError, match="no such run folder"):
            audit(spec(**changes), store=tmp_path)
    rows = "".join(f"word{n} film,{'yes' if n % 2 else 'no'}\n" for n in range(40))
    (tmp_path / "mine.csv").write_text("text,label\n" + rows)
    small = {"embedding": 8, "hidden": 8, "encoder": "average"}
    own = audit(spec(task={"name": "file", "path": str(tmp_path / "mine.csv")}, model=small), store=tmp_path)
    for changes in (
        {"model": {**small, "guide": str(own.folder)}},
        {"train": {"epochs": 1, "goal": {"name": "imitate", "run": str(own.folder)}}},
    ):
        with pytest.raises(
            SpecError, match=r"knows the classes no, yes, and the corpus has negative, positive"
        ):
            audit(spec(**changes), store=tmp_path)
    with pytest.raises(AuditError, match="nothing to hide"):
        audit(own.spec.model_copy(update={"train": spec(train={"goal": "hide"}).train}), store=tmp_path)


def test_a_guide_may_be_a_run_that_took_its_model(tmp_path: Path) -> None:
    run = audit(spec(), store=tmp_path)
    taken = audit(spec(model={"name": "earlier", "run": str(run.folder)}), store=tmp_path)
    model = {"embedding": 8, "hidden": 8, "encoder": "average"}
    guided = [audit(spec(model={**model, "guide": str(one.folder)}), store=tmp_path) for one in (run, taken)]
    assert guided[0].folder == guided[1].folder  # the same weights are lent


def test_one_that_fails_is_named_and_the_rest_is_kept(tmp_path: Path, here: InThisProcess) -> None:
    run = audit(spec(), store=tmp_path)
    found = gather(run, asked(kinds=["uniform", "deception"], hide=["nowhere-in-the-texts"]))
    assert trainings(found) == ["uniform seed 0"]
    assert list(found.evidence["failed"]) == ["deception hiding"]
    assert "no training text holds the words" in found.evidence["failed"]["deception hiding"]
    before = len(here.specs)
    again = gather(found, asked())  # tried again, and only that
    assert [one.train.goal is not None for one in here.specs[before:]] == [True]
    assert evidence_bytes(again) == evidence_bytes(found)


def test_a_training_that_diverges_takes_with_it_what_needs_it(
    tmp_path: Path, here: InThisProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = audit(spec(), store=tmp_path)

    def diverges(model, *arguments, seed: int, **named):
        if seed == 1 and model.settings["attention"] == "additive":
            with torch.no_grad():
                model.readout.weight.fill_(float("inf"))
        return fit(model, *arguments, seed=seed, **named)

    monkeypatch.setattr("attnaudit.run.fit", diverges)
    found = gather(run, asked(seeds=2, kinds=["uniform"]))
    assert trainings(found) == ["uniform seed 0"]
    assert "training diverged" in found.evidence["failed"]["seeds seed 1"]
    assert "nothing to hold it against" in found.evidence["failed"]["uniform seed 1"]


def test_a_folder_in_the_way_is_named(tmp_path: Path, here: InThisProcess) -> None:
    run = audit(spec(), store=tmp_path)
    first = gather(run, asked(seeds=2))
    other = tmp_path / first.evidence["trainings"][0]["run"]
    shutil.rmtree(first.folder / "evidence")
    shutil.rmtree(other)
    other.mkdir()
    (other / "mine.txt").write_text("mine")
    found = gather(Result.open(run.folder), asked(seeds=2, kinds=["uniform"]))
    assert "stands in the way" in found.evidence["failed"]["seeds seed 1"]
    assert trainings(found) == ["uniform seed 0"]


def test_data_that_changed_since_the_run_are_found_out(tmp_path: Path, here: InThisProcess) -> None:
    path = tmp_path / "mine.csv"

    def write(changed: int) -> None:
        lines = [
            f"word{n} film,{'yes' if (n + (n < changed)) % 2 else 'no'},{'test' if n > 50 else 'train'}"
            for n in range(70)
        ]
        path.write_text("\n".join(["text,label,split", *lines]))

    write(0)
    run = audit(
        spec(task={"name": "file", "path": str(path), "split_column": "split"}), store=tmp_path / "runs"
    )
    write(7)  # other labels of texts to learn from
    found = gather(run, asked(seeds=2))
    assert trainings(found) == []
    assert "data have changed" in found.evidence["failed"]["seeds seed 1"]
    write(0)
    assert gather(found, asked()).evidence["failed"] == {}


# --- damage ----------------------------------------------------------------------------------------------


def test_an_altered_byte_of_the_evidence_is_found(finished: Path, tmp_path: Path) -> None:
    run = copied(finished, tmp_path / "runs")
    part = next((run.folder / "evidence" / "diagnostic").glob("*uniform*"))
    content = bytearray(part.read_bytes())
    content[len(content) // 2] ^= 1
    part.write_bytes(content)
    faults = store.verify(run.folder)
    assert len(faults) == 1
    assert part.name in faults[0]
    assert "altered" in faults[0]
    with pytest.raises(StoreError, match="altered"):
        _ = Result.open(run.folder).tables["diagnostic"]
    part.unlink()
    assert ["is missing" in fault for fault in store.verify(run.folder)] == [True]
    stray = run.folder / "evidence" / "diagnostic" / "mine.txt"
    stray.write_text("?")
    assert any("is not part of the run" in fault for fault in store.verify(run.folder))


def test_evidence_of_another_run_or_version_or_none_at_all(finished: Path, tmp_path: Path) -> None:
    run = copied(finished, tmp_path / "runs")
    evidence = run.folder / "evidence"
    manifest = (evidence / "manifest.json").read_text()
    edit_manifest(evidence, of="0" * 64)
    assert ["belongs to another run" in fault for fault in store.verify(run.folder)] == [True]
    with pytest.raises(StoreError, match=r"belongs to another run.*remove the folder `evidence`"):
        Result.open(run.folder)
    edit_manifest(evidence, of=run.manifest["manifest_sha256"], schema_version=99)
    with pytest.raises(SchemaError, match=r"version 99.*install a newer"):
        Result.open(run.folder)
    assert ["version 99" in fault for fault in store.verify(run.folder)] == [True]
    (evidence / "manifest.json").write_text(manifest.replace('"complete": true', '"complete": 1'))
    with pytest.raises(StoreError, match="altered"):
        Result.open(run.folder)
    shutil.rmtree(evidence)
    assert store.verify(run.folder) == []
    assert {a.verdict for a in Result.open(run.folder).card if a.question == "necessity"} == {"not run"}


def test_a_kill_while_the_place_is_taken_leaves_the_earlier_evidence(
    finished: Path, tmp_path: Path, here: InThisProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = copied(finished, tmp_path / "runs")
    rename, calls = Path.rename, []

    class Killed(BaseException):
        pass

    def dies(self: Path, target: Path) -> Path:
        calls.append(self.name)
        if self.name == "evidence.partial":
            raise Killed
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", dies)
    with pytest.raises(Killed):
        gather(run, asked(seeds=3))
    monkeypatch.undo()
    in_this_process(monkeypatch)
    assert "evidence" in calls
    assert not (run.folder / "evidence").exists()
    left = Result.open(run.folder)
    assert store.verify(run.folder) == []
    assert left.tables["summary"].equals(Result.open(finished).tables["summary"])
    after = gather(left, asked(seeds=3))
    assert {path.name for path in run.folder.glob("evidence*")} == {"evidence"}
    assert set(trainings(after)) > set(trainings(left))
    assert store.verify(run.folder) == []


def test_a_full_device_says_so_and_keeps_the_earlier_evidence(
    finished: Path, tmp_path: Path, here: InThisProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = copied(finished, tmp_path / "runs")
    fsync, full = os.fsync, {"now": False}

    def maybe(handle: int) -> None:
        if full["now"] and "evidence.partial" in os.readlink(f"/proc/self/fd/{handle}"):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        fsync(handle)

    if not Path("/proc/self/fd").exists():
        pytest.skip("looks up files in /proc")
    monkeypatch.setattr(store.os, "fsync", maybe)
    full["now"] = True
    with pytest.raises(StoreError, match="no space left"):
        gather(run, asked(seeds=3))
    assert store.verify(run.folder) == []
    assert evidence_bytes(Result.open(run.folder)) == evidence_bytes(run)
    full["now"] = False
    trained = len(here.specs)
    more = gather(Result.open(run.folder), asked(seeds=3))
    assert len(here.specs) == 2 * trained  # asked for again, found in the store
    assert len(trainings(more)) == len(trainings(run)) + 5


def test_a_folder_that_cannot_be_written_is_said_before_anything_is_trained(
    finished: Path, tmp_path: Path, here: InThisProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = copied(finished, tmp_path / "runs")
    monkeypatch.setattr(module.os, "access", lambda *_: False)
    with pytest.raises(StoreError, match="cannot be written"):
        gather(run, asked(seeds=3))
    assert here.specs == []
    assert gather(run, asked()) is run  # reading is enough where nothing is missing


# --- controls --------------------------------------------------------------------------------------------


def known() -> controls.Known:
    return controls.Known("tiny", "A word decides.", spec().plain(), {"exclusiveness": "not supported"})


def test_controls_are_run_once_and_a_wrong_answer_leads_the_card(
    tmp_path: Path, here: InThisProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(store.CACHE, str(tmp_path / "cache"))
    monkeypatch.setattr(controls, "CONTROLS", (known(),))
    run = audit(spec(seed=5), store=tmp_path / "runs")
    found = gather(run, Companions())
    assert [control.name for control in found.controls] == ["tiny"]
    groups = {answer.group: answer.found for answer in found.controls[0].answers}
    assert len(here.specs) == 1
    again = gather(audit(spec(seed=6), store=tmp_path / "runs"), Companions())
    assert len(here.specs) == 1  # kept for every later card
    assert again.controls == found.controls
    opposite = controls.Known("tiny", "Otherwise.", spec().plain(), {"exclusiveness": "supported"})
    monkeypatch.setattr(controls, "CONTROLS", (opposite,))
    other = gather(audit(spec(seed=7), store=tmp_path / "runs"), Companions())
    wrong = [group for group, verdict in groups.items() if verdict == "not supported"]
    assert wrong
    assert [answer.group for answer in other.controls[0].failed] == wrong
    failed = check(other.answers(), other.controls, other.policy)
    assert failed.outcome != "holds"
    shutil.rmtree(tmp_path / "cache")
    asked_more = gather(again, asked(seeds=2).model_copy(update={"controls": True}))
    assert {control.about for control in asked_more.controls} == {"Otherwise."}


def test_a_control_that_fails_is_named(
    tmp_path: Path, here: InThisProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = {**spec().plain(), "task": {"name": "file", "path": str(tmp_path / "gone.csv")}}
    monkeypatch.setenv(store.CACHE, str(tmp_path / "cache"))
    monkeypatch.setattr(controls, "CONTROLS", (controls.Known("broken", "x", broken, {}), known()))
    found = gather(audit(spec(), store=tmp_path / "runs"), Companions())
    assert [control.name for control in found.controls] == ["tiny"]
    assert "no such file" in found.evidence["failed"]["control broken"]


# --- processes and the command line ----------------------------------------------------------------------


@pytest.fixture
def spec_file(tmp_path: Path) -> Path:
    path = tmp_path / "spec.yaml"
    path.write_text(json.dumps(spec().plain()))
    return path


def attnaudit(where: Path, *arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "attnaudit", *map(str, arguments)],
        cwd=where,
        env=os.environ | {"COLUMNS": "400", **environment},
        capture_output=True,
        text=True,
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--with", "nonsense"), "unknown companion `nonsense`"),
        (("--seeds", "0"), "Invalid value for '--seeds'"),
        (("--seeds", "three"), "Invalid value for '--seeds'"),
        (("--hide", "word"), "also ask for `deception`"),
        (("--with", "uniform", "--hide", "word"), "also ask for `deception`"),
        (("--policy", "gone.toml", "--seeds", "2"), "there is no such file"),
        (("--jobs", "0"), "Invalid value for '--jobs'"),
    ],
)
def test_what_was_asked_wrongly_is_said_at_once(
    finished: Path, arguments: tuple, message: str, monkeypatch: pytest.MonkeyPatch, capsys, tmp_path: Path
) -> None:
    from attnaudit import cli

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "400")
    monkeypatch.setattr(module, "sweep", None)  # nothing may be trained
    for command in (("run", "--task", "planted"), ("card", finished)):
        monkeypatch.setattr(sys, "argv", ["attnaudit", *map(str, (*command, *arguments))])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        assert ended.value.code == 2
        assert message in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("flags", "named"),
    [
        (("--no-controls",), "`--no-controls`"),
        (("--jobs", "2"), "`--jobs`"),
        (("--no-controls", "--jobs", "2", "--seeds", "1"), "`--no-controls` and `--jobs`"),
    ],
)
def test_flags_of_trainings_are_refused_by_a_card_that_trains_nothing(
    finished: Path, flags: tuple[str, ...], named: str, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    from attnaudit import cli

    monkeypatch.setenv("COLUMNS", "400")
    monkeypatch.setattr(sys, "argv", ["attnaudit", "card", str(finished), *flags])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    out, err = capsys.readouterr()
    assert (ended.value.code, out) == (2, "")
    assert f"{named} would do nothing" in err
    assert "also give `--seeds N` (2 or more) or `--with KIND`" in err


def test_seeds_of_a_model_that_was_taken_are_refused_before_anything_is_computed(
    finished: Path, monkeypatch: pytest.MonkeyPatch, capsys, tmp_path: Path
) -> None:
    from attnaudit import cli

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "400")
    monkeypatch.setattr(sys, "argv", ["attnaudit", "run", "--from", str(finished), "--seeds", "3"])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 2
    assert f"taken from {finished}" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_failed_companion_is_a_note_and_no_failure(tmp_path: Path, spec_file: Path) -> None:
    rows = "".join(f"word{n} film,{'yes' if n % 2 else 'no'}\n" for n in range(60))
    (tmp_path / "mine.csv").write_text("text,label\n" + rows)
    done = attnaudit(
        tmp_path, "run", spec_file, "--data", "mine.csv", "--no-controls", "--with", "deception", "--json"
    )
    assert done.returncode == 0, done.stderr
    assert "note deception hiding was left out: no training text holds any known evidence" in done.stderr
    assert "Traceback" not in done.stderr
    assert json.loads(done.stdout)["card"]


@pytest.mark.slow
def test_an_encoder_from_the_current_folder_has_seeds_and_guides(tmp_path: Path, spec_file: Path) -> None:
    (tmp_path / "mine.py").write_text(
        "from attnaudit.models.encoders import Average\nclass Own(Average):\n    pass\n"
    )
    done = attnaudit(
        tmp_path, "run", spec_file, "--encoder", "mine:Own", "--no-controls", "--seeds", "2", "--with", "guide",
        "--json",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    run = Result.open(tmp_path / json.loads(done.stdout)["path"])
    assert len(trainings(run)) == 7


@pytest.mark.slow
def test_killed_while_gathering_then_asked_again_ends_with_the_same_evidence(
    finished: Path, tmp_path: Path, spec_file: Path
) -> None:
    command = [
        "run",
        spec_file,
        "--no-controls",
        "--seeds",
        "2",
        "--with",
        "uniform,guide",
        "--jobs",
        "2",
        "--json",
    ]
    runs = tmp_path / "runs"
    process = subprocess.Popen(
        [sys.executable, "-m", "attnaudit", *map(str, command)],
        cwd=tmp_path,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        for _ in range(3000):
            if process.poll() is not None or len(list(runs.glob("*/manifest.json"))) >= 3:
                break
            time.sleep(0.05)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    manifests = list(runs.glob("*/manifest.json"))
    assert manifests
    assert not list(runs.glob("*/evidence/manifest.json"))
    done = attnaudit(tmp_path, *command)
    assert done.returncode == 0, done.stderr
    run = Result.open(tmp_path / json.loads(done.stdout)["path"])
    assert store.verify(run.folder) == []
    uninterrupted = Result.open(finished)
    assert run.tables["summary"].equals(uninterrupted.tables["summary"])
    assert evidence_bytes(run) == evidence_bytes(uninterrupted)
