"""A calibration as it is kept with an experiment: what a later search loads, and must say.

    record = lab.calibration(experiment)                  # made if it is not there
    record = evidence.record.read(folder)                 # of an experiment's folder; no data set
    record.calibration.log10_lr([0.83])                   # within its bounds
    record.calibration.least, record.calibration.most     # scores outside were never seen
    record.rates["fpir"]                                  # value, low, high, floor, shares

Where nothing could be calibrated, `calibration` is None and `refusal` says why in one sentence.
"""

import math
from dataclasses import asdict, dataclass
from pathlib import Path

from pydantic import TypeAdapter

from handid import disk, given
from handid.evidence.calibration import Calibration

Rate = tuple[float, float, float, float]


@dataclass(frozen=True)
class Record:
    """What is known of an experiment's similarities on one task.

    Attributes:
        system: key of the system (recipes.System.key).
        backbone: its image encoder.
        target: whose people it was trained, calibrated and tested on.
        task: what "mated" means: a key of tasks.TASKS.
        seed: of the training.
        calibration: of similarities (cosines), fitted on development people; None if there is none.
        refusal: why there is none, one sentence; else empty.
        set_to: false match rate and FPIR to which the thresholds were set on development people.
        threshold: of one comparison; NaN without development people.
        search_threshold: of a search in a gallery of about `n_gallery` people; NaN likewise.
        n_people: test people of the rates.
        n_gallery: people enrolled when they were measured: FPIR grows with their number.
        rates: metric -> value, low, high (95 % over test people; NaN for none) and the floor below
            which so many people support no value. Shares: eer, fmr and fnmr at `threshold`, fpir,
            fnir (rank 1) and fnir5 (rank 5) at `search_threshold`, miss1 (rank 1, any threshold),
            misleading_mated, misleading_nonmated. Bits: cllr, cllr_min, cllr_cal, whose floor is 0.
        made_of: digest of the code, photographs and weights that it came from.
    """

    system: str
    backbone: str
    target: str
    task: str
    seed: int
    calibration: Calibration | None
    refusal: str
    set_to: float
    threshold: float
    search_threshold: float
    n_people: int
    n_gallery: int
    rates: dict[str, Rate]
    made_of: str


def write(record: Record, folder: str | Path) -> None:
    """Write a record into its experiment's folder, whole or not at all."""
    content = asdict(record)
    content["rates"] = {name: list(map(_plain, rate)) for name, rate in record.rates.items()}
    content |= {name: _plain(content[name]) for name in ("threshold", "search_threshold")}
    disk.write_json(_file(folder, record.task), content)


def read(folder: str | Path, task: str = "papers") -> Record:
    """The record of a task that an experiment's folder holds; no data set is needed for it.

    Raises:
        ValueError: one sentence, if there is none or it is damaged.
    """
    content = disk.read_json(_file(folder, task))
    try:
        content["rates"] = {
            name: tuple(map(_number, rate)) for name, rate in content["rates"].items()
        }
        for name in ("threshold", "search_threshold"):
            content[name] = _number(content[name])
        known = TypeAdapter(Record).validate_python(content)
        if any(map(math.isnan, asdict(known.calibration).values() if known.calibration else ())):
            raise ValueError
        return known
    except (AttributeError, KeyError, OverflowError, TypeError, ValueError):
        raise ValueError(
            f"{folder} holds no calibration for the task '{task}': run notebook 12 first, or call "
            "lab.calibration(experiment)."
        ) from None


def _file(folder: str | Path, task: str) -> Path:
    return given.path(folder) / f"calibration-{task.replace(' ', '-')}.json"


def _plain(value: float) -> float | str | None:
    """JSON knows neither NaN nor infinity."""
    if math.isnan(value):
        return None
    return value if math.isfinite(value) else str(value)


def _number(value: float | str | None) -> float:
    return float("nan") if value is None else float(value)
