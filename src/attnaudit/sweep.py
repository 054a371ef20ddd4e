"""Many audits, a process each: `sweep(specs)` gives an outcome a spec, in the order in which they end.

A fault in one audit ends that audit alone. Nothing is kept here that the run folders do not hold: a sweep that was
stopped at any moment is taken up by asking for it again, since finished runs are found and begun ones go on. A
worker watches its standard input, which its parent holds open, and ends when the parent does, however that died.
"""

from __future__ import annotations

import dataclasses
import importlib
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor, as_completed
from contextlib import suppress
from pathlib import Path
from typing import Any

from attnaudit import memory as limits
from attnaudit import store as stored
from attnaudit.errors import AuditError, StoreError
from attnaudit.spec import Spec

Watch = Callable[[int, str, int, int], None]
"""Told how far a cell has come: its number in the sweep, the stage, steps done, steps in all."""

_EVERY_SECONDS = 0.2


@dataclasses.dataclass(frozen=True, slots=True)
class Outcome:
    """How one audit of a sweep ended: the folder of the finished run, or what went wrong; `seconds` are wall."""

    number: int
    folder: Path | None
    error: str | None
    seconds: float


def sweep(
    specs: Sequence[Spec],
    *,
    store: str | Path | Sequence[str | Path] = "runs",
    reports: bool = True,
    modules: Sequence[str] = (),
    device: str = "cpu",
    threads: int = 1,
    memory: int = limits.DEFAULT,
    jobs: int = 1,
    executor: Executor | None = None,
    watch: Watch | None = None,
) -> Iterator[Outcome]:
    """Audit by every spec, several at a time.

    What a spec names from outside (`module:Name`) must be importable in every worker: by `PYTHONPATH`, or from the
    current folder.

    Args:
        specs: what to audit; two equal ones share a run, so give each once.
        store: folder that holds the run folders, or one for each spec.
        reports: whether each run gets its report.
        modules: what every worker imports first, for models that hold something from outside which no spec names.
        device: where torch computes in each worker.
        threads: compute threads of each worker; the same number gives the same bits.
        memory: bytes that the results in between of one batch may take in each worker.
        jobs: how many workers at a time, where no executor is given.
        executor: where the cells are run from; only with the default one is progress told within a cell.
        watch: told how far each cell has come.

    Yields:
        An outcome a spec, as they end.
    """
    own = executor is None
    pool = executor or ThreadPoolExecutor(max_workers=jobs)
    stop = threading.Event()
    try:
        futures: list[Future[Outcome]] = []
        stores = [store] * len(specs) if isinstance(store, (str, Path)) else store
        for number, (spec, place) in enumerate(zip(specs, stores, strict=True)):
            task = _Task(number, spec.plain(), str(place), reports, tuple(modules), device, threads, memory)
            futures.append(pool.submit(_watched, task, watch, stop) if own else pool.submit(run_cell, task))
        for future in as_completed(futures):
            yield future.result()
    finally:  # also when the caller stops listening, or is stopped itself
        stop.set()
        if own:
            pool.shutdown(wait=True, cancel_futures=True)


@dataclasses.dataclass(frozen=True, slots=True)
class _Task:
    """One cell as plain values, so that it can travel to any worker."""

    number: int
    spec: dict[str, Any]
    store: str
    report: bool
    modules: tuple[str, ...]
    device: str
    threads: int
    memory: int


def run_cell(task: _Task) -> Outcome:
    """One audit in a process of its own; can be sent anywhere that has this package and sees the store."""
    return _watched(task, None, threading.Event())


def _watched(task: _Task, watch: Watch | None, stop: threading.Event) -> Outcome:
    began = time.perf_counter()
    if stop.is_set():
        return Outcome(task.number, None, "stopped", 0.0)
    environment = os.environ | {"OMP_NUM_THREADS": str(task.threads)}
    # -P: what lies in the current folder must not be imported in place of a library.
    command = [sys.executable, "-P", "-c", "from attnaudit.sweep import work; work()"]
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        threading.Thread(target=_stopped_with, args=(process, stop), daemon=True).start()
        complaints: list[str] = []
        listener = threading.Thread(target=lambda: complaints.extend(process.stderr or ()), daemon=True)
        listener.start()
        last: Mapping[str, Any] = {}
        with suppress(
            OSError
        ):  # a worker that is gone before it was told anything has said why on its error stream
            process.stdin.write(json.dumps(dataclasses.astuple(task)[1:]) + "\n")
            process.stdin.flush()
        for line in process.stdout:
            told = json.loads(line)
            if watch is not None and "stage" in told:
                watch(task.number, told["stage"], told["done"], told["total"])
            else:
                last = told
        process.stdin.close()
        code = process.wait()
        listener.join()
    seconds = time.perf_counter() - began
    if "folder" in last:
        return Outcome(task.number, Path(last["folder"]), None, seconds)
    ended = f"the worker ended with code {code}: {''.join(complaints[-3:]).strip()}"
    return Outcome(task.number, None, last.get("error") or ("stopped" if stop.is_set() else ended), seconds)


def _stopped_with(process: subprocess.Popen[str], stop: threading.Event) -> None:
    while process.poll() is None:
        if stop.wait(_EVERY_SECONDS):
            process.terminate()
            return


def work() -> None:
    """A worker: one task on standard input, lines of JSON on standard output: progress, then folder or error."""
    say = _channel()
    limits.keep_freed()
    spec, store, report, modules, device, threads, memory = json.loads(sys.stdin.readline())
    threading.Thread(target=_end_with_parent, daemon=True).start()
    told = 0.0

    def progress(stage: str, done: int, total: int) -> None:
        nonlocal told
        now = time.monotonic()
        if done == total or now - told > _EVERY_SECONDS:
            told = now
            say(stage=stage, done=done, total=total)

    from attnaudit.report import write_report
    from attnaudit.run import audit

    try:
        asked = Spec.parse(spec)
        if asked.modules or modules:
            sys.path.append(str(Path.cwd()))
        for module in modules:
            importlib.import_module(module)
        result = audit(asked, store=store, device=device, threads=threads, memory=memory, progress=progress)
    except AuditError as error:
        say(error=str(error))
        return
    if report and not (result.folder / stored.REPORT).exists():
        with suppress(
            StoreError
        ):  # the run is finished all the same; `attnaudit report` says what is in the way
            write_report(result)
    say(folder=str(result.folder))


def _channel() -> Callable[..., None]:
    """What tells the parent; whatever else is printed in this process goes to the error stream from here on."""
    lines = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())

    def say(**what: Any) -> None:
        print(json.dumps(what), file=lines, flush=True)

    return say


def _end_with_parent() -> None:
    sys.stdin.read()  # returns when the parent closes its end, or is gone
    os._exit(1)  # at once: what is whole on the disk is kept, and this process has nobody left to tell
