"""Warnings and bars of a study in a notebook's page: a red box would say that it failed."""

import sys
import warnings
from functools import partialmethod
from typing import TextIO

import tqdm
from IPython.core.getipython import get_ipython

from handid.report import display


def into_page() -> None:
    """In a Jupyter kernel, show UserWarnings as notes, and bars as printed lines, from now on.

    Elsewhere nothing changes.
    """
    shell = get_ipython()
    is_kernel = shell is not None and hasattr(shell, "kernel")
    if is_kernel and warnings.showwarning is not _show:
        _others.append(warnings.showwarning)
        warnings.showwarning = _show
        printed = partialmethod(tqdm.std.tqdm.__init__, file=sys.stdout)
        tqdm.std.tqdm.__init__ = printed  # pyright: ignore[reportAttributeAccessIssue]


_others: list = []  # what showed warnings before


def _show(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    if issubclass(category, UserWarning) and file is None:
        display.say(f"*Note: {message}*")
    else:
        _others[-1](message, category, filename, lineno, file, line)
