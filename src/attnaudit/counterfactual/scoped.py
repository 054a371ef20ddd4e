"""Attention replaced in a model of many layers and heads: which of it, in which rows, and what came of it.

That one head's weights could be others, or the last layer's, or all of them at once are different questions; each has
its scope, and they stand apart in the table. Only weights on audited tokens are re-assigned: what markers have, they
keep, so that the sum of a row stays as it is. Where several sites are replaced, each gets what its own weights of the
untouched pass become, whatever it would have computed behind the others.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

import numpy as np
import pyarrow as pa
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from attnaudit import tables
from attnaudit.core import Attention, Batch, Intervention, Site, Trace
from attnaudit.errors import UnsupportedModelError
from attnaudit.models.interface import AuditedModel
from attnaudit.models.suffix import Given
from attnaudit.stats.divergence import LN2, total_variation_distance
from attnaudit.stats.draws import generator

EVERYWHERE = "all sites"
_TOKENS = 16_384
"""Most padded tokens, texts × draws, in one pass: from where on a CPU gains nothing."""


@runtime_checkable
class Resumes(Protocol):
    """A model that computes only what follows a site again, for several attentions a text."""

    row: str

    def replay(
        self, batch: Batch, edit: Intervention, *, first: Site, draws: int = 1, given: Given | None = None
    ) -> Float[Tensor, "batch draw output"]:
        """Logits with attention replaced, `draws` ways a text."""

    def before(self, batch: Batch, first: Site) -> Given:
        """What the layers before a site give."""


@dataclass(frozen=True, slots=True)
class Scope:
    """Which attention is replaced.

    `site` is the number of one site (−1 the last), or None for all; `head` one of its heads, or None for all; `rows`
    all rows, or those from which the prediction is read, which only the last site has.
    """

    site: int | None = -1
    head: int | None = None
    rows: Literal["all", "read"] = "all"

    def __post_init__(self) -> None:
        """Refuse rows that are not there."""
        if self.rows == "read" and self.site != -1:
            raise UnsupportedModelError(
                "the rows from which the prediction is read are those of the last site: give `site = -1`"
            )

    def sites(self, model: AuditedModel) -> tuple[Site, ...]:
        """The sites of a model that are meant."""
        if self.site is None:
            return model.sites
        if not -len(model.sites) <= self.site < len(model.sites):
            raise UnsupportedModelError(
                f"there is no site {self.site}: the model has {len(model.sites)}, counted from 0"
            )
        return (model.sites[self.site],)

    def name(self) -> str:
        """How the table calls it."""
        rows = {"all": "all rows", "read": "rows read"}[self.rows]
        return rows if self.head is None else f"{rows}, head {self.head}"

    def site_name(self, model: AuditedModel) -> str:
        """What stands for its sites in the table."""
        return EVERYWHERE if self.site is None else self.sites(model)[0].name


Replace = Callable[[Attention, Bool[Tensor, "batch #head query token"]], Attention]
"""Given weights and which of them may be re-assigned: the weights to use; the sum of a row over these must stay."""


def uniform(attention: Attention, free: Tensor) -> Attention:
    """The same weight on each of the free tokens."""
    mass = (attention * free).sum(dim=-1, keepdim=True)
    share = mass / free.sum(dim=-1, keepdim=True).clamp(min=1)
    return torch.where(free, share, attention)


def permuted_by(keys: Float[Tensor, "batch token"]) -> Replace:
    """The weights of the free tokens dealt to each other in the order of their keys, alike in all heads and rows."""

    def permute(attention: Attention, free: Tensor) -> Attention:
        last = torch.finfo(keys.dtype).max
        at = keys[:, None, None, :].expand(free.shape)
        drawn = at.masked_fill(~free, last).argsort(dim=-1, stable=True)
        places = (~free).to(torch.uint8).argsort(dim=-1, stable=True)
        taken = torch.zeros_like(drawn).scatter(-1, places, drawn)
        return torch.where(free, attention.gather(-1, taken.expand(attention.shape)), attention)

    return permute


@dataclass(frozen=True, slots=True)
class ScopedUniform:
    """The same weight on every audited token a row may attend to. One row an instance and scope.

    Oracle: the edit written out, a text and row at a time, by whole forward passes.
    """

    scope: Scope

    @torch.no_grad()
    def __call__(self, model: AuditedModel, batch: Batch, trace: Trace, *, seed: int) -> pa.Table:
        """Costs a forward pass from the first of the sites on."""
        return _asked("uniform", self.scope, model, batch, trace, 1, lambda _rows: uniform)


@dataclass(frozen=True, slots=True)
class ScopedPermuted:
    """The model's own weights dealt to the audited tokens at random, `draws` times; alike in all heads, rows, sites.

    Source: Jain & Wallace 2019, algorithm 2, for many heads and layers. Oracle: as for `ScopedUniform`.
    """

    scope: Scope
    draws: int = 100

    @torch.no_grad()
    def __call__(self, model: AuditedModel, batch: Batch, trace: Trace, *, seed: int) -> pa.Table:
        """Costs a forward pass from the first of the sites on, each draw."""
        width = batch.token_ids.shape[1]
        keys = np.full((len(batch), self.draws, width), 2.0)
        for row, instance_id in enumerate(batch.instance_ids):
            n = int(batch.token_mask[row].sum())
            keys[row, :, :n] = generator(seed, instance_id, "permuted").random((self.draws, n))
        device = batch.token_ids.device
        of_rows = torch.from_numpy(keys.reshape(-1, width)).to(device)
        return _asked(
            "permuted", self.scope, model, batch, trace, self.draws, lambda rows: permuted_by(of_rows[rows])
        )


def head_effects(model: AuditedModel, batch: Batch, trace: Trace) -> Float[np.ndarray, "batch site head"]:
    """How far the output moves (TVD) where one head's attention is uniform in all rows; in [0, 1].

    Says which heads' pictures mean anything. NaN for heads that a site has not. Costs a forward pass a head, from its
    site on.
    """
    most = max(site.heads for site in model.sites)
    found = np.full((len(batch), len(model.sites), most), np.nan)
    own = _distribution(trace.logits[:, 0])
    for number, site in enumerate(model.sites):
        one_head = torch.eye(site.heads, dtype=torch.bool, device=trace.logits.device)

        def of_head(rows: Tensor, heads: Tensor = one_head) -> Replace:
            mine = heads[rows % len(heads)][:, :, None, None]
            return lambda attention, free: uniform(attention, free & mine)

        with torch.no_grad():
            output, _ = _replayed(model, batch, trace, Scope(number), site.heads, of_head)
        found[:, number, : site.heads] = total_variation_distance(output, own[:, None])
    return found


def _asked(
    kind: str,
    scope: Scope,
    model: AuditedModel,
    batch: Batch,
    trace: Trace,
    draws: int,
    replace_of: Callable[[Tensor], Replace],
) -> pa.Table:
    """The rows of the table `counterfactual`, each draw of each text in the order of the batch."""
    output, jsd = _replayed(model, batch, trace, scope, draws, replace_of)
    own = _distribution(trace.logits[:, 0])
    words = batch.n_audited if batch.word_ids is None else batch.word_ids.amax(dim=1) + 1
    enough = (words > 1).cpu().numpy()
    rows: list[tuple[object, ...]] = []
    for row, instance_id in enumerate(batch.instance_ids):
        if not enough[row]:
            rows.append((instance_id, 0, None, None, None, "too_short"))
            continue
        tvd = np.asarray(total_variation_distance(output[row], own[row]))
        flipped = output[row].argmax(axis=-1) != own[row].argmax()
        rows += [
            (instance_id, draw, float(tvd[draw]), bool(flipped[draw]), float(jsd[row, draw]), "ok")
            for draw in range(draws)
        ]
    names = ("instance_id", "draw", "output_tvd", "flipped", "attention_jsd", "status")
    columns = {name: [row[i] for row in rows] for i, name in enumerate(names)}
    nothing = dict.fromkeys(
        ("epsilon", "certified_upper_jsd", "logit_mean", "logit_variance", "weights"), None
    )
    described = {"site": scope.site_name(model), "scope": scope.name(), "kind": kind}
    return tables.build("counterfactual", columns | nothing | described, n_rows=len(rows))


def _replayed(
    model: AuditedModel,
    batch: Batch,
    trace: Trace,
    scope: Scope,
    draws: int,
    replace_of: Callable[[Tensor], Replace],
) -> tuple[Float[np.ndarray, "batch draw output"], Float[np.ndarray, "batch draw"]]:
    """The distribution over classes of each text and draw, and the mean JSD of the rows that were replaced.

    `replace_of` is given the numbers of rows of a pass, text × draws + draw, and says what is put in.
    """
    if not isinstance(model, Resumes):
        raise UnsupportedModelError("replacing attention by scope needs a transformer")
    sites = scope.sites(model)
    given = model.before(batch, sites[0])
    texts, width = batch.token_ids.shape
    output: np.ndarray | None = None
    jsd = np.zeros((texts, draws))
    at_once = max(1, _TOKENS // (texts * width))
    for start in range(0, draws, at_once):
        some = range(start, min(start + at_once, draws))
        rows = torch.tensor([text * draws + draw for text in range(texts) for draw in some])
        replace = replace_of(rows.to(batch.token_ids.device))
        of_texts = torch.arange(texts, device=batch.token_ids.device).repeat_interleave(len(some))
        many = batch.take(of_texts)
        distances: list[Tensor] = []

        def edit(
            site: Site,
            attention: Attention,
            many: Batch = many,
            of_texts: Tensor = of_texts,
            replace: Replace = replace,
            distances: list[Tensor] = distances,
        ) -> Attention:
            if site not in sites:
                return attention
            own = trace.attention[site][of_texts]
            free = free_weights(model, many, own, scope)
            used = replace(own, free)
            distances.append(divergence(own, used, free))
            return used

        logits = model.replay(batch, edit, first=sites[0], draws=len(some), given=given)
        part = _distribution(logits)
        if output is None:
            output = np.zeros((texts, draws, part.shape[-1]))
        output[:, some.start : some.stop] = part
        mean = torch.stack(distances).mean(dim=0).reshape(texts, len(some))
        jsd[:, some.start : some.stop] = mean.cpu().numpy()
    assert output is not None
    return output, np.clip(jsd, 0.0, LN2)


def free_weights(
    model: Resumes, batch: Batch, attention: Attention, scope: Scope
) -> Bool[Tensor, "batch head query token"]:
    """Which weights may be re-assigned: on audited tokens a row attends to, in the rows and heads of the scope."""
    texts, heads, queries, tokens = attention.shape
    if (texts, tokens) != tuple(batch.audit_mask.shape):
        raise UnsupportedModelError(
            f"a site attends over {tokens} tokens where the text has {batch.audit_mask.shape[1]}; only attention "
            "within the text can be replaced by scope"
        )
    free = (attention > 0) & batch.audit_mask[:, None, None, :]
    if queries == tokens:
        free &= batch.token_mask[:, None, :, None]
    if scope.rows == "read" and model.row != "all":
        places = torch.arange(queries, device=attention.device)
        last = batch.token_mask.sum(dim=1, keepdim=True) - 1
        read = places == (0 if model.row == "first" else last)
        free &= read.expand(texts, queries)[:, None, :, None]
    if scope.head is not None:
        if scope.head >= heads:
            raise UnsupportedModelError(
                f"there is no head {scope.head}: the site has {heads}, counted from 0"
            )
        free &= (torch.arange(heads, device=attention.device) == scope.head)[:, None, None]
    return free


def divergence(own: Attention, used: Attention, free: Tensor) -> Float[Tensor, " batch"]:
    """JSD between own and used weights on the free tokens of a row, as distributions; the mean over such rows."""
    a, b = (weights.double() * free for weights in (own, used))
    mass = a.sum(dim=-1, keepdim=True)
    some = (free.sum(dim=-1) > 1) & (mass[..., 0] > 0)
    a, b = (torch.where(some[..., None], weights / mass, 0.0) for weights in (a, b))
    middle = 0.5 * (a + b)
    entropy = (torch.special.xlogy(w, w).sum(dim=-1) for w in (a, b, middle))
    of_a, of_b, of_middle = entropy
    jsd = (0.5 * (of_a + of_b) - of_middle).clamp(min=0.0)
    return jsd.sum(dim=(1, 2)) / some.sum(dim=(1, 2)).clamp(min=1)


def _distribution(logits: Tensor) -> np.ndarray:
    return torch.softmax(logits.double(), dim=-1).cpu().numpy()


def every_site(model: AuditedModel) -> Sequence[Scope]:
    """A scope a site, in the order of computation."""
    return [Scope(number) for number in range(len(model.sites))]
