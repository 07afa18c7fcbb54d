"""The key of a system: which recipe, which of its controls, and whether it was trained."""

from dataclasses import dataclass, replace
from functools import cache

from handid.recipes import files
from handid.recipes.recipe import UNTRAINED


@dataclass(frozen=True)
class System:
    """What a row of results is about, whatever its title says.

    Attributes:
        recipe: name of the recipe.
        control: one of its named controls or ablations, or "".
        trained: False for a method before its first step, of a recipe that trains.
    """

    recipe: str
    control: str = ""
    trained: bool = True

    @property
    def key(self) -> str:
        """As results.csv writes it: "clip_ft", "clip_handid:zero_token", "clip_ft:untrained"."""
        parts = [self.recipe, self.control, "" if self.trained else UNTRAINED]
        return ":".join(part for part in parts if part)

    @classmethod
    def parse(cls, key: str) -> "System":
        """The system of a key, whether or not this package has such a recipe.

        Raises:
            ValueError: one sentence, if the text is no such key.
        """
        recipe, *rest = key.split(":")
        trained = rest[-1:] != [UNTRAINED]
        system = cls(recipe, *(rest if trained else rest[:-1])[:1], trained=trained)
        if not recipe or system.key != key:
            raise ValueError(
                f"'{key}' is no system: write recipe, recipe:control or ...:{UNTRAINED}."
            )
        return system

    @property
    def untrained(self) -> "System":
        """The same system before its first step."""
        return replace(self, trained=False)

    @property
    def full_size(self) -> "System":
        """The system as published: a recipe for small networks becomes the one it stands for."""
        return replace(self, recipe=_full_sizes().get(self.recipe) or self.recipe)


@cache
def _full_sizes() -> dict[str, str]:
    """Recipe -> the published recipe that it stands for; "" for one that is published itself."""
    return {name: files.content(name).get("full_size", "") for name in files.names()}
