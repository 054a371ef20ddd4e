"""The questions of an audit, each a stage: through all audited instances, a part of a table at a time.

A part that is already there is not computed again, which is all that resuming needs. What a stage asks is given to
it; which stages there are is decided in `run`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import torch

from attnaudit import store, tables, text
from attnaudit.core import Batch, Progress
from attnaudit.counterfactual import Counterfactual
from attnaudit.errors import ModelError
from attnaudit.importance import Measure
from attnaudit.instance import Instance, Span
from attnaudit.models.attentive import AttentiveModel
from attnaudit.stats.classification import classification_scores

CHUNK = 256
"""Instances in a part: what a kill can cost, and the unit in which work is done the same way again."""

TOKENS = 8_192
"""Padded tokens in a batch; bounds memory whatever the length of the texts."""

AUDITED = "base"
"""Name of the audited model in the tables; others will be its controls."""


@dataclass(frozen=True, slots=True)
class Work:
    """What every stage works on: a model, the instances it is asked about, and the folder for the answers."""

    model: AttentiveModel
    instances: Sequence[Instance]
    draft: store.Draft
    progress: Progress


def describe_instances(work: Work, *, split: str, keep_text: bool) -> None:
    """The table `instances`: tokens, offsets, what is audited, evidence, prediction."""

    @torch.no_grad()
    def rows_of(chunk: Sequence[Instance]) -> pa.Table:
        rows: list[dict[str, Any]] = [{} for _ in chunk]
        for positions, batch in _batches(work.model, chunk):
            output = torch.softmax(work.model.trace(batch).logits[:, 0].double(), dim=-1).cpu().numpy()
            if not np.isfinite(output).all():
                raise ModelError(
                    "the model's output is not finite for some texts: its weights hold NaN or infinity"
                )
            for row, position in enumerate(positions):
                rows[position] = _instance_row(
                    work.model, chunk[position], batch, row, output[row], keep_text
                )
        columns = {name: [row[name] for row in rows] for name in rows[0]}
        return tables.build("instances", {**columns, "split": split})

    _through(work, "instances", "instances", rows_of)


def score(work: Work, *, split: str) -> None:
    """The table `scores`: how good the model is on what is audited."""
    if work.draft.has("scores", "scores", 0):
        return
    targets, outputs = [], []
    for part in work.draft.parts("instances"):
        known = part.filter(pc.is_valid(part["target"]))
        if len(known):
            targets.append(known["target"].to_numpy())
            outputs.append(pc.list_flatten(known["output"]).to_numpy().reshape(len(known), -1))
    n = sum(map(len, targets))
    scores: dict[str, float | None] = {}
    if n:
        scores = classification_scores(np.concatenate(targets), np.concatenate(outputs))
    columns = {
        "model": AUDITED,
        "split": split,
        "metric": list(scores),
        "value": list(scores.values()),
        "n": n,
        "status": ["not_applicable" if value is None else "ok" for value in scores.values()],
    }
    work.draft.write("scores", "scores", 0, tables.build("scores", columns))


def measure(work: Work, name: str, ask: Measure) -> None:
    """The rows of one measure in the table `importance`."""

    def rows_of(chunk: Sequence[Instance]) -> pa.Table:
        scores: dict[tuple[int, int], np.ndarray] = {}
        for positions, batch in _batches(work.model, chunk):
            values = _checked(name, ask(work.model, batch), batch).float().cpu().numpy()
            audited = batch.audit_mask.cpu().numpy()
            for row, position in enumerate(positions):
                for step in range(values.shape[1]):
                    scores[position, step] = values[row, step, audited[row]]
        order = sorted(scores)
        status = [_status(scores[key]) for key in order]
        there = [s in ("ok", "constant") for s in status]
        columns = {
            "instance_id": [chunk[position].id for position, _ in order],
            "step": [step for _, step in order],
            "measure": name,
            "scores": [scores[key] if known else None for key, known in zip(order, there, strict=True)],
            "objective": ask.objective,
            "status": status,
        }
        return tables.build("importance", columns)

    _through(work, "importance", name, rows_of)


def replace_attention(work: Work, name: str, ask: Counterfactual, *, seed: int) -> None:
    """The rows of one counterfactual in the table `counterfactual`."""

    @torch.no_grad()
    def rows_of(chunk: Sequence[Instance]) -> pa.Table:
        place = {instance.id: number for number, instance in enumerate(chunk)}
        found = pa.concat_tables(
            ask(work.model, batch, work.model.trace(batch), seed=seed)
            for _, batch in _batches(work.model, chunk)
        )
        order = np.argsort([place[i] for i in found["instance_id"].to_pylist()], kind="stable")
        return found.take(pa.array(order))

    _through(work, "counterfactual", name, rows_of)


def _through(work: Work, table: str, stage: str, rows_of: Callable[[Sequence[Instance]], pa.Table]) -> None:
    """One stage over all audited instances, a part a chunk; rows stand in the order of the instances."""
    total = len(work.instances)
    for number, start in enumerate(range(0, total, CHUNK)):
        if not work.draft.has(table, stage, number):
            with work.draft.timed(stage):
                work.draft.write(table, stage, number, rows_of(work.instances[start : start + CHUNK]))
        work.progress(stage, min(start + CHUNK, total), total)


def _batches(model: AttentiveModel, instances: Sequence[Instance]) -> Iterator[tuple[list[int], Batch]]:
    """Positions among the instances, and the batch they make."""
    lengths = [len(model.encoding.ids(instance).tokens) for instance in instances]
    for positions in text.length_batches(lengths, budget=TOKENS):
        yield positions, model.encode([instances[i] for i in positions])


def _instance_row(
    model: AttentiveModel, instance: Instance, batch: Batch, row: int, output: np.ndarray, keep_text: bool
) -> dict[str, Any]:
    tokens, offsets = batch.tokens[row], batch.offsets[row]
    audited = batch.audit_mask[row, : len(tokens)].tolist()
    spans = [span for span, is_audited in zip(offsets, audited, strict=True) if is_audited]
    evidence = [
        [any(r.start < span[1] and span[0] < r.end for r in annotator) for span in spans if span is not None]
        for annotator in (_inside(model.encoding.attended, spans) for spans in instance.rationales)
    ]
    query = model.encoding.query
    return {
        "instance_id": instance.id,
        "text": instance.fields[model.encoding.attended] if keep_text else None,
        "query": instance.fields[query] if keep_text and query is not None else None,
        "tokens": list(tokens) if keep_text else None,
        "offsets": [None if span is None else {"start": span[0], "end": span[1]} for span in offsets],
        "audited": audited,
        "evidence": evidence or None,
        "target": instance.target,
        "prediction": int(output.argmax()),
        "output": output,
        "n_audited": sum(audited),
    }


def _inside(field: str, spans: Sequence[Span]) -> list[Span]:
    """The spans that lie in the attended field; evidence in a question or hypothesis is not asked for."""
    return [span for span in spans if span.field == field]


def _checked(name: str, scores: torch.Tensor, batch: Batch) -> torch.Tensor:
    """What a measure gave, if it is what a measure must give; measures may come from outside."""
    rows, tokens = batch.token_ids.shape
    if scores.ndim != 3 or (scores.shape[0], scores.shape[2]) != (rows, tokens):
        raise ModelError(
            f"measure `{name}` must give scores of the shape [batch={rows}, step, token={tokens}], "
            f"found {list(scores.shape)}"
        )
    if (scores[batch.audit_mask[:, None].expand_as(scores)] < 0).any():
        raise ModelError(
            f"measure `{name}` must give scores ≥ 0 (how much, not in which direction), found less"
        )
    return scores


def _status(scores: np.ndarray) -> str:
    if len(scores) < 2:
        return "too_short"
    if not np.isfinite(scores).all():
        return "diverged"
    return "constant" if np.ptp(scores) == 0 else "ok"
