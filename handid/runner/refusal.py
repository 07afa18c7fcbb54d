"""How the front door refuses: one sentence that says what is wrong and what to do about it."""

import difflib
import re
from collections.abc import Iterable

from handid.given import printable

LONGEST_VALUE = 80  # characters of a value that a refusal repeats
LONGEST_NAME = 200  # of a name or a path
LONGEST_SENTENCE = 600
# What is repeated in a sentence: a quoted text, or anything without a blank.
_LONG = re.compile(rf"'[^']{{{LONGEST_NAME},}}'|\"[^\"]{{{LONGEST_NAME},}}\"|\S{{{LONGEST_NAME},}}")

# What Python, NumPy, pandas, PyTorch and the system's loader say when there is no more memory.
_LACKS_MEMORY = re.compile(
    r"\bMemoryError\b|[Cc]an(?:no|')t allocate|Unable to allocate|failed to map segment"
    r"|can't start new thread|out of memory|bad_alloc"
)
TOO_LITTLE_MEMORY = (
    "there is too little memory: free some, raise the limit (ulimit -v), or run fewer notebooks "
    "at the same time (--jobs)"
)
COLOUR = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class Refused(Exception):
    """The request cannot be run; the message says why and what to change.

    Whatever it repeats, it is one printable line of readable length: names and paths keep their
    beginning and their end, and so does a sentence that is still too long.
    """

    def __init__(self, message: str):
        text = _LONG.sub(lambda match: _cut(match[0], LONGEST_VALUE), printable(message))
        super().__init__(_cut(text, LONGEST_SENTENCE))


def lacks_memory(error: BaseException | str | None) -> bool:
    """Whether an error, or what led to it, says that memory was wanted, in whatever words."""
    while isinstance(error, BaseException):
        if lacks_memory(f"{type(error).__name__}: {error}"):
            return True
        error = error.__cause__ or error.__context__
    return bool(error and _LACKS_MEMORY.search(error))


def in_memory(cause: str, log: str) -> str:
    """Why a notebook failed, with what helps where memory was wanted.

    Args:
        cause: one line; "... was never executed" where not even the error could be shown.
        log: what its process printed.
    """
    is_told = cause.endswith(".")  # by a sentence of our own
    told = log if cause.endswith("never executed") else cause
    return cause if is_told or not lacks_memory(told) else f"{cause}; {TOO_LITTLE_MEMORY}"


def lines(text: str) -> str:
    """The same of several lines; colours, and all but the last state of a bar, are left out."""
    shown = [line.rstrip("\r").rpartition("\r")[2] for line in COLOUR.sub("", text).split("\n")]
    return "\n".join(printable(line.expandtabs()) for line in shown)


def _cut(text: str, longest: int) -> str:
    """A text without its middle, if it is too long."""
    if len(text) <= longest:
        return text
    half = (longest - 1) // 2
    return f"{text[:half]}…{text[-half:]}"


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
