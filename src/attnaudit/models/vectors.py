"""The word vectors that a model starts from: of a local file in GloVe or fastText text format, or of MiniLM.

A source is a path, plain text or gzip, or the name `minilm`; a file of that very name is given as `./minilm`.
"""

from __future__ import annotations

import gzip
import hashlib
import zlib
from collections.abc import Mapping
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from attnaudit import text
from attnaudit.core import Progress, silent
from attnaudit.errors import DataError, SpecError
from attnaudit.models import minilm

MINILM = "minilm"


def initial_vectors(
    source: str, vocabulary: text.Vocabulary, dim: int, *, progress: Progress = silent
) -> tuple[Float[Tensor, "word dim"], int]:
    """The vectors of a vocabulary's words, 0 where the source has none, and how many words it has.

    Raises:
        SpecError: the source is `minilm` and that extra is not installed.
        DataError: the source cannot be read, or has none of the words.
    """
    if source == MINILM:
        return minilm.minilm_vectors(vocabulary, dim, progress=progress)
    return read_vectors(source, vocabulary, dim)


def source_digest(source: str) -> str:
    """What stands for a source where runs are told apart: of a file its content, of `minilm` its version.

    Raises:
        SpecError: the file cannot be read, or the extra `minilm` is not installed.
    """
    if source == MINILM:
        return minilm.source_version()
    try:
        with Path(source).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise SpecError(f"{source} cannot be read: {error.strerror}") from None


def read_vectors(
    path: str | Path, vocabulary: text.Vocabulary, dim: int
) -> tuple[Float[Tensor, "word dim"], int]:
    """The vectors of a vocabulary's words, 0 where the file has none, and how many were found.

    A line holds a word and `dim` numbers, divided by spaces; a first line of two numbers (fastText) is skipped.
    Words are looked up as the vocabulary has them, that is lower-cased. Only wanted words are kept in memory.

    Raises:
        DataError: no such file, not readable, a line of another length (its number is given), or no word found.
    """
    wanted: Mapping[str, int] = vocabulary.index()
    vectors = torch.zeros(len(vocabulary), dim)
    found = set()
    path = Path(path)
    try:
        with (
            gzip.open(path, "rt", encoding="utf-8")
            if path.suffix == ".gz"
            else path.open(encoding="utf-8") as lines
        ):
            for number, line in enumerate(lines, start=1):
                word, *values = line.rstrip().split(" ")
                if number == 1 and len(values) == 1:
                    continue
                if len(values) != dim:
                    raise DataError(
                        f"{path}, line {number}: a word must be followed by {dim} numbers (`model.embedding`), "
                        f"found {len(values)}"
                    )
                if word in wanted and word not in found:
                    vector = torch.tensor([float(value) for value in values])
                    if not torch.isfinite(vector).all():
                        raise DataError(f"{path}, line {number}: the numbers must be finite")
                    vectors[wanted[word]] = vector
                    found.add(word)
    except FileNotFoundError:
        raise DataError(f"{path}: there is no such file of word vectors (`model.vectors`)") from None
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        raise DataError(f"{path}: cannot be read as word vectors: {error}") from None
    except ValueError as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"{path}, line {number}: must hold a word and numbers: {error}") from None
    if not found:
        raise DataError(f"{path}: holds a vector for none of the {len(vocabulary)} words of the vocabulary")
    return vectors, len(found)
