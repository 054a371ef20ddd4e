"""Attentions that do not look at the output: uniform, and the model's own weights permuted."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from jaxtyping import Float

from attnaudit.case import Case, cases
from attnaudit.core import Batch, Trace
from attnaudit.counterfactual.outcome import Rows, in_order
from attnaudit.counterfactual.padded import Padded, blocks
from attnaudit.counterfactual.scoped import Resumes, Scope, ScopedPermuted, ScopedUniform
from attnaudit.models.interface import AuditedModel
from attnaudit.stats.divergence import LN2, jensen_shannon_divergence, negative_entropy
from attnaudit.stats.draws import generator


@dataclass(frozen=True, slots=True)
class Uniform:
    """The same weight on every audited token. One row an instance."""

    def __call__(self, model: AuditedModel, batch: Batch, trace: Trace, *, seed: int) -> pa.Table:
        """Costs no forward pass beyond the trace; of a transformer, the last layer anew."""
        if isinstance(model, Resumes):
            return ScopedUniform(Scope(rows="read"))(model, batch, trace, seed=seed)
        rows = Rows("uniform", model.sites[0].name)
        for block in blocks(rows.long_enough(cases(model, batch, trace, needed_by="uniform"))):
            attention = block.real / block.lengths[:, None]
            jsd = np.asarray(jensen_shannon_divergence(attention, block.attention))
            rows.add_each(block.cases, block.output(attention[:, None]), block.own_output, jsd[:, None])
        return in_order(rows.table(), batch.instance_ids)


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
        """Costs no forward pass beyond the trace, and draws × tokens multiplications an instance.

        Of a transformer the rows of the last site that the prediction is read from are permuted, in all heads alike,
        which costs its last layer anew each draw; there are no exact moments.
        """
        if isinstance(model, Resumes):
            return ScopedPermuted(Scope(rows="read"), self.draws)(model, batch, trace, seed=seed)
        rows = Rows("permuted", model.sites[0].name)
        found = cases(model, batch, trace, needed_by="permuted")
        for block in blocks(rows.long_enough(found), self.draws):
            attention = permuted(block, self.draws, seed)
            rows.add_each(
                block.cases, block.output(attention), block.own_output, _from_own(attention, block.attention)
            )
        of_all = _moments(found, model.sites[0].name)
        return in_order(pa.concat_tables([rows.table(), of_all]), batch.instance_ids)


def permuted(block: Padded, draws: int, seed: int) -> Float[np.ndarray, "case draw token"]:
    """The weights of each case, dealt anew to its tokens in each draw."""
    attention = np.zeros((len(block.cases), draws, block.real.shape[1]))
    for case, place in zip(block.cases, attention, strict=True):
        n = len(case.attention)
        keys = generator(seed, case.instance_id, "permuted").bit_generator.random_raw((draws, n))
        # Random numbers that carry a token's place in their last bits: sorting them is several times faster than
        # finding the order of random numbers. Of the 2⁶⁴ / n values that are left two are never the same.
        places = np.uint64(2 ** (n - 1).bit_length() - 1)
        keys &= ~places
        keys |= np.arange(n, dtype=np.uint64)
        keys.sort(axis=1)
        keys &= places
        place[:, :n] = case.attention[keys.view(np.int64)]
    return attention


def _from_own(
    permuted: Float[np.ndarray, "case draw token"], own: Float[np.ndarray, "case token"]
) -> Float[np.ndarray, "case draw"]:
    """JSD of each permutation from the own attention: the entropy is the same, only that of the middle is not."""
    of_own = np.asarray(negative_entropy(own))[:, None]
    return np.clip(of_own - negative_entropy(0.5 * (permuted + own[:, None])), 0.0, LN2)


def permutation_moments(block: Padded) -> tuple[Float[np.ndarray, " case"], Float[np.ndarray, " case"]]:
    """Exact mean and variance of the predicted class's logit over all permutations, for binary cases."""
    rows, real, n = np.arange(len(block.cases)), block.real, block.lengths
    predicted = block.own_output.argmax(axis=1)
    coefficients, bias = block.linear
    evidence = coefficients[rows, predicted] - coefficients[rows, 1 - predicted]
    shift = bias[rows, predicted] - bias[rows, 1 - predicted]
    mean = evidence.sum(axis=1) / n
    of_evidence = (((evidence - mean[:, None]) * real) ** 2).sum(axis=1)
    of_attention = (((block.attention - 1 / n[:, None]) * real) ** 2).sum(axis=1)
    return mean + shift, of_attention * of_evidence / (n - 1)


def _moments(found: list[Case], site: str) -> pa.Table:
    rows = Rows("permuted_moments", site)
    binary = []
    for case in found:
        if case.binary is None:
            rows.add_undefined(case, "not_applicable")
        else:
            binary.append(case)
    for block in blocks(rows.long_enough(binary)):
        rows.add_moments(block.cases, *permutation_moments(block))
    return rows.table()
