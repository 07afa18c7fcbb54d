"""What a tuning may choose: values within a recipe's bounds, with the reason."""

import pytest
import yaml

from handid import recipes
from handid.recipes import files

FOLDER = files.FOLDER
SEARCHED = [n for n in recipes.names() if "search" in files.content(n)]


def with_search(tmp_path, monkeypatch, **values):
    """clip_ft_mini under the name "own" with a search of these values."""
    content = yaml.safe_load((FOLDER / "clip_ft_mini.yaml").read_text())
    content["search"] = {"reason": "ours", "values": values}
    (tmp_path / "own.yaml").write_text(yaml.safe_dump(content))
    monkeypatch.setattr(files, "FOLDER", tmp_path)


def test_one_rate_or_one_weight_changes_where_images_train_and_nowhere_else():
    plain = recipes.load("clip_reid_mini", "vit")
    changes = {"learning_rate.backbone": 1e-5, "loss_weights.identity_feat": 0.5}
    changed = recipes.load("clip_reid_mini", "vit", changes)
    assert changed.stages[0] == plain.stages[0]
    rates, weights = changed.stages[1].learning_rate, changed.stages[1].loss_weights
    assert (rates.backbone, rates.new) == (1e-5, plain.stages[1].learning_rate.new)
    assert weights == plain.stages[1].loss_weights | {"identity_feat": 0.5}
    for key, value in changes.items():
        assert recipes.value_of(changed, key) == value
    assert recipes.value_of(plain, "loss_weights.image_to_text") == 1.0
    assert recipes.value_of(plain, "temperature") == 0.07


@pytest.mark.parametrize("name", SEARCHED)
def test_every_search_stays_within_its_recipe_and_holds_its_own_values(name):
    for family in recipes.FAMILIES[:2]:
        search = recipes.searched(name, family)
        assert search.reason and len(search.values) == 3


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"flip": {"low": 0.0, "high": 2.0}}, r"search: flip = 2.0: Recipe 'own': augment.flip: "),
        ({"flip": {"low": 0.5, "high": 1.0}}, "search: flip leaves out the recipe's own 0.0"),
        ({"flip": {"low": 1.0, "high": 0.5}}, "low 1 is not below high 0.5"),
        ({"learning_rate.backbone": {"low": 0.0, "high": 1.0, "log": True}}, "has no logarithm"),
        ({"flip": {}}, "give low and high, or one_of"),
        ({"epoch": {"low": 1, "high": 9}}, "Recipe 'own' has no value 'epoch' to choose"),
        ({"learning_rate.all": {"low": 0.5, "high": 2}}, r"learning_rate.all = .*all: Extra"),
        ({}, "search.values: "),
    ],
)
def test_a_range_outside_the_recipes_bounds_is_one_sentence(
    tmp_path, monkeypatch, values, sentence
):
    with_search(tmp_path, monkeypatch, **values)
    with pytest.raises(ValueError, match=sentence) as caught:
        recipes.searched("own", "vit")
    assert "\n" not in str(caught.value) and str(caught.value).startswith("Recipe 'own'")


def test_a_recipe_without_a_search_says_that_nothing_can_be_tuned():
    with pytest.raises(ValueError, match="'clip_ft' has no `search`: it says nothing that can be"):
        recipes.searched("clip_ft", "vit")
