"""The thin face that notebooks call: parameters, other values of them, and results on disk."""

import warnings

import pandas as pd
import pytest

from handid.report import rows

TARGET, ONE_EPOCH = "11k dorsal right", {"epochs": 1}


@pytest.mark.parametrize(
    ("parameters", "sentence"),
    [
        ({"peopel": 6}, "Parameter 'peopel': Extra inputs are not permitted"),
        ({"backbones": ["mini-ViT", "ViT-L"]}, "Unknown backbone 'ViT-L'"),
        ({"device": "tpu9"}, "Device 'tpu9' is not there"),
    ],
)
def test_a_wrong_parameter_is_one_sentence(open_study, tmp_path, parameters, sentence):
    with pytest.raises(ValueError, match=sentence) as error:
        open_study(tmp_path, **parameters)
    assert "\n" not in str(error.value)


def test_the_same_study_with_another_value_keeps_the_rest(lab):
    other = lab.having(runs=3)
    assert other.settings.runs == 3 and lab.settings.runs == 2
    assert other.settings.model_copy(update={"runs": 2}) == lab.settings
    with pytest.raises(ValueError, match="Parameter 'rums'"):
        lab.having(rums=3)


def test_parameters_in_groups_are_taken_once_or_refused(lab):
    other = lab.having({"runs": 3}, {"people": 6}, bursts=1).settings
    assert (other.runs, other.people, other.bursts) == (3, 6, 1)
    for groups in ([{"bursts": 2}], [{"runs": 3}, {"runs": 4}]):
        with pytest.raises(ValueError, match="^Parameter '(bursts|runs)' is given twice: leave"):
            lab.having(*groups, bursts=1)
    for group in (None, ["people"], {1: 2}):
        with pytest.raises(ValueError, match="names no parameters: give a mapping"):
            lab.having(group)


def test_opening_a_study_reads_and_writes_nothing(open_study, tmp_path):
    study = open_study(tmp_path / "work")
    assert not (tmp_path / "work").exists()
    assert [str(target) for target in study.targets] == [TARGET] and study.sets == ["11k"]


def test_a_score_is_on_the_experiments_own_target_unless_another_is_named(lab, tuned, tuned_score):
    (own,) = lab.scores([tuned])
    pd.testing.assert_frame_equal(own.rows, tuned_score.rows)
    other = lab.score(tuned, "11k palmar left").rows.iloc[0]
    assert (other["train_set"], other["test_set"]) == (TARGET, "11k palmar left")


def test_across_scores_a_training_on_every_set_and_an_untrained_method_on_its_own(
    lab, no_training, monkeypatch
):
    both = lab.having(targets=[TARGET, "11k palmar left"])
    asked = []
    monkeypatch.setattr(
        both, "score", lambda experiment, target: asked.append((experiment.title, str(target)))
    )
    tuned = both.experiments("clip_ft_mini", changes=ONE_EPOCH)[:1]
    both.across(tuned + both.experiments("clip_zero_shot"))
    assert asked == [
        ("CLIP-FT", TARGET),
        ("CLIP-FT", "11k palmar left"),
        ("CLIP-ZS", TARGET),
        ("CLIP-ZS", "11k palmar left"),
    ]


def test_a_methods_results_are_written_and_read_back(lab, tuned_score):
    written = lab.record([tuned_score], "02_fine_tune")
    work = lab.photographs.work
    results = rows.read(work, ["02_fine_tune"])
    kept = written[rows.COLUMNS]
    pd.testing.assert_frame_equal(results, kept, check_dtype=False, rtol=1e-4)
    assert len(rows.read_curves(work, ["02_fine_tune"])) == written["n_gallery"].iloc[0]


@pytest.mark.slow
@pytest.mark.real_data
def test_the_real_sample_runs_from_photographs_to_a_score(open_study, real_11k, tmp_path):
    study = open_study(tmp_path, data={"11k": str(real_11k)}, missing="skip")
    with pytest.warns(UserWarning):
        table = study.table("11k")
    assert len(table) > 300
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        score = study.score(study.experiment("clip_zero_shot", "mini-ViT", TARGET))
    assert study.name == TARGET and not score.rows["synthetic"].any()
    assert score.rows["n_queries"].iloc[0] >= 20
