"""What a match of a system is worth on one target and task, as its figures and tables get it."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from handid.evidence.calibration import Calibration
from handid.report.rows import COLUMNS

SHARES = {  # metric -> what a reader calls it; shares are shown in percent
    "eer": "equal error rate",
    "fmr": "FMR",
    "fnmr": "FNMR",
    "fpir": "FPIR",
    "fpir_extra": "FPIR, extra people",
    "fnir": "FNIR, rank 1",
    "fnir5": "FNIR, rank 5",
    "miss1": "not at rank 1, no threshold",
    "misleading_mated": "misleading ratios, same hand",
    "misleading_nonmated": "misleading ratios, different hands",
}
BITS = {"cllr": "Cllr", "cllr_min": "Cllr-min", "cllr_cal": "Cllr-cal"}


@dataclass(frozen=True)
class Worth:
    """What a match of a system is worth on one target and task.

    Attributes:
        name: method, with its backbone where there are several.
        system: its key (recipes.System.key).
        place: the target; says whether it is synthetic.
        task: a key of tasks.TASKS.
        seeds: trainings that `figures` are over; the rest is of the first one.
        n_people: test people.
        n_development: people of the thresholds and of the calibration.
        n_gallery: people who are enrolled in a search.
        n_extra: people in neither half who search too.
        n_failed: test photographs that could not be decoded, which count as errors.
        floor: error rate below which so many test people support nothing.
        set_to: false match rate and FPIR to which thresholds were set on development people.
        threshold: of one comparison; NaN without development people.
        figures: metric (SHARES or BITS), value, low, high, floor; seed_part, the share of the
            interval's variance that is between trainings, NaN for one. What could not be had is
            not in it.
        rows: tidy rows (rows.COLUMNS) of each training and of each figure that is supported.
        mated: [M] scores of the same hand; NaN for a failure.
        nonmated: [N] scores of different hands.
        calibration: of scores to likelihood ratios; None with the reason in `refusal`.
        refusal: one sentence, or empty.
        det: of verification.det, within the floor.
        search: of open_set.curve at rank 1.
        tippett: llr, shares of mated and nonmated ratios at or above it with their low and high
            over people; empty where nothing could be calibrated.
        entropy: prior (log10 odds) and bits of system, pav and neutral; empty likewise.
        pav: score, line (calibrated log10 ratio) and best (pool adjacent violators); empty
            likewise.
        groups: attribute, group, n_people, metric, share, low, high.
    """

    name: str
    system: str
    place: str
    task: str
    seeds: int
    n_people: int
    n_development: int
    n_gallery: int
    n_extra: int
    n_failed: int
    floor: float
    set_to: float
    threshold: float
    search_threshold: float
    figures: pd.DataFrame
    rows: pd.DataFrame
    mated: np.ndarray
    nonmated: np.ndarray
    calibration: Calibration | None
    refusal: str
    det: pd.DataFrame
    search: pd.DataFrame
    tippett: pd.DataFrame
    entropy: pd.DataFrame
    pav: pd.DataFrame
    groups: pd.DataFrame

    @property
    def where(self) -> str:
        """Target and task, for titles."""
        return f"{self.place}, {self.task}"

    @property
    def bounds(self) -> tuple[float, float]:
        """Lowest and highest log10 likelihood ratio that its people support; 0 for none."""
        found = self.calibration
        return (0.0, 0.0) if found is None else (found.low, found.high)

    def figure(self, metric: str) -> pd.Series | None:
        """Value, low, high and floor of one metric; None where it could not be had."""
        found = self.figures[self.figures["metric"] == metric]
        return None if found.empty else found.iloc[0]


def supported(figures: pd.DataFrame) -> pd.Series:
    """Of each figure whether so many people support it: not below its floor, with an interval."""
    known = figures[["low", "high"]].notna().all(axis=1)
    return known & (figures["value"] >= figures["floor"])


def as_rows(figures: pd.DataFrame, about: dict[str, object]) -> pd.DataFrame:
    """Tidy rows of the figures that are supported: shares in percent, costs in bits.

    Args:
        figures: metric, value, low, high, floor.
        about: the other columns of rows.COLUMNS.
    """
    rows = figures[supported(figures)].reset_index(drop=True)
    units = rows["metric"].map(dict.fromkeys(SHARES, 100.0) | dict.fromkeys(BITS, 1.0))
    numbers = {name: rows[name] * units for name in ("value", "low", "high")}
    return pd.DataFrame(about | {"metric": rows["metric"]} | numbers)[COLUMNS]
