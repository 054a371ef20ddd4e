"""A transformer fine-tuned by one command: it learns, goes on where it was stopped, and can be audited."""

from __future__ import annotations

import csv
import json
import random
from pathlib import Path
from typing import Any

import pytest
import torch

from attnaudit import finetune as module
from attnaudit.cli import main
from attnaudit.errors import DataError, ModelError, StoreError, UnsupportedModelError
from attnaudit.finetune import finetune, save
from attnaudit.instance import Instance
from attnaudit.models.pretrained import pretrained, untrained
from attnaudit.train import Schedule
from tests import tiny_transformers as tiny

SCHEDULE = Schedule(epochs=3, batch=8, learning_rate=3e-3, weight_decay=0.01)


def corpus(n: int, seed: int) -> list[Instance]:
    """Texts whose class is told by one word among others."""
    draw = random.Random(seed)
    found = []
    for number in range(n):
        target = number % 2
        words = draw.choices(tiny.WORDS[10:], k=draw.randint(2, 9))
        words.insert(draw.randint(0, len(words)), tiny.WORDS[target])
        found.append(Instance(f"a/{number}", {"text": " ".join(words)}, target))
    return found


TRAIN, DEV = corpus(96, 0), corpus(40, 1)


def fresh(**how: Any) -> Any:
    return tiny.bert(**how)


def learned(model: Any, **how: Any) -> Any:
    return finetune(model, tiny.tokenizer(), TRAIN, DEV, SCHEDULE, seed=3, **how)


def test_it_learns_what_decides() -> None:
    model = fresh(initializer=0.05)
    epochs, best = finetune(model, tiny.tokenizer(), TRAIN, DEV, Schedule(12, 8, 3e-3, 0.01), seed=3)
    assert epochs[best - 1].dev_scores["accuracy"] > 0.9
    assert not model.training
    accuracies = [epoch.dev_scores["accuracy"] for epoch in epochs]
    assert best == accuracies.index(max(accuracies)) + 1 or accuracies.count(max(accuracies)) > 1


def test_the_same_seed_gives_the_same_bits_also_where_it_was_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = fresh()
    epochs, best = learned(whole)
    file = tmp_path / "last.safetensors"
    kept = module.keep

    def stop_after_two(path: Path, model: Any, optimiser: Any, state: Any) -> None:
        kept(path, model, optimiser, state)
        if len(state.epochs) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(module, "keep", stop_after_two)
    with pytest.raises(KeyboardInterrupt):
        learned(fresh(), checkpoint=file)
    monkeypatch.undo()
    resumed = fresh(seed=9)  # overwritten by what was kept
    assert learned(resumed, checkpoint=file) == (epochs, best)
    for name, value in whole.state_dict().items():
        assert torch.equal(value, resumed.state_dict()[name]), name


def test_the_rate_goes_up_and_then_down() -> None:
    heights = [module._height(step, 40) for step in range(1, 41)]
    assert heights[:4] == [0.25, 0.5, 0.75, 1.0]
    assert heights[3:] == sorted(heights[3:], reverse=True)
    assert 0 < heights[-1] < 0.05


def test_biases_and_norms_are_not_decayed() -> None:
    decayed, kept = module._groups(fresh(), 0.1)
    assert len(decayed["params"]) + len(kept["params"]) == len(list(fresh().parameters()))
    assert all(value.ndim == 1 for value in kept["params"])
    assert all(value.ndim == 2 for value in decayed["params"])


def test_a_loss_that_is_not_finite_is_said() -> None:
    with pytest.raises(ModelError, match=r"training diverged in epoch 1.*--learning-rate"):
        finetune(fresh(), tiny.tokenizer(), TRAIN, DEV, Schedule(1, 8, float("inf"), 0.0))


def test_an_instance_without_a_class_is_refused() -> None:
    with pytest.raises(DataError, match="has no target"):
        finetune(fresh(), tiny.tokenizer(), [Instance("a/x", {"text": "ka"}, None)], DEV, SCHEDULE)


def test_one_command_trains_what_the_next_one_audits(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    tiny.bert().bert.save_pretrained(tmp_path / "base")
    tiny.tokenizer().save_pretrained(tmp_path / "base")
    with (tmp_path / "data.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["text", "label"])
        rows.writerows([one.fields["text"], ("down", "up")[one.target]] for one in TRAIN)
    monkeypatch.chdir(tmp_path)

    def told(*arguments: str) -> Any:
        monkeypatch.setattr("sys.argv", ["attnaudit", *arguments, "--json"])
        with pytest.raises(SystemExit) as ended:
            main()
        assert ended.value.code == 0
        return json.loads(capsys.readouterr().out)

    trained = told("train", "--model", "base", "--data", "data.csv", "--output", "tuned", "--epochs", "1")
    assert (trained["kept"], trained["path"], len(trained["epochs"])) == (1, "tuned", 1)
    assert not (tmp_path / "tuned.last-epoch.safetensors").exists()
    assert pretrained("tuned").classes == ("down", "up")
    run = told(
        "run",
        "--model",
        "tuned",
        "--data",
        "data.csv",
        "--limit",
        "6",
        "--no-controls",
        "--measure",
        "attention",
    )
    assert run["run_id"]
    monkeypatch.setattr(
        "sys.argv", ["attnaudit", "train", "--model", "base", "--data", "data.csv", "--output", "tuned"]
    )
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert "tuned: is there already" in capsys.readouterr().err


def test_a_folder_that_is_there_is_not_overwritten(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="is there already"):
        save(fresh(), tiny.tokenizer(), tmp_path)


def test_what_is_not_pre_trained_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    body = tiny.bert().bert
    body.save_pretrained(tmp_path / "half")
    tiny.tokenizer().save_pretrained(tmp_path / "half")
    config = json.loads((tmp_path / "half" / "config.json").read_text())
    (tmp_path / "half" / "config.json").write_text(json.dumps(config | {"num_hidden_layers": 3}))
    with pytest.raises(UnsupportedModelError, match="so it is not pre-trained"):
        untrained(str(tmp_path / "half"), ("a", "b"), 0)
