"""Which corpora can be audited, and how is one read?

A task is a function `(spec, seed) -> Corpus`; where a model of an earlier run may be held against it, it also
takes `classes`. From outside, a spec names one as `my_module:my_task`. No task knows a model.
"""

from __future__ import annotations

import inspect
import pkgutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from attnaudit.errors import DataError, SpecError, UnknownNameError, unknown_name
from attnaudit.spec import TaskSpec
from attnaudit.tasks import (
    adverse,
    babi,
    cnn,
    files,
    hub,
    known_words,
    mimic,
    nli,
    planted,
    planted_clinical,
    planted_cloze,
    published,
    rationales,
    sentiment,
    topics,
)
from attnaudit.tasks.corpus import Corpus

# Modules are imported, not functions: `planted.planted` under the name `planted` would hide its own module.
TASKS: dict[str, Callable[..., Corpus]] = {
    "planted": planted.planted,
    "planted-clinical": planted_clinical.planted_clinical,
    "planted-cloze": planted_cloze.planted_cloze,
    "sst": sentiment.sst,
    "imdb": sentiment.imdb,
    "newsgroups": topics.newsgroups,
    "agnews": topics.agnews,
    "ade": adverse.ade,
    "adr": adverse.adr,
    "snli": nli.snli,
    "babi_1": babi.babi_1,
    "babi_2": babi.babi_2,
    "babi_3": babi.babi_3,
    "cnn": cnn.cnn,
    "movie_rationales": rationales.movie_rationales,
    "yelp_hat": rationales.yelp_hat,
    "esnli": nli.esnli,
    "sst_wiki": known_words.sst_wiki,
    "pronoun": known_words.pronoun,
    "diabetes": mimic.diabetes,
    "anemia": mimic.anemia,
    "file": files.file,
    "hub": hub.hub,
}


PUBLISHED: dict[str, published.Published] = {
    "sst": sentiment.SST,
    "imdb": sentiment.IMDB,
    "newsgroups": topics.NEWSGROUPS,
    "agnews": topics.AGNEWS,
    "ade": adverse.ADE,
    "snli": nli.SNLI,
    "babi_1": babi.SOURCES[1],
    "babi_2": babi.SOURCES[2],
    "babi_3": babi.SOURCES[3],
    "movie_rationales": rationales.MOVIE_RATIONALES,
    "yelp_hat": rationales.YELP_HAT,
    "esnli": nli.ESNLI,
    "sst_wiki": known_words.SST_WIKI,
    "pronoun": known_words.PRONOUN,
}
"""Tasks whose corpus must lie in the folder of `ATTNAUDIT_DATA`, and its files."""


@dataclass(frozen=True, slots=True)
class Availability:
    """Whether a task can be used on this machine; `reason` says why not and what to do, else it is empty."""

    name: str
    summary: str
    ready: bool
    reason: str


def read(task_spec: TaskSpec, *, seed: int, classes: Sequence[str] | None = None) -> Corpus:
    """The corpus that a spec asks for.

    Args:
        task_spec: the `task` of a spec.
        seed: seed of what the task draws.
        classes: names of the classes that the model of an earlier run knows; the corpus must have the same.

    Raises:
        SpecError: the name stands for no task.
        DataError: the corpus cannot be read, or its classes are not the model's.
    """
    task = TASKS.get(task_spec.name) or _outside(task_spec.name)
    known = tuple(classes) if classes is not None else None
    takes_classes = "classes" in inspect.signature(task).parameters
    corpus = task(task_spec, seed, classes=known) if takes_classes else task(task_spec, seed)
    if not isinstance(corpus, Corpus):
        raise DataError(f"task `{task_spec.name}` must give a `Corpus`, found a `{type(corpus).__name__}`")
    if known is not None and corpus.classes != known:
        raise DataError(
            f"corpus `{corpus.name}` has the classes {_listed(corpus.classes)}, "
            f"but the model knows {_listed(known)}"
        )
    return corpus


def available() -> list[Availability]:
    """Every task of the package, in the order of `TASKS`, and whether it can be used here and now."""
    reasons = {
        **{name: published.unready(corpus) for name, corpus in PUBLISHED.items()},
        "cnn": cnn.unready(),
        "hub": hub.unready(),
    }
    return [
        Availability(name, _summary(task), not reasons.get(name), reasons.get(name, ""))
        for name, task in TASKS.items()
    ]


def _outside(name: str) -> Callable[..., Corpus]:
    """The function that `my_module:my_task` names."""
    if ":" not in name:
        raise UnknownNameError(f"`task`: {unknown_name('task', name, TASKS)}")
    try:
        task = pkgutil.resolve_name(name)
    except (ImportError, AttributeError, ValueError) as error:
        raise SpecError(
            f"`task`: `{name}` cannot be found ({error}). "
            "Write `module:function`; the module must be importable."
        ) from error
    if not callable(task):
        raise SpecError(f"`task`: `{name}` must be a function, found a value of type `{type(task).__name__}`")
    return task


def _summary(task: Callable[..., Corpus]) -> str:
    return (inspect.getdoc(task) or "").partition("\n")[0]


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - 12} more" if len(names) > 12 else ""
    return ", ".join(f"`{name}`" for name in names[:12]) + more
