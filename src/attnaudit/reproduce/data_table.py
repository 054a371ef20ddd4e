"""The paper's table of corpora with ours beside it: vocabulary, length, sizes, and the score of its main model.

Sizes come from reading each corpus here and now, scores from finished runs. What cannot be read here says why.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from attnaudit import store as stored
from attnaudit import tasks, text
from attnaudit.errors import AuditError, SpecError
from attnaudit.reproduce import published
from attnaudit.result import Result
from attnaudit.spec import NUMBERS_VERSION, Spec
from attnaudit.tasks.corpus import Corpus, divided


@dataclass(frozen=True, slots=True)
class DataRow:
    """One corpus: what the paper's table says of it (`published`), and what is found here (None, with a reason).

    Sizes are by class where there are fewer than four. `metric` is that of the paper's score; the score is that of a
    BiLSTM with additive attention.
    """

    name: str
    title: str
    metric: str
    published: Facts
    ours: Facts | None
    reason: str


@dataclass(frozen=True, slots=True)
class Facts:
    """Words of the vocabulary, mean words of a training text, texts for training and test, and the test score."""

    vocabulary: int
    mean_length: float
    train_size: tuple[int, ...]
    test_size: tuple[int, ...]
    score: float | None


def data_table(*, store: str | Path) -> Iterator[DataRow]:
    """A row for each corpus of the paper, in its order; reading a large one takes half a minute.

    Args:
        store: folder of finished runs; the newest whole one of the paper's main model gives the score.
    """
    for name, corpus in published.corpora().items():
        table = corpus.table1
        known = Facts(
            table.vocabulary,
            table.mean_length,
            tuple(table.train_size.values()),
            tuple(table.test_size.values()),
            corpus.performance,
        )
        try:
            ours, reason = _found(name, _score(Path(store), name, corpus.metric)), ""
        except SpecError:  # the only thing that a name alone leaves open is where the files lie
            ours, reason = None, "needs your own licensed files"
        except AuditError as error:
            ours, reason = None, str(error)
        yield DataRow(name, corpus.title, corpus.metric, known, ours, reason)


def _found(name: str, score: float | None) -> Facts:
    spec = Spec.parse({"task": name}, source=name)
    corpus = divided(tasks.read(spec.task, seed=spec.seed), seed=spec.seed)
    cut = text.TOKENISERS[corpus.recipe.tokeniser]
    fields = [corpus.attended] if corpus.query is None else [corpus.attended, corpus.query]
    texts = [[cut(instance.fields[field]) for field in fields] for instance in corpus.splits["train"]]
    words = text.vocabulary(([t for part in row for t in part] for row in texts), min_df=corpus.recipe.min_df)
    lengths = [len(row[0]) for row in texts]
    train, test = _sizes(corpus, "train"), _sizes(corpus, "test")
    return Facts(len(words), sum(lengths) / len(lengths), train, test, score)


def _sizes(corpus: Corpus, split: str) -> tuple[int, ...]:
    if len(corpus.classes) >= 4:
        return (len(corpus.splits[split]),)
    counts = Counter(instance.target for instance in corpus.splits[split])
    return tuple(counts[k] for k in range(len(corpus.classes)))


def _score(store: Path, corpus: str, metric: str) -> float | None:
    """The score of the newest finished run of the paper's main model on the corpus."""
    found = []
    for path in store.glob(f"*/{stored.MANIFEST}"):
        try:
            manifest = stored.read_manifest(path.parent)
        except AuditError:
            continue  # another version's, or damaged: it gives no score
        asked = manifest["spec"]
        if "imported" in manifest["model"]:
            continue  # scores without their model
        main = (asked["model"].get("encoder"), asked["model"].get("attention")) == ("bilstm", "additive")
        whole = asked["limit"] is None and asked["train"]["epochs"] is None
        whole = whole and asked["task"].get("preparation", "paper-1") == "paper-1"
        current = manifest.get("numbers_version") == NUMBERS_VERSION
        if asked["task"]["name"] == corpus and main and whole and current:
            found.append((manifest["created"], path.parent))
    if not found:
        return None
    scores = Result.open(max(found)[1]).tables["scores"].to_pylist()
    return next((row["value"] for row in scores if row["metric"] == metric), None)
