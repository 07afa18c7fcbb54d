"""The recipe files of this folder: their names, and what stands in each."""

from pathlib import Path
from typing import Any

import yaml

FOLDER = Path(__file__).parent


def names() -> list[str]:
    """The names of all recipes."""
    return sorted(file.stem for file in FOLDER.glob("*.yaml"))


def content(name: str) -> dict[str, Any]:
    """What the file of a recipe says, before any change and before the family is chosen."""
    return yaml.safe_load((FOLDER / f"{name}.yaml").read_text(encoding="utf-8"))
