"""Recipes: the published values, their sources, and what a change may and may not be."""

import re
from copy import deepcopy
from functools import cache

import pytest
import yaml
from torch import nn

from handid import backbone, method, recipes, train
from handid.recipes import files

FOLDER = files.FOLDER
PUBLISHED = ("clip_ft", "clip_handid")
# What a recipe is called, and what else could be made of it.
NAMES = ("name", "title", "full_size", "controls", "ablations", "search")
FAMILIES = ("vit", "resnet")  # CLIP's
CLIP = [n for n in recipes.names() if not re.match("cnn|gpa|mba|abd|rga", n)]  # or any network
mini = cache(backbone.build)
SOURCE = re.compile(r"\b(paper|code|ours)\b")


def but(recipe, *left_out):
    """What a recipe says, without some of its fields."""
    return {key: value for key, value in recipe.model_dump().items() if key not in left_out}


# --- what stands in the files -------------------------------------------------------------------


def test_every_file_is_a_recipe_of_its_own_name():
    files = sorted(file.stem for file in FOLDER.glob("*.yaml"))
    assert {"clip_zero_shot", *PUBLISHED} <= set(files)
    assert recipes.names() == files


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("name", CLIP)
def test_every_recipe_loads_for_both_families_and_fits_its_method(name, family):
    recipe = recipes.load(name, family)
    encoder = deepcopy(mini({"vit": "mini-ViT", "resnet": "mini-RN"}[family]))
    network = method.build(recipe.method, encoder, 3, **recipe.options)
    assert recipe.name == name
    assert type(network).__name__ == method.METHODS[recipe.method]


@pytest.mark.parametrize(("family", "batch_size"), [("vit", 20), ("resnet", 4)])
@pytest.mark.parametrize("name", PUBLISHED)
def test_the_published_recipes_hold_the_published_values(name, family, batch_size):
    recipe = recipes.load(name, family)
    (stage,) = recipe.stages
    assert stage.model_dump(exclude={"name", "images_per_identity"}) == {
        "epochs": 70,
        "batch_size": batch_size,
        "sampler": "plain",
        "optimiser": "adam",
        "learning_rate": {"backbone": 5e-6, "new": 5e-5, "bias": 1.0},
        "weight_decay": 5e-4,
        "warmup_epochs": 10,
        "warmup_factor": 0.01,
        "schedule": "step",
        "milestones": [40, 60],
        "decay": 0.5,
        "last_factor": 0.0,
        "clip_gradients": 0.0,
        "loss_weights": {},
        "loss_warmup": {},
        "encode_once": False,
    }
    assert recipe.options["label_smoothing"] == 0.1
    assert (recipe.last_stride, recipe.mean_std, recipe.geometry) == (1, "imagenet", "squash")
    assert recipe.augment.flip == 0.5 and round(224 * recipe.augment.resize) == 256


def test_the_similarity_of_clip_handid_is_the_papers_cosine():
    options = recipes.load("clip_handid", "vit").options
    assert (options["similarity"], options["control"]) == ("cosine", "none")
    assert options["temperature"] == 0.07


@pytest.mark.parametrize(
    "name", [*PUBLISHED, "promptsg", *(n for n in recipes.names() if n.startswith("clip_fh"))]
)
def test_every_hyper_parameter_of_a_published_recipe_names_its_source(name):
    text = (FOLDER / f"{name}.yaml").read_text()
    lines = re.sub(
        r"(?m)^(controls|ablations): .*\n(  .*\n)+", "", text
    ).splitlines()  # values of ours
    valued = [line for line in lines if re.match(r"\s*(- )?\w+: *[^\s#]", line)]
    valued = [line for line in valued if not re.match(r"(title|method|\s+- name):", line)]
    bare = [line for line in valued if not SOURCE.search(line.partition("#")[2])]
    assert len(valued) >= 20
    assert bare == []


def test_a_recipe_without_a_value_for_a_family_is_refused_in_one_sentence():
    with pytest.raises(ValueError, match="Recipe 'clip_ft' is not for backbones of family 'cnn'"):
        recipes.load("clip_ft", "cnn")


def test_clip_handid_differs_from_clip_ft_in_nothing_but_the_text_guidance():
    for family in FAMILIES:
        for end in ("", "_mini"):
            plain, guided = (recipes.load(f"{n}{end}", family) for n in PUBLISHED)
            same = [but(r, *NAMES, "method", "options") for r in (plain, guided)]
            assert same[0] == same[1]
            assert plain.options.items() <= guided.options.items()
            assert plain.method != guided.method


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_mini_differs_from_its_published_recipe_in_crop_and_schedule_and_mirrors_nothing(name):
    full, mini = recipes.load(name, "vit"), recipes.load(f"{name}_mini", "vit")
    left = ("name", "full_size", "stages", "flip_average", "augment", "ablations", "search")
    assert but(full, *left) == but(mini, *left)
    assert (full.flip_average, full.augment.flip) == (True, 0.5)
    assert (mini.flip_average, mini.augment.flip) == (False, 0.0)
    assert full.augment.model_copy(update={"flip": 0.0, "resize": 1.07}) == mini.augment
    changed = {"epochs", "batch_size", "learning_rate", "warmup_epochs", "milestones"}
    ours, theirs = (r.stages[0].model_dump(exclude=changed) for r in (mini, full))
    assert ours == theirs


def test_the_two_zero_shot_recipes_differ_in_their_geometry_alone():
    published, squash = (recipes.load(f"clip_zero_shot{end}", "vit") for end in ("", "_squash"))
    assert (published.geometry, squash.geometry) == ("crop", "squash")
    assert but(published, "name", "title", "geometry") == but(squash, "name", "title", "geometry")
    assert published.stages == [] and published.last_stride == 2 and published.mean_std == "own"


@pytest.mark.parametrize("name", ["raw_pixels", "colour_histogram"])
def test_a_floor_sees_the_plain_photograph_and_trains_nothing(name):
    recipe = recipes.load(name, "vit")
    assert (recipe.method, recipe.stages, recipe.flip_average) == (name, [], False)
    assert (recipe.mean_std, recipe.geometry) == ("half", "squash")


def test_no_file_names_a_key_twice():
    class Once(yaml.SafeLoader):
        pass

    def mapping(loader, node):
        keys = [key.value for key, _ in node.value]
        assert len(keys) == len(set(keys)), keys
        return loader.construct_pairs(node, deep=True)

    Once.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, mapping)
    read = [yaml.load(file.read_text(), Once) for file in FOLDER.glob("*.yaml")]
    assert all(read)


# --- changes ------------------------------------------------------------------------------------


def test_an_option_an_augmentation_a_stage_value_and_a_field_can_be_changed():
    changes = {"temperature": 0.2, "flip": 0.25, "weight_decay": 0.0, "flip_average": False}
    before, after = (recipes.load("clip_handid", "vit", c) for c in (None, changes))
    assert after.options == {**before.options, "temperature": 0.2}
    assert after.augment == before.augment.model_copy(update={"flip": 0.25})
    assert after.stages == [before.stages[0].model_copy(update={"weight_decay": 0.0})]
    assert after.flip_average is False
    left = ("options", "augment", "stages", "flip_average")
    assert but(after, *left) == but(before, *left)


@pytest.mark.parametrize(
    "change",
    [
        *({"temperature": 1.0}, {"similarity": "dot"}, {"heads": "feat"}, {"heads": "proj"}),
        *({"jitter": [0.0, 0.0, 0.0]}, {"flip": 0.25}, {"erasing": 0.5}),
        *({"hidden_factor": 1}, {"train_text": True}, {"control": "zero_token"}),
    ],
    ids=str,
)
def test_every_ablation_of_clip_handid_is_a_change_of_its_recipe(change):
    for name in ("clip_handid", "clip_handid_mini"):
        before, after = recipes.load(name, "vit"), recipes.load(name, "vit", change)
        assert after != before
        encoder = nn.Module()
        encoder.dims, encoder.token_width = {"feat": 8, "proj": 4}, 4
        encoder.text_parameters = list
        assert method.build(after.method, encoder, 3, **after.options)


def test_augmentation_can_be_changed_where_the_file_names_none():
    assert recipes.load("clip_zero_shot", "vit", {"erasing": 0.5}).augment.erasing == 0.5


def test_a_change_lasts_for_one_load_and_leaves_the_callers_dict_alone():
    changes = {"epochs": 7, "temperature": 0.2}
    recipes.load("clip_handid", "vit", changes)
    assert changes == {"epochs": 7, "temperature": 0.2}
    fresh = recipes.load("clip_handid", "vit")
    assert (fresh.stages[0].epochs, fresh.options["temperature"]) == (70, 0.07)


@pytest.mark.parametrize(
    ("epochs", "warmup", "milestones"),
    [(70, 10, [40, 60]), (140, 20, [80, 120]), (35, 5, [20, 30]), (7, 1, [4, 6])],
)
def test_changed_epochs_stretch_warm_up_and_milestones(epochs, warmup, milestones):
    stage = recipes.load("clip_ft", "vit", {"epochs": epochs}).stages[0]
    assert (stage.epochs, stage.warmup_epochs, stage.milestones) == (epochs, warmup, milestones)
    assert stage.learning_rate.new == 5e-5


def test_changed_epochs_stretch_the_warm_up_of_losses_to_at_least_one():
    plain = recipes.load("clip_ft", "vit").stages[0]
    warmed = plain.model_copy(update={"loss_warmup": {"a": 35, "b": 1}})
    assert warmed.scaled_to(20).loss_warmup == {"a": 10, "b": 1}


def test_a_number_given_as_text_is_read_as_the_number():
    for key in ("epochs", "batch_size"):
        text, number = (recipes.load("clip_ft", "vit", {key: value}) for value in ("35", 35))
        assert text.model_dump() == number.model_dump()


def test_epochs_of_a_recipe_without_training_change_nothing():
    assert recipes.load("clip_zero_shot", "vit", {"epochs": 5}).stages == []


# --- controls -----------------------------------------------------------------------------------


CONTROLLED = [(name, c) for name in recipes.names() for c in recipes.load(name, "vit").controls]


def test_clip_handid_has_the_controls_of_the_study():
    assert [c for name, c in CONTROLLED if name == "clip_handid"] == [
        "public_code",
        "zero_token",
        "random_token",
        "raw_dot",
    ]


def test_the_plain_recipe_is_the_squashed_one_without_its_mirror_image():
    squash, plain = (recipes.load(f"clip_zero_shot_{end}", "vit") for end in ("squash", "plain"))
    assert (squash.flip_average, plain.flip_average) == (True, False)
    differ = ("name", "title", "flip_average")
    assert but(squash, *differ) == but(plain, *differ)


def test_the_feature_recipe_is_the_plain_one_at_the_other_level():
    plain, feature = (recipes.load(f"clip_zero_shot_{end}", "vit") for end in ("plain", "feat"))
    assert feature.options == {"level": "feat"}
    differ = ("name", "title", "options", "controls", "ablations")
    assert but(plain, *differ) == but(feature, *differ)


@pytest.mark.parametrize("name", [f"clip_zero_shot{end}" for end in ("", "_squash", "_plain")])
def test_zero_shot_has_its_random_network_as_a_control(name):
    plain, changed = (recipes.load(name, "vit", control=c) for c in ("", "random_weights"))
    assert (plain.weights, changed.weights) == ("study", "random")
    assert changed.title == f"{plain.title} random_weights"
    assert but(changed, "title", "weights") == but(plain, "title", "weights")


def test_weights_are_the_studys_or_random_and_no_file():
    assert "weights" in refusal("clip_ft", {"weights": "openai"})


@pytest.mark.parametrize(
    ("name", "control"),
    [(n, c) for n, c in CONTROLLED if c not in ("random_weights", "as_run")],
)
def test_a_control_changes_its_title_and_the_methods_options_alone(name, control):
    plain, changed = recipes.load(name, "vit"), recipes.load(name, "vit", control=control)
    assert changed.title == f"{plain.title} {control}"
    assert but(changed, "title", "options") == but(plain, "title", "options")
    assert changed.options == plain.options | plain.controls[control] != plain.options


def test_a_change_of_the_caller_overrides_the_controls():
    changed = recipes.load("clip_handid", "vit", {"temperature": 0.5, "epochs": 3}, "raw_dot")
    assert (changed.options["temperature"], changed.options["similarity"]) == (0.5, "dot")
    assert changed.stages[0].epochs == 3


@pytest.mark.parametrize(
    ("name", "known"), [("clip_handid", "public_code, "), ("raw_pixels", "none")]
)
def test_an_unknown_control_is_refused_with_the_known_ones(name, known):
    with pytest.raises(ValueError, match=f"has no control 'zero': it has {known}") as caught:
        recipes.load(name, "vit", control="zero")
    assert "\n" not in str(caught.value)


# --- refusals -----------------------------------------------------------------------------------


def refusal(name, changes=None):
    """The message with which a recipe is refused; it is one sentence."""
    with pytest.raises(ValueError) as caught:
        recipes.load(name, "vit", changes)
    assert type(caught.value) is ValueError  # pydantic's own error would be several lines
    message = str(caught.value)
    assert "\n" not in message and message.endswith((".", "?"))
    return message


def test_an_unknown_recipe_is_refused_with_the_known_ones():
    message = refusal("qqq")
    assert message.startswith("Unknown recipe 'qqq': choose one of abd_net, ")
    assert all(name in message for name in recipes.names())


def test_an_unknown_recipe_is_refused_with_what_it_may_have_meant():
    assert refusal("clip_fd") == "Unknown recipe 'clip_fd': did you mean 'clip_ft'?"
    assert len(refusal("clip" * 1000)) < 2000


@pytest.mark.parametrize("changes", [3, "epochs", [("epochs", 3)], {"epochs"}])
def test_changes_that_are_no_mapping_are_refused(changes):
    assert refusal("clip_ft", changes).endswith("are no mapping of recipe keys to values.")


@pytest.mark.parametrize("control", [["zero_token"], {"zero_token": 1}, 7])
def test_a_control_that_is_no_name_is_refused(control):
    with pytest.raises(ValueError, match="has no control .*: it has public_code, "):
        recipes.load("clip_handid", "vit", control=control)


@pytest.mark.parametrize("name", ["../recipes/clip_ft", "clip_ft.yaml", ""])
def test_a_path_is_no_recipe_name(name):
    assert "Unknown recipe" in refusal(name)


@pytest.mark.parametrize(
    ("key", "meant"),
    [("epoch", "epochs"), ("temprature", "temperature"), ("jiter", "jitter"), ("titel", "title")],
)
def test_an_unknown_key_is_refused_with_what_it_may_have_meant(key, meant):
    message = refusal("clip_handid", {key: 1})
    assert message == f"Unknown recipe key '{key}' for 'clip_handid': did you mean '{meant}'?"


def test_an_unknown_key_that_is_like_no_other_is_refused_with_the_known_ones():
    message = refusal("clip_handid", {"qqq": 1})
    assert "known keys: " in message
    assert all(key in message for key in ("epochs", "flip", "geometry", "temperature"))


def test_an_option_of_another_method_is_refused():
    assert "Unknown recipe key 'temperature' for 'clip_ft'" in refusal(
        "clip_ft", {"temperature": 1}
    )


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("epochs", "many"),
        ("epochs", -1),
        ("epochs", 2.5),
        ("batch_size", 1),
        ("weight_decay", -0.1),
        ("learning_rate", 1e-3),
        ("milestones", "40, 60"),
        ("optimiser", "lion"),
        ("flip", 1.5),
        ("jitter", [0.1, 0.1]),
        ("geometry", "stretch"),
        ("last_stride", 3),
        ("image_size", 4097),
        ("options", 3),
    ],
)
def test_a_value_of_the_wrong_kind_is_refused_by_its_name(key, value):
    message = refusal("clip_ft", {key: value})
    assert message.startswith("Recipe 'clip_ft': ")
    assert key in message


@pytest.mark.parametrize(
    ("key", "value", "wanted"),
    [
        ("train_text", "no", "true or false"),
        ("two_heads", 0, "true or false"),
        ("temperature", float("nan"), "a finite number"),
        ("temperature", float("inf"), "a finite number"),
        ("temperature", True, "a finite number"),
        ("dropout", "0.1", "a finite number"),
        ("fixed_prompt", 3, "a text"),
        ("prompts", "A photo of a {} hand", "a list"),
    ],
)
def test_an_option_of_another_kind_than_the_recipes_own_is_refused(key, value, wanted):
    name = "clip_handid" if key == "train_text" else "promptsg"
    with pytest.raises(ValueError, match=key) as error:
        recipes.check_kinds(name, "vit", {key: value})
    assert str(error.value) == f"Recipe '{name}': {key} is {value!r}: give {wanted}."


def test_an_option_may_be_a_whole_number_or_null_where_the_recipe_has_a_number():
    recipes.check_kinds("clip_reid", "vit", {"temperature": 1, "triplet_margin": None, "flip": 0})


@pytest.mark.parametrize(("key", "inner"), [("augment", "flip"), ("stages", "decay")])
def test_a_part_of_the_wrong_kind_is_refused_also_if_a_value_in_it_changes(key, inner):
    assert key in refusal("clip_ft", {key: 3, inner: 0.5})


@pytest.mark.parametrize("where", ["recipe", "stage", "augment"])
def test_an_unknown_key_in_a_file_is_refused(tmp_path, monkeypatch, where):
    content = yaml.safe_load((FOLDER / "clip_ft_mini.yaml").read_text())
    {"recipe": content, "stage": content["stages"][0], "augment": content["augment"]}[where][
        "learning_rat"
    ] = 1
    (tmp_path / "own.yaml").write_text(yaml.safe_dump(content))
    monkeypatch.setattr(files, "FOLDER", tmp_path)
    assert re.match(r"Recipe 'own': \S*learning_rat: ", refusal("own"))


@pytest.mark.parametrize("name", ["clip_handid", "clip_reid", "promptsg"])
@pytest.mark.parametrize(("mini", "family"), [("", "vit"), ("", "resnet"), ("_mini", "vit")])
def test_lora_has_a_rate_above_that_of_the_whole_encoder_and_leaves_the_learned_words(
    name, mini, family
):
    plain, lora = (recipes.load(name + mini, family, control=c) for c in ("", "lora"))
    assert lora.options == plain.options | {"lora_rank": 8}
    (*before, was), (*words, now) = plain.stages, lora.stages
    equal = was.learning_rate.backbone == 3.5e-4  # CLIP-ReID's of ResNets is high as it is
    assert now.learning_rate.backbone > was.learning_rate.backbone or equal
    assert [s.learning_rate.new for s in words] == [s.learning_rate.new for s in before]


def test_an_ablation_changes_one_thing_and_is_named_like_a_control():
    plain = recipes.load("clip_handid", "vit")
    for name, changes in plain.ablations.items():
        changed = recipes.load("clip_handid", "vit", control=name)
        assert changed.title == f"CLIP-HandID {name}"
        differ = {k for k, v in flat(changed).items() if v != flat(plain).get(k)} - {"title"}
        assert differ == set(changes)


def flat(recipe):
    """Every value of a recipe by its own name; of its only stage too."""
    (stage,) = recipe.stages
    content = {k: getattr(recipe, k) for k in type(recipe).model_fields} | recipe.options
    content |= {k: getattr(recipe.augment, k) for k in type(recipe.augment).model_fields}
    content = {k: list(v) if isinstance(v, tuple) else v for k, v in content.items()}
    whole = ("options", "augment", "stages", "controls", "ablations", "name")
    return {k: v for k, v in content.items() if k not in whole} | stage.model_dump(exclude={"name"})


@pytest.mark.parametrize(
    ("family", "stage", "first", "full"),
    [("vit", 0, 7.8e-5, 3.485e-4), ("vit", 1, 9.5e-7, 5e-6), ("resnet", 1, 3.815e-5, 3.5e-4)],
)
def test_clip_reids_schedule_counts_epochs_from_one_as_its_code(family, stage, first, full):
    plan = recipes.load("clip_reid", family).stages[stage]
    rates = [plan.learning_rate.backbone * train.rate_factor(plan, e) for e in range(12)]
    assert rates[0] == pytest.approx(first, rel=1e-3)
    assert max(rates) == pytest.approx(full, rel=1e-3)


@pytest.mark.parametrize("version", range(3, 8))
@pytest.mark.parametrize(("family", "rate"), [("vit", 4e-6), ("resnet", 2e-5)])
def test_clip_fhs_runs_peak_where_the_logs_do(version, family, rate):
    plan = recipes.load(f"clip_fh_s2_v{version}", family, control="as_run")
    rates = [(stage.learning_rate.backbone, stage.learning_rate.new) for stage in plan.stages]
    assert rates == [(rate, rate)] * 2
