"""Many audits: each in its own process, one fault ends one of them, and nobody is left behind."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from attnaudit.result import Result
from attnaudit.spec import Spec
from attnaudit.sweep import sweep
from tests import tiny


def small(seed: int, **changes) -> Spec:
    return tiny.small_spec(
        seed=seed,
        measures=["attention"],
        counterfactuals=[],
        erasures=[],
        train={"epochs": 1},
        **changes,
    )


@pytest.mark.slow
def test_every_spec_has_an_outcome_and_finished_runs_are_found_again(tmp_path: Path) -> None:
    broken = small(0, task={"name": "file", "path": str(tmp_path / "absent.csv")})
    seen: list[tuple[int, str]] = []
    specs = [small(0), broken, small(1)]
    watch = lambda number, stage, _done, _total: seen.append((number, stage))  # noqa: E731  # one line says it
    outcomes = {o.number: o for o in sweep(specs, store=tmp_path, jobs=2, watch=watch)}
    assert sorted(outcomes) == [0, 1, 2]
    assert outcomes[1].folder is None
    assert "there is no such file" in (outcomes[1].error or "")
    folders = [outcomes[0].folder, outcomes[2].folder]
    assert [Result.open(folder).spec.seed for folder in folders] == [0, 1]
    assert {(0, "training"), (2, "training")} <= set(seen)
    manifest = (folders[0] / "manifest.json").read_bytes()
    again = list(sweep([small(0)], store=tmp_path))
    assert again[0].folder == folders[0]
    assert (folders[0] / "manifest.json").read_bytes() == manifest


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc").exists(), reason="looks for processes in /proc")
def test_workers_end_with_a_parent_that_was_killed(tmp_path: Path) -> None:
    long = small(0, task={"name": "planted", "train": 4000, "dev": 60, "test": 60}).plain()
    long["train"]["epochs"] = 200
    code = (
        "import json, sys; from attnaudit.spec import Spec; from attnaudit.sweep import sweep\n"
        "spec = Spec.parse(json.loads(sys.argv[1]))\n"
        "for _ in sweep([spec], store=sys.argv[2], watch=lambda *_: print('on', flush=True)): pass\n"
    )
    import json

    parent = subprocess.Popen(
        [sys.executable, "-c", code, json.dumps(long), str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    try:
        assert parent.stdout.readline() == "on\n"  # the worker trains
        workers = children(parent.pid)
        assert workers
    finally:
        parent.send_signal(signal.SIGKILL)
        parent.wait()
        parent.stdout.close()
    for _ in range(100):
        if not any(alive(pid) for pid in workers):
            break
        time.sleep(0.1)
    assert not any(alive(pid) for pid in workers)


def children(pid: int) -> list[int]:
    found = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for path in found for child in path.read_text().split()]


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z"


@pytest.mark.slow
def test_what_a_worker_prints_disturbs_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "chatty.py").write_text(
        "print('not JSON')\n"
        "class Loud:\n"
        "    objective = 'none'\n"
        "    def __call__(self, model, batch):\n"
        "        print('more')\n"
        "        return model.embed(batch).norm(dim=-1)[:, None].detach()\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
    spec = small(0).model_copy(update={"measures": Spec.parse({"measures": ["chatty:Loud"]}).measures})
    (outcome,) = sweep([spec], store=tmp_path / "runs")
    assert outcome.error is None
    assert set(Result.open(outcome.folder).tables["importance"]["measure"].to_pylist()) == {"chatty.Loud"}
