"""How the front door refuses: one sentence that says what is wrong and what to do about it."""

import difflib
from collections.abc import Iterable

LONGEST_VALUE = 80  # characters of a value that a refusal repeats


class Refused(Exception):
    """The request cannot be run; the message says why and what to change, in printable text."""

    def __init__(self, message: str):
        super().__init__(printable(message))


def printable(text: str) -> str:
    """One line without what a terminal would obey: control characters as Python writes them."""
    return "".join(
        c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in text
    )


def short(value: object) -> str:
    """A value as a refusal repeats it: its beginning, if it is long."""
    text = value if isinstance(value, str) else _written(value)
    return text if len(text) <= LONGEST_VALUE else text[: LONGEST_VALUE - 1] + "…"


def _written(value: object) -> str:
    try:
        return repr(value)
    except (ValueError, RecursionError):  # a number of thousands of digits, lists in lists in ...
        return f"a {type(value).__name__} that is too long to show"


def close(name: str, names: Iterable[str]) -> str:
    """The existing names that a mistyped name may have meant, else all existing names."""
    names = sorted(names)
    similar = difflib.get_close_matches(name, names, n=2)
    if similar:
        return f"did you mean {' or '.join(similar)}?"
    return f"known: {', '.join(names) or 'none'}"
