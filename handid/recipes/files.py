"""The recipe files of this folder: their names, and what stands in each."""

from pathlib import Path
from typing import Any

import yaml

FOLDER = Path(__file__).parent


def names() -> list[str]:
    """The names of all recipes."""
    return sorted(file.stem for file in FOLDER.glob("*.yaml"))


def content(name: str) -> dict[str, Any]:
    """What the file of a recipe says, before any change and before the family is chosen.

    Raises:
        ValueError: one sentence, if the file is no mapping in YAML.
    """
    try:
        said = yaml.safe_load((FOLDER / f"{name}.yaml").read_text(encoding="utf-8"))
    except (yaml.YAMLError, ValueError, TypeError, AttributeError, LookupError, RecursionError):
        said = None
    if not isinstance(said, dict) or not all(isinstance(key, str) for key in said):
        raise ValueError(
            f"Recipe '{name}': its file names no values in YAML, such as 'title: ...'."
        )
    return said
