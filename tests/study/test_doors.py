"""What is no experiment, no name and no list is refused in one sentence at the verbs of a study."""

import pytest

TARGET = "11k dorsal right"


@pytest.mark.parametrize(
    ("ask", "sentence"),
    [
        (lambda lab, one: lab.score("clip_ft"), "score: experiment is 'clip_ft': give an exper"),
        (lambda lab, one: lab.score(one, 5), "score: target is 5: give a text"),
        (lambda lab, one: lab.score(one, image=None), "score: image is None: give a text"),
        (lambda lab, one: lab.scores(one), r"scores: experiments is Experiment\(.*: give a list"),
        (lambda lab, one: lab.scores(["clip_ft"]), "scores: experiments is 'clip_ft': give an exp"),
        (lambda lab, one: lab.experiments(None), "experiments: names is None: give a text"),
        (lambda lab, one: lab.experiments("light", controls="x"), "controls is 'x': give a list"),
        (
            lambda lab, one: lab.experiment("light", None, TARGET),
            "backbone_name is None: give a te",
        ),
        (
            lambda lab, one: lab.record([one], "x"),
            r"record: scores is Experiment\(.*: give a score",
        ),
        (lambda lab, one: lab.worth([one], "papers", 0.1), "tasks is 'papers': give a list"),
        (
            lambda lab, one: lab.worth([one], ["papers"], None),
            "worth: set_to is None: give a number",
        ),
        (lambda lab, one: lab.ask(questions=["right?"]), "questions is 'right.': give a question"),
        (lambda lab, one: lab.audit("11K"), "Unknown data set '11K': the sets are 11k, HD"),
        (lambda lab, one: lab.problems("11K"), "Unknown data set '11K': the sets are 11k, HD"),
        (lambda lab, one: lab.table(None), "table: name is None: give a text"),
    ],
)
def test_what_is_of_another_kind_is_refused_in_one_sentence(lab, zero_shot, ask, sentence):
    with pytest.raises(ValueError, match=sentence) as error:
        ask(lab, zero_shot)
    assert "\n" not in str(error.value) and len(str(error.value)) < 200


def test_what_can_be_gone_through_once_is_a_list(lab, zero_shot, zero_shot_score):
    (score,) = lab.scores(one for one in [zero_shot])
    assert score.rows.equals(zero_shot_score.rows)


def test_a_verb_keeps_its_name_and_its_docstring(lab):
    assert lab.score.__name__ == "score" and lab.score.__doc__.startswith("Evaluate an experiment")
