"""What stands in the place of an experiment, a name or a list is refused at the verbs of a study.

It looks at kinds alone, as the verbs' annotations have them; values are their rooms' affair.
"""

from typing import TypeVar

from handid import given
from handid.data.sets import Target
from handid.report.rows import Score
from handid.report.worth import Worth
from handid.study.experiment import Experiment
from handid.synthetic.caption import Question

_WANTED = {
    Experiment: "an experiment, as lab.experiments(...) lists them",
    Score: "a score, as lab.scores(...) lists them",
    Worth: "a match's worth, as lab.worth(...) lists them",
    Question: "a question, as handid.synthetic.caption has them",
    Target: "a target",
    float: "a number",
    str: "a text",
}
_Class = TypeVar("_Class", bound=type)


def guarded(cls: _Class) -> _Class:
    """A class whose public verbs refuse, in one sentence, what is of another kind."""
    for name, verb in vars(cls).items():
        if not name.startswith("_") and callable(verb):
            setattr(cls, name, given.guarded(_WANTED)(verb))
    return cls
