"""The card of a model that is handed on: what it is, what it reached, and what it is not for."""

from collections.abc import Mapping, Sequence
from typing import Any

from handid import backbone, disk
from handid.report.rows import METRIC_NAMES, Score
from handid.study.experiment import Experiment

_CARD = """---
library_name: handid
pipeline_tag: image-feature-extraction
license: {licence}
tags: [biometrics, hands, person-re-identification]
---

# {title}, {backbone}{synthetic}

A photograph of a hand becomes a vector; photographs of one hand have similar vectors (cosine).
Made by the HandID study from the recipe `{system}`, seed {seed}, on the training people of
*{target}* ({n_identities} identities{drawn}).

## What it reached

On the test people of *{target}*, none of whom it was trained on: {n_queries} queries, a gallery of
{n_gallery}; 95 % intervals over {n_subjects} people, and not over trainings.

| | percent | from | to |
|---|---|---|---|
{figures}

{calibrated}

## How to use it

The folder is used by its path, in the place of a recipe's name:

```console
python run_notebooks.py --only 14 --data enrolled=PATH --data questions=PATH --set model=MODEL
```

`experiment.json` holds every value of the recipe and the preprocessing, `products.json` the SHA-256
of each file: a changed file is refused.

## What it is not for

Identifying anybody. No figure here is validated for casework. Weights that were trained on
photographs of people are personal data: treat them as the photographs.

## Licence

The code is under the MIT licence (`LICENSE`).{terms}
"""


def card(experiment: Experiment, score: Score) -> str:
    """The card in Markdown, with a header as model hubs read it.

    Args:
        experiment: the model.
        score: its figures on its own target.
    """
    rows = score.rows
    first = rows.iloc[0]
    is_drawn = bool(first["synthetic"])
    ours = is_drawn and experiment.backbone in ("mini-ViT", "mini-RN")
    figures = [
        f"| {METRIC_NAMES[str(row.metric)]} | {row.value:.1f} | {row.low:.1f} | {row.high:.1f} |"
        for row in rows.itertuples()
    ]
    records = [disk.read_json(file) for file in experiment.folder.glob("calibration-*.json")]
    return _CARD.format(
        licence="mit" if ours else "other",
        title=experiment.title,
        backbone=experiment.backbone_label,
        synthetic=" (synthetic hands)" if is_drawn else "",
        system=experiment.system.key,
        seed=experiment.seed,
        target=experiment.target,
        n_identities=experiment.n_identities,
        drawn=", all of them drawn" if is_drawn else "",
        n_queries=first["n_queries"],
        n_gallery=first["n_gallery"],
        n_subjects=first["n_subjects"],
        figures="\n".join(figures),
        calibrated=_of_records(records),
        terms="" if ours else _TERMS.format(start=backbone.label(experiment.backbone)),
    )


def _of_records(records: Sequence[Mapping[str, Any]]) -> str:
    """What the files beside the weights say of similarities; a record may hold no calibration."""
    if any(record.get("calibration") for record in records):
        return _CALIBRATED
    why = next((record["refusal"] for record in records if record.get("refusal")), "")
    return _THRESHOLDS.format(refusal=why) if why else _NOT_CALIBRATED


_CALIBRATED = (
    "Its similarities are calibrated: the files `calibration-*.json` hold likelihood ratios with "
    "their bounds, thresholds, and the error rates with their intervals."
)
_NOT_CALIBRATED = (
    "Its similarities are not calibrated: notebook 12 makes likelihood ratios and thresholds."
)
_THRESHOLDS = (
    "Its similarities are not calibrated: {refusal} The files `calibration-*.json` hold "
    "thresholds, and the error rates with their intervals."
)
_TERMS = (
    " The weights started from {start} and saw a data set: the terms of both hold for them too; "
    "read them before you hand the model on."
)
