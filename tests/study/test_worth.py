"""worth.py: figures with their thresholds from other people, what is kept, what cannot be had."""

import numpy as np
import pandas as pd
import pytest

from handid.evidence import record
from handid.report import rows
from handid.study import compare, worth
from handid.study.compare import Material, Part

NOBODY = Part(np.zeros((0, 1)), np.zeros(0, dtype=int), np.zeros(0, dtype=int))


@pytest.fixture
def judged(lab, zero_shot, monkeypatch, part, rng):
    """judged(**changed): what a match is worth on made-up people, 30 to test and 30 to develop."""

    def make(**changed):
        test, new, known = part(rng, 30, 4), part(rng, 30, 1), part(rng, 30, 3)
        names = list(range(100))
        plain = Material(test, test, new, known, NOBODY, False, 0, names)
        found = plain._replace(**changed)
        if "asked" in changed and "searched" not in changed:
            found = found._replace(searched=found.asked)
        monkeypatch.setattr(compare, "material", lambda *given: found)
        return worth.of(zero_shot, "papers", lab.photographs, lab.engine, set_to=0.1, name="CLIP")

    return make


def one_vector(photographs):
    return photographs._replace(vectors=np.ones_like(photographs.vectors) / 4)


def test_every_figure_has_an_interval_over_people_and_its_floor(judged):
    found = judged().figures.set_index("metric")
    rates = {"eer", "fmr", "fnmr", "fpir", "fnir", "fnir5", "miss1"}
    costs = {"cllr", "cllr_min", "cllr_cal"}
    assert set(found.index) == rates | costs | {"misleading_mated", "misleading_nonmated"}
    assert ((found["low"] <= found["value"]) & (found["value"] <= found["high"])).all()
    assert found.loc[sorted(costs), "floor"].tolist() == [0, 0, 0]
    assert found.loc["fnmr", "floor"] == pytest.approx(1 - 0.05 ** (1 / 30))


def test_thresholds_and_calibration_come_from_development_people_alone(judged, part, rng):
    new, known = part(rng, 30, 1), part(rng, 30, 3)
    one = judged(new=new, known=known)
    other = judged(new=new, known=known, asked=part(rng, 30, 4, noise=0.3))
    assert one.threshold == other.threshold and one.calibration == other.calibration
    assert one.search_threshold == other.search_threshold
    assert one.figure("eer")["value"] != other.figure("eer")["value"]
    scores = compare.of_development(Material(new, new, new, known, NOBODY, False, 0, [])).nonmated
    assert np.mean(scores >= one.threshold) <= 0.1 < np.mean(scores >= one.threshold - 0.02)


def test_a_photograph_that_could_not_be_decoded_is_an_error(judged, part, rng):
    test = part(rng, 30, 4)
    failed = compare._with_failures(test, np.arange(30))
    plain, found = judged(asked=test), judged(asked=failed, n_failed=30)
    assert found.figure("fnmr")["value"] > plain.figure("fnmr")["value"] + 0.3
    assert found.figure("fnir")["value"] > plain.figure("fnir")["value"]
    assert found.figure("cllr")["value"] == pytest.approx(plain.figure("cllr")["value"], abs=0.05)
    assert found.n_failed == 30


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda p, q: {"new": NOBODY, "known": NOBODY}, "There are no development people"),
        (lambda p, q: {"new": one_vector(p), "known": one_vector(q)}, "All scores are equal"),
        (lambda p, q: {"known": p, "new": p}, "do not overlap: with perfect separation"),
        (lambda p, q: {"new": compare._rows(p, np.arange(19))}, "19 people are too few"),
    ],
)
def test_what_cannot_be_calibrated_is_an_empty_place_and_a_sentence(
    judged, part, rng, change, sentence
):
    found = judged(**change(part(rng, 30, 1), part(rng, 30, 3)))
    assert sentence in found.refusal and found.calibration is None
    assert found.tippett.empty and found.entropy.empty and found.pav.empty
    assert found.figure("cllr") is None and found.figure("eer") is not None
    no_threshold = sentence.startswith("There are no")
    assert np.isnan(found.threshold) == no_threshold
    assert (found.figure("fmr") is None) == (found.figure("fpir") is None) == no_threshold


def test_extra_people_have_a_row_of_their_own(judged, part, rng):
    extra = part(rng, 12, 2)
    extra = extra._replace(people=extra.people + 60)
    found = judged(extra=extra)
    assert found.n_extra == 12
    assert found.figure("fpir_extra")["floor"] == pytest.approx(1 - 0.05 ** (1 / 12))
    assert judged().figure("fpir_extra") is None


def test_what_was_found_is_kept_with_the_experiment(judged, zero_shot):
    found = judged()
    kept = record.read(zero_shot.folder)
    assert kept.calibration == found.calibration and kept.threshold == found.threshold
    row = found.figure("fpir")
    assert kept.rates["fpir"] == tuple(row[["value", "low", "high", "floor"]])
    assert (kept.n_people, kept.n_gallery, kept.task) == (30, 15, "papers")


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"tasks": []}, "No task is named: choose some of papers, "),
        ({"tasks": ["papers", "paper"]}, "Unknown task 'paper': choose some of papers, "),
        ({"set_to": 0}, "set_to=0 sets no threshold: give a share between 0 and 0.5"),
        ({"set_to": 5}, "set_to=5 sets no threshold"),
        ({"reported": "clip_ft"}, "'clip_ft' is not judged here: report one of clip_reid, gpa_net"),
        ({"criteria": {"auc": 0.9}}, "Unknown criterion 'auc'"),
    ],
)
def test_what_nothing_could_be_judged_by_is_refused_before_any_training(lab, changed, message):
    good = {"tasks": ["papers"], "set_to": 0.1, "reported": "gpa_net", "criteria": {"eer": 0.1}}
    lab.expect_worth(**good, among=["clip_reid", "gpa_net"])
    with pytest.raises(ValueError, match=message):
        lab.expect_worth(**good | changed, among=["clip_reid", "gpa_net"])


# --- of a study ---------------------------------------------------------------------------------


def test_a_calibration_is_made_once_and_again_when_it_is_of_old(lab, zero_shot, monkeypatch):
    first = lab.calibration(zero_shot, "other hand")
    assert first.calibration is None and "2 people are too few" in first.refusal
    assert (first.system, first.target) == ("clip_zero_shot", "11k dorsal right")
    calls, inner = [], worth.of
    monkeypatch.setattr(worth, "of", lambda *a, **k: calls.append(a) or inner(*a, **k))
    assert str(lab.calibration(zero_shot, "other hand")) == str(first) and calls == []
    monkeypatch.setattr(worth, "_made_of", lambda *given: "of today")
    assert lab.calibration(zero_shot, "other hand").made_of == "of today" and len(calls) == 1


def test_tasks_that_a_target_cannot_show_are_left_out_with_a_warning(lab, zero_shot):
    with pytest.warns(UserWarning, match="Left out of every table and figure of synthetic 11k"):
        (found,) = lab.worth([zero_shot], ["papers", "bursts apart"], 0.1)
    assert found.where == "synthetic 11k dorsal right, papers" and found.n_people == 2


def test_several_trainings_are_one_row_over_people_and_seeds(lab, zero_shot, monkeypatch, judged):
    one, two = judged(), judged()
    given = iter([one, two])
    monkeypatch.setattr(worth, "of", lambda *a, **k: next(given))
    (both,) = lab.worth([zero_shot, zero_shot], ["papers"], 0.1)
    means = [worth.figure("eer")["value"] for worth in (one, two)]
    assert both.seeds == 2 and both.figure("eer")["value"] == pytest.approx(np.mean(means))
    assert 0 <= both.figure("eer")["seed_part"] <= 1
    assert both.figures["seed_part"].notna().all()
    assert len(both.rows) == len(one.rows) + len(two.rows)


def test_what_a_match_is_worth_is_recorded_as_results(lab, judged):
    found = judged()
    written = lab.record_worth([found], "12_worth_of_a_match")
    pd.testing.assert_frame_equal(rows.read(lab.settings.work, ["12"]), written, rtol=1e-5)
    assert {"fpir", "fnir", "cllr", "cllr_min", "cllr_cal"} <= set(written["metric"])
    assert found.figure("eer")["value"] < found.floor and "eer" not in set(written["metric"])
    assert (written["n_subjects"] == 30).all() and (written["n_queries"] == 120).all()
    assert lab.record_worth([], "12_worth_of_a_match").empty


def test_groups_are_those_of_the_table_and_few_are_not_judged(lab, zero_shot):
    (found,) = lab.worth([zero_shot], ["papers"], 0.1)
    assert set(found.groups["attribute"]) <= {"age", "gender", "skin", "nail polish"}
    assert found.groups["share"].isna().all() and (found.groups["n_people"] <= 2).all()
    assert (found.groups.groupby(["attribute", "metric"])["n_people"].sum() == 2).all()
