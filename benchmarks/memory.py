"""How much memory a whole audit takes, by the number of texts that are audited, and how long.

    python -m benchmarks.memory [TEXTS ...] [--draws DRAWS] [--longest TOKENS]

Audits the generated corpus `planted` with so many test texts by the command `attnaudit run`, card and report
included, in a process of its own for each number, and removes the run. The model is small and hardly trained: what
is looked at here is what each text adds.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

_SPEC = {
    "model": {"embedding": 32, "hidden": 32},
    "train": {"epochs": 1},
    "measures": ["attention", "gradient_detached", "leave_one_out"],
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.memory")
    parser.add_argument("texts", nargs="*", type=int, default=[1_000, 10_000, 100_000])
    parser.add_argument("--draws", type=int, default=100, help="permutations of each text")
    parser.add_argument("--longest", type=int, default=30, help="tokens of the longest text")
    asked = parser.parse_args()
    print("| texts | MB at most | minutes | MB of tables | MB of report |")
    print("|---|---|---|---|---|")
    for texts in asked.texts:
        with tempfile.TemporaryDirectory() as folder:
            spec = Path(folder) / "spec.yaml"
            task = {"name": "planted", "train": 200, "dev": 50, "test": texts, "longest": asked.longest}
            counterfactuals = [
                {"name": "permuted", "draws": asked.draws},
                "uniform",
                "adversarial",
                "same_weights",
            ]
            # JSON is YAML.
            spec.write_text(json.dumps(_SPEC | {"task": task, "counterfactuals": counterfactuals}))
            peak, seconds = _run(spec, Path(folder) / "runs")
            sizes = {path.name: path.stat().st_size / 1e6 for path in Path(folder).rglob("*.html")}
            tables = sum(path.stat().st_size for path in Path(folder).rglob("*.parquet")) / 1e6
        report = sizes.get("report.html", 0.0)
        row = f"| {texts:,} | {peak / 1e6:.0f} | {seconds / 60:.1f} | {tables:.0f} | {report:.1f} |"
        print(row, flush=True)


def _run(spec: Path, store: Path) -> tuple[int, float]:
    """Peak resident memory (bytes) and wall seconds of one audit by the command line."""
    program = "import sys; from attnaudit.cli import main; main()"
    command = [sys.executable, "-c", program, "run", str(spec), "--store", str(store)]
    began = time.perf_counter()
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise SystemExit(f"the audit ended with {child.returncode}")
    unit = 1 if sys.platform == "darwin" else 1024
    return usage.ru_maxrss * unit, time.perf_counter() - began


if __name__ == "__main__":
    main()
