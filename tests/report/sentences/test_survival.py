"""Whether it is the hand or the photograph: each answer, its figures, and the controls."""

import pandas as pd
import pytest

from handid.report import sentences
from handid.report.rows import WHAT

WHERE = "synthetic 11k dorsal right"


def line(method, image, value, clear, task="papers", share=2.0):
    head = dict.fromkeys(WHAT, "x") | {"system": method, "method": method, "synthetic": True}
    head |= {"train_set": "11k dorsal right", "test_set": "11k dorsal right"}
    figures = {"value": value, "low": value / 2, "high": 2 * value, "chance": 1.5, "clear": clear}
    shares = {"share": share, "share_low": share / 2, "share_high": 2 * share}
    return head | {"task": task, "image": image, "n_subjects": 20} | figures | shares


@pytest.fixture
def table():
    """A table whose system is right for half of the whole photographs, with other lines."""

    def made(*lines, whole=True):
        rows = [line("CLIP-FT", "whole", 50.0, whole), line("CLIP-FT", "background", 1.0, False)]
        return pd.DataFrame([*rows, *lines])

    return made


@pytest.fixture
def asked():
    rows = [("papers", ""), ("bursts apart", "Task 'bursts apart' cannot be asked: no bursts.")]
    return pd.DataFrame(rows, columns=["task", "not asked"]).assign(target=WHERE)


def test_the_hand_is_the_answer_where_nothing_else_is_above_chance(table, asked):
    text = sentences.survival(table(), asked)
    assert text.startswith(f"**The hand:** on {WHERE}, 2 % (95 % interval 1 to 4) of rank-1")
    assert (
        "falls from 50.0 %" in text and "to 1.0 %" in text and "guessing is right in 1.5 %" in text
    )
    assert "0 of 1 figure (" in text
    assert "- Task 'bursts apart' cannot be asked: no bursts." in text


def test_the_photograph_is_named_where_a_floor_is_above_chance_without_the_hand(table, asked):
    text = sentences.survival(table(line("Light", "light", 40.0, True)), asked)
    assert text.startswith("**The photograph too:**")
    assert "1 of 2 figures" in text and "highest is 40.0 %" in text and "of Light on light" in text


def test_nothing_is_said_of_what_is_not_recognised_at_all(table, asked):
    assert sentences.survival(table(whole=False), asked).startswith("**Unclear:**")


def test_without_a_region_the_question_is_not_answered(table, asked):
    text = sentences.survival(table().query("image == 'whole'"), asked)
    assert text.startswith(f"**Not answered:** on {WHERE}, no photograph without its hand was")
    text = sentences.survival(table().query("image == 'background'"), asked)
    assert text.startswith(f"**Not answered:** on {WHERE}, no whole photograph was asked for")


def test_a_task_that_was_asked_shows_what_is_left(table, asked):
    apart = line("CLIP-FT", "whole", 10.0, True, task="bursts apart", share=20.0)
    text = sentences.survival(table(apart), asked)
    assert "- bursts apart: **20 % (95 % interval 10 to 40)** survives; rank-1 10.0 %" in text
    assert "of 20 people, guessing 1.5 %" in text


def test_a_share_that_is_not_bounded_says_so(table, asked):
    lines = table()
    lines.loc[lines["image"] == "background", "share_high"] = float("inf")
    assert "2 % (too few people to bound it)" in sentences.survival(lines, asked)
    lines["share"] = float("nan")
    assert "nan" not in sentences.survival(lines, asked)


def test_controls_pass_where_the_leak_is_found_and_nothing_else(table):
    leak = table(line("Light", "light", 40.0, True))
    text = sentences.controls({0: table(), 1: leak}, table())
    assert text.startswith("**3 controls passed**:")
    assert "this study's own drawn hands, without bursts" in text
    assert "20 drawn people, in 1 burst per view" in text and "the leak is found" in text


def test_a_control_that_fails_is_named(table):
    leak = table(line("Light", "light", 40.0, True))
    text = sentences.controls({0: leak, 1: table()}, table().assign(synthetic=False))
    assert text.startswith("**2 of 2 controls failed**:")
    assert "**above chance, where nothing can be known**" in text
    assert "**the leak is not found**" in text


def test_where_no_hand_was_taken_out_nothing_is_controlled(table):
    seen, leak = table().query("image == 'whole'"), table(line("Light", "light", 40.0, True))
    text = sentences.controls({0: seen.query("image == 'light'"), 1: leak}, seen)
    assert text.startswith("**1 control passed**:") and text.count("- ") == 1
    nothing = "**No control:** no drawn hand was taken out of its photograph."
    assert sentences.controls({0: seen}, seen) == sentences.controls({}, seen) == nothing


def test_the_studys_own_hands_in_bursts_must_show_the_leak(table):
    leak = table(line("Light", "light", 40.0, True))
    text = sentences.controls({}, leak, bursts=2)
    assert text.startswith("**1 control passed**:")
    assert "own drawn hands, in 2 bursts per view" in text and "the leak is found" in text
    assert sentences.controls({}, table(), bursts=2).startswith("**1 of 1 control failed**:")
