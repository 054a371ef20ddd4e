"""What was asked, in words, and what is on record about how it was answered: the manifest for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from attnaudit.spec.places import has_places, last_part, without_folders
from attnaudit.wording import counted, worded

Facts = list[tuple[str, str]]

_ENCODERS = {
    "bilstm": "bidirectional LSTM",
    "cnn": "convolutional network",
    "average": "average of word vectors",
}
MOST_CLASSES = 12
"""So many classes are named."""


def asked(manifest: Mapping[str, Any], beside: str = "") -> Facts:
    """Corpus, model, training, measures, counterfactuals, seed: a term and its description each.

    `beside` says what was trained beside the model.
    """
    if is_imported(manifest):
        return _imported(manifest)
    spec, data = without_folders(manifest["spec"]), manifest["data"]
    facts: Facts = [
        ("Corpus", _corpus(data, spec)),
        ("Classes", _classes(manifest["classes"])),
        *_read(manifest.get("model", {})),
        ("Model", _model(manifest.get("model", {}))),
    ]
    if not manifest.get("model", {}).get("from") and not _is_transformer(manifest.get("model", {})):
        facts.append(("Training", _training(spec.get("train", {}))))
    facts += [
        ("Measures of importance", ", ".join(worded(entry["name"]) for entry in spec["measures"]) or "none"),
        (
            "Other attentions tried",
            "; ".join(_counterfactual(entry) for entry in spec["counterfactuals"]) or "none",
        ),
        *_erasures(spec),
        (
            "Seed",
            f"{spec['seed']}{'' if beside else ' (one training run, so nothing is said about other seeds)'}",
        ),
        *[("Trained beside it", beside)] * bool(beside),
    ]
    if not spec.get("keep_text", True):
        facts.append(("Texts", "withheld: only numbers of tokens are shown"))
    return facts


def record(manifest: Mapping[str, Any]) -> Facts:
    """Run id, versions, device, times and digests."""
    environment = manifest.get("environment", {})
    packages = ", ".join(f"{name} {version}" for name, version in environment.get("packages", {}).items())
    seconds = manifest.get("seconds", {})
    facts: Facts = [
        ("Run", str(manifest["run_id"])),
        ("Made", str(manifest.get("created", "unknown"))),
        ("attnaudit", str(manifest.get("attnaudit", "unknown"))),
        ("Numbers version", str(manifest.get("numbers_version", "unknown"))),
        ("Python", str(environment.get("python", "unknown"))),
        ("Packages", packages or "unknown"),
        ("Platform", str(environment.get("platform", "unknown"))),
        *([] if is_imported(manifest) else _computing(environment)),
        ("Most memory held", _megabytes(environment.get("peak_memory_bytes"))),
        ("Source revision", str(environment.get("git") or "not known")),
        ("Digest of the data", str(manifest["data"].get("digest", "unknown"))),
    ]
    facts += [
        (f"Digest of {name}", entry["sha256"]) for name, entry in sorted(manifest.get("files", {}).items())
    ]
    if seconds:
        facts.append(("Seconds", ", ".join(f"{stage} {spent:.1f}" for stage, spent in seconds.items())))
        if speed := manifest.get("tokens_per_second", {}).get("training"):
            facts.append(("Speed of training", f"{speed:,.0f} tokens a second"))
        facts.append(("Seconds in all", f"{sum(seconds.values()):.1f}"))
    return facts


def is_imported(manifest: Mapping[str, Any]) -> bool:
    """Whether the scores were computed elsewhere, so that there is no model."""
    return "imported" in manifest.get("model", {})


def _imported(manifest: Mapping[str, Any]) -> Facts:
    """The file, in place of what was asked."""
    data = manifest["data"]
    facts: Facts = [
        ("File", f"{data['corpus']}; {counted(data['audited'])}"),
        ("Classes", _classes(manifest["classes"]) or "not known"),
        ("Model", "not here: its scores were computed elsewhere and imported"),
        (
            "Measures of importance",
            ", ".join(worded(entry["name"]) for entry in manifest["spec"]["measures"]),
        ),
    ]
    if not manifest["spec"]["import"]["keep_text"]:
        facts.append(("Texts", "withheld: only numbers of tokens are shown"))
    return facts


def _computing(environment: Mapping[str, Any]) -> Facts:
    return [
        (
            "Device",
            f"{environment.get('device', 'unknown')}, {environment.get('precision', 'unknown precision')}",
        ),
        ("Threads", str(environment.get("threads", "unknown"))),
        ("Memory limit", _megabytes(environment.get("memory_bytes"))),
    ]


def _megabytes(size: int | None) -> str:
    return "unknown" if size is None else f"{size / 2**20:,.0f} MB"


def spec_text(manifest: Mapping[str, Any]) -> str:
    """The spec as YAML, as `attnaudit run` reads it; of a path only the last part, since pages travel."""
    given = _given(without_folders(manifest["spec"]))
    return yaml.safe_dump(given, sort_keys=False, allow_unicode=True).strip()


def has_paths(manifest: Mapping[str, Any]) -> bool:
    """Whether the spec names files or folders."""
    return has_places(manifest["spec"])


def _given(value: Any) -> Any:
    """Without what was not given."""
    if isinstance(value, Mapping):
        return {key: _given(entry) for key, entry in value.items() if entry is not None}
    return [_given(entry) for entry in value] if isinstance(value, list | tuple) else value


def _corpus(data: Mapping[str, Any], spec: Mapping[str, Any]) -> str:
    text = f"{data['corpus']}; audited: {counted(data['audited'])} of its split {data['audited_split']}"
    if spec.get("limit"):
        text += f" (a sample, at most {spec['limit']:,})"
    splits = data.get("facts", {}).get("splits", {})
    sizes = [f"{name} {facts['n']:,}" for name, facts in splits.items()]
    return f"{text}; all splits: {', '.join(sizes)}" if sizes else text


def _classes(names: Sequence[str]) -> str:
    """The names of the classes; of many only the first, since answers of a question may be hundreds."""
    if len(names) <= MOST_CLASSES:
        return ", ".join(names)
    return f"{len(names):,} in all: {' · '.join(names[:MOST_CLASSES])} · …"


def _read(model: Mapping[str, Any]) -> Facts:
    """What is attended to and what is read beside it, where there are two fields."""
    if not model.get("query"):
        return []
    text = f"{model.get('attended', 'text')} (attended to), with {model['query']} beside it"
    if model.get("cloze"):
        text += "; only a class that stands in the text can be the answer"
    return [("Fields", text)]


def _is_transformer(model: Mapping[str, Any]) -> bool:
    return bool(model.get("name") == "transformer")


_ROWS = {"first": "row of the first token", "last": "row of the last token", "all": "mean of all rows"}


def _transformer(model: Mapping[str, Any]) -> str:
    sites = model["self_test"]["sites"]
    last = list(sites.values())[-1]
    too_long = "" if model["too_long"] == "refuse" else ", texts cut to what it reads"
    return (
        f"{model['class']} ({model['type']}), taken as it was given: {len(sites)} sites of attention, "
        f"{last['heads']} heads in the last, {model['parameters']:,} parameters{too_long}. Shown as its attention: "
        f"the last site’s {_ROWS[model['row']]}, from which it reads its prediction, mean of the heads; a word has "
        "the sum of its pieces. Self-test passed: captured and untouched logits differ by "
        f"{model['self_test']['difference']:.1g}, and an edit of one text moves no other"
    )


def _model(model: Mapping[str, Any]) -> str:
    if _is_transformer(model):
        return _transformer(model)
    encoder = str(model.get("encoder", "unknown"))
    parts = [f"{_ENCODERS.get(encoder, encoder)} with {model.get('attention', 'unknown')} attention"]
    if "hidden" in model:
        parts.append(f"{model['hidden']} hidden units")
    if "embedding" in model:
        parts.append(f"word vectors of {model['embedding']} dimensions")
    if vectors := model.get("vectors"):
        parts.append(
            f"{vectors['found']:,} of {vectors['words']:,} of them from a file, the others 0 at first"
        )
    if "vocabulary" in model:
        parts.append(f"a vocabulary of {model['vocabulary']:,}")
    if "parameters" in model:
        parts.append(f"{model['parameters']:,} parameters")
    if "tokeniser" in model:
        parts.append(f"tokeniser {model['tokeniser']}")
    if model.get("from"):
        parts.append(f"taken from the earlier run {last_part(str(model['from']))}")
    return ", ".join(parts)


def _training(train: Mapping[str, Any]) -> str:
    goal = train.get("goal")
    said = _parameters({key: value for key, value in train.items() if key != "goal"}) or "as by default"
    if not goal:
        return said
    name = {"imitate": "to imitate with other attention", "hide": "to hide words from attention"}[
        goal["name"]
    ]
    return f"{said}; {name} ({_parameters({k: v for k, v in goal.items() if k != 'name' and v != []})})"


def _counterfactual(entry: Mapping[str, Any]) -> str:
    name = {
        "permuted": "permuted at random",
        "uniform": "uniform",
        "adversarial": "adversarial, exact or between certified bounds",
        "adversarial_exact": "adversarial, exact",
        "adversarial_bracket": "adversarial, between certified bounds",
        "adversarial_search": "adversarial, by the paper’s search",
        "adversarial_paper": "adversarial, by the search as published (epsilon 0.05)",
        "same_weights": "the same weights on other words, between certified bounds",
        "adversarial_rows": "adversarial, by a search over the rows the prediction is read from",
    }.get(entry["name"], worded(entry["name"]))
    parameters = _parameters({key: value for key, value in entry.items() if key != "name"})
    return f"{name} ({parameters})" if parameters else name


def _erasures(spec: Mapping[str, Any]) -> Facts:
    """How words were taken away; nothing where that was not asked."""
    names = {"by_rank": "lose their attention", "re_encoded": "deleted or masked and the text encoded anew"}
    asked = []
    for entry in spec.get("erasures", ()):
        name = names.get(entry["name"], worded(entry["name"]))
        parameters = _parameters(
            {key: value for key, value in entry.items() if key not in ("name", "sample")}
        )
        texts = f"; {counted(entry['sample'])}, drawn, or all if fewer" if entry.get("sample") else ""
        asked.append(f"{name} ({parameters}{texts})" if parameters else name)
    return [("Words taken away", "; ".join(asked))] if asked else []


def _parameters(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{worded(key)} {value}" for key, value in values.items() if value is not None)
