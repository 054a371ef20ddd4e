"""Small stand-ins for what corpora are read from: the folder of ATTNAUDIT_DATA, and the `datasets` library."""

import gzip
import json
import sys
from collections import Counter
from types import ModuleType, SimpleNamespace

import pytest

from attnaudit.tasks import published


def write(root, folder, **parts):
    """`root/folder/PART.jsonl.gz` with the rows of each part."""
    (root / folder).mkdir(exist_ok=True)
    for part, rows in parts.items():
        with gzip.open(root / folder / f"{part}.jsonl.gz", "wt", encoding="utf-8") as file:
            file.writelines(json.dumps(row) + "\n" for row in rows)


def texts(prefix, *lengths):
    """Rows of texts with so many words, labels 0 and 1 in turn."""
    return [
        {
            "id": f"{prefix}{i}",
            "text": " ".join(f"w{i}x{'abcdefghij'[k % 10]}" for k in range(n)),
            "label": i % 2,
        }
        for i, n in enumerate(lengths)
    ]


class Table:
    """What we ask of a `datasets.Dataset`: column names, features, and columns by name."""

    def __init__(self, **columns):
        self.columns = columns
        self.column_names = list(columns)
        self.features = {column: SimpleNamespace() for column in columns}

    def __getitem__(self, column):
        return self.columns[column]


def serve(monkeypatch, answer):
    """Put a module in the place of `datasets` that gives `answer`; the list of what it was asked for."""
    calls = []
    module = ModuleType("datasets")
    module.load_dataset = lambda *arguments: calls.append(arguments) or answer
    module.disable_progress_bars = lambda: None
    monkeypatch.setitem(sys.modules, "datasets", module)
    return calls


def real(corpus):
    """Marks of a test that needs the real corpus."""
    reason = published.unready(corpus)
    return [pytest.mark.data, pytest.mark.skipif(bool(reason), reason=reason or "-")]


def sizes(corpus):
    """How many instances each split has."""
    return {split: len(instances) for split, instances in corpus.splits.items()}


def by_class(corpus, split):
    """How many instances of a split each class has."""
    found = Counter(corpus.classes[i.target] for i in corpus.splits[split])
    return dict(sorted(found.items()))


def evidence(instance):
    """The marked characters, a list an annotator."""
    return [
        [instance.fields[span.field][span.start : span.end] for span in annotator]
        for annotator in instance.rationales
    ]


def well_formed(corpus):
    """Ids are unique, targets are classes, and the fields that a model reads are there."""
    ids = [i.id for split in corpus.splits.values() for i in split]
    assert len(set(ids)) == len(ids)
    for split in corpus.splits.values():
        for instance in split:
            assert 0 <= instance.target < len(corpus.classes)
            assert instance.fields[corpus.attended]
            assert corpus.query is None or instance.fields[corpus.query]
    return True
