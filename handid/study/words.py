"""What a study says of itself: its name in titles, and what a run stands on."""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

import pandas as pd

from handid import backbone
from handid.data.sets import Target, label
from handid.study import machine
from handid.study.experiment import Experiment
from handid.study.photographs import Photographs
from handid.study.settings import Settings


def name(targets: Sequence[Target], photographs: Photographs) -> str:
    """What titles start with: says 'synthetic' and the targets, or how many there are."""
    kinds = [photographs.is_synthetic(target) for target in targets]
    names = [str(target) for target in targets]
    shown = " and ".join(names) if len(names) < 3 else f"{len(names)} sets"
    if any(kinds) and not all(kinds):
        return f"{shown} (partly synthetic)"
    return label(shown, all(kinds))


def title(experiment: Experiment, photographs: Photographs) -> str:
    """One experiment for titles: target, said to be synthetic where it is, method, backbone."""
    several = len(photographs.settings.seeds) > 1
    seed = f", seed {experiment.seed}" if several else ""
    where = photographs.label(experiment.target)
    return f"{where}: {experiment.title}, {experiment.backbone_label}{seed}"


def preface(sets: Iterable[str], photographs: Photographs, device: str) -> str:
    """What a run stands on, in Markdown: data, weights, hardware; says what is synthetic."""
    lines, settings = [], photographs.settings
    for name in sets:
        table = photographs.table(name)
        kind, layout = "**synthetic hands drawn by this package**", ""
        if not photographs.sets[name].synthetic:
            kind, layout = "real photographs", f", layout {photographs.sets[name].layout}"
        people = table["subject"].nunique()
        lines.append(f"- {name}: {len(table):,} {kind} of {people} people{layout}")
    lines += _about_backbones(settings)
    environment = machine.environment(device)
    lines.append("- " + ", ".join(f"{key} {value}" for key, value in environment.items()))
    return "\n".join(lines)


def _about_backbones(settings: Settings) -> list[str]:
    """A line per kind of weights, with the backbones that start from them."""
    by_kind: dict[str, list[str]] = {}
    for name in settings.backbones:
        kind = _about(name, settings.weights or backbone.own_weights(name))
        by_kind.setdefault(kind, []).append(plain(backbone.label(name)))
    return [f"- {', '.join(names)}: {kind}" for kind, names in by_kind.items()]


def _about(name: str, weights: str) -> str:
    if weights == "mini" and backbone.split(name)[0] == "mini-Lite0":
        return (
            "**ImageNet's EfficientNet-Lite0 as a CLIP**: its image encoder is as it was "
            "published, its text encoder learned captions of synthetic hands of people who are "
            "not in this study (see MODEL_CARD.md)."
        )
    if weights == "random":
        return (
            "**random weights**. What is called zero-shot below is an untrained network's floor, "
            "not what a pre-trained CLIP can do."
        )
    if weights == "mini":
        return (
            "**this package's own small CLIP**, pre-trained on captioned synthetic hands of people "
            "who are not in this study (see MODEL_CARD.md); not OpenAI's."
        )
    return f"weights {plain(Path(weights).name)}"


def plain(name: str) -> str:
    """A name that anybody may have chosen, as Markdown shows it: no sign in it means anything."""
    return re.sub(r"([\\`*_{}\[\]()<>#|~$&!])", r"\\\1", " ".join(name.split()))


def histories(experiments: Iterable[Experiment]) -> dict[str, pd.DataFrame]:
    """Training tables by a name that says what differs: title, backbone, target, seed."""
    experiments = list(experiments)
    fields = [
        name
        for name in ("title", "backbone_label", "target", "seed")
        if name == "title" or len({getattr(one, name) for one in experiments}) > 1
    ]
    return {", ".join(str(getattr(e, name)) for name in fields): e.history for e in experiments}
