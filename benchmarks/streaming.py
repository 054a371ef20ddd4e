"""How much memory it takes to read a large extract of MIMIC-III, and how long.

    python -m benchmarks.streaming [MEGABYTES]

The extract is generated in the form of the real files (`tests/unit/tasks/mimic_extract.py`), read by a process of
its own for each corpus, and removed.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

_WRITER = Path(__file__).parents[1] / "tests" / "unit" / "tasks" / "mimic_extract.py"
_READER = """
import json, resource, sys, time
from attnaudit import tasks
from attnaudit.spec import Spec
task = {"name": sys.argv[1], "notes": sys.argv[2], "diagnoses": sys.argv[3]}
spec = Spec.parse({"task": task}).task
before, began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.perf_counter()
read = tasks.read(spec, seed=0)
seconds, peak = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
texts = sum(len(split) for split in read.splits.values())
print(json.dumps([texts, before / 1024, peak / 1024, seconds]))
"""


def main(megabytes: int = 1000) -> None:
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, _WRITER, folder, "--megabytes", str(megabytes)], check=True)
        notes, diagnoses = Path(folder) / "NOTEEVENTS.csv", Path(folder) / "DIAGNOSES_ICD.csv"
        print(f"NOTEEVENTS.csv of {notes.stat().st_size / 1e6:,.0f} MB\n")
        print("| corpus | texts | MB before reading | MB at most | seconds |")
        print("|---|---|---|---|---|")
        for corpus in ("diabetes", "anemia"):
            command = [sys.executable, "-c", _READER, corpus, str(notes), str(diagnoses)]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            texts, before, peak, seconds = json.loads(done.stdout)
            print(f"| {corpus} | {texts:,} | {before:.0f} | {peak:.0f} | {seconds:.0f} |")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
