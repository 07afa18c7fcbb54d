"""What networks cost: their parameters, those that train, their input, and images per second."""

import time
from collections.abc import Iterable

import pandas as pd
from torch import Tensor

from handid.study import network as networks
from handid.study.experiment import Experiment
from handid.study.photographs import Photographs
from handid.train import Engine

COLUMNS = ["system", "method", "backbone", "parameters", "trained", "pixels", "images_per_second"]
TIMED = 32  # photographs that are embedded against the clock, after as many to warm up


def sizes(
    experiments: Iterable[Experiment], photographs: Photographs, engine: Engine
) -> pd.DataFrame:
    """One row per method and backbone: COLUMNS.

    `parameters` are those of the image encoder as it comes, `trained` all numbers that learn, those
    of new layers and classifiers too, `pixels` the side of the square input.
    Speed is measured here and now, on photographs of the first target, without their decoding.

    Args:
        experiments: of any targets and seeds; the first of each method and backbone counts.
        photographs: of the study.
        engine: device and precision.
    """
    rows: dict[tuple[str, str], dict] = {}
    for one in experiments:
        key = (one.system.key, one.backbone_label)
        if key in rows:
            continue
        rows[key] = {
            "system": one.system.key,
            "method": one.title,
            "backbone": one.backbone_label,
            "parameters": _count(networks.encoder(one).image_parameters()),
            "trained": _trained(one),
            "pixels": one.image_size,
            "images_per_second": _speed(one, photographs, engine),
        }
    return pd.DataFrame(list(rows.values()), columns=COLUMNS)


def _count(parameters: Iterable[Tensor]) -> int:
    return sum(parameter.numel() for parameter in parameters)


def _trained(experiment: Experiment) -> int:
    """How many numbers learn, in any stage."""
    if not experiment.recipe.stages:
        return 0
    return _count(p for p in networks.build(experiment).parameters() if p.requires_grad)


def _speed(experiment: Experiment, photographs: Photographs, engine: Engine) -> float:
    network = networks.load(experiment, engine)
    rows = photographs.table(experiment.target.set).head(TIMED)
    pictures = networks.images(experiment, rows, photographs)
    networks.embed_images(experiment, network, pictures, engine)
    start = time.perf_counter()
    networks.embed_images(experiment, network, pictures, engine)
    return len(pictures) / (time.perf_counter() - start)
