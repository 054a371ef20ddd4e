"""A spec: read, merged, checked all at once, hashed."""

import pytest

from attnaudit.errors import SpecError
from attnaudit.spec import KNOWN, PARTS, Spec, merged, read_values, run_id
from attnaudit.tasks.corpus import Recipe


def faults(values: dict) -> tuple[str, ...]:
    with pytest.raises(SpecError) as caught:
        Spec.parse(values)
    return caught.value.faults


def test_defaults_are_the_papers() -> None:
    spec = Spec()
    own = Recipe()  # the sizes are the corpus's own, and of a corpus that says nothing those of the paper
    assert (own.embedding, own.hidden, own.epochs, own.batch) == (300, 128, 8, 32)
    given = (spec.model.embedding, spec.model.hidden, spec.train.epochs, spec.train.batch)
    assert given == (None, None, None, None)
    assert [entry.name for entry in spec.measures] == ["attention", "gradient_detached", "leave_one_out"]
    assert Spec.parse(spec.plain()) == spec


def test_all_faults_are_named_at_once_with_place_and_nearest_name() -> None:
    found = faults(
        {
            "task": {"name": "imdb", "belo": 3},
            "model": {"encoder": "bilstn"},
            "train": {"epochs": 0},
            "measures": ["atention"],
            "counterfactuals": [{"name": "permuted", "draws": "many"}],
            "sede": 3,
        }
    )
    assert len(found) == 6
    text = "\n".join(found)
    for part in (
        "`task.belo`: unknown setting `belo`: did you mean `below`?",
        "did you mean `bilstm`?",
        "`train.epochs`: input should be greater than or equal to 1, found 0",
        "unknown measure `atention`: did you mean `attention` or",
        "`counterfactuals.0.draws`",
        "did you mean `seed`?",
    ):
        assert part in text


def test_a_name_alone_stands_for_its_defaults() -> None:
    assert Spec.parse({"task": "sst"}).task == Spec.parse({"task": {"name": "sst"}}).task
    assert Spec.parse({"task": {"noise": 0.1}}).task.name == "planted"


def test_twins_contradictions_and_missing_values() -> None:
    assert "only once" in faults({"measures": ["attention", "attention"]})[0]
    assert "must not exceed" in faults({"task": {"name": "planted", "shortest": 20, "longest": 10}})[0]
    assert "multiple of 4" in faults({"model": {"encoder": "cnn", "hidden": 5}})[0]
    same = {"name": "file", "path": "a.csv", "text_column": "x", "label_column": "x"}
    assert "must be two columns" in faults({"task": same})[0]
    assert faults({"seed": True}) != ()
    assert faults({"task": 5}) == ("spec: `task`: must be a name, or a table with a `name`, found 5",)
    assert faults({"measures": "attention"})[0].startswith("spec: `measures`: must be a list")
    assert faults({"task": "file"}) == ("spec: `task.path`: must be given",)


def test_names_from_outside_keep_their_parameters() -> None:
    spec = Spec.parse({"measures": [{"name": "my_module:Mine", "power": 2}]})
    assert spec.measures[0].power == 2
    assert Spec.parse(spec.plain()) == spec


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("s.toml", 'seed = 3\n[task]\nname = "planted"\nnoise = 0.1\n'),
        ("s.yaml", "seed: 3\ntask: {name: planted, noise: 0.1}\n"),
    ],
)
def test_toml_and_yaml_say_the_same(tmp_path, name: str, content: str) -> None:
    (tmp_path / name).write_text(content)
    assert Spec.read(tmp_path / name) == Spec.parse({"seed": 3, "task": {"name": "planted", "noise": 0.1}})


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("s.toml", b"seed = ", "cannot be read"),
        ("s.yaml", b"[1, 2]", "must be a table"),
        ("s.yaml", b"", "empty"),
        ("s.yaml", b"a: \xff", "cannot be read"),
        ("s.yaml", b"[" * 3000, "cannot be read"),
        ("s.json", b"{}", "must be a `.toml`"),
    ],
)
def test_files_that_are_no_spec(tmp_path, name: str, content: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(SpecError, match=message):
        read_values(tmp_path / name)
    with pytest.raises(SpecError, match="no such file"):
        read_values(tmp_path / "other.toml")


def test_flags_override_and_another_name_replaces() -> None:
    base = {"task": {"name": "planted", "noise": 0.2}, "train": {"epochs": 3, "batch": 8}}
    assert merged(base, {"train": {"epochs": 1}})["train"] == {"epochs": 1, "batch": 8}
    assert merged(base, {"task": {"noise": 0.1}})["task"] == {"name": "planted", "noise": 0.1}
    assert merged(base, {"task": {"name": "sst"}})["task"] == {"name": "sst"}
    assert merged({"task": "imdb"}, {"task": {"below": 5}})["task"] == {"name": "imdb", "below": 5}


def test_run_id_stands_for_numbers_and_not_for_places() -> None:
    here = Spec.parse({"task": {"name": "file", "path": "a.csv"}})
    there = Spec.parse({"task": {"name": "file", "path": "elsewhere/a.csv"}})
    assert run_id(here, "digest") == run_id(there, "digest")
    assert run_id(here, "digest") != run_id(here, "other")
    assert run_id(here, "digest") != run_id(here.model_copy(update={"seed": 1}), "digest")
    assert run_id(here, "digest", "model") != run_id(here, "digest")


def test_known_names_are_those_of_the_packages() -> None:
    from attnaudit.counterfactual import COUNTERFACTUALS
    from attnaudit.erasure import ERASURES
    from attnaudit.importance import MEASURES
    from attnaudit.models import ENCODERS, MODELS, SCORERS
    from attnaudit.tasks import TASKS
    from attnaudit.text import TOKENISERS

    meant = {
        "task": TASKS,
        "model": {*MODELS, "earlier"},
        "encoder": ENCODERS,
        "attention": SCORERS,
        "tokeniser": TOKENISERS,
        "measure": MEASURES,
        "counterfactual": COUNTERFACTUALS,
        "erasure": ERASURES,
        "goal": {member.model_fields["name"].default for member in PARTS["train"][1:]},
    }
    assert {kind: set(names) for kind, names in KNOWN.items()} == {
        kind: set(names) for kind, names in meant.items()
    }
