"""What was run, for the page and the Markdown: a row a model, and the facts of command, machine and versions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from attnaudit.reproduce.cell import OK
from attnaudit.reproduce.study import Study
from attnaudit.reproduce.words import NONE, duration, file_name, model_name


def models(study: Study) -> list[dict[str, str]]:
    """A row a model: what was run, for how long, and what was not and why."""
    made = []
    for model in study.models:
        cells = [cell for cell in study.cells if cell.model == model]
        readings = study.of(model)
        corpus, encoder, attention, vectors = model
        seconds = [cell.wall_seconds for cell in cells if cell.wall_seconds is not None]
        recipes = [r.manifest.get("recipe") or {} for r in readings]
        epochs = {recipe["epochs"] for recipe in recipes if "epochs" in recipe}
        missing = dict.fromkeys(
            f"{cell.status.replace('_', ' ')}{f': {cell.reason}' if cell.reason else ''}"
            for cell in cells
            if cell.status != OK or cell.result is None
        )
        made.append(
            {
                "corpus": corpus,
                "model": model_name(encoder, attention),
                "vectors": file_name(vectors),
                "seeds": ", ".join(dict.fromkeys(str(r.cell.seed) for r in readings)) or NONE,
                "texts": f"{len(readings[0].ids):,}" if readings else NONE,
                "epochs": ", ".join(map(str, sorted(epochs))) or NONE,
                "wall": duration(sum(seconds)) if seconds else NONE,
                "missing": "; ".join(missing),
            }
        )
    return made


def facts(study: Study, command: str) -> list[tuple[str, str]]:
    """Command, machine, versions and times, each with its term; the command as it was given."""
    manifests = [reading.manifest for reading in study.readings]
    environments = [manifest.get("environment", {}) for manifest in manifests]
    seconds = [cell.wall_seconds for cell in study.cells if cell.wall_seconds is not None]
    packages = _differing(
        ", ".join(f"{name} {version}" for name, version in e.get("packages", {}).items())
        for e in environments
    )
    made = [
        ("Command", command or "not recorded"),
        ("Planned", f"{len(study.cells):,} training runs of {len(study.models):,} models"),
        ("Run", f"{len(study.readings):,}"),
        ("Time in all", duration(sum(seconds)) if seconds else "not recorded"),
        ("Machine", _differing(str(e.get("platform", "")) for e in environments)),
        ("Device", _differing(_device(e) for e in environments)),
        ("Threads", _differing(str(e.get("threads", "")) for e in environments)),
        ("attnaudit", _differing(str(m.get("attnaudit", "")) for m in manifests)),
        ("Numbers version", _differing(str(m.get("numbers_version", "")) for m in manifests)),
        ("Python", _differing(str(e.get("python", "")) for e in environments)),
        ("Packages", packages),
        ("Source revision", _differing(str(e.get("git") or "") for e in environments)),
    ]
    return [(term, text or "not recorded") for term, text in made]


def _device(environment: Mapping[str, Any]) -> str:
    return ", ".join(str(environment[name]) for name in ("device", "precision") if environment.get(name))


def _differing(values: Iterable[str]) -> str:
    """The values that occur, each once."""
    return "; ".join(dict.fromkeys(value for value in values if value))
