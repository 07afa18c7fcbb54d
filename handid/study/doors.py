"""What stands in the place of an experiment, a name or a list is refused at the verbs of a study.

It looks at kinds alone, as the verbs' annotations have them; values are their rooms' affair.
"""

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import wraps
from inspect import Parameter, signature
from types import UnionType
from typing import Any, TypeVar, get_args, get_origin

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
    str: "a text",
}
_Class = TypeVar("_Class", bound=type)


def guarded(cls: _Class) -> _Class:
    """A class whose public verbs refuse, in one sentence, what is of another kind."""
    for name, verb in vars(cls).items():
        if not name.startswith("_") and callable(verb):
            setattr(cls, name, _guarded(verb))
    return cls


def _guarded(verb: Callable[..., Any]) -> Callable[..., Any]:
    form = signature(verb)

    @wraps(verb)
    def looked_at(*args: Any, **named: Any) -> Any:
        asked = form.bind(*args, **named)
        for name, value in asked.arguments.items():
            parameter = form.parameters[name]
            several = parameter.kind is Parameter.VAR_POSITIONAL
            wanted = Sequence[parameter.annotation] if several else parameter.annotation
            asked.arguments[name] = _taken(f"{verb.__name__}: {name}", value, wanted)
        return verb(*asked.args, **asked.kwargs)

    return looked_at


def _taken(name: str, value: Any, wanted: Any) -> Any:
    """A value; a list in the place of what can be gone through once.

    Args:
        name: of verb and argument, for the refusal.
        value: given.
        wanted: annotation. Only kinds in _WANTED, lists of them and numbers are looked at.

    Raises:
        ValueError: if it is of another kind.
    """
    if wanted is float:
        given.real(name, value)
    if get_origin(wanted) in (Iterable, Sequence):
        single = isinstance(value, str | bytes | os.PathLike | Mapping)
        if single or not isinstance(value, Iterable):
            raise ValueError(f"{name} is {given.shown(value)}: give a list.")
        return [_taken(name, one, *get_args(wanted)) for one in value]
    kinds = get_args(wanted) if isinstance(wanted, UnionType) else (wanted,)
    if _WANTED.keys() & set(kinds) and not isinstance(value, kinds):
        raise ValueError(f"{name} is {given.shown(value)}: give {_WANTED[kinds[0]]}.")
    return value
