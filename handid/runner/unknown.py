"""Stands in for a thing of which nothing is known, so that what uses it can be followed."""

from typing import Any


class Unknown:
    """It has every attribute, takes every call, and can be taken apart into two of its kind."""

    def __getattr__(self, name: str) -> "Unknown":
        if name.startswith("__"):
            raise AttributeError(name)
        return Unknown()

    def __call__(self, *_: Any, **__: Any) -> "Unknown":
        """Return something unknown."""
        return Unknown()

    def __getitem__(self, _: Any) -> "Unknown":
        return Unknown()

    def __iter__(self) -> Any:
        return iter((Unknown(), Unknown()))

    def __len__(self) -> int:
        return 2

    def _and(self, _: Any) -> "Unknown":
        return self

    __add__ = __radd__ = __sub__ = __mul__ = __truediv__ = _and
    __lt__ = __gt__ = __le__ = __ge__ = _and  # as a table's comparisons

    def __format__(self, _: str) -> str:
        return "?"
