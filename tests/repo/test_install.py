"""An installation takes the tested versions, and no GPU libraries where nobody asked for them."""

import importlib.metadata
import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).resolve().parents[2]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def read_constraints() -> dict[str, Requirement]:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = [Requirement(line) for line in lines if line.strip() and not line.startswith("#")]
    return {canonicalize_name(pin.name): pin for pin in pins}


def pinned_version(pin: Requirement) -> Version:
    (specifier,) = pin.specifier
    assert specifier.operator == "==", f"`{pin}` is no pin"
    return Version(specifier.version)


def requirements() -> list[str]:
    project = PYPROJECT["project"]
    return [
        *project["dependencies"],
        *(line for extra in project["optional-dependencies"].values() for line in extra),
    ]


def install_lines(path: str) -> list[str]:
    text = (ROOT / path).read_text(encoding="utf-8").replace("\\\n", " ")
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    commands = [command for line in lines for command in re.split(r"\|\||&&|;", line)]
    return [command.strip() for command in commands if re.search(r"\bpip\b.*\binstall\b", command)]


def test_a_cpu_build_of_torch_comes_without_gpu_libraries():
    import torch

    if torch.version.cuda is not None or torch.version.hip is not None:
        pytest.skip(f"torch {torch.__version__} is a GPU build and brings its libraries")
    names = {canonicalize_name(found.metadata["Name"]) for found in importlib.metadata.distributions()}
    assert sorted(name for name in names if name.startswith("nvidia-") or name == "triton") == []


@pytest.mark.parametrize("path", ["Makefile", ".ci/run"])
def test_every_install_line_goes_through_the_constraints(path):
    commands = install_lines(path)
    assert commands, f"found no install line in {path}: does the search still fit?"
    loose = [command for command in commands if not re.search(r"\s-c\s+\S*constraints\.txt\b", command)]
    assert loose == []


@pytest.mark.parametrize("line", requirements())
def test_every_requirement_is_pinned_within_its_range(line):
    required = Requirement(line)
    pin = read_constraints().get(canonicalize_name(required.name))
    assert pin is not None, f"`{required.name}` is missing in constraints.txt"
    assert required.specifier.contains(pinned_version(pin), prereleases=True)


def test_every_constraint_can_be_found_by_everybody():
    """No local part (`+cpu` lies on one index only), no address, no option."""
    for name, pin in read_constraints().items():
        assert pinned_version(pin).local is None, f"`{pin}` names a local build"
        assert pin.url is None, f"`{name}` is tied to an address"


def test_the_project_names_no_index_and_no_wheel_folder():
    assert not (ROOT / "uv.toml").exists()
    assert not (ROOT / "uv.lock").exists()
    settings = PYPROJECT.get("tool", {}).get("uv", {})
    assert (
        settings.keys() & {"find-links", "index", "index-url", "extra-index-url", "sources", "pip"} == set()
    )
    assert all(Requirement(line).url is None for line in requirements())
