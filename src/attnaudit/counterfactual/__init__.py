"""What if attention had been otherwise? One entry a kind: `(model, batch, trace) → rows of the table`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import pyarrow as pa

from attnaudit.core import Batch, Trace
from attnaudit.counterfactual.adversarial import Adversarial, AdversarialBracket, AdversarialExact
from attnaudit.counterfactual.fixed import Permuted, Uniform
from attnaudit.counterfactual.same_weights import SameWeights
from attnaudit.counterfactual.scoped_search import AdversarialRows
from attnaudit.counterfactual.search import AdversarialPaper, AdversarialSearch
from attnaudit.models.interface import AuditedModel


class Counterfactual(Protocol):
    """Anything that replaces attention and says how far attention and output moved."""

    def __call__(self, model: AuditedModel, batch: Batch, trace: Trace, *, seed: int) -> pa.Table:
        """Rows of the table `counterfactual`, at least one an instance, in the order of the batch."""


COUNTERFACTUALS: dict[str, Callable[..., Counterfactual]] = {
    "permuted": Permuted,
    "uniform": Uniform,
    "adversarial": Adversarial,
    "adversarial_exact": AdversarialExact,
    "adversarial_bracket": AdversarialBracket,
    "adversarial_search": AdversarialSearch,
    "adversarial_paper": AdversarialPaper,
    "same_weights": SameWeights,
    "adversarial_rows": AdversarialRows,
}
