"""Recipes: one YAML file each, with every hyper-parameter of a training and its source.

A value that the papers give per backbone family is a mapping `{vit: ..., resnet: ...}`. Not a
configuration language: no inheritance, no expressions, and an unknown key is refused.
"""

from collections.abc import Collection
from difflib import get_close_matches
from math import inf
from typing import Any

from pydantic import ValidationError

from handid import given
from handid.recipes import files
from handid.recipes.files import names
from handid.recipes.recipe import NAMES, TOOLS, Augment, Rates, Recipe, Stage
from handid.recipes.search import Range, Search
from handid.recipes.system import System

__all__ = [
    "FAMILIES",
    "NAMES",
    "TOOLS",
    "Augment",
    "Range",
    "Rates",
    "Recipe",
    "Search",
    "Stage",
    "System",
    "check_kinds",
    "load",
    "names",
    "searched",
    "value_of",
]

FAMILIES = ("vit", "resnet", "cnn")
_MAPPINGS = ("learning_rate", "loss_weights")  # of a stage, whose values have keys of their own
_KINDS = {bool: "true or false", str: "a text", list: "a list"}  # of options, beside numbers


def load(name: str, family: str, changes: dict | None = None, control: str = "") -> Recipe:
    """The recipe of that name for one backbone family.

    Args:
        name: a file in this folder, without its suffix.
        family: "vit" or "resnet" (CLIP's), or "cnn" (ImageNet's): chooses where a value differs.
        changes: values to replace: fields of Recipe, of every Stage, of Augment, or of the
            method's options, TOOLS included. A changed `epochs` stretches warm-up and milestones
            too; `loss_weights` and `loss_warmup` change the losses that they name, in the stages
            that train on images, and so do `learning_rate.backbone`, `learning_rate.new` and
            `loss_weights.NAME` one value.
        control: one of the recipe's named controls or ablations, whose changes come first. Its
            name goes into the title, unless it has a title of its own.

    Raises:
        ValueError: one sentence: unknown recipe, control or key, or a value of the wrong kind.
    """
    if name not in names():
        near = _meant(name, names()) or f"choose one of {', '.join(names())}."
        raise ValueError(f"Unknown recipe {given.shown(name)}: {near}")
    if family not in FAMILIES:
        raise ValueError(f"Unknown family {given.shown(family)}: use {' or '.join(FAMILIES)}.")
    if not isinstance(changes or {}, dict):
        raise ValueError(f"changes={given.shown(changes)} are no mapping of recipe keys to values.")
    content = {"name": name, **_of_family(name, files.content(name), family)}
    changes = _of_control(content, control) | (changes or {})
    epochs = changes.pop("epochs", None)
    for key, value in changes.items():
        _change(content, key, value)
    try:
        recipe = Recipe.model_validate(content)
        if epochs is not None:
            stages = [
                stage.scaled_to(Stage(**stage.model_dump() | {"epochs": epochs}).epochs)
                for stage in recipe.stages
            ]
            recipe = recipe.model_copy(update={"stages": stages})
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ValueError(f"Recipe '{name}': {where}: {first['msg']}.") from None
    return recipe


def check_kinds(name: str, family: str, changes: dict, control: str = "") -> None:
    """Refuse an option of another kind than the recipe's own; its range is the method's to check.

    A null is neither refused nor a kind: some options take one in the place of a number.

    Args:
        name: of the recipe.
        family: see `load`.
        changes: that `load` takes.
        control: one of the recipe's named controls or ablations.

    Raises:
        ValueError: one sentence: see `load`; or an option of another kind.
    """
    own = load(name, family, None, control).options
    for key in [key for key in own if changes.get(key) is not None and own[key] is not None]:
        value, kind = changes[key], type(own[key])
        if kind in (int, float):
            number = isinstance(value, int | float) and not isinstance(value, bool)
            fits, wanted = number and -inf < value < inf, "a finite number"
        else:
            fits, wanted = isinstance(value, kind), _KINDS.get(kind, "another value")
        if not fits:
            raise ValueError(f"Recipe '{name}': {key} is {given.shown(value)}: give {wanted}.")


def searched(name: str, family: str, control: str = "") -> Search:
    """What a tuning of a recipe may choose, checked at both ends of every range.

    Args:
        name: of the recipe.
        family: see `load`.
        control: one of the recipe's named controls or ablations.

    Raises:
        ValueError: one sentence: see `load`; there is nothing to choose, a range that goes beyond
            what the recipe allows or does not hold the recipe's own value.
    """
    recipe = load(name, family, control=control)
    if recipe.search is None:
        raise ValueError(f"Recipe '{name}' has no `search`: it says nothing that can be tuned.")
    for key, values in recipe.search.values.items():
        own = value_of(recipe, key)
        if not values.holds(own):
            raise ValueError(f"Recipe '{name}': search: {key} leaves out the recipe's own {own}.")
        for end in values.ends:
            try:
                load(name, family, {key: end}, control)
            except ValueError as error:
                raise ValueError(f"Recipe '{name}': search: {key} = {end}: {error}") from None
    return recipe.search


def value_of(recipe: Recipe, key: str) -> Any:
    """The value that a key of `load`'s changes has in a recipe; of several stages the last one's.

    Raises:
        ValueError: one sentence for a key that the recipe does not have.
    """
    stage = recipe.stages[-1].model_dump() if recipe.stages else {}
    known = recipe.options | recipe.augment.model_dump() | stage | vars(recipe)
    part, _, name = key.partition(".")
    if part in _MAPPINGS and name:
        return stage.get(part, {}).get(name, 1.0)  # a loss without a weight weighs 1
    if key not in known:
        raise ValueError(f"Recipe '{recipe.name}' has no value '{key}' to choose.")
    return known[key]


def _of_control(content: dict, control: str) -> dict:
    named = {key: content.get(key, {}) for key in ("controls", "ablations")}
    for key, value in named.items():
        if not isinstance(value, dict) or not all(isinstance(v, dict) for v in value.values()):
            raise ValueError(
                f"Recipe '{content['name']}': {key} must name changes, each a mapping."
            )
    controls = named["controls"] | named["ablations"]
    if control and control not in list(controls):  # a list also looks for what has no hash
        raise ValueError(
            f"Recipe '{content['name']}' has no control {given.shown(control)}: "
            f"it has {', '.join(controls) or 'none'}."
        )
    if isinstance(content.get("title"), str):  # else the validation refuses it
        content["title"] = f"{content['title']} {control}".strip()
    return dict(controls.get(control, {}))


def _of_family(name: str, content: dict, family: str) -> dict:
    try:
        return _for_family(content, family)
    except KeyError:
        raise ValueError(f"Recipe '{name}' is not for backbones of family '{family}'.") from None


def _for_family(value: Any, family: str) -> Any:
    if isinstance(value, dict):
        if value and value.keys() <= set(FAMILIES):
            return _for_family(value[family], family)
        return {key: _for_family(inner, family) for key, inner in value.items()}
    return [_for_family(inner, family) for inner in value] if isinstance(value, list) else value


def _parts(content: dict, key: str, kind: type) -> Any:
    """A part of a recipe to change; of the wrong kind it is left for the validation to refuse."""
    part = content.setdefault(key, kind())
    return part if isinstance(part, kind) else kind()


def _change_losses(stages: list[dict], key: str, value: Any) -> None:
    """Losses that are not named stay as they are; a stage on cached features has other losses."""
    for stage in stages:
        if not stage.get("encode_once"):
            stage[key] = stage.get(key, {}) | value if isinstance(value, dict) else value


def _change_inside(stages: list[dict], key: str, value: Any) -> None:
    """One value of a mapping, such as `learning_rate.new`, where a stage trains on images."""
    part, _, name = key.partition(".")
    for stage in stages:
        if not stage.get("encode_once"):
            stage[part] = stage.get(part, {}) | {name: value}


def _change(content: dict, key: str, value: Any) -> None:
    options, key = content.setdefault("options", {}), str(key)
    if key in Recipe.model_fields:
        content[key] = value
    elif key.partition(".")[0] in _MAPPINGS and "." in key:
        _change_inside(_parts(content, "stages", list), key, value)
    elif key in ("loss_weights", "loss_warmup"):
        _change_losses(_parts(content, "stages", list), key, value)
    elif key in Stage.model_fields:
        for stage in _parts(content, "stages", list):
            stage[key] = value
    elif key in Augment.model_fields:
        _parts(content, "augment", dict)[key] = value
    elif key in options or key in TOOLS:
        options[key] = value
    else:
        keys = [*Recipe.model_fields, *Stage.model_fields, *Augment.model_fields]
        keys += {*options, *TOOLS}
        near = _meant(key, keys) or f"known keys: {', '.join(sorted(keys))}."
        raise ValueError(f"Unknown recipe key {given.shown(key)} for '{content['name']}': {near}")


def _meant(name: Any, known: Collection[str]) -> str:
    """A question after the name that is nearest to a wrong one; "" where none is near."""
    near = get_close_matches(str(name), known, n=1)
    return f"did you mean '{near[0]}'?" if near else ""
