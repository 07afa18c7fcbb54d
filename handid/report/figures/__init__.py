"""Arrays and tables -> figures with their words. Nothing is measured, saved or shown here."""

from handid.report.figures.candidates import candidates
from handid.report.figures.curves import cmc, decline, loss_parts, training
from handid.report.figures.evidence import (
    det,
    entropy,
    open_set,
    pav,
    similarities_of_pairs,
    tippett,
)
from handid.report.figures.groups import group_errors
from handid.report.figures.growth import growth
from handid.report.figures.intervals import differences, questions, scores
from handid.report.figures.matrices import confusion, grids, heat_maps, similarities
from handid.report.figures.people import by_person, images_per_person
from handid.report.figures.pictures import contact_sheet, retrieval, similarity_maps
from handid.report.figures.style import Drawing
from handid.report.figures.threshold import operating_point
from handid.report.figures.tuning import expected_best, pulls, smallest_difference

__all__ = [
    "candidates",
    "Drawing",
    "by_person",
    "cmc",
    "confusion",
    "contact_sheet",
    "decline",
    "det",
    "differences",
    "entropy",
    "expected_best",
    "grids",
    "group_errors",
    "growth",
    "heat_maps",
    "images_per_person",
    "loss_parts",
    "open_set",
    "operating_point",
    "pav",
    "pulls",
    "questions",
    "retrieval",
    "scores",
    "similarities",
    "similarities_of_pairs",
    "similarity_maps",
    "smallest_difference",
    "tippett",
    "training",
]
