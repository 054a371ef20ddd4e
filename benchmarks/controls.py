"""What the audit says of models whose truth is known, each trained from several seeds.

    python -m benchmarks.controls [--seeds 10] [--jobs N] [--store FOLDER] [--output docs/controls.md]

Each control of `attnaudit.studies.controls` is trained and audited from every seed; its data are drawn from it too.
Finished runs stay in the store, so the same command goes on where it was stopped, and writes what is there so far.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from attnaudit import store as stored
from attnaudit.result import Result
from attnaudit.spec import NUMBERS_VERSION
from attnaudit.studies import controls
from attnaudit.sweep import sweep

Answers = Counter[str]
"""How many seeds got an answer as declared, one that leaves it open, and one that contradicts it."""

COLUMNS = ("as declared", "undetermined", "opposite")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.controls")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--store", type=Path, default=None, help="folder of the runs; the user's cache")
    parser.add_argument("--output", type=Path, default=Path("docs/controls.md"))
    given = parser.parse_args()
    store = given.store or (stored.cache_folder() or Path("runs")) / f"controls-{NUMBERS_VERSION}"
    wanted = [(known, seed) for known in controls.CONTROLS for seed in range(given.seeds)]
    counts: dict[tuple[str, str, str], Answers] = {}
    made: Counter[str] = Counter()
    wrong: list[str] = []
    outcomes = sweep(
        [known.spec(seed) for known, seed in wanted], store=store, reports=False, jobs=given.jobs
    )
    for done, outcome in enumerate(outcomes, start=1):
        known, seed = wanted[outcome.number]
        if outcome.folder is None:
            print(f"{done}/{len(wanted)} {known.name}, seed {seed}: failed: {outcome.error}", file=sys.stderr)
            continue
        answered = controls.answered(known, Result.open(outcome.folder))
        made[known.name] += 1
        for question, group, kind, sentence in judged(answered):
            counts.setdefault((known.name, question, group), Counter())[kind] += 1
            if kind == "opposite":
                wrong.append(f"{known.name}, seed {seed}, {question} ({group}): {sentence}")
        print(f"{done}/{len(wanted)} {known.name}, seed {seed}: {outcome.seconds:.0f} s", flush=True)
        stored.write_atomically(given.output, page(made, counts, wrong).encode())
    print(given.output)


def judged(answered: Mapping[str, object]) -> Iterator[tuple[str, str, str, str]]:
    """Question, group, which column it counts in, and the sentence, of each answer of a control."""
    answers = answered["answers"]
    assert isinstance(answers, list)
    for one in answers:
        found = one["found"]
        kind = (
            "as declared"
            if found in one["expected"]
            else "undetermined"
            if found in ("undetermined", "not run")
            else "opposite"
        )
        yield one["question"], one["group"], kind, one["sentence"]


def page(
    made: Mapping[str, int], counts: Mapping[tuple[str, str, str], Answers], wrong: Sequence[str]
) -> str:
    """The page as Markdown."""
    lines = [
        "# Does the audit give known models their known answers?",
        "",
        "`python -m benchmarks.controls` trains and audits each control from several seeds, on data drawn from the "
        "same seed, and counts the answers.",
        "An answer may be as declared, left open (undetermined), or the opposite. Numbers version "
        f"{NUMBERS_VERSION}.",
    ]
    for known in controls.CONTROLS:
        if not made.get(known.name):
            continue
        lines += [
            "",
            f"## {known.name}",
            "",
            f"{known.about} {made[known.name]} seeds.",
            "",
            "| question | declared | texts | " + " | ".join(COLUMNS) + " |",
            "|---|---|---|" + "---|" * len(COLUMNS),
        ]
        order = list(known.expected)
        keys = [key for key in counts if key[0] == known.name]
        for key in sorted(keys, key=lambda key: (order.index(key[1]), key[2] != "overall", key[2])):
            _, question, group = key
            numbers = " | ".join(str(counts[key][column]) for column in COLUMNS)
            lines.append(f"| {question} | {known.expected[question]} | {group} | {numbers} |")
    lines += ["", "## Opposite answers", ""]
    lines += [f"- {said}" for said in sorted(wrong)] or ["None."]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
