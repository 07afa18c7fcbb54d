"""Pseudonyms of photographs, and of people in errors; another study gives them other ones.

It reads no photograph. Paths are privacy.py's.
"""

import codecs
import csv
import hashlib
import html
import os
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import cached_property, partial
from pathlib import Path
from typing import Any
from unicodedata import normalize

from handid import disk
from handid.given import printable
from handid.runner.privacy import COLOUR, Mask, in_texts

ENDING = r"\.(?:jpe?g|png|bmp|hei[cf]|tiff?|webp|gif|avif|jp2|dng|cr2)(?!\w)"
LONGEST = 255  # characters of a file's name
LIST, PERSON = "hands.csv", "subject"  # a list of hands, and the column that names people
# As data reads lists and shortens names, which needs pandas: the runner has none.
SEPARATORS = (",", ";", "\t")
SHORTENED = 60  # characters of a name that a refusal shows


class Pseudonyms:
    """Replaces the own names of real photographs' files, which may name people.

    Pages show no person's own name by themselves; an error may, and `in_error` replaces it there. A
    name may also be a word ("hand"), and is left alone elsewhere.

    The salt lies in the folder of products, and so does the list that says whose name is whose;
    both are the owner's alone, and the list goes with the cache.
    """

    def __init__(self, mask: Mask, folders: Mapping[str, str], work: Path):
        """Nothing is read or written before the first text.

        Args:
            mask: shortens paths.
            folders: of real photographs -> the names of their sets, as the mask has them.
            work: of the products.
        """
        self._mask, self._work = mask, work
        self._folders = folders
        self._meant: dict[str, str] = {}

    def __call__(self, content: Any) -> Any:
        """A text, list or mapping with shortened paths and without names of photographs."""
        content = self._mask(content)
        return in_texts(content, self._without) if self._folders else content

    def in_error(self, text: str) -> str:
        """`__call__` of an error or a log, without the names of people."""
        text = self(text)
        if not self._people:
            return text
        _ = self._names  # the list that says whose name is whose
        pattern = "|".join(map(re.escape, sorted(self._people, key=len, reverse=True)))
        whole = re.compile(rf"(?<!\w)(?:{pattern})(?!\w)")

        def person(match: re.Match[str]) -> str:
            return self._pseudonym(self._people[match[0]], "person")

        return "".join(whole.sub(person, piece) for piece in COLOUR.split(text))

    def explained(self, text: str) -> str:
        """The same text with the names again, for the terminal of whoever runs the study."""
        pattern = r"(?:photograph|person)-\w{10}"
        return re.sub(pattern, lambda match: self._meant.get(match[0], match[0]), text)

    def _without(self, text: str) -> str:
        if not re.search(ENDING, text, re.I):
            return text
        for name in self._folders.values():  # also a file that is missing
            place = re.escape(f"…/{name}/")
            pattern = rf"(?<={place})[^/\n]{{1,{LONGEST}}}?{ENDING}"
            text = re.sub(pattern, lambda match: self._pseudonym(match[0]), text, flags=re.I)
        kept, done = [], 0
        for match in re.finditer(ENDING, text, re.I):
            end = match.end()
            # The longest name that ends here, whatever stands before it: no name is left.
            for start in range(max(done, end - LONGEST), end):
                if name := self._names.get(text[start:end]):
                    kept += [text[done:start], name]
                    done = end
                    break
        return "".join([*kept, text[done:]])

    @cached_property
    def _names(self) -> dict[str, str]:
        """Own name of each photograph, as texts, pages and LaTeX write it -> its pseudonym."""
        listed = {
            name
            for folder in self._folders
            for _, _, names in os.walk(folder)
            for name in names
            if re.search(f"{ENDING}$", name, re.I)
        }
        known = {name: self._pseudonym(name) for name in sorted(listed)}
        who = {name: self._pseudonym(name, "person") for name in self._people.values()}
        rows = [("pseudonym", "name"), *((p, disk.cell(n)) for n, p in (known | who).items())]
        place = self._work / "cache" / "names" / "pseudonyms.csv"
        with disk.whole(place) as part, open(part, "w", -1, "utf-8", "replace", "") as file:
            csv.writer(file).writerows(rows)
        written = (str, printable, html.escape, lambda name: re.sub(r"([&%$#_{}])", r"\\\1", name))
        return {write(name): pseudonym for name, pseudonym in known.items() for write in written}

    @cached_property
    def _people(self) -> dict[str, str]:
        """Each person's name, in all the ways in which an error may write it -> the name."""
        names = {name for folder in self._folders for name in _named_in(folder)}
        written = (
            str,
            printable,
            lambda name: repr(name)[1:-1],
            lambda name: name.replace("'", r"\'"),
        )
        written += tuple(partial(normalize, form) for form in ("NFC", "NFD"))
        written += (lambda name: normalize("NFC", name)[:SHORTENED].strip(),)
        return {write(name): name for name in sorted(names) for write in written}

    @cached_property
    def _salt(self) -> bytes:
        return disk.secret(self._work / "salt")

    def _pseudonym(self, name: str, kind: str = "photograph") -> str:
        if name in self._meant:
            return name
        digest = hashlib.blake2b(os.fsencode(name), key=self._salt, digest_size=5).hexdigest()
        self._meant[f"{kind}-{digest}"] = name
        return f"{kind}-{digest}"


def _named_in(root: str) -> set[str]:
    """Names of people below a folder: its folders', and those of its list; numbers are none.

    A folder's name that comes twice is a view's.
    """
    folders = [name.strip() for _, inside, _ in os.walk(root) for name in inside]
    once = {name for name, times in Counter(folders).items() if times == 1}
    first = {path.name.strip() for path in Path(root).glob("*") if path.is_dir()}
    names = once | first | set(_listed(Path(root) / LIST))
    return {name for name in names if name and not name.isdecimal()}


def _listed(path: Path) -> Iterator[str]:
    """The column of people of a list, as spreadsheets save it."""
    if not path.is_file():
        return
    content = path.read_bytes()
    wide = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    text = content.decode("utf-16" if wide else "utf-8-sig", errors="replace")
    for separator in SEPARATORS:
        for row in csv.DictReader(text.splitlines(), delimiter=separator):
            cells = {(name or "").strip(): cell for name, cell in row.items()}
            if isinstance(cells.get(PERSON), str):
                yield cells[PERSON].strip()
