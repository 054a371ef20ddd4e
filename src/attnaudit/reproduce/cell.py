"""One cell of a reproduction: which model on which corpus from which seed, and the run, if there is one."""

from __future__ import annotations

from dataclasses import dataclass

from attnaudit.result import Result

OK = "ok"


@dataclass(frozen=True, slots=True)
class Cell:
    """One training run that was planned, and what became of it.

    `vectors` names the word vectors that training began from (`random`, `fasttext`, `glove`, …). A cell without a
    `result` has a `status` of `tables.STATUSES` other than `ok`, and a `reason` for people.
    """

    corpus: str
    encoder: str
    attention: str
    vectors: str
    seed: int
    result: Result | None = None
    status: str = OK
    reason: str = ""
    wall_seconds: float | None = None

    @property
    def model(self) -> tuple[str, str, str, str]:
        """What cells that differ only in their seed share."""
        return self.corpus, self.encoder, self.attention, self.vectors
