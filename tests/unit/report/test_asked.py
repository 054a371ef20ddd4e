import yaml

from attnaudit.report.asked import asked, has_paths, record, spec_text
from attnaudit.spec import Spec
from tests.unit.report.small_run import FORMS, small_run


def test_what_was_asked_is_said_in_words(tmp_path):
    facts = dict(asked(small_run(tmp_path).manifest))
    assert facts["Corpus"] == "small; audited: 24 texts of its split test; all splits: test 24"
    assert facts["Model"].startswith("convolutional network with dot attention")
    assert "leave-one-out" in facts["Measures of importance"]
    assert "adversarial, exact" in facts["Other attentions tried"]


def test_the_spec_can_be_read_back_and_holds_no_folder(tmp_path):
    manifest = small_run(tmp_path).manifest
    text = spec_text(manifest)
    assert "some/folder" not in text
    assert has_paths(manifest)
    spec = Spec.parse(yaml.safe_load(text))
    assert spec.task.path == "corpus.csv"
    assert [entry.name for entry in spec.measures] == ["attention", "gradient_detached", "leave_one_out"]


def test_no_folder_of_guide_goal_or_notes_travels(tmp_path):
    manifest = dict(small_run(tmp_path).manifest)
    manifest["spec"] = {
        **manifest["spec"],
        "task": {"name": "diabetes", "notes": "/home/me/NOTEEVENTS.csv"},
        "model": {"name": "attentive", "guide": "/home/me/runs/sst-1"},
        "train": {"goal": {"name": "imitate", "run": "/home/me/runs/sst-2", "weight": 0.1}},
    }
    facts = dict(asked(manifest))
    assert "/home/me" not in spec_text(manifest) + str(facts)
    assert facts["Training"] == "as by default; to imitate with other attention (run sst-2, weight 0.1)"
    assert has_paths({"spec": {"train": {"goal": {"run": "runs/x"}}}})
    assert not has_paths({"spec": {"train": {"goal": None}, "model": {"name": "attentive"}}})


def test_windows_paths_are_cut_too():
    manifest = {"spec": {"task": {"name": "file", "path": "C:\\Users\\me\\corpus.csv"}, "seed": 0}}
    assert yaml.safe_load(spec_text(manifest))["task"]["path"] == "corpus.csv"


def test_an_earlier_model_is_not_said_to_be_trained(tmp_path):
    manifest = dict(small_run(tmp_path).manifest)
    manifest["model"] = {**manifest["model"], "from": "/somewhere/runs/sst-1"}
    facts = dict(asked(manifest))
    assert "Training" not in facts
    assert facts["Model"].endswith("taken from the earlier run sst-1")


def test_the_record_names_run_versions_and_times(tmp_path):
    facts = dict(record(small_run(tmp_path).manifest))
    assert facts["Run"] == "small"
    assert facts["Packages"] == "numpy 2"
    assert facts["Seconds in all"] == "1.5"


def test_many_classes_are_counted_and_fields_are_named(tmp_path):
    facts = dict(asked(small_run(tmp_path, **FORMS["many_answers"]).manifest))
    assert facts["Classes"].startswith("46 in all: kitchen · garden · ")
    assert facts["Classes"].endswith(" · …")
    assert facts["Fields"] == "passage (attended to), with question beside it"
    assert "between certified bounds" in facts["Other attentions tried"]
    assert "by the search as published (epsilon 0.05)" in facts["Other attentions tried"]
    plain = dict(asked(small_run(tmp_path / "plain").manifest))
    assert plain["Classes"] == "negative, positive"
    assert "Fields" not in plain


def test_how_words_were_taken_away_is_said_with_the_size_of_the_sample(tmp_path):
    manifest = dict(small_run(tmp_path).manifest)
    entries = [{"name": "by_rank", "draws": 10}, {"name": "re_encoded", "draws": 5, "sample": 300}]
    facts = dict(asked({**manifest, "spec": {**manifest["spec"], "erasures": entries}}))
    assert facts["Words taken away"] == (
        "lose their attention (draws 10); "
        "deleted or masked and the text encoded anew (draws 5; 300 texts, drawn, or all if fewer)"
    )
    facts = dict(asked({**manifest, "spec": {**manifest["spec"], "erasures": []}}))
    assert "Words taken away" not in facts
