"""A comparison of two runs as JSON and as Markdown: the same numbers for programs and for people."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from attnaudit.compare import A_HIGHER, B_HIGHER, Comparison, sentence, verdict
from attnaudit.errors import SpecError
from attnaudit.harmless import in_markdown, markdown_table
from attnaudit.named import SOONER
from attnaudit.stats.inference import Estimate
from attnaudit.store import write_atomically
from attnaudit.summary import OVERALL
from attnaudit.wording import counted, quality_line, worded


def plain(found: Comparison) -> dict[str, Any]:
    """What `attnaudit compare --json` prints."""
    both = found.between
    return {
        side: {"run_id": run.manifest["run_id"], "path": str(run.folder), "test": run.scores}
        for side, run in (("a", found.a), ("b", found.b))
    } | {
        "texts": {"both": len(both), "only_a": both.only_a, "only_b": both.only_b},
        "settings": [{"name": name, "a": a, "b": b} for name, a, b in found.settings],
        "between": {
            one.name: {**one.estimate._asdict(), "n_undefined": one.n_undefined, "p_value": one.p_value}
            for one in found.distances
        },
        "comparison": [
            {**row, "verdict": verdict(row), "sentence": sentence(row)} for row in found.table.to_pylist()
        ],
        "card": [
            {
                "question": pair.a.question,
                "differ": pair.differ,
                **{
                    side: {"verdict": answer.verdict, "sentence": answer.sentence}
                    for side, answer in (("a", pair.a), ("b", pair.b))
                },
            }
            for pair in found.answers
        ],
        "notes": list(found.notes),
    }


def markdown(found: Comparison) -> str:
    """What differs between the runs, how far they lie apart, every difference, and the answers of both."""
    parts = ["# Two runs compared", ""]
    for side, run in (("A", found.a), ("B", found.b)):
        data = run.manifest["data"]
        said = (
            f"{run.folder.name}: {counted(data['audited'])} of {data['corpus']}; {quality_line(run.scores)}"
        )
        parts.append(f"- **{side}**: {in_markdown(said)}")
    parts += ["", tally(found), "", *(f"- {in_markdown(note)}" for note in found.notes)]
    if found.settings:
        parts += [
            "",
            "## Settings that differ",
            "",
            *markdown_table(in_markdown, ("setting", "A", "B"), found.settings),
        ]
    parts += ["", "## How far apart", ""]
    parts += markdown_table(
        in_markdown,
        ("number", "value", "95%", "texts", "undefined"),
        (
            (one.title, *cells(one.estimate), str(one.estimate.n), str(one.n_undefined))
            for one in found.distances
        ),
    )
    parts += ["", "## Differences, A − B", ""]
    head = ("number", "group", "A", "B", "A − B", "95%", "p", "p (Holm)", "texts", "undefined", "")
    parts += _table(head, (_line(row) for row in found.table.to_pylist()))
    parts += ["", "## The answers of both", ""]
    parts += markdown_table(
        in_markdown,
        ("question", "A", "B", ""),
        (
            (pair.a.title, pair.a.verdict, pair.b.verdict, "differ" if pair.differ else "")
            for pair in found.answers
        ),
    )
    for pair in found.answers:
        if pair.differ:
            parts += ["", f"**{pair.a.title}**", ""]
            for side, one in (("A", pair.a), ("B", pair.b)):
                parts.append(f"- {side}, {one.verdict}: {in_markdown(one.sentence)}")
    return "\n".join(parts) + "\n"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    return markdown_table(in_markdown, head, rows)


def write_comparison(found: Comparison, path: str | Path) -> Path:
    """Write the comparison as Markdown.

    Raises:
        SpecError: the file is to be of another kind.
        StoreError: it cannot be written.
    """
    path = checked(path)
    write_atomically(path, markdown(found).encode())
    return path


def checked(path: str | Path) -> Path:
    """The path, if it names a Markdown file."""
    path = Path(path)
    if path.suffix.lower() != ".md":
        raise SpecError(f"`--output` must end in .md (Markdown), found `{path.name}`")
    return path


def tally(found: Comparison) -> str:
    """One sentence on all differences over all texts: in how many A is higher, B, and neither."""
    rows = [row for row in found.table.to_pylist() if row["group"] == OVERALL]
    said = [verdict(row) for row in rows]
    higher = {A_HIGHER: said.count(A_HIGHER), B_HIGHER: said.count(B_HIGHER)}
    differ = sum(pair.differ for pair in found.answers)
    return (
        f"Of {len(rows)} numbers over all texts {higher[A_HIGHER]} are higher in A and {higher[B_HIGHER]} in B. The "
        f"runs give another answer to {differ} of {len(found.answers)} questions."
    )


def named(row: dict[str, Any]) -> str:
    """The number of a row as a reader meets it."""
    statistic = _STATISTICS.get(row["statistic"], worded(row["statistic"]))
    if row["experiment"] == "quality":
        return statistic
    if row["subject"] in ("adversarial_bracket", "same_weights"):
        statistic += " (lower bound)"
    subject = " ~ ".join(map(worded, row["subject"].split(" ~ ")))
    before = "" if row["experiment"] in ("permutation", "uniform") else f"{row['experiment']}, "
    return f"{before}{subject}: {statistic}"


_STATISTICS = {
    "mean": "τ, mean",
    "share_of_ceiling": "τ as a share of the ceiling",
    "median_tvd": "output change, median",
    "mean_tvd": "output change, mean",
    "mean_jsd": "JSD, mean",
    SOONER: "decision flips sooner than at random",
    "mean_comprehensiveness": "comprehensiveness",
    "mean_sufficiency": "sufficiency",
    "precision_at_k": "precision at k",
}


def cells(estimate: Estimate, *, signed: bool = False) -> tuple[str, str]:
    """A number and its interval."""
    sign = "+z" if signed else ""
    if estimate.value is None:
        return "–", "–"
    if estimate.low is None:
        return f"{estimate.value:{sign}.3f}", "–"
    return f"{estimate.value:{sign}.3f}", f"[{estimate.low:{sign}.3f}, {estimate.high:{sign}.3f}]"


def _line(row: dict[str, Any]) -> tuple[str, ...]:
    difference = Estimate(row["difference"], row["low"], row["high"], row["n"])
    return (
        named(row),
        "all texts" if row["group"] == OVERALL else row["group"],
        *("–" if row[side] is None else f"{row[side]:.3f}" for side in ("value_a", "value_b")),
        *cells(difference, signed=True),
        *("–" if row[p] is None else f"{row[p]:.4f}" for p in ("p_value", "p_value_holm")),
        str(row["n"]),
        str(row["n_undefined"]),
        verdict(row),
    )
