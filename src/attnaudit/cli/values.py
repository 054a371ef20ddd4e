"""What the arguments of a command mean: each as the value that it stands for."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from attnaudit import store as stored
from attnaudit.errors import SpecError
from attnaudit.result import Result
from attnaudit.spec.companions import Companions
from attnaudit.spec.policy import Policy


def opened(run: str, store: Path) -> Result:
    """The run of that folder or name."""
    return Result.open(folder_of(run, store))


def folder_of(run: str, store: Path) -> Path:
    """A folder of that name, else the run of that name or id in the store."""
    if Path(run).is_dir():
        return Path(run)
    by_id = sorted(store.glob(f"*-{run}")) if run.isalnum() else []
    return next((path for path in (store / run, *by_id) if path.is_dir()), Path(run))


def task_of(task: str | None, data: str | None, **columns: Any) -> dict[str, Any] | str | None:
    """The corpus that `--task` or `--data` names, with how it is read."""
    if data is None:
        settings = given(**columns)
        return {"name": task, **settings} if task and settings else task or settings
    if task not in (None, "file", "hub"):
        raise SpecError(f"`--task {task}` and `--data` name two corpora; give one of them")
    if data.startswith("hf:"):
        return given(name="hub", dataset=data.removeprefix("hf:"), **columns)
    return given(name="file", path=data, **columns)


def columns_of(folder: Path) -> dict[str, Any]:
    """The columns that an earlier run read, for other data of the same kind."""
    task = stored.read_manifest(folder)["spec"].get("task", {})
    return {name: task[name] for name in ("text_column", "label_column", "query_column") if task.get(name)}


def given(**values: Any) -> dict[str, Any]:
    """Only what was given on the command line."""
    return {key: value for key, value in values.items() if value not in (None, {}, [])}


def setting_of(text: str) -> dict[str, Any]:
    """`train.batch=64` as nested values; the value is read as JSON, or as text when it is none."""
    key, equals, value = text.partition("=")
    if not equals or not key:
        raise SpecError(f"`--set` must be of the form KEY=VALUE, found `{text}`")
    try:
        parsed = json.loads(value)
    except (ValueError, RecursionError):
        parsed = value
    for part in reversed(key.split(".")):
        parsed = {part: parsed}
    return dict(parsed)


def names_of(values: list[str] | None) -> list[str]:
    """Names that were given one by one or with commas."""
    return [name.strip() for value in values or [] for name in value.split(",") if name.strip()]


def seeds_of(text: str) -> list[int]:
    """Seeds that were given with commas, each once."""
    try:
        found = [int(part) for part in text.split(",")]
    except ValueError:
        raise SpecError(f"`--seeds` must be whole numbers with commas between them, found `{text}`") from None
    return list(dict.fromkeys(found))


def companions_of(
    seeds: int, beside: list[str] | None, hide: list[str] | None, *, controls: bool = True
) -> Companions:
    """What is to be trained beside a run."""
    return Companions.parse(
        {"seeds": seeds, "kinds": names_of(beside), "hide": hide or [], "controls": controls}
    )


def policy_of(path: Path | None) -> Policy | None:
    """The policy in a file; none where none was given, which leaves a run its own."""
    return None if path is None else Policy.read(path)


def jobs_of(jobs: int | None, threads: int) -> int:
    """Processes at a time: as many as there are cores for where not given."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return jobs or max(1, cores // threads)
