"""What callers give to a contract: numbers, ids, one number. Taken as it is meant, or refused.

Every refusal is one short sentence, whatever it repeats. It knows nothing of hands.
"""

import os
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from functools import wraps
from inspect import Parameter, signature
from numbers import Integral, Real
from pathlib import Path
from types import UnionType
from typing import Any, TypeVar, get_args, get_origin

import numpy as np

LONGEST = 80  # characters of a value that a refusal repeats
# What lists of other libraries raise when they are gone through, not all of it of one kind.
_STRANGE = (TypeError, ValueError, RuntimeError, OverflowError, LookupError)
_NO_NUMBERS = "cmMV"  # kinds of arrays that NumPy would make numbers of: complex, times, records
_UNORDERED = (dict, set, frozenset)  # can be gone through, in an order that nobody chose
_NUMBERS: dict[type, type] = {int: Integral, float: Real}  # NumPy's are such numbers too
_Verb = TypeVar("_Verb", bound=Callable[..., Any])


def shown(value: object) -> str:
    """A value as a refusal repeats it: on one line, and its beginning if it is long."""
    try:
        text = " ".join(repr(value).split())
    except Exception:  # an object's own words fail in ways of their own
        text = f"a {type(value).__name__}"
    return shorter(text)


def shorter(text: str) -> str:
    """A text, or its beginning if it is long."""
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def printable(text: str) -> str:
    """One line without what a terminal would obey: control characters as Python writes them."""
    return "".join(
        c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in text
    )


def table(values: Any) -> np.ndarray | None:
    """Real numbers as float64, in the shape in which they come; None if NumPy makes none of them.

    Texts count as what they spell; arrays of complex numbers, times or records are no numbers.

    Args:
        values: array, list, iterator, pandas column or CPU tensor; what is masked or missing in it
            is NaN.
    """
    if hasattr(values, "detach"):
        values = values.detach()
        values = values.double() if values.is_floating_point() else values  # no bfloat16 in numpy
    try:
        if isinstance(values, (str, bytes, *_UNORDERED)):
            return None
        plain = values if hasattr(values, "__array__") else list(values)
        if np.ma.isMaskedArray(plain):
            return np.ma.filled(plain.astype(np.float64), np.nan)
        if hasattr(plain, "__array__") and np.asarray(plain).dtype.kind in _NO_NUMBERS:
            return None
        return np.asarray(plain, dtype=np.float64)
    except _STRANGE:
        return None


def numbers(values: Iterable[float], name: str) -> np.ndarray:
    """The same of what must be numbers.

    Args:
        values: as of `table`.
        name: what they are, in the plural, for the refusal.

    Raises:
        ValueError: if it holds something else than real numbers.
    """
    found = table(values)
    if found is None:
        raise ValueError(f"The {name} are no list of numbers: give one number each.")
    return found


def ids(values: Iterable[Hashable], expected: int, name: str) -> list:
    """Ids as plain Python values: a tensor's own elements would be unequal to each other.

    Args:
        values: [N] of any hashable type.
        expected: N.
        name: of what a row is, for the refusal.

    Raises:
        ValueError: if they are no list, or there are more or fewer than rows.
    """
    try:
        listed: Any = getattr(values, "tolist", lambda: values)()
        if isinstance(listed, _UNORDERED):
            raise TypeError
        plain = [value.item() if hasattr(value, "item") else value for value in listed]
    except _STRANGE:
        raise ValueError(f"The ids of the {name} rows are no list: give one id per row") from None
    if len(plain) != expected:
        raise ValueError(f"{len(plain)} ids for {expected} {name} rows: give one id per row")
    return plain


def codes(values: Iterable[Hashable]) -> dict[Hashable, int]:
    """Each different id's whole number, from 0, in the order in which they come.

    Raises:
        ValueError: if one is not hashable, or missing: two unknown people are not one person.
    """
    from pandas import NA  # which the front door need not load

    try:
        found = {value: code for code, value in enumerate(dict.fromkeys(values))}
    except _STRANGE:
        raise ValueError("ids must be hashable, such as whole numbers, texts or tuples") from None
    # NaN and NaT are unlike themselves; pandas.isna of one value takes fifty times as long.
    if any(value is None or value is NA or value != value for value in found):
        raise ValueError("an id is missing (None or NaN): leave out what nobody is known to show")
    return found


def whole(name: str, value: int, least: int) -> int:
    """A whole number from `least`.

    Raises:
        ValueError: if it is none.
    """
    if not isinstance(value, Integral) or isinstance(value, bool) or value < least:
        raise ValueError(f"{name}={shown(value)} must be a whole number from {least}")
    return int(value)


def real(name: str, value: float, wanted: str = "give one") -> float:
    """A real number, which may be infinite.

    Args:
        name: what it is, for the refusal.
        value: given.
        wanted: what to give instead, for the refusal.

    Raises:
        ValueError: if it is none, or NaN.
    """
    try:
        number = float(value) if isinstance(value, Real) else np.nan
    except OverflowError:  # a whole number of hundreds of digits
        number = np.nan
    if np.isnan(number) or isinstance(value, bool):
        raise ValueError(f"{name}={shown(value)} is no number: {wanted}")
    return number


def between(name: str, value: float, low: float, high: float, *, ends: bool = False) -> float:
    """A real number between two others.

    Args:
        name: what it is, for the refusal.
        value: given.
        low: the one.
        high: the other.
        ends: whether it may be one of them.

    Raises:
        ValueError: if it is none, or elsewhere.
    """
    number = real(name, value, f"choose one between {low:g} and {high:g}")
    if not (low <= number <= high if ends else low < number < high):
        raise ValueError(f"{name}={shown(value)} must lie between {low:g} and {high:g}")
    return number


def path(value: str | Path) -> Path:
    """A path.

    Raises:
        ValueError: if no file or folder can be called so.
    """
    if not isinstance(value, (str, os.PathLike)) or "\0" in str(value) or not str(value):
        text = str(value) if isinstance(value, os.PathLike) else value
        raise ValueError(f"{shown(text)} is no path: name a file or a folder")
    return Path(value)


def place(value: str | Path) -> Path:
    """A path with ~ written out, at which something may be.

    Raises:
        ValueError: if nothing can be there, or it may not be looked at.
    """
    try:
        found = path(value).expanduser()
        found.resolve().exists()
    except (OSError, RuntimeError) as error:  # too long, no such user, a circle of links
        circle = "links in a circle" if "loop" in str(error) else "no such user"
        reason = getattr(error, "strerror", None) or circle
        raise ValueError(f"{shown(str(value))} cannot be read ({reason}): name another") from None
    return found


def guarded(words: Mapping[Any, str]) -> Callable[[_Verb], _Verb]:
    """Let a function refuse, in one sentence, arguments of another kind than its annotations'.

    Args:
        words: kind -> what to give, for the refusal. Only these kinds, and lists of them, are
            looked at; a list stands in the place of what can be gone through once.

    Raises:
        ValueError: by the function, if an argument is of another kind.
    """

    def of(verb: _Verb) -> _Verb:
        form = signature(verb)

        @wraps(verb)
        def looked_at(*args: Any, **named: Any) -> Any:
            asked = form.bind(*args, **named)
            for name, value in asked.arguments.items():
                parameter = form.parameters[name]
                several = parameter.kind is Parameter.VAR_POSITIONAL
                wanted = Sequence[parameter.annotation] if several else parameter.annotation
                asked.arguments[name] = _taken(f"{verb.__name__}: {name}", value, wanted, words)
            return verb(*asked.args, **asked.kwargs)

        return looked_at  # pyright: ignore[reportReturnType]

    return of


def _taken(name: str, value: Any, wanted: Any, words: Mapping[Any, str]) -> Any:
    """A value of the wanted kind, or a refusal that begins with the name."""
    if get_origin(wanted) in (Iterable, Sequence) and get_args(wanted)[0] in words:
        single = isinstance(value, str | bytes | os.PathLike | Mapping)
        if single or not isinstance(value, Iterable):
            raise ValueError(f"{name} is {shown(value)}: give a list.")
        (each,) = get_args(wanted)
        return [_taken(name, one, each, words) for one in value]
    plain: Any = get_origin(wanted) or wanted
    kinds = get_args(wanted) if isinstance(wanted, UnionType) else (plain,)
    if known := [kind for kind in kinds if kind in words]:
        is_switch = isinstance(value, bool) and bool not in kinds
        fitting: Any = tuple(_NUMBERS.get(kind, kind) for kind in kinds)
        if is_switch or not isinstance(value, fitting):
            raise ValueError(f"{name} is {shown(value)}: give {words[known[0]]}.")
    return value
