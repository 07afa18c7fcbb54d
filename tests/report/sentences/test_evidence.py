"""evidence.py: the answer, the court's paragraph, and what could not be had."""

import numpy as np
import pandas as pd
import pytest

from handid.report import sentences

CRITERIA = {"cllr": 0.9, "eer": 0.15}
REFUSAL = "19 people are too few to calibrate on: 20 are the least."


def test_the_answer_begins_with_the_factor_that_the_people_support(worth):
    text = sentences.worth([worth()], "clip_ft_mini", CRITERIA)
    assert text.startswith("**A match is worth at most a factor of 20** with CLIP-FT on synthetic")
    assert "a mismatch at most 25" in text and "22 enrolled hands" in text
    assert "Criteria fixed before the test: 2 pass." in text


def test_the_courts_paragraph_says_in_one_breath_what_it_leaves_out(worth):
    system = worth()
    score = np.median(system.mated)
    factor = 10 ** system.calibration.log10_lr([score])[0]
    text = sentences.worth([system], "clip_ft_mini", CRITERIA)
    (court,) = [part for part in text.split("\n\n") if part.startswith("**For a court.**")]
    low, high = (f"{10**end:.1f}" for end in system.calibration.interval(score))
    assert f"a similarity of {score:.2f}" in court
    assert f"factor of {factor:.0f} (95 % interval {low} to 20 over the people it was" in court
    assert float(low) < factor < float(high) < 20.1
    assert "photographed as those of this set were, perhaps" in court
    assert "one session" not in court and "a day, camera" in court
    assert "a factor of at most 20 for it" in court and "45 other people" in court


def test_a_share_below_its_floor_is_less_than_the_floor_in_words(worth):
    figures = worth().figures.assign(floor=0.999)
    text = sentences.worth([worth(figures=figures)], "clip_ft_mini", CRITERIA)
    assert text.count("less than 99.9 % (so few people support no lower figure) of the") >= 2
    assert "n/a" not in text


def test_a_factor_against_the_same_hand_has_the_other_bound_as_its_limit(worth):
    system = worth(mated=np.zeros(3))
    text = sentences.worth([system], "clip_ft_mini", CRITERIA)
    assert "show the hands of two people of this set, photographed" in text
    assert "by a factor of 25 (the bound, as all of its 95 % interval over" in text
    assert "so few people support a factor of at most 25 for it" in text


def test_the_courts_paragraph_is_of_the_first_place_that_could_be_calibrated(worth):
    refused = worth(calibration=None, refusal=REFUSAL)
    text = sentences.worth([refused, worth(place="HD"), worth()], "clip_ft_mini", CRITERIA)
    assert text.count("**For a court.** With CLIP-FT, on HD") == text.count("For a court") == 1


def test_where_no_task_could_be_shown_one_sentence_says_so():
    assert sentences.worth([], "clip_ft_mini", CRITERIA).startswith("**A match has no worth")
    assert sentences.about_worth([]).startswith("- No target here can show any of the tasks")


def test_without_a_calibration_the_sentence_and_no_number_for_a_court(worth):
    system = worth(without=["cllr", "fpir", "fnir"], calibration=None, refusal=REFUSAL)
    text = sentences.worth([system], "clip_ft_mini", CRITERIA)
    assert text.startswith("**A match has no worth that could be stated** with CLIP-FT on")
    assert REFUSAL in text and "court" not in text and "1 not tested" in text


def test_the_answer_is_about_the_system_named_before_the_test(worth):
    better = worth(name="GPA-Net", system="gpa_net_mini")
    assert "GPA-Net" not in sentences.worth([worth(), better], "clip_ft_mini", CRITERIA)
    with pytest.raises(ValueError, match="'promptsg' was not judged here: report one of clip_ft"):
        sentences.worth([worth()], "promptsg", CRITERIA)


def test_one_seed_is_not_in_the_interval_and_of_several_its_part_is_said(worth):
    assert "its seed is not in the intervals" in sentences.about_worth([worth()])
    figures = worth().figures.assign(seed_part=np.linspace(0.1, 0.4, len(worth().figures)))
    several = sentences.about_worth([worth(seeds=3, figures=figures)])
    assert "over 3 trainings" in several and "the seeds' part is 10 to 40 %" in several
    assert "those of the first training" in several and "one only" not in several


def test_a_system_with_one_training_among_several_is_named(worth):
    figures = worth().figures.assign(seed_part=0.2)
    mixed = [worth(name="CLIP-ZS"), worth(seeds=3, figures=figures)]
    text = sentences.about_worth(mixed)
    assert "over 3 trainings (CLIP-ZS: one only, and no seed in its intervals);" in text
    assert "One training per system" not in text


def test_seeds_whose_part_is_unknown_have_no_part_in_words(worth):
    text = sentences.about_worth([worth(seeds=2)])
    assert "over 2 trainings" in text and "seeds' part" not in text


def test_a_set_without_extra_people_says_that_a_row_is_empty(worth):
    assert "row of searches by extra people is empty" in sentences.about_worth([worth()])
    assert "extra people" not in sentences.about_worth([worth(n_extra=5)])


def test_a_refusal_is_told_once(worth):
    system = worth(calibration=None, refusal=REFUSAL)
    other = worth(name="GPA-Net", calibration=None, refusal=REFUSAL)
    text = sentences.about_worth([system, system, other])
    assert text.count(REFUSAL) == 1 and "CLIP-FT (papers), GPA-Net (papers)." in text


def test_groups_of_few_are_named_and_none_invented(worth):
    text = sentences.groups(worth())
    assert "fewer than ten people: skin dark (5)." in text


def test_a_set_without_metadata_says_that_it_has_none(worth):
    nobody = sentences.groups(worth(groups=pd.DataFrame(columns=worth().groups.columns)))
    assert nobody.startswith("This set's table says nothing of age, gender")
    assert "same threshold" not in nobody


def test_the_human_beside_it_says_what_was_checked_and_what_was_not():
    text = sentences.examiners()
    assert "51" in text and "2,601" in text and "50" in text and "(2.0 %; 1.5 to 2.6" in text
    assert "Checked: both abstracts. Not checked: the full texts" in text
    assert "floor 5.7 %" in text and "Not comparable" in text
