"""What notebooks call: a Study, and what stands beside it."""

from handid.study import audit, degraded
from handid.study.study import Study, preface
from handid.study.survey import Survey, asked, survey
from handid.study.words import histories

__all__ = ["Study", "Survey", "asked", "audit", "degraded", "histories", "preface", "survey"]
