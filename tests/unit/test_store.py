"""Run folders: whole or not at all, verified, resumed."""

import errno
import json
import os

import pytest

from attnaudit import store, tables
from attnaudit.errors import SchemaError, StoreError


def rows(*ids: str):
    return tables.build(
        "importance",
        {
            "instance_id": list(ids),
            "step": 0,
            "measure": "m",
            "scores": [[0.1, 0.2]] * len(ids),
            "objective": "p",
            "status": "ok",
        },
    )


def manifest(classes: list[str]) -> dict:
    keys = ("run_id", "spec", "data", "model", "environment", "seconds")
    return {key: {} for key in keys} | {"classes": classes}


@pytest.fixture
def finished(tmp_path):
    with store.draft(tmp_path, "run") as draft:
        draft.write("importance", "m", 0, rows("a", "b"))
        draft.write("importance", "m", 1, rows("c"))
        with draft.timed("m"):
            pass
        return draft.finish(manifest(["no", "yes"]) | {"seconds": draft.seconds()})


def test_written_parts_come_back_in_order(finished) -> None:
    assert store.read_table(finished, "importance")["instance_id"].to_pylist() == ["a", "b", "c"]
    assert store.read_table(finished, "counterfactual").num_rows == 0
    assert store.verify(finished) == []
    manifest = store.read_manifest(finished)
    assert manifest["tables"]["importance"]["rows"] == 3
    assert manifest["seconds"]["m"] >= 0
    assert sorted(p.name for p in finished.iterdir()) == ["importance", "manifest.json"]


def test_a_folder_takes_its_name_only_when_complete(tmp_path) -> None:
    with store.draft(tmp_path, "run") as draft:
        draft.write("importance", "m", 0, rows("a"))
        assert store.find(tmp_path, "run") is None
    with pytest.raises(StoreError, match="not finished"):
        store.read_manifest(tmp_path / "run.partial")
    with pytest.raises(StoreError, match="one that is not finished"):
        store.read_manifest(tmp_path / "run")
    with store.draft(tmp_path, "run") as draft:
        assert draft.has("importance", "m", 0)
        assert not draft.has("importance", "m", 1)


def test_torn_temporary_files_are_swept(tmp_path) -> None:
    with store.draft(tmp_path, "run") as draft:
        (draft.folder / "importance").mkdir()
        torn = draft.folder / "importance" / "m-00000.parquet.tmp123"
        torn.write_bytes(b"half")
    with store.draft(tmp_path, "run"):
        assert not torn.exists()


def test_an_attempt_under_other_conditions_is_not_gone_on_with(tmp_path) -> None:
    with store.draft(tmp_path, "run", {"threads": 1}) as draft:
        draft.write("importance", "m", 0, rows("a"))
    with store.draft(tmp_path, "run", {"threads": 1}) as draft:
        assert draft.has("importance", "m", 0)
    with store.draft(tmp_path, "run", {"threads": 2}) as draft:
        assert not draft.has("importance", "m", 0)


def test_a_place_that_is_taken_is_refused_before_anything_is_computed(tmp_path) -> None:
    (tmp_path / "run").mkdir()
    with pytest.raises(StoreError, match="stands in the way"), store.draft(tmp_path, "run"):
        pass


def stopped(*_arguments: object, **_named: object) -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize("killed_at", ["replace", "rename", "unlink"])
def test_killed_while_finishing_goes_on_or_is_finished(tmp_path, monkeypatch, killed_at: str) -> None:
    """Whatever step of `finish` is the last, the run can be taken up or is there, whole."""
    with store.draft(tmp_path, "run") as draft:
        draft.write("importance", "m", 0, rows("a"))
        with draft.timed("m"):
            pass
        with monkeypatch.context() as patched:
            patched.setattr(store.Path, killed_at, stopped)
            with pytest.raises(KeyboardInterrupt):
                draft.finish(manifest(["no", "yes"]))
    if store.find(tmp_path, "run") is None:
        with store.draft(tmp_path, "run") as draft:
            assert draft.has("importance", "m", 0)
            assert draft.seconds().keys() == {"m"}
            draft.finish(manifest(["no", "yes"]))
    assert store.verify(tmp_path / "run") == []


def test_two_processes_do_not_write_one_run(tmp_path) -> None:
    with (
        store.draft(tmp_path, "run"),
        pytest.raises(StoreError, match="another process"),
        store.draft(tmp_path, "run"),
    ):
        pass


def alter_part(folder) -> None:
    part = folder / "importance" / "m-00000.parquet"
    part.write_bytes(part.read_bytes() + b"x")


def edit_manifest(folder, **changes) -> None:
    path = folder / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def resign(folder, without: str) -> None:
    """A manifest that lacks a key and yet has the right digest."""
    path = folder / "manifest.json"
    manifest = json.loads(path.read_text())
    del manifest[without]
    path.write_text(json.dumps(manifest | {"manifest_sha256": store._manifest_digest(manifest)}))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (alter_part, "altered after the run"),
        (lambda f: (f / "importance" / "m-00001.parquet").unlink(), "is missing"),
        (lambda f: edit_manifest(f, classes=["other"]), "altered after the run"),
        (lambda f: edit_manifest(f, schema_version=99), "install a newer attnaudit"),
        (lambda f: edit_manifest(f, complete=False), "not complete"),
        (lambda f: (f / "manifest.json").write_text("{"), "cannot be read"),
        (lambda f: (f / "manifest.json").write_text("{}"), "is not the manifest"),
        (lambda f: (f / "manifest.json").unlink(), "not a run folder"),
        (lambda f: (f / "importance" / "z-00000.parquet").write_bytes(b"?"), "is not part of the run"),
        (lambda f: (f / "extra.txt").write_text("?"), "is not part of the run"),
        (lambda f: resign(f, "classes"), "must hold `classes`"),
    ],
)
def test_damage_is_found(finished, damage, message: str) -> None:
    damage(finished)
    faults = store.verify(finished)
    assert len(faults) == 1
    assert message in faults[0]


def test_reading_checks_digests_and_version(finished) -> None:
    alter_part(finished)
    with pytest.raises(StoreError, match="altered"):
        store.read_table(finished, "importance")
    edit_manifest(finished, schema_version=99)
    with pytest.raises(SchemaError, match="version 99"):
        store.read_manifest(finished)
    with pytest.raises(StoreError, match=r"no such run folder; .* holds `run`"):
        store.read_manifest(finished.parent / "rnu")


def test_a_full_device_is_said_plainly_and_keeps_what_is_there(
    tmp_path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with store.draft(tmp_path, "run") as draft:
        draft.write("importance", "m", 0, rows("a"))

        def full(_handle: int) -> None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        monkeypatch.setattr(store.os, "fsync", full)
        with pytest.raises(StoreError, match="no space left on the device"):
            draft.write("importance", "m", 1, rows("b"))
        monkeypatch.undo()
        assert draft.has("importance", "m", 0)
        assert [p.name for p in (draft.folder / "importance").iterdir()] == ["m-00000.parquet"]


def test_a_run_that_another_process_finished_first_is_kept(finished) -> None:
    with store.draft(finished.parent, "run") as draft:
        draft.write("importance", "m", 0, rows("a"))
        assert draft.finish(manifest([])) == finished
    assert store.read_manifest(finished)["classes"] == ["no", "yes"]
    assert not draft.folder.exists()
