"""What notebooks ask for, counted from their cells, and nothing imported or done by it."""

import nbformat
import pytest

from handid.runner import forecast, notebook, rehearsal
from handid.runner.rehearsal import rehearse

PARAMETERS = {
    "data": {"11k": "synthetic", "HD": ""},
    "targets": ["11k dorsal right", "11k palmar left", "HD"],
    "backbones": ["mini-ViT"],
    "seeds": [0, 1],
}
OPEN = """from handid import study
lab = study.Study(data=data, targets=targets, backbones=backbones, seeds=seeds, people=20)
"""


@pytest.fixture
def asked(tmp_path):
    """What a notebook of these cells asks for: asked(*cells)."""

    def counted(*cells, **parameters):
        path = tmp_path / "00_x.ipynb"
        given = {"handid": {"needs": []}}
        first = nbformat.v4.new_code_cell("people = 20  # n", metadata={"tags": ["parameters"]})
        code = [nbformat.v4.new_code_cell(text) for text in (OPEN, *cells)]
        text = [nbformat.v4.new_markdown_cell("# 00")]
        nbformat.write(nbformat.v4.new_notebook(cells=[*text, first, *code], metadata=given), path)
        return rehearse(notebook.read_notebook(path), PARAMETERS | parameters)

    return counted


def test_a_call_asks_for_each_target_with_data_backbone_and_seed(asked):
    found = asked("made = lab.experiments('clip_ft_mini', controls=['', 'no_neck'])")
    assert len(found.trainings) == 2 * 2 * 2 and found.whole
    assert {one.target for one in found.trainings} == {"11k dorsal right", "11k palmar left"}
    assert found.trainings[0].drawn == (20, 6) and found.evaluations == 0


def test_what_does_not_train_is_one_experiment_whatever_the_seeds(asked):
    found = asked("scores = lab.scores(lab.experiments('clip_zero_shot'))")
    assert found.trainings == [] and found.evaluations == 2 and len(found.embeddings) == 2
    found = asked("scores = lab.scores(lab.untrained('clip_ft_mini'))")
    assert found.trainings == [] and found.evaluations == 4


def test_the_same_training_is_counted_once_and_its_calls_are_kept_apart(asked):
    found = asked("a = lab.experiments('clip_ft_mini')", "b = lab.experiments('clip_ft_mini')")
    assert len(found.trainings) == 4 and [len(call) for call in found.calls] == [4, 4]
    other = asked("a = lab.experiments('clip_ft_mini', changes={'epochs': 1})")
    assert not set(other.trainings) & set(found.trainings)


def test_surveys_and_crossed_tests_are_counted(asked):
    ask = "study.survey(lab, made, tasks=['papers', 'other hand'], images=['whole', 'blur 2'])"
    found = asked("made = lab.experiments('clip_ft_mini')", f"survey = {ask}")
    assert found.evaluations == 4 * 2 * 2 and len(found.embeddings) == 4 * 2
    found = asked("scores = lab.across(lab.experiments('clip_ft_mini'))")
    assert found.evaluations == 4 * 2 and len(found.embeddings) == 8


def test_other_settings_and_one_experiment_are_followed(asked):
    found = asked(
        "other = lab.having(targets=['11k dorsal right'], seeds=[5])",
        "one = other.experiments('clip_ft_mini')[0]",
        "two = lab.experiment('clip_ft_mini', 'mini-RN', '11k palmar left', seed=3)",
        "score = lab.score(two)",
    )
    assert [(one.backbone, one.seed) for one in found.trainings] == [
        ("mini-ViT", 5),
        ("mini-RN", 3),
    ]
    assert found.evaluations == 1


def test_nothing_is_imported_opened_or_run(asked, tmp_path):
    found = asked(
        "import os",
        f"open({str(tmp_path / 'made')!r}, 'w')",
        f"os.mkdir({str(tmp_path / 'made')!r})",
        "made = lab.experiments('clip_ft_mini')",
    )
    assert not (tmp_path / "made").exists() and len(found.trainings) == 4


def test_a_statement_that_cannot_be_followed_is_told_where_it_asks(asked):
    assert asked("a, b, c = lab.sizes([])").whole
    assert not asked("a = lab.scores({}['x'])").whole


@pytest.mark.parametrize("name", ["targets", "backbones", "seeds"])
@pytest.mark.parametrize("value", [[None], [True], [1.5], [[]], [{"a": 1}], [[[1]]]])
def test_values_that_a_notebook_refuses_are_not_counted_and_can_be_told(asked, name, value):
    found = asked("a = lab.scores(lab.experiments('clip_ft_mini'))", **{name: value})
    assert found.trainings == [] and not found.whole
    assert forecast.summary({"00_x": found}, forecast.speeds()) == [
        "at least 0 different trainings"
    ]


def test_a_negative_number_of_people_has_no_length(asked):
    made = "lab.having(people=-1).experiments('clip_ft_mini')"
    told = forecast.summary({"00_x": asked(made)}, {("CLIP-HandID", "ViT-B/16"): 1.0})
    assert told == ["4 different trainings"]


def test_the_study_is_found_however_it_is_imported(asked):
    again = OPEN.replace("from handid import study", "from handid.study import Study")
    found = asked(again.replace("study.Study", "Study"), "lab.experiments('clip_ft_mini')")
    assert len(found.trainings) == 4 and found.whole


@pytest.mark.parametrize(
    "line",
    [
        "lab.experiments('clip_ft_minni')",
        "lab.experiments('clip_ft_mini', controls=['no_such'])",
        "lab.experiments('clip_ft_mini', changes={'epochs': 'many'})",
        "tuning.trials(lab, {}, 3)",
        "study.pretrain.pretrain('mini-ViT', work='x')",
    ],
)
def test_what_is_not_counted_is_said(asked, line):
    assert asked("a = lab.experiments('clip_ft_mini')").whole
    assert not asked("from handid.study import tuning", line).whole


def test_a_model_in_the_place_of_a_recipe_trains_nothing(asked):
    found = asked("lab.experiments('/some/where/model')")
    assert found.trainings == [] and found.whole


@pytest.mark.parametrize(
    ("base", "family"),
    [("ViT-B/16", "vit"), ("mini-RN", "resnet"), ("RN50", "resnet"), ("ResNet50", "cnn")],
)
def test_a_backbones_name_tells_its_family(base, family):
    assert rehearsal.family(base) == family
