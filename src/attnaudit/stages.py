"""The questions of an audit, each a stage: through all audited instances, a part of a table at a time.

A part that is already there is not computed again, which is all that resuming needs. What a stage asks is given to
it; which stages there are is decided in `run`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import torch

from attnaudit import store, tables
from attnaudit.agreement import ragged
from attnaudit.batches import in_batches
from attnaudit.core import Batch, Progress
from attnaudit.counterfactual import Counterfactual
from attnaudit.counterfactual.outcome import in_order
from attnaudit.entries import importance_rows, score_rows
from attnaudit.erasure import Erased, Erases, Orders
from attnaudit.errors import ModelError
from attnaudit.importance import Measure
from attnaudit.instance import Instance, Span
from attnaudit.models.interface import TextModel
from attnaudit.models.words import by_word, units
from attnaudit.named import AUDITED, gradient_of
from attnaudit.representation import Seen, representation
from attnaudit.stats.draws import sample

CHUNK = store.CHUNK


@dataclass(frozen=True, slots=True)
class Work:
    """What every stage works on: a model, the instances it is asked about, and the folder for the answers."""

    model: TextModel
    instances: Sequence[Instance]
    draft: store.Draft
    progress: Progress


def describe_instances(work: Work, *, split: str, keep_text: bool) -> None:
    """The table `instances`: tokens, offsets, what is audited, evidence, prediction; in `diagnostic` what states and
    attention look like, from the same forward pass.
    """

    @torch.no_grad()
    def describe_chunk(number: int, chunk: Sequence[Instance]) -> None:
        rows: list[dict[str, Any]] = [{} for _ in chunk]
        seen: list[list[Seen]] = [[] for _ in chunk]

        def describe(positions: Sequence[int], batch: Batch) -> None:
            trace = work.model.trace(batch)
            output = torch.softmax(trace.logits[:, 0].double(), dim=-1).cpu().numpy()
            if not np.isfinite(output).all():
                raise ModelError(
                    "the model's output is not finite for some texts: its weights hold NaN or infinity"
                )
            found = representation(work.model, batch, trace)
            for row, position in enumerate(positions):
                seen[position] = found[row]
                rows[position] = _instance_row(
                    work.model, chunk[position], batch, row, output[row], keep_text
                )

        in_batches(work.model, chunk, describe)
        quantities = [(row["instance_id"], one) for row, each in zip(rows, seen, strict=True) for one in each]
        of_states = {name: [getattr(one, name) for _, one in quantities] for name in Seen._fields}
        of_states["instance_id"] = [instance_id for instance_id, _ in quantities]
        diagnostic = tables.build("diagnostic", {**of_states, "kind": "representation", "subject": AUDITED})
        work.draft.write("diagnostic", "representation", number, diagnostic)
        columns = {name: [row[name] for row in rows] for name in rows[0]}
        work.draft.write(
            "instances", "instances", number, tables.build("instances", {**columns, "split": split})
        )

    _through(work, "instances", "instances", describe_chunk)


def score(work: Work, *, split: str) -> None:
    """The table `scores`: how good the model is on what is audited."""
    if work.draft.has("scores", "scores", 0):
        return
    work.draft.write("scores", "scores", 0, score_rows(work.draft.parts("instances"), split))


def measure(work: Work, name: str, ask: Measure) -> None:
    """The rows of one measure in the table `importance`."""

    def rows_of(chunk: Sequence[Instance]) -> pa.Table:
        scores: dict[tuple[int, int], np.ndarray] = {}

        def score_tokens(positions: Sequence[int], batch: Batch) -> None:
            scored = _checked(name, ask(work.model, batch), batch).float()
            values = [of_text.cpu().numpy() for of_text in by_word(batch, scored)]
            for row, position in enumerate(positions):
                for step in range(len(values[row])):
                    scores[position, step] = values[row][step]

        in_batches(work.model, chunk, score_tokens)
        keys = [(chunk[position].id, step) for position, step in sorted(scores)]
        return importance_rows(keys, name, [scores[key] for key in sorted(scores)], ask.objective)

    def write(number: int, chunk: Sequence[Instance]) -> None:
        work.draft.write("importance", name, number, rows_of(chunk))

    _through(work, "importance", name, write)


def replace_attention(work: Work, asked: Sequence[tuple[str, Counterfactual]], *, seed: int) -> None:
    """The rows of the counterfactuals in the table `counterfactual`; a text is encoded once for all of them."""
    total = len(work.instances) if asked else 0
    for number, start in enumerate(range(0, total, CHUNK)):
        chunk = work.instances[start : start + CHUNK]
        missing = [(name, ask) for name, ask in asked if not work.draft.has("counterfactual", name, number)]
        if missing:
            for name, rows in _replaced(work, chunk, missing, seed).items():
                work.draft.write("counterfactual", name, number, rows)
        work.progress("counterfactuals", min(start + CHUNK, total), total)


@torch.no_grad()
def _replaced(
    work: Work, chunk: Sequence[Instance], asked: Sequence[tuple[str, Counterfactual]], seed: int
) -> dict[str, pa.Table]:
    """The rows of each counterfactual on a chunk, in the order of its instances."""
    found: dict[str, list[pa.Table]] = {name: [] for name, _ in asked}
    spent = dict.fromkeys(("encoding", *found), 0.0)

    def replace_all(_positions: Sequence[int], batch: Batch) -> None:
        began = time.perf_counter()
        trace = work.model.trace(batch)
        spent["encoding"] += time.perf_counter() - began
        rows = {}
        for name, ask in asked:
            began = time.perf_counter()
            rows[name] = ask(work.model, batch, trace, seed=seed)
            spent[name] += time.perf_counter() - began
        for name, of_batch in rows.items():  # all or none: a batch that was too large is asked again
            found[name].append(of_batch)

    in_batches(work.model, chunk, replace_all)
    work.draft.count(spent)
    ids = [instance.id for instance in chunk]
    return {name: in_order(pa.concat_tables(rows), ids) for name, rows in found.items()}


def erase(work: Work, asked: Sequence[tuple[str, Erases]], *, seed: int) -> None:
    """The rows of the erasures in the table `erasure`; words are ranked by the scores that are already there.

    An erasure that is asked of a sample has no rows for the other instances.
    """
    total = len(work.instances)
    for name, ask in asked:
        of_all = ask.sample is None or ask.sample >= total
        ids = () if of_all else (instance.id for instance in work.instances)
        drawn = sample(ids, ask.sample or 0, seed=seed, purpose=name)
        for number, start in enumerate(range(0, total, CHUNK)):
            if not work.draft.has("erasure", name, number):
                with work.draft.timed(f"erasure {name}"):
                    chunk = work.instances[start : start + CHUNK]
                    chosen = [instance for instance in chunk if of_all or instance.id in drawn]
                    orders = _orders(work.draft.part("importance", number))
                    work.draft.write("erasure", name, number, _erased(work, chosen, orders, ask, seed))
            work.progress(f"erasure {name}", min(start + CHUNK, total), total)


@torch.no_grad()
def _erased(
    work: Work, instances: Sequence[Instance], orders: Mapping[str, Orders], ask: Erases, seed: int
) -> pa.Table:
    found: dict[str, list[Erased]] = {}

    def erase_words(_positions: Sequence[int], batch: Batch) -> None:
        found.update(ask(work.model, batch, work.model.trace(batch), orders, seed=seed))

    in_batches(work.model, instances, erase_words)
    rows = [(instance.id, row) for instance in instances for row in found[instance.id]]
    columns = {name: [row[i] for _, row in rows] for i, name in enumerate(Erased._fields)}
    return tables.build("erasure", {"instance_id": [name for name, _ in rows], **columns})


def _orders(importance: pa.Table) -> dict[str, dict[str, np.ndarray | str]]:
    """For each instance the orderings its words can be removed in: every measure, and gradient × attention."""
    found: dict[str, dict[str, np.ndarray | str]] = {}
    first = importance.filter(pc.field("step") == 0)
    columns = (first[name].to_pylist() for name in ("instance_id", "measure", "status"))
    for (instance_id, measure, status), scores in zip(
        zip(*columns, strict=True), ragged(first["scores"]), strict=True
    ):
        usable = scores if status == "ok" else None
        found.setdefault(instance_id, {})[measure] = status if usable is None else usable
    for orders in found.values():
        gradient = gradient_of(orders)
        if gradient is not None and "attention" in orders:
            slope, weight = orders[gradient], orders["attention"]
            if isinstance(slope, str) or isinstance(weight, str):
                product: np.ndarray | str = slope if isinstance(slope, str) else weight
            else:
                product = slope * weight
            orders[f"{gradient} × attention"] = product
    return found


def _through(work: Work, table: str, stage: str, write: Callable[[int, Sequence[Instance]], None]) -> None:
    """One stage over all audited instances, a part a chunk; done is what the part of its table is there for."""
    total = len(work.instances)
    for number, start in enumerate(range(0, total, CHUNK)):
        if not work.draft.has(table, stage, number):
            with work.draft.timed(stage):
                write(number, work.instances[start : start + CHUNK])
        work.progress(stage, min(start + CHUNK, total), total)


def _instance_row(
    model: TextModel, instance: Instance, batch: Batch, row: int, output: np.ndarray, keep_text: bool
) -> dict[str, Any]:
    tokens, offsets, audited = units(batch, row, instance.fields[model.attended])
    spans = [span for span, is_audited in zip(offsets, audited, strict=True) if is_audited]
    evidence = [
        [any(r.covers(*span) for r in annotator) for span in spans if span is not None]
        for annotator in (_inside(model.attended, spans) for spans in instance.rationales)
    ]
    query = model.query
    return {
        "instance_id": instance.id,
        "text": instance.fields[model.attended] if keep_text else None,
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
