"""How far can the attention of a transformer go with the same prediction? A search, so a lower bound.

The last layer's rows that are read, its whole attention, and that of all layers at once are different questions: the
more weights are free, the more is possible, and the less it says of the map that is shown.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import torch
from jaxtyping import Float
from torch import Tensor

from attnaudit import tables
from attnaudit.core import Attention, Batch, Site, Trace
from attnaudit.counterfactual.outcome import epsilon_of
from attnaudit.counterfactual.scoped import Resumes, Scope, divergence, free_weights
from attnaudit.errors import UnsupportedModelError
from attnaudit.models.interface import AuditedModel
from attnaudit.models.shown import rows_read
from attnaudit.models.suffix import Given
from attnaudit.models.words import by_word
from attnaudit.stats.divergence import LN2
from attnaudit.stats.draws import generator

_LEAST = 1e-6
"""Stands for a weight of 0 where the search begins: its logarithm must exist."""


@dataclass(frozen=True, slots=True)
class ScopedAdversary:
    """Attention moved by Adam away from the model's own, as long as the output stays within `epsilon` (TVD).

    Minimises −JSD + penalty · max(0, TVD − ε) for each text, JSD the mean over the rows that are free; starts at the
    own weights with normal noise of deviation 1 on their logarithms. The answer is the furthest step with TVD ≤ ε, or
    the model's own attention at 0. A lower bound: there may be one further away. One row an instance and scope.
    Source: Jain & Wallace 2019, equation 5, for many heads and layers. Oracle: every step anew, by whole forward
    passes and scipy's divergence.
    """

    scope: Scope
    epsilon: float = 0.01
    steps: int = 150
    learning_rate: float = 0.05
    penalty: float = 5.0

    def __call__(self, model: AuditedModel, batch: Batch, trace: Trace, *, seed: int) -> pa.Table:
        """Costs `steps` forward and backward passes from the first of the sites on."""
        found = self._searched(model, batch, trace, seed)
        words = batch.n_audited if batch.word_ids is None else batch.word_ids.amax(dim=1) + 1
        enough = (words > 1).tolist()
        nothing = dict.fromkeys(("certified_upper_jsd", "logit_mean", "logit_variance"), None)
        shown = [of_text[0].tolist() for of_text in by_word(batch, found.shown[:, None])]
        kept = self.scope.rows == "read"  # else there is no one attention that could be shown
        return tables.build(
            "counterfactual",
            {
                "instance_id": list(batch.instance_ids),
                "site": self.scope.site_name(model),
                "scope": self.scope.name(),
                "kind": "adversarial_search",
                "draw": 0,
                "epsilon": self.epsilon,
                "output_tvd": _known(found.tvd, enough),
                "flipped": _known(found.flipped, enough),
                "attention_jsd": _known(found.jsd.clip(0.0, LN2), enough),
                "weights": [
                    of_text if kept and known else None for of_text, known in zip(shown, enough, strict=True)
                ],
                "status": ["ok" if known else "too_short" for known in enough],
            }
            | nothing,
            n_rows=len(batch),
        )

    def _searched(self, model: AuditedModel, batch: Batch, trace: Trace, seed: int) -> _Found:
        if not isinstance(model, Resumes):
            raise UnsupportedModelError(
                "`adversarial_rows` needs a transformer; `adversarial` is for models with one attention"
            )
        sites = self.scope.sites(model)
        given = model.before(batch, sites[0])
        own = {site: trace.attention[site].detach() for site in sites}
        free = {site: free_weights(model, batch, own[site], self.scope) for site in sites}
        values = {site: _start(batch, own[site], free[site], seed) for site in sites}
        output = torch.softmax(trace.logits[:, 0].detach().double(), dim=-1)
        best = _Found.own(_shown(model, batch, own[sites[-1]]))
        optimiser = torch.optim.Adam(list(values.values()), lr=self.learning_rate)
        with torch.enable_grad():
            for step in range(self.steps + 1):
                used = {site: _weights(values[site], own[site], free[site]) for site in sites}
                moved = _output(model, batch, used, sites, given)
                tvd = 0.5 * (moved - output).abs().sum(dim=-1)
                jsd = torch.stack([divergence(own[site], used[site], free[site]) for site in sites]).mean(
                    dim=0
                )
                shown = _shown(model, batch, used[sites[-1]].detach())
                flipped = moved.argmax(dim=-1) != output.argmax(dim=-1)
                best.keep(tvd.detach(), jsd.detach(), flipped, shown, self.epsilon)
                if step < self.steps:
                    loss = (self.penalty * (tvd - self.epsilon).clamp(min=0.0) - jsd).sum()
                    optimiser.zero_grad()
                    loss.backward()
                    optimiser.step()
        return best


@dataclass(frozen=True, slots=True)
class AdversarialRows:
    """`ScopedAdversary` on the rows of the last site that the prediction is read from: what is shown."""

    epsilon: float | None = None
    steps: int = 150

    def __call__(self, model: AuditedModel, batch: Batch, trace: Trace, *, seed: int) -> pa.Table:
        """Costs `steps` forward and backward passes of the last layer."""
        ask = ScopedAdversary(Scope(rows="read"), epsilon_of(self.epsilon, batch), self.steps)
        return ask(model, batch, trace, seed=seed)


@dataclass(slots=True)
class _Found:
    """The furthest attention of each text so far that keeps the output; at first its own.

    `shown` is what would be shown of it: of the last of its sites the rows that are read, mean of the heads.
    """

    tvd: Float[np.ndarray, " batch"]
    jsd: Float[np.ndarray, " batch"]
    flipped: np.ndarray
    shown: Float[Tensor, "batch token"]

    @classmethod
    def own(cls, shown: Float[Tensor, "batch token"]) -> _Found:
        texts = len(shown)
        return cls(np.zeros(texts), np.zeros(texts), np.zeros(texts, dtype=bool), shown)

    def keep(self, tvd: Tensor, jsd: Tensor, flipped: Tensor, shown: Tensor, epsilon: float) -> None:
        """Take what is further and within ε."""
        further = ((tvd <= epsilon) & (jsd > torch.as_tensor(self.jsd, device=jsd.device))).cpu().numpy()
        self.tvd[further] = tvd.cpu().numpy()[further]
        self.jsd[further] = jsd.cpu().numpy()[further]
        self.flipped[further] = flipped.cpu().numpy()[further]
        at = torch.from_numpy(further).to(shown.device)
        self.shown = torch.where(at[:, None], shown, self.shown)


def _shown(model: Resumes, batch: Batch, attention: Attention) -> Float[Tensor, "batch token"]:
    return rows_read(model, batch, attention.mean(dim=1)) * batch.audit_mask


def _start(batch: Batch, own: Attention, free: Tensor, seed: int) -> Tensor:
    """Logarithms of the own weights with noise, that of a text drawn for it alone."""
    noise = np.zeros(tuple(own.shape), dtype=np.float32)
    for row, instance_id in enumerate(batch.instance_ids):
        n = int(batch.token_mask[row].sum())
        queries = min(own.shape[2], n)
        draw = generator(seed, instance_id, "adversarial_search")
        noise[row, :, :queries, :n] = draw.standard_normal((own.shape[1], queries, n))
    start = own.clamp(min=_LEAST).log() + torch.from_numpy(noise).to(own.device)
    return start.masked_fill(~free, 0.0).requires_grad_(True)


def _weights(values: Tensor, own: Attention, free: Tensor) -> Attention:
    """Distributions over the free tokens with the mass that these have; elsewhere the own weights."""
    mass = (own * free).sum(dim=-1, keepdim=True)
    dealt = torch.softmax(values.masked_fill(~free, -torch.inf), dim=-1)
    none = ~free.any(dim=-1, keepdim=True)
    return torch.where(free, mass * dealt.masked_fill(none, 0.0), own)


def _output(
    model: Resumes, batch: Batch, used: dict[Site, Attention], sites: Sequence[Site], given: Given
) -> Float[Tensor, "batch output"]:
    """The distribution over classes under these weights."""
    logits = model.replay(
        batch, lambda site, attention: used.get(site, attention), first=sites[0], given=given
    )
    return torch.softmax(logits[:, 0].double(), dim=-1)


def _known(values: np.ndarray, enough: Sequence[bool]) -> list[object]:
    return [value if known else None for value, known in zip(values.tolist(), enough, strict=True)]
