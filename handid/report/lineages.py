"""Which line of work a system comes from, and whether it has a network at all."""

from functools import cache

import pandas as pd

from handid.recipes import System, files

FLOORS = "Floors, nothing learned"
OTHERS = "Other systems"
# The methods of each line, in the order in which a reader meets them.
_LINEAGES = {
    FLOORS: ("raw_pixels", "colour_histogram", "light", "silhouette_moments"),
    "CLIP without fine-tuning": ("clip_zero_shot",),
    "CLIP, image encoder fine-tuned": ("clip_ft",),
    "CLIP-HandID, guided by language": ("clip_handid",),
    "CLIP-ReID and PromptSG": ("clip_reid", "promptsg"),
    "Convolutional networks": ("cnn_baseline", "gpa_net", "mba_net", "abd_net", "rga_net"),
}


def lineage(key: str) -> str:
    """The line of work of a system's key; OTHERS for a method that none of them knows."""
    method = _method(key)
    return next((line for line, methods in _LINEAGES.items() if method in methods), OTHERS)


def tells_backbone(rows: pd.DataFrame) -> pd.Series:
    """[N] whether a row's backbone says anything of it.

    A floor only borrows the size of its images from a backbone: its name tells something only
    where the floor stands there with several.
    """
    is_floor = rows["system"].map(lineage) == FLOORS
    return ~is_floor | (rows.groupby("system")["backbone"].transform("nunique") > 1)


def by_lineage(rows: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Tidy rows by line of work, in the order of the lines."""
    lines = rows["system"].map(lineage)
    known = [line for line in (*_LINEAGES, OTHERS) if (lines == line).any()]
    return {line: rows[lines == line].reset_index(drop=True) for line in known}


@cache
def _method(key: str) -> str:
    recipe = System.parse(key).recipe
    return files.content(recipe).get("method", "") if recipe in files.names() else ""
