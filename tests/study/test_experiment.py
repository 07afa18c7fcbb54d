"""A trained experiment's folder explains it by itself: written, read, refused, never re-derived."""

import hashlib
import json
import os

import pytest

from handid import fingerprint, protocol, recipes
from handid.data.sets import Target
from handid.recipes import Recipe, System
from handid.study import experiment
from handid.study.photographs import Photographs

FAMILIES = {"vit": "mini-ViT", "resnet": "mini-RN", "cnn": "EfficientNet-Lite0"}


@pytest.fixture
def sample(tmp_path):
    """An experiment that nothing was trained for."""
    plan = recipes.load("clip_fh_s2_v1", "vit")
    target = Target("11k", "dorsal right")
    system = System("clip_fh_s2_v1")
    about = (plan, "mini-ViT", "random", target, "dorsal right", 2, 3, tmp_path / "experiment")
    code = experiment.embedding_code(plan, "mini-ViT")
    return experiment.Experiment(system, plan.title, *about, code)


def test_an_experiment_is_read_back_from_its_folder_alone(lab, tuned, monkeypatch):
    monkeypatch.setattr(Photographs, "table", lambda *a, **k: pytest.fail("the data was read"))
    assert experiment.read(tuned.folder) == tuned
    assert experiment.read(str(tuned.folder)) == tuned
    assert len(experiment.read(tuned.folder).history) == 1


def test_an_untrained_system_is_read_back_as_one(lab):
    (before,) = lab.untrained("clip_ft_mini")
    again = experiment.read(before.folder)
    assert again == before and not again.system.trained and again.history.empty


def test_loading_and_scoring_what_was_read_asks_for_no_training_people(
    lab, tuned, tuned_score, monkeypatch
):
    monkeypatch.setattr(Photographs, "halves", lambda *a: pytest.fail("training people were read"))
    monkeypatch.setattr(protocol, "validation", lambda *a: pytest.fail("validation was drawn"))
    again = experiment.read(tuned.folder)
    own, other = (lab.load(one).state_dict() for one in (tuned, again))
    assert own.keys() == other.keys() and all((own[key] == other[key]).all() for key in own)
    rows = lab.score(again).rows
    assert rows.equals(tuned_score.rows)


def test_every_recipe_survives_its_file():
    for name in recipes.names():
        for family in FAMILIES:
            try:
                plan = recipes.load(name, family)
            except ValueError:
                continue  # not for backbones of this family
            text = json.dumps(plan.model_dump())
            assert Recipe.model_validate(json.loads(text)) == plan, (name, family)


def test_what_stands_there_is_not_written_again(sample):
    sample.write({"seed": 3})
    file = sample.folder / "experiment.json"
    before = file.read_text()
    sample.write({"seed": 4})
    assert file.read_text() == before and json.loads(before)["key"] == {"seed": 3}
    file.write_text(before[:100])  # a damaged one is
    sample.write({"seed": 3})
    assert file.read_text() == before and experiment.read(sample.folder) == sample


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text[: len(text) // 2],
        lambda text: "[]",
        lambda text: "",
        lambda text: text.replace('"seed"', '"sede"'),
        lambda text: text.replace('"clip_reid"', "3"),
        lambda text: text.replace('"system": "clip_fh_s2_v1"', '"system": 3'),
        lambda text: text.replace('"method"', '"methods"'),
        lambda text: text.replace('"dorsal right"', "7, 8", 1),
    ],
)
def test_a_damaged_file_is_refused_in_one_sentence(sample, damage):
    sample.write({})
    file = sample.folder / "experiment.json"
    text = file.read_text()
    assert damage(text) != text
    file.write_text(damage(text))
    with pytest.raises(ValueError) as error:
        experiment.read(sample.folder)
    assert str(error.value) == (
        f"{sample.folder} holds no experiment: experiment.json is missing or damaged."
    )


def test_a_folder_without_an_experiment_is_refused(tmp_path):
    with pytest.raises(ValueError, match="nowhere holds no experiment"):
        experiment.read(tmp_path / "nowhere")


def test_the_view_stands_in_the_prompts_and_nowhere_else(sample):
    (prompt,) = sample.options["prompts"]
    assert prompt == "A photo of {}'s dorsal right hand for identification."
    assert "{view}" in sample.recipe.options["prompts"][0]
    assert {**sample.options, "prompts": sample.recipe.options["prompts"]} == sample.recipe.options


def test_a_method_without_prompts_has_the_options_of_its_recipe(tuned):
    assert tuned.options == tuned.recipe.options


def test_a_recipe_may_ask_for_another_image_size(sample):
    assert sample.image_size == 128
    plan = sample.recipe.model_copy(update={"image_size": 96})
    about = {**vars(sample), "recipe": plan}
    assert experiment.Experiment(**about).image_size == 96


# --- keys ---------------------------------------------------------------------------------------


def test_weights_are_known_by_their_file_or_by_their_name(tmp_path):
    assert experiment.weights_key("random") == "random"
    file = tmp_path / "own.safetensors"
    file.write_bytes(b"1234")
    key = experiment.weights_key(str(file))
    assert key == f"own.safetensors {hashlib.sha256(b'1234').hexdigest()}"
    os.utime(file, ns=(1, 1))
    assert experiment.weights_key(str(file)) == key  # a copy of it is the same
    file.write_bytes(b"12345")
    assert experiment.weights_key(str(file)) != key


def test_the_key_of_code_is_that_of_the_method_and_of_the_backbones_family():
    plans = {family: recipes.load("raw_pixels", family) for family in FAMILIES}
    plain = [experiment.training_code(plans["vit"], name) for name in ("mini-ViT", "ViT-B/16")]
    assert plain[0] == plain[1]
    assert experiment.training_code(plans["cnn"], FAMILIES["cnn"]) != plain[0]
    other = recipes.load("colour_histogram", "vit")
    assert experiment.training_code(other, "mini-ViT") != plain[0]
    assert experiment.embedding_code(plans["vit"], "mini-ViT") != plain[0]


def test_only_a_training_on_altered_photographs_has_their_code_in_its_key(monkeypatch):
    plain, hand, mixed = (
        recipes.load("clip_ft_mini", "vit", control=control)
        for control in ("", "hand_only", "other_backgrounds")
    )
    stops, inner = [], fingerprint.code
    monkeypatch.setattr(
        fingerprint,
        "code",
        lambda *entries, **how: stops.append(how["stop"]) or inner(*entries, **how),
    )
    for plan in (plain, hand, mixed):
        experiment.training_code(plan, "mini-ViT")
    assert ["image.alter.pixels" in stop for stop in stops[::2]] == [True, False, False]
    assert experiment.training_code(plain, "mini-ViT") != experiment.training_code(hand, "mini-ViT")
