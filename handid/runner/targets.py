"""Which data sets the targets of notebooks name: what a run would not use is told at once."""

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any

from handid.runner.refusal import Refused

SEARCHED = {"enrolled", "questions"}  # sets that a parameter names, not a target


def named(data_set: str, parameters: Mapping[str, Any]) -> bool:
    """Whether a notebook names a data set; True where it has no targets at all.

    Args:
        data_set: its name.
        parameters: of the notebook; lists whose name ends with "targets" hold targets, and a text
            may be a set's name too, as those of a search are.
    """
    texts = [text for name in lists(parameters) for text in parameters[name]]
    is_text = data_set in [value for value in parameters.values() if type(value) is str]
    return not texts or is_text or any(f"{text} ".startswith(f"{data_set} ") for text in texts)


def refuse_idle(data_sets: Iterable[str], notebooks: Iterable[Mapping[str, Any]]) -> None:
    """Refuse a set of the user's own that no notebook of the run would look at.

    Args:
        data_sets: names that the command line gives and no notebook knows by itself.
        notebooks: the parameters of each.

    Raises:
        Refused: naming the parameters that can name it.
    """
    notebooks = [parameters for parameters in notebooks if "data" in parameters]
    for name in data_sets:
        if notebooks and not any(named(name, parameters) for parameters in notebooks):
            places = sorted({place for parameters in notebooks for place in lists(parameters)})
            known = {text for p in notebooks for text in p.values() if type(text) is str and text}
            if meant := get_close_matches(name.lower(), known & SEARCHED, n=1, cutoff=0.7):
                raise Refused(f"--data {name}: no target names it; did you mean {meant[0]}?")
            raise Refused(
                f"--data {name}: no target names it; add --set '{places[-1]}=[\"{name}\"]', or "
                f'"{name} VIEW" where it has several views (notebooks have {", ".join(places)})'
            )


def lists(parameters: Mapping[str, Any]) -> list[str]:
    """Names of the parameters that hold targets."""
    return [n for n, value in parameters.items() if n.endswith("targets") and type(value) is list]
