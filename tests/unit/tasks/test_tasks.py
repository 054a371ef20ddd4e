import inspect
import subprocess
import sys
from types import ModuleType

import pytest

from attnaudit import spec, tasks
from attnaudit.errors import DataError, SpecError
from attnaudit.instance import Instance
from attnaudit.tasks.corpus import Corpus

TOY = Corpus("toy", ("no", "yes"), {"all": (Instance("toy/1", {"text": "a"}, 0),)})


@pytest.fixture
def outside(monkeypatch):
    """A module from outside the package."""
    module = ModuleType("my_tasks")
    module.toy = lambda task_spec, seed: TOY
    module.knowing = lambda task_spec, seed, classes=None: Corpus("toy", classes or ("no", "yes"), TOY.splits)
    module.wrong = lambda task_spec, seed: [1, 2]
    module.number = 3
    monkeypatch.setitem(sys.modules, "my_tasks", module)


def test_every_name_that_a_spec_may_use_has_a_task_and_no_other():
    assert tuple(tasks.TASKS) == spec.KNOWN["task"]


@pytest.mark.parametrize("name", tasks.TASKS)
def test_a_task_takes_a_spec_and_a_seed(name):
    assert list(inspect.signature(tasks.TASKS[name]).parameters)[:2] == ["spec", "seed"]


def test_read_passes_spec_and_seed_on():
    asked = spec.Planted(train=20, dev=10, test=10)
    assert tasks.read(asked, seed=4) == tasks.TASKS["planted"](asked, 4)


def test_a_task_from_outside(outside):
    assert tasks.read(spec.Outside(name="my_tasks:toy"), seed=0) is TOY


def test_classes_go_to_those_who_take_them(outside):
    assert tasks.read(spec.Outside(name="my_tasks:knowing"), seed=0, classes=["b", "a"]).classes == ("b", "a")
    assert tasks.read(spec.Outside(name="my_tasks:toy"), seed=0, classes=["no", "yes"]) is TOY
    with pytest.raises(DataError, match="has the classes `no`, `yes`, but the model knows `b`, `a`"):
        tasks.read(spec.Outside(name="my_tasks:toy"), seed=0, classes=["b", "a"])


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("my_tasks:missing", "`my_tasks:missing` cannot be found"),
        ("no_such_module_anywhere:toy", "cannot be found"),
        ("my tasks:toy", "cannot be found"),
        ("my_tasks:number", "must be a function, found a value of type `int`"),
        ("plantd", "did you mean `planted`"),
    ],
)
def test_a_name_that_stands_for_no_task(outside, name, said):
    with pytest.raises(SpecError, match=said):
        tasks.read(spec.Outside(name=name), seed=0)


def test_a_task_that_gives_something_else(outside):
    with pytest.raises(DataError, match="must give a `Corpus`, found a `list`"):
        tasks.read(spec.Outside(name="my_tasks:wrong"), seed=0)


def test_available(monkeypatch):
    monkeypatch.delenv("ATTNAUDIT_DATA", raising=False)
    found = {entry.name: entry for entry in tasks.available()}
    assert list(found) == list(tasks.TASKS)
    assert found["planted"].ready
    assert found["file"].ready
    assert not found["sst"].ready
    assert "set `ATTNAUDIT_DATA`" in found["imdb"].reason
    for entry in found.values():
        assert entry.summary.endswith(".")
        assert "\n" not in entry.summary
        assert entry.ready == (not entry.reason)


def test_the_modules_are_not_hidden_by_their_functions():
    import attnaudit.tasks.hub
    import attnaudit.tasks.planted

    assert isinstance(attnaudit.tasks.planted, ModuleType)
    assert isinstance(attnaudit.tasks.hub, ModuleType)


def test_torch_stays_out():
    program = "import sys, attnaudit.tasks; sys.exit('torch' in sys.modules or 'datasets' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
