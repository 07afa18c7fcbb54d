"""Trials: as many for everybody, drawn from the seed, kept, resumed, and refused where not ours."""

import sqlite3

import pandas as pd
import pytest

from handid import recipes
from handid.study import tuning
from handid.study.study import Study

NAMES = ["clip_ft_mini", "clip_handid_mini"]


@pytest.fixture
def judged(monkeypatch, lab):
    """judged(values): trials that give these values in turn, and nothing is trained.

    It returns the list of changes that were asked for; an exception among the values is raised.
    """

    def prepared(values):
        asked, values = [], iter(values)

        def validation(self, changes):
            asked.append(changes)
            value = next(values)
            if isinstance(value, BaseException):
                raise value
            return value

        monkeypatch.setattr(tuning, "strangers", lambda study: lab)
        monkeypatch.setattr(tuning._Tuning, "_validation", validation)
        return asked

    return prepared


@pytest.fixture
def tune(lab, tmp_path):
    """tune(number, names): in a folder of this test's own."""
    own = lab.having(work=str(tmp_path))
    return lambda number, names=NAMES[:1], **how: tuning.trials(
        own, {"mini-ViT": names}, number, **how
    )


def test_every_system_gets_the_same_number_and_first_its_own_values(judged, tune):
    asked = judged(range(100))
    table = tune(3, NAMES)
    assert table.groupby("system").size().to_dict() == dict.fromkeys(NAMES, 3)
    assert list(table.columns) == tuning.COLUMNS
    plan = recipes.load(NAMES[0], "vit")
    own = asked[::2]  # in rounds: one trial of each system, then the next
    assert own[0] == {k: recipes.value_of(plan, k) for k in plan.search.values}
    for changes in own[1:]:
        assert all(plan.search.values[k].holds(v) for k, v in changes.items())
        assert changes != own[0]
    assert table["changes"].tolist()[:3] == own


def test_what_all_have_in_common_is_in_every_trial(judged, tune):
    asked = judged(range(10))
    table = tune(2, changes={"mean_std": "own", "epochs": 3})
    for changes in [*asked, *table["changes"]]:
        assert (changes["mean_std"], changes["epochs"], len(changes)) == ("own", 3, 5)


def test_a_stopped_tuning_goes_on_with_the_same_draws(judged, tune, tmp_path):
    whole = judged([1.0, 2.0, 3.0, 4.0])
    expected = tune(4)["validation"].tolist()
    for file in (tmp_path / "tuning").glob("*.sqlite"):
        file.unlink()
    stopped = judged([1.0, 2.0, KeyboardInterrupt()])
    with pytest.raises(KeyboardInterrupt):
        tune(4)
    resumed = judged([3.0, 4.0])
    assert tune(4)["validation"].tolist() == expected
    assert stopped == whole[:3] and resumed == whole[2:]
    assert judged([]) == [] and len(tune(4)) == 4  # nothing is left to do


def test_other_seeds_draw_other_values(judged, tune, tmp_path):
    asked = judged(range(10))
    tune(2)
    (tmp_path / "tuning" / "clip_ft_mini-mini-ViT.sqlite").unlink()
    tune(2, seed=1)
    assert asked[0] == asked[2] and asked[1] != asked[3]


def test_a_large_seed_draws_too(judged, tune):
    asked = judged(range(10))
    tune(2, seed=2**31)
    assert asked[0] != asked[1]


def test_a_trial_that_diverges_counts_and_is_not_chosen(judged, tune):
    judged([FloatingPointError("The loss is not finite."), 12.0, 11.0])
    table = tune(3)
    assert table["validation"].tolist() == [0.0, 12.0, 11.0]
    assert table["diverged"].tolist() == ["The loss is not finite.", "", ""]
    assert tuning.chosen(table)["trial"].tolist() == [1]


def test_trials_of_other_code_are_refused_in_one_sentence(judged, tune, monkeypatch):
    judged([1.0])
    tune(1)
    monkeypatch.setattr(tuning, "training_code", lambda *given: "other")
    with pytest.raises(ValueError, match="holds trials of other code, data or ranges") as said:
        tune(2)
    assert "\n" not in str(said.value)


def test_trials_lie_where_the_folder_of_products_is_however_it_is_called(judged, lab, tmp_path):
    judged([1.0])
    own = lab.having(work=str(tmp_path / "a?b=%20c"))
    tuning.trials(own, {"mini-ViT": NAMES[:1]}, 1)
    (stored,) = tmp_path.rglob("*.sqlite")
    assert stored.parent == tmp_path / "a?b=%20c" / "tuning" and not list(tmp_path.glob("a"))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ("DROP TABLE studies; CREATE TABLE studies(a)", "no column named study_name"),
        ("UPDATE alembic_version SET version_num = 'v99'", "no longer compatible with the table"),
        ("UPDATE study_directions SET direction = 'x'", "not among the defined enum values"),
        ("DELETE FROM trial_user_attributes WHERE key = 'changes'", "a trial in it is damaged"),
        ("UPDATE trial_user_attributes SET value_json = '7' WHERE key = 'number'", "is damaged"),
        (
            "UPDATE trial_user_attributes SET value_json = 'null' WHERE key = 'validation'",
            "damaged",
        ),
        ("UPDATE trials SET state = 'x'", "a trial in it is damaged"),
    ],
)
def test_a_file_of_trials_that_was_edited_is_refused(judged, tune, tmp_path, change, reason):
    judged([1.0])
    tune(1)
    (file,) = (tmp_path / "tuning").glob("*.sqlite")
    with sqlite3.connect(file) as opened:
        opened.executescript(change)
    with pytest.raises(ValueError, match=rf"sqlite holds no trials that can be .*{reason}") as said:
        tune(1)
    assert str(said.value).isprintable() and file.exists()


def test_what_is_no_file_of_trials_is_refused_and_kept(judged, tune, tmp_path):
    judged([1.0])
    tune(1)
    (file,) = (tmp_path / "tuning").glob("*.sqlite")
    file.write_bytes(b"not at all\n" * 100)
    with pytest.raises(ValueError, match=r"\(file is not a database\): wait if another program"):
        tune(1)
    assert file.read_bytes() == b"not at all\n" * 100


@pytest.mark.parametrize("number", [-1, 2.5, True])
def test_a_number_of_trials_that_is_none_is_refused(tune, number):
    with pytest.raises(ValueError, match="give a whole number, 0 for the recorded"):
        tune(number)


def test_without_optuna_the_sentence_says_how_to_install_it(tune, monkeypatch):
    monkeypatch.setattr(tuning, "find_spec", lambda name: None)
    with pytest.raises(ValueError, match=r"pip install '.\[tuning\]'"):
        tune(1)


def test_no_system_is_refused(tune):
    with pytest.raises(ValueError, match="No system is named to be tuned"):
        tune(1, [])


def test_the_recorded_trials_are_as_many_for_every_system(tune):
    table = tune(0)
    assert list(table.columns) == tuning.COLUMNS
    assert table.groupby(["system", "backbone"]).size().nunique() == 1
    for row in table.itertuples():
        assert row.changes.keys() and 0 <= row.validation <= 100


def test_expected_best_leaves_out_the_values_that_were_not_drawn():
    rows = [("a", "A", "net", 24, n, v, "", {}) for n, v in enumerate([90.0, 10.0, 30.0])]
    curve = tuning.expected(pd.DataFrame(rows, columns=tuning.COLUMNS))
    assert curve["trials"].tolist() == [1, 2]
    assert curve["best"].tolist() == pytest.approx([20.0, 25.0])


def test_a_trial_is_the_map_of_a_training_that_leaves_nothing(lab, monkeypatch):
    monkeypatch.setattr(tuning, "strangers", lambda study: lab)
    before = {path.name for path in lab.photographs.work.glob("experiments/*")}
    others = lab.photographs.work / "cache" / "embeddings"
    others.mkdir(parents=True, exist_ok=True)
    (others / "of another.safetensors").touch()
    embedded = set(others.iterdir())
    own = tuning._Tuning(
        lab, recipes.System("clip_ft_mini"), "mini-ViT", lab.photographs.work / "tuning", 0, {}
    )
    value = own._validation({"epochs": 1, "learning_rate.backbone": 1e-4})
    assert set(others.iterdir()) == embedded
    changes = {"epochs": 1, "learning_rate.backbone": 1e-4}
    again = lab.experiment("clip_ft_mini", "mini-ViT", lab.targets[0], changes=changes)
    rows = Study.score(lab, again).rows
    assert value == rows.loc[rows["metric"] == "mAP", "value"].item()
    kept = {path.name for path in lab.photographs.work.glob("experiments/*")}
    assert kept - before == {again.folder.name}


@pytest.mark.parametrize("systems", [None, ["clip_ft_mini"], {"mini-ViT": None}, {"mini-ViT": "x"}])
def test_systems_that_are_no_lists_by_backbone_are_refused(lab, systems):
    with pytest.raises(ValueError, match="^Systems to tune are .*: name backbones with lists of"):
        tuning.trials(lab, systems, 0)
