"""Privacy of what is published: this machine's paths are shortened in every text of a report."""

import os
import re
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from handid import fingerprint

REPOSITORY = fingerprint.PACKAGE.parent
NONE: Mapping[str, str] = {}
COLOUR = re.compile(r"(\x1b\[[0-9;]*m)")  # ends in a letter: a path may follow it at once


class Mask:
    """Shortens this machine's paths: to repository-relative ones, to ~, or to their last name."""

    def __init__(self, paths: Iterable[str | Path], photographs: Mapping[str, str] = NONE):
        """Collect the paths to shorten.

        Args:
            photographs: absolute paths of folders of photographs -> the names of their sets, which
                stand for them. Of what lies in them the file's own name is kept alone: folders may
                be named after people.
            paths: absolute paths of reports, data folders and weights. The repository, the home
                folder, the folder of temporary files and Python's own are shortened always.
        """
        home = os.path.expanduser("~")  # "~" itself for a user without a home
        short = {str(REPOSITORY): ".", home: "~", tempfile.gettempdir(): "…"}
        for path in map(str, [sys.prefix, sys.base_prefix, *paths]):
            inside = Path(path).is_relative_to(REPOSITORY) or Path(path).is_relative_to(home)
            if not inside and len(Path(path).parts) > 2:
                short[path] = "…/" + Path(path).name
        short |= {os.path.realpath(path): name for path, name in short.items()}
        for nothing in ("/", "~", ""):
            short.pop(nothing, None)
        self._rules: list[tuple[re.Pattern[str], str]] = []
        places = {p: name for given, name in photographs.items() for p in _spellings(given)}
        for path in sorted(places, key=len, reverse=True):
            # Folders in between end at a slash and hold no sign that parts names in a message.
            between = r"(?:(?<=/)[^/\n;,:'\"]+/)*"
            for pattern, slash in ((rf"/{between}", "/"), (r"(?![\w-])", "")):
                shown = f"…/{places[path]}{slash}".replace("\\", r"\\")
                self._rules.append((re.compile(re.escape(path) + pattern), shown))
        for path in sorted(short, key=len, reverse=True):
            # A long path is shortened whatever stands before it, such as the n of a written \\n.
            start = r"(?<!\w)" if len(Path(path).parts) < 3 else ""
            if short[path] == ".":
                self._rules.append((re.compile(rf"{start}{re.escape(path)}/"), ""))
            self._rules.append((re.compile(rf"{start}{re.escape(path)}(?![\w-])"), short[path]))

    def __call__(self, content: Any) -> Any:
        """The same text, list or mapping with shortened paths; images are left alone."""
        return in_texts(content, self._without_colours)

    def _without_colours(self, text: str) -> str:
        return "".join(self._shortened(piece) for piece in COLOUR.split(text))

    def _shortened(self, text: str) -> str:
        for pattern, short in self._rules:
            text = pattern.sub(short, text)
        return text


def in_texts(content: Any, change: Callable[[str], str]) -> Any:
    """Every text in nested lists and mappings changed; keys and images are left alone."""
    if isinstance(content, str):
        return change(content)
    if isinstance(content, list):
        return [in_texts(item, change) for item in content]
    if isinstance(content, Mapping):
        return {
            key: value if str(key).startswith("image/p") else in_texts(value, change)
            for key, value in content.items()
        }
    return content


def _spellings(path: str | Path) -> set[str]:
    """A path as it is given and as it really is; none for the root of everything."""
    return {str(path), os.path.realpath(path)} - {"/"}


def absolute(word: str) -> str:
    """A word of a command line, its path made absolute as masks know it: "a/b", or "--x=y=a/b"."""
    start, equals, path = word.rpartition("=")
    place = os.path.abspath(os.path.expanduser(path))
    return f"{start}{equals}{place}" if os.sep in path and os.path.exists(place) else word


def absolute_paths(content: Any) -> Iterator[str]:
    """All texts in nested lists and mappings that are absolute paths, or end in one (NAME:PATH)."""
    if isinstance(content, str):
        path = content if os.path.isabs(content) else content.rpartition(":")[2]
        if os.path.isabs(path):
            yield path
    elif isinstance(content, Mapping):
        for value in content.values():
            yield from absolute_paths(value)
    elif isinstance(content, list):
        for value in content:
            yield from absolute_paths(value)
