"""A run folder: written whole or not at all, resumed, read back, and verified against its manifest.

    STORE/NAME/manifest.json                      what was asked, with what, how long, digests of all below
    STORE/NAME/model.safetensors                  the audited model
    STORE/NAME/<table>/<stage>-NNNNN.parquet      parts of a table, in the order of the instances
    STORE/NAME/evidence/                          what other trainings and the controls add to the card: a folder of
                                                  the same kind, made after the run and again when more is asked

While it is being written the folder is called `NAME.partial`; it takes its name when it is complete. Each part
is written under a temporary name, flushed to the disk and renamed, so that a kill at any instant loses at most
the part in hand. Reading needs no torch.
"""

from __future__ import annotations

import errno
import hashlib
import io
import json
import os
import re
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import pyarrow as pa
import pyarrow.parquet as pq

from attnaudit import tables
from attnaudit.errors import SchemaError, StoreError

CHUNK = 256
"""Instances in a part: what a kill can cost, and the unit in which work is done the same way again."""

MANIFEST = "manifest.json"
MODEL = "model.safetensors"
REPORT = "report.html"
EVIDENCE = "evidence"
_REQUIRED = ("run_id", "spec", "classes", "data", "model", "environment", "seconds", "tables", "files")
_REQUIRED_OF_EVIDENCE = ("of", "trainings", "controls", "tables", "files")
_PARTIAL = ".partial"
_EARLIER = ".earlier"
_LOCK = "lock"
_SECONDS = "seconds.json"
_CONDITIONS = "conditions.json"
_HELPERS = (_SECONDS, _CONDITIONS, _LOCK)
_TEMPORARY = ".tmp"
_NOT_CONTENT = (MANIFEST, REPORT, *_HELPERS)


@dataclass(frozen=True, slots=True)
class Draft:
    """A run folder while it is being written, by one process at a time."""

    folder: Path
    final: Path

    def has(self, table: str, stage: str, number: int) -> bool:
        """Whether this part is already there, whole."""
        return self._part(table, stage, number).exists()

    def write(self, table: str, stage: str, number: int, rows: pa.Table) -> None:
        """Write one part of a table.

        Raises:
            SchemaError: the rows break the schema of the table.
            StoreError: they cannot be written, for instance because the device is full.
        """
        sink = io.BytesIO()
        pq.write_table(tables.check(table, rows), sink, compression="zstd")
        write_atomically(self._part(table, stage, number), sink.getvalue())

    def part(self, table: str, number: int) -> pa.Table:
        """The rows of all stages of a table so far, of one part of the instances."""
        paths = sorted((self.folder / table).glob(f"*-{number:05d}.parquet"))
        return _joined(table, [_parsed(table, path, path.read_bytes()) for path in paths])

    def parts(self, table: str) -> Iterator[pa.Table]:
        """The rows of a table so far, a part at a time."""
        for part in sorted((self.folder / table).glob("*.parquet")):
            yield _parsed(table, part, part.read_bytes())

    def seconds(self) -> dict[str, float]:
        """Wall seconds of each stage, over all attempts at this run."""
        try:
            return json.loads((self.folder / _SECONDS).read_text())
        except (FileNotFoundError, ValueError):  # nothing counted yet, or damaged: time is not worth a run
            return {}

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        """Count the time that is spent inside towards a stage, also when it ends by an exception."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.count({stage: time.perf_counter() - start})

    def count(self, seconds: Mapping[str, float]) -> None:
        """Add wall seconds to those of each of the stages."""
        spent = self.seconds()
        for stage, more in seconds.items():
            spent[stage] = round(spent.get(stage, 0.0) + more, 3)
        write_atomically(self.folder / _SECONDS, json.dumps(spent).encode())

    def finish(self, manifest: Mapping[str, Any], *, replace: bool = False) -> Path:
        """Write the manifest with the digests of everything, and give the folder its name.

        Args:
            manifest: what it says besides.
            replace: put it in the place of an earlier one.

        Returns:
            The finished run folder.
        """
        files = sorted(p for p in self.folder.rglob("*") if p.is_file() and p.name not in _NOT_CONTENT)
        content: dict[str, Any] = dict(manifest)
        content["tables"] = {}
        content["files"] = {}
        for path in files:
            data = path.read_bytes()
            entry = {"sha256": hashlib.sha256(data).hexdigest(), "size_bytes": len(data)}
            if path.suffix == ".parquet":
                table = content["tables"].setdefault(path.parent.name, {"rows": 0, "parts": {}})
                entry["rows"] = pq.read_metadata(io.BytesIO(data)).num_rows
                table["rows"] += entry["rows"]
                table["parts"][path.name] = entry
            else:
                content["files"][path.name] = entry
        content["schema_version"] = tables.SCHEMA_VERSION
        content["complete"] = True
        content["manifest_sha256"] = _manifest_digest(content)
        write_atomically(self.folder / MANIFEST, json.dumps(content, indent=1, ensure_ascii=False).encode())
        if replace:
            self._take_the_place()
        elif find(self.final.parent, self.final.name):  # another process was first: its numbers are the same
            shutil.rmtree(self.folder)
            return self.final
        else:
            self.folder.rename(self.final)
            _flush_folder(self.final.parent)
        for helper in _HELPERS:  # last, so that a kill before this line leaves a draft that can go on
            (self.final / helper).unlink(missing_ok=True)
        return self.final

    def _take_the_place(self) -> None:
        """Give the folder its name, which an earlier one may have; a kill at any instant leaves one of them whole."""
        earlier = self.final.with_name(self.final.name + _EARLIER)
        with _said_plainly(self.final):
            if self.final.exists():
                shutil.rmtree(earlier, ignore_errors=True)
                self.final.rename(earlier)
            self.folder.rename(self.final)
            _flush_folder(self.final.parent)
        shutil.rmtree(earlier, ignore_errors=True)

    def _part(self, table: str, stage: str, number: int) -> Path:
        return self.folder / table / f"{stage}-{number:05d}.parquet"


@contextmanager
def draft(
    store: str | Path, name: str, conditions: Mapping[str, Any] | None = None, *, replace: bool = False
) -> Iterator[Draft]:
    """The folder of a run in the making: a new one, or what an interrupted attempt left.

    An attempt that was made under other `conditions` (another device, say) is thrown away: its parts and new ones
    would not be of one piece. With `replace` the name may be that of a finished one, whose place it will take.

    Raises:
        StoreError: another process is writing the same run, the folder cannot be made, or its place is taken.
    """
    final = Path(store) / name
    folder = final.with_name(name + _PARTIAL)
    if not replace and final.exists() and find(store, name) is None:
        raise StoreError(f"{final}: stands in the way and is no finished run; move it elsewhere")
    with _said_plainly(folder):
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / _LOCK).open("w")
    with lock:
        _hold(lock, folder)
        _same_conditions(folder, dict(conditions or {}))
        for leftover in folder.rglob(f"*{_TEMPORARY}*"):
            leftover.unlink(missing_ok=True)
        yield Draft(folder, final)


def _hold(lock: IO[str], folder: Path) -> None:
    """Keep other processes out, where the system can; the lock goes with the process."""
    try:
        import fcntl
    except ImportError:  # no such locks on Windows; reading runs must work there all the same
        return
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise StoreError(f"{folder}: another process is writing this run; wait for it, or stop it") from None


def _same_conditions(folder: Path, conditions: dict[str, Any]) -> None:
    path = folder / _CONDITIONS
    try:
        before = json.loads(path.read_text())
    except (FileNotFoundError, ValueError):
        before = None
    if before == conditions:
        return
    for stale in folder.iterdir():
        if stale.is_dir():
            shutil.rmtree(stale)
        elif stale.name != _LOCK:
            stale.unlink()
    write_atomically(path, json.dumps(conditions).encode())


def write_atomically(path: Path, data: bytes) -> None:
    """Write a file so that it is there whole or not at all, also after a kill or a power cut.

    Raises:
        StoreError: it cannot be written, for instance because the device is full.
    """
    temporary = path.with_name(f"{path.name}{_TEMPORARY}{os.getpid()}")
    with _said_plainly(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with temporary.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
        _flush_folder(path.parent)


def run_name(readable: str, run_id: str) -> str:
    """Name of a run folder: readable, and safe on any file system."""
    return f"{re.sub(r'[^A-Za-z0-9._-]+', '-', readable).strip('.-')[:60] or 'corpus'}-{run_id}"


CACHE = "ATTNAUDIT_CACHE"
"""The variable that names the folder of what is kept between runs and may be deleted at any time."""


def cache_folder() -> Path | None:
    """That folder, else `$XDG_CACHE_HOME/attnaudit`, else `~/.cache/attnaudit`; None where the user has no home."""
    if own := os.environ.get(CACHE):
        return Path(own)
    try:
        return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "attnaudit"
    except RuntimeError:
        return None


def find(store: str | Path, name: str) -> Path | None:
    """The finished run of this name, if there is one."""
    folder = Path(store) / name
    return folder if (folder / MANIFEST).exists() else None


def read_evidence(folder: str | Path) -> dict[str, Any] | None:
    """The manifest of the evidence that was gathered for a finished run; None where none was.

    Raises:
        StoreError: it was altered, or the run was made anew after it.
        SchemaError: it was written by a newer version.
    """
    place = evidence_folder(folder)
    if not place.is_dir():
        return None
    manifest = _read_manifest(place, _REQUIRED_OF_EVIDENCE)
    if manifest["of"] != read_manifest(folder)["manifest_sha256"]:
        raise StoreError(
            f"{place}: belongs to another run than the one around it; remove the folder `{place.name}`"
        )
    return manifest


def evidence_folder(folder: str | Path) -> Path:
    """Where the evidence of a finished run is: the earlier one where a kill fell just when its place was taken."""
    place = Path(folder) / EVIDENCE
    earlier = place.with_name(EVIDENCE + _EARLIER)
    return earlier if earlier.is_dir() and not place.is_dir() else place


def read_manifest(folder: str | Path) -> dict[str, Any]:
    """The manifest of a finished run.

    Raises:
        StoreError: no such folder, no manifest, an unfinished run, or a manifest that was altered.
        SchemaError: it was written by a newer version.
    """
    return _read_manifest(Path(folder), _REQUIRED)


def _read_manifest(folder: Path, required: tuple[str, ...]) -> dict[str, Any]:
    if not folder.is_dir():
        raise StoreError(f"{folder}: there is no such run folder{_near(folder)}")
    path = folder / MANIFEST
    if not path.exists():
        if folder.name.endswith(_PARTIAL) or (folder / _LOCK).exists():
            raise StoreError(f"{folder}: the run is not finished; the same `attnaudit run` goes on with it")
        raise StoreError(f"{folder}: must hold a `{MANIFEST}`; this is not a run folder")
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, OSError) as error:
        raise StoreError(f"{path}: cannot be read: {error}") from None
    if not isinstance(manifest, dict) or "schema_version" not in manifest:
        raise StoreError(f"{path}: is not the manifest of a run")
    version = manifest["schema_version"]
    if version != tables.SCHEMA_VERSION:
        newer = isinstance(version, int) and version > tables.SCHEMA_VERSION
        cure = "install a newer attnaudit" if newer else "audit again"
        raise SchemaError(
            f"{folder}: its tables have version {version}, this attnaudit reads version "
            f"{tables.SCHEMA_VERSION}; {cure}"
        )
    if not manifest.get("complete"):
        raise StoreError(f"{folder}: the run is not complete; the same `attnaudit run` goes on with it")
    if missing := [key for key in required if key not in manifest]:
        raise StoreError(f"{path}: must hold {', '.join(f'`{key}`' for key in missing)}")
    if manifest.get("manifest_sha256") != _manifest_digest(manifest):
        raise StoreError(f"{path}: was altered after the run (its digest does not fit its content)")
    return manifest


def part_numbers(manifest: Mapping[str, Any], name: str) -> list[int]:
    """The numbers of the parts of a table, in order; parts of one number hold the same instances in every table."""
    return sorted({_number(part) for part in manifest["tables"].get(name, {"parts": {}})["parts"]})


def read_table(
    folder: str | Path,
    name: str,
    manifest: Mapping[str, Any] | None = None,
    *,
    number: int | None = None,
    stage: str | None = None,
) -> pa.Table:
    """One stored table of a finished run, every part checked against its digest; or its parts of a number or stage.

    Raises:
        StoreError: a part is missing or altered.
        SchemaError: a part breaks the schema.
    """
    folder = Path(folder)
    manifest = read_manifest(folder) if manifest is None else manifest
    parts = manifest["tables"].get(name, {"parts": {}})["parts"]
    found = []
    for part in sorted(parts):
        if number not in (None, _number(part)) or stage not in (None, part.rpartition("-")[0]):
            continue
        path = folder / name / part
        found.append(_parsed(name, path, _verified(path, parts[part]["sha256"])))
    return _joined(name, found)


def checked_file(folder: str | Path, name: str) -> Path:
    """The path of a file of a finished run that is no table, once its content is found to be what the run wrote.

    Raises:
        StoreError: the file is missing or altered.
    """
    folder = Path(folder)
    entry = read_manifest(folder)["files"].get(name)
    if entry is None:
        raise StoreError(f"{folder}: this run holds no `{name}`")
    _verified(folder / name, entry["sha256"])
    return folder / name


def verify(folder: str | Path) -> list[str]:
    """What is wrong with a run folder, a sentence each; an empty list when it is whole and unaltered.

    The report in it is not checked: it is made from the tables and can be made again.
    """
    folder = Path(folder)
    try:
        manifest = read_manifest(folder)
        evidence = read_evidence(folder)
    except StoreError as error:
        return [str(error)]
    aside = frozenset(folder / (EVIDENCE + suffix) for suffix in ("", _PARTIAL, _EARLIER))
    faults = [] if evidence is None else _faults(evidence_folder(folder), evidence)
    return faults + _faults(folder, manifest, aside)


def _faults(folder: Path, manifest: Mapping[str, Any], aside: frozenset[Path] = frozenset()) -> list[str]:
    """What is wrong with the content of a folder by its manifest; the folders `aside` are not looked into."""
    expected = {
        f"{table}/{part}": entry
        for table, t in manifest["tables"].items()
        for part, entry in t["parts"].items()
    }
    expected |= manifest["files"]
    faults = []
    for place, entry in expected.items():
        try:
            data = _verified(folder / place, entry["sha256"])
            if place.endswith(".parquet"):
                _parsed(place.split("/")[0], folder / place, data)
        except StoreError as error:
            faults.append(str(error))
    known = {folder / place for place in (*expected, *_NOT_CONTENT)}
    strays = sorted(
        p for p in folder.rglob("*") if p.is_file() and p not in known and aside.isdisjoint(p.parents)
    )
    return faults + [f"{path}: is not part of the run (the manifest does not know it)" for path in strays]


def _verified(path: Path, sha256: str) -> bytes:
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise StoreError(f"{path}: is missing; the run folder is incomplete") from None
    except OSError as error:
        raise StoreError(f"{path}: cannot be read: {error}") from None
    if hashlib.sha256(data).hexdigest() != sha256:
        raise StoreError(f"{path}: was altered after the run (its digest is not the manifest's)")
    return data


def _parsed(table: str, path: Path, data: bytes) -> pa.Table:
    try:
        rows = pq.read_table(io.BytesIO(data), use_threads=False)
    except (pa.ArrowException, OSError) as error:
        raise StoreError(f"{path}: cannot be read as Parquet: {error}") from None
    try:
        return tables.check(table, rows)
    except (SchemaError, KeyError) as error:
        raise SchemaError(f"{path}: {error}") from None


def _number(part: str) -> int:
    """The number in the name of a part."""
    return int(part.removesuffix(".parquet").rpartition("-")[2])


def _joined(table: str, parts: list[pa.Table]) -> pa.Table:
    return pa.concat_tables(parts) if parts else tables.TABLES[table].schema.empty_table()


def _manifest_digest(manifest: Mapping[str, Any]) -> str:
    content = {key: value for key, value in manifest.items() if key != "manifest_sha256"}
    return hashlib.sha256(json.dumps(content, sort_keys=True, ensure_ascii=True).encode()).hexdigest()


def _flush_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _near(folder: Path) -> str:
    if folder.with_name(folder.name + _PARTIAL).is_dir():
        return ", but one that is not finished; the same `attnaudit run` goes on with it"
    if folder.parent.is_dir():
        runs = sorted(p.parent.name for p in folder.parent.glob(f"*/{MANIFEST}"))
        if runs:
            return f"; {folder.parent} holds {', '.join(f'`{name}`' for name in runs[:5])}"
    return ""


@contextmanager
def _said_plainly(path: Path) -> Iterator[None]:
    try:
        yield
    except StoreError:
        raise
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise StoreError(
                f"{path}: no space left on the device. What was computed so far is kept; make room and give the "
                "same command again, or another place with `--store`"
            ) from None
        raise StoreError(f"{path}: cannot be written: {error.strerror or error}") from None
