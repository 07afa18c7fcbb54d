"""How the front door refuses: one sentence that says what is wrong and what to do about it."""

import difflib
from collections.abc import Iterable


class Refused(Exception):
    """The request cannot be run; the message says why and what to change."""


def close(name: str, names: Iterable[str]) -> str:
    """The existing names that a mistyped name may have meant, else all existing names."""
    names = sorted(names)
    similar = difflib.get_close_matches(name, names, n=2)
    if similar:
        return f"did you mean {' or '.join(similar)}?"
    return f"known: {', '.join(names) or 'none'}"
