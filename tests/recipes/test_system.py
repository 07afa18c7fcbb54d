"""Systems: a key says recipe, control and training, and can be read back."""

import pytest
import yaml

from handid import recipes
from handid.recipes import System, files

CNN = ("cnn_baseline", "gpa_net", "mba_net", "abd_net", "rga_net")
KEYS = [
    "clip_ft",
    "clip_handid:zero_token",
    "clip_ft:untrained",
    "clip_handid:zero_token:untrained",
]


def every_system():
    """Each recipe, and each of its controls and ablations."""
    for name in recipes.names():
        content = files.content(name)
        controls = [*content.get("controls", {}), *content.get("ablations", {})]
        yield from (System(name, control) for control in ("", *controls))


@pytest.mark.parametrize("key", KEYS)
def test_a_key_that_was_read_is_written_again(key):
    assert System.parse(key).key == key


def test_a_key_says_recipe_control_and_training():
    assert System.parse(KEYS[0]) == System("clip_ft")
    assert System.parse(KEYS[1]) == System("clip_handid", "zero_token")
    assert System.parse(KEYS[3]) == System("clip_handid", "zero_token", trained=False)


def test_every_shipped_system_has_a_key_of_its_own_that_can_be_read():
    systems = [*every_system()]
    systems += [system.untrained for system in systems]
    keys = [system.key for system in systems]
    assert len(set(keys)) == len(keys) > 200
    assert [System.parse(key) for key in keys] == systems


@pytest.mark.parametrize(
    "key", ["", ":zero_token", "clip_ft:", "clip_ft:untrained:no_neck", "clip_ft:a:b", "a:b:c:d"]
)
def test_what_is_no_key_is_refused_in_one_sentence(key):
    with pytest.raises(ValueError, match="is no system: write recipe, recipe:control or") as caught:
        System.parse(key)
    assert "\n" not in str(caught.value)


def test_the_untrained_system_is_the_same_before_its_first_step():
    assert System("clip_ft", "no_neck").untrained.key == "clip_ft:no_neck:untrained"


# --- the published system -----------------------------------------------------------------------


@pytest.mark.parametrize("name", [name for name in recipes.names() if name.endswith("_mini")])
def test_a_recipe_for_small_networks_names_the_published_one(name):
    published = name.removesuffix("_mini")
    family = "cnn" if published in CNN else "vit"
    assert System(name, "some", trained=False).full_size == System(published, "some", trained=False)
    small, full = recipes.load(name, family), recipes.load(published, family)
    assert (small.full_size, full.full_size) == (published, "")
    assert (small.title, small.method) == (full.title, full.method)


def test_a_published_or_unknown_recipe_stands_for_itself():
    for name in ("clip_ft", "raw_pixels", "clip_fh_s3_v8", "of_another_package"):
        assert System(name).full_size == System(name)


def test_the_parts_of_a_key_cannot_be_mistaken():
    for system in every_system():
        assert ":" not in system.recipe and ":" not in system.control
        assert "untrained" not in (system.recipe, system.control)


@pytest.mark.parametrize("kind", ["controls", "ablations"])
@pytest.mark.parametrize("name", ["untrained", "a:b", ""])
def test_a_name_that_a_key_could_not_hold_is_refused(tmp_path, monkeypatch, kind, name):
    content = yaml.safe_load((files.FOLDER / "clip_ft.yaml").read_text())
    content[kind] = {name: {"heads": "feat"}}
    (tmp_path / "own.yaml").write_text(yaml.safe_dump(content))
    monkeypatch.setattr(files, "FOLDER", tmp_path)
    with pytest.raises(ValueError, match=f"Recipe 'own': {kind}.*'{name}' cannot name a control"):
        recipes.load("own", "vit")
