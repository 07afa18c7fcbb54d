"""Tidy rows and tables -> the sentences of a report. Each begins with its answer.

A sentence never says more than its interval: see `verdict`.
"""

from handid.report.sentences.claims import claims
from handid.report.sentences.decline import decline
from handid.report.sentences.evidence import about_worth, examiners, groups, worth
from handid.report.sentences.findings import findings
from handid.report.sentences.gains import ablation, added, gain, helps, holds
from handid.report.sentences.growth import growth
from handid.report.sentences.levels import parts, specialised, summary, versions
from handid.report.sentences.looks import maps, people, texts
from handid.report.sentences.material import counts, data, pretraining, problems
from handid.report.sentences.panel import operating_point
from handid.report.sentences.research import research_questions
from handid.report.sentences.search import search
from handid.report.sentences.survival import controls, survival
from handid.report.sentences.tuning import tuning
from handid.report.sentences.untrained import (
    best_backbone,
    floors,
    level,
    questions,
    zero_shot,
)
from handid.report.sentences.verdicts import Verdict, verdict
from handid.report.sentences.why import control, why

__all__ = [
    "Verdict",
    "ablation",
    "about_worth",
    "added",
    "best_backbone",
    "claims",
    "control",
    "controls",
    "counts",
    "data",
    "decline",
    "examiners",
    "findings",
    "floors",
    "gain",
    "groups",
    "growth",
    "helps",
    "holds",
    "level",
    "maps",
    "operating_point",
    "parts",
    "people",
    "pretraining",
    "problems",
    "questions",
    "research_questions",
    "search",
    "specialised",
    "summary",
    "survival",
    "texts",
    "tuning",
    "verdict",
    "versions",
    "why",
    "worth",
    "zero_shot",
]
