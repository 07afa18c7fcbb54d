"""Zero-shot questions in words about every photograph of every data set."""

import warnings
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch.nn import functional

from handid import backbone
from handid.recipes import System
from handid.study import network as networks
from handid.study.experiment import Experiment
from handid.study.experiments import Experiments
from handid.study.photographs import Photographs, positions
from handid.synthetic.caption import Question
from handid.train import Engine

COLUMNS = [
    *("backbone", "weights", "set", "synthetic", "question", "column", "offered", "subject"),
    *("truth", "answer"),
]
Asked = list[tuple[Question, pd.DataFrame]]


def of_every_set(
    system: System,
    questions: Sequence[Question],
    experiments: Experiments,
    photographs: Photographs,
    engine: Engine,
) -> pd.DataFrame:
    """`answers` of an untrained CLIP with every backbone about every data set.

    Args:
        system: the recipe of an untrained CLIP gives the preprocessing.
        questions: as caption.QUESTIONS.
        experiments: of the study.
        photographs: of the study.
        engine: device and precision.
    """
    targets = {target.set: target for target in photographs.targets}.values()
    plain = {"flip_average": False}
    asked = [
        experiments.one(system, name, target, changes=plain)
        for target, name in product(targets, readers(photographs.settings.backbones))
    ]
    return answers(asked, questions, photographs, engine)


def answers(
    experiments: Iterable[Experiment],
    questions: Sequence[Question],
    photographs: Photographs,
    engine: Engine,
) -> pd.DataFrame:
    """Ask untrained CLIPs about every photograph of their sets.

    Each answer is a mean of sentences' features, and a photograph's answer the one with the largest
    cosine. Photographs with accessories are asked about too. Answers that no photograph shows are
    not offered; a question with fewer than two left is left out, and a warning says so.

    Args:
        experiments: of untrained CLIPs, which mirror nothing: a mirrored right hand looks like a
            left one.
        questions: as caption.QUESTIONS.
        photographs: of the study.
        engine: device and precision.

    Returns:
        A row per backbone, set, question and photograph: COLUMNS.

    Raises:
        ValueError: if an experiment is not that of an untrained CLIP.
    """
    parts = [pd.DataFrame(columns=COLUMNS)]
    by_set: dict[str, tuple[pd.DataFrame, Asked]] = {}
    for experiment in experiments:
        name = experiment.target.set
        if name not in by_set:
            table = photographs.table(name, accessories=True)
            by_set[name] = table, _asked(questions, table, name)
        table, asked = by_set[name]
        if asked:
            synthetic = photographs.is_synthetic(experiment.target)
            parts += [
                part.assign(set=name, synthetic=synthetic)
                for part in _answers(experiment, table, asked, photographs, engine)
            ]
    return pd.concat(parts[1:] or parts, ignore_index=True)[COLUMNS]


def readers(backbones: Iterable[str]) -> list[str]:
    """Those of some backbones that can read a sentence here; a warning names the others."""
    silent, able = {}, []
    for name in backbones:
        try:
            backbone.check_reads(name)
            able.append(name)
        except ValueError as error:
            silent[backbone.label(name)] = str(error)
    if silent:
        reasons = " ".join(dict.fromkeys(silent.values()))
        warnings.warn(f"Not asked in words: {', '.join(silent)}. {reasons}", stacklevel=6)
    return able


def _answers(
    experiment: Experiment,
    table: pd.DataFrame,
    asked: Asked,
    photographs: Photographs,
    engine: Engine,
) -> list[pd.DataFrame]:
    """One backbone's answers to each question, a row per photograph."""
    if experiment.recipe.method != "clip_zero_shot":
        raise ValueError(f"{experiment.title} has no text to compare with: ask a zero-shot recipe.")
    network = networks.load(experiment, engine)
    assert isinstance(network.backbone, backbone.Backbone)  # a zero-shot method needs a CLIP
    embeddings = networks.embed_rows(experiment, table, photographs, engine)
    about = {"backbone": experiment.backbone_label, "weights": Path(experiment.weights).name}
    parts = []
    for question, rows in asked:
        texts = _text_features(network.backbone, list(question.answers.values()))
        best = (embeddings[positions(table, rows)] @ texts.T).argmax(axis=1)
        asked_of = {"question": question.name, "column": question.column, "offered": len(texts)}
        part = rows[["subject"]].assign(**about, **asked_of, truth=rows[question.column])
        offered = list(question.answers)
        parts.append(part.assign(answer=pd.Series([offered[i] for i in best], part.index)))
    return parts


def _asked(questions: Sequence[Question], table: pd.DataFrame, name: str) -> Asked:
    """The questions that a set's photographs can be asked, each with its rows; warns of others."""
    asked, reasons = [], []
    for question in questions:
        if question.column not in table:
            reasons.append(f"'{question.name}' (the table has no column {question.column})")
            continue
        there = table["view"].str.contains(question.where, regex=False)
        rows = table[there & table[question.column].isin(list(question.answers))]
        shown = {a: s for a, s in question.answers.items() if (rows[question.column] == a).any()}
        if len(shown) < 2:
            reasons.append(f"'{question.name}' (the photographs show {len(shown)} of its answers)")
        else:
            asked.append((replace(question, answers=shown), rows))
    if reasons:
        warnings.warn(f"{name} is not asked: {', '.join(reasons)}.", stacklevel=6)
    return asked


def _text_features(encoder: backbone.Backbone, answers: Sequence[Sequence[str]]) -> np.ndarray:
    """[answers, D] unit features: of each answer the mean of its sentences' unit features."""
    sentences = [sentence for answer in answers for sentence in answer]
    with torch.inference_mode():
        each = functional.normalize(encoder.encode_text(sentences).float(), dim=1)
        parts = each.split([len(answer) for answer in answers])
        means = torch.stack([part.mean(dim=0) for part in parts])
        return functional.normalize(means, dim=1).cpu().numpy()
