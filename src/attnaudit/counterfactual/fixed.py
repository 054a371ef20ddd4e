"""Attentions that do not look at the output: uniform, and the model's own weights permuted."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from attnaudit import tables
from attnaudit.core import Batch, Trace
from attnaudit.counterfactual.outcome import WHOLE_SITE, Case, Rows, cases, generator
from attnaudit.models.interface import AuditedModel


@dataclass(frozen=True, slots=True)
class Uniform:
    """The same weight on every audited token. One row an instance."""

    def __call__(self, model: AuditedModel, batch: Batch, trace: Trace, *, seed: int) -> pa.Table:
        """Costs no forward pass beyond the trace."""
        rows = Rows("uniform", model.sites[0].name)
        for case in cases(model, batch, trace, needed_by="uniform"):
            n = len(case.attention)
            if n < 2:
                rows.add_undefined(case, "too_short")
            else:
                rows.add(case, np.full((1, n), 1 / n))
        return rows.table()


@dataclass(frozen=True, slots=True)
class Permuted:
    """The model's own weights, re-assigned to the audited tokens by `draws` uniform random permutations.

    One row a draw, and one row `permuted_moments` with the exact mean and variance of the logit over *all*
    permutations, s̄ + b and Σ(α−ᾱ)² Σ(s−s̄)² / (n−1), for s the evidence of the predicted class against the
    others (binary models). Source: Jain & Wallace 2019, algorithm 2; the moments are those of a linear
    permutation statistic (Hoeffding 1951). Oracle: all n! permutations of short texts.
    """

    draws: int = 100

    def __call__(self, model: AuditedModel, batch: Batch, trace: Trace, *, seed: int) -> pa.Table:
        """Costs no forward pass beyond the trace, and draws × tokens multiplications an instance."""
        rows = Rows("permuted", model.sites[0].name)
        found = cases(model, batch, trace, needed_by="permuted")
        for case in found:
            n = len(case.attention)
            if n < 2:
                rows.add_undefined(case, "too_short")
                continue
            order = generator(seed, case.instance_id, "permuted").random((self.draws, n)).argsort(axis=1)
            rows.add(case, case.attention[order])
        return pa.concat_tables([rows.table(), _moments(found, model.sites[0].name)])


def permutation_moments(case: Case) -> tuple[float, float]:
    """Exact mean and variance of the predicted class's logit (against the other class) over all permutations."""
    assert case.binary is not None
    predicted = int(case.output(case.attention).argmax())
    evidence = case.binary.coefficients[predicted] - case.binary.coefficients[1 - predicted]
    bias = case.binary.bias[predicted] - case.binary.bias[1 - predicted]
    weights = case.attention
    spread = ((weights - weights.mean()) ** 2).sum() * ((evidence - evidence.mean()) ** 2).sum()
    return float(evidence.mean() + bias), float(spread / (len(weights) - 1))


def _moments(found: list[Case], site: str) -> pa.Table:
    moments: list[tuple[float, float] | None] = []
    status = []
    for case in found:
        if case.binary is None:
            status.append("not_applicable")
        elif len(case.attention) < 2:
            status.append("too_short")
        else:
            status.append("ok")
        moments.append(permutation_moments(case) if status[-1] == "ok" else None)
    return tables.build(
        "counterfactual",
        {
            "instance_id": [case.instance_id for case in found],
            "site": site,
            "scope": WHOLE_SITE,
            "kind": "permuted_moments",
            "draw": 0,
            "epsilon": None,
            "output_tvd": None,
            "flipped": None,
            "attention_jsd": None,
            "certified_upper_jsd": None,
            "logit_mean": [None if m is None else m[0] for m in moments],
            "logit_variance": [None if m is None else m[1] for m in moments],
            "weights": None,
            "status": status,
        },
    )
