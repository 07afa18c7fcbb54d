"""Tidy rows -> the tables of a report. They arrange and name; nothing is measured here."""

from handid.report.tables.decline import losses, orders
from handid.report.tables.evidence import (
    by_place,
    check_criteria,
    decisions,
    group_ratios,
    setting_of,
    validation,
    worths,
)
from handid.report.tables.growth import growth, growth_checks
from handid.report.tables.published import (
    PUBLISHED_COUNTS,
    and_published,
    beside_counts,
    beside_published,
    draws,
    parts_grid,
    parts_of,
    published_for,
)
from handid.report.tables.scores import (
    by_lineage,
    by_target,
    chance,
    deletion,
    main,
    mean_deletion,
    of_controls,
    scores_by_target,
    setting,
    validation_beside_test,
    where,
    wide,
)
from handid.report.tables.search import candidates
from handid.report.tables.sizes import backbones, trained
from handid.report.tables.survival import survival, survival_grids
from handid.report.tables.tuning import chosen, verdict
from handid.report.tables.words import (
    confusions,
    nearest_words,
    questions_by_set,
    questions_table,
    told,
)

__all__ = [
    "candidates",
    "PUBLISHED_COUNTS",
    "and_published",
    "backbones",
    "beside_counts",
    "beside_published",
    "by_lineage",
    "by_place",
    "by_target",
    "chance",
    "chosen",
    "check_criteria",
    "confusions",
    "decisions",
    "deletion",
    "draws",
    "losses",
    "group_ratios",
    "growth",
    "growth_checks",
    "main",
    "mean_deletion",
    "nearest_words",
    "orders",
    "of_controls",
    "parts_grid",
    "parts_of",
    "published_for",
    "questions_by_set",
    "questions_table",
    "scores_by_target",
    "setting",
    "setting_of",
    "told",
    "trained",
    "validation",
    "survival",
    "survival_grids",
    "validation_beside_test",
    "where",
    "wide",
    "worths",
    "verdict",
]
