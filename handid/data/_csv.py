"""The CSV file that lists a data set, as spreadsheets save it: read in full, or refused."""

import codecs
import csv
import io
import re
from collections.abc import Collection, Sequence
from pathlib import Path

import pandas as pd

SEPARATORS = (",", ";", "\t")
UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def read(path: Path, needed: Sequence[str]) -> pd.DataFrame:
    """All cells of a list as texts without blanks around them, empty lines left out.

    The separator is the comma, semicolon or tab that finds most of the needed columns in the first
    line; the encoding is UTF-8, or UTF-16 where the file says so in its first two bytes.

    Args:
        path: of the file.
        needed: columns that must be there.

    Raises:
        ValueError: one sentence, if the file is no such list, lacks a column, names one twice, or
            has no row.
    """
    text = _text(path)
    told, separator = re.match(r"sep=([,;\t])\r?\n", text, re.I), _separator(text, needed)
    if told:  # Excel's own line, which says it
        text, separator = text[told.end() :], told[1]
    try:
        lines = list(csv.reader(io.StringIO(text, newline=""), delimiter=separator))
    except csv.Error as error:
        raise ValueError(f"{path} is not a readable CSV file: {error}.") from None
    rows = [[cell.strip() for cell in line] for line in lines if any(cell.strip() for cell in line)]
    header, rows = (rows[0], rows[1:]) if rows else ([], [])
    while header and not header[-1]:  # spreadsheets save empty columns at the end
        header.pop()
    _check_header(path, header, needed)
    for number, row in enumerate(rows, start=1):
        if any(row[len(header) :]):
            raise ValueError(
                f"{path} is not a readable CSV file: data row {number} has more cells than the "
                f"header, which has {len(header)}."
            )
    if not rows:
        raise ValueError(f"{path} lists no image: it has a header and no row.")
    width = len(header)
    return pd.DataFrame([(row + [""] * width)[:width] for row in rows], columns=header, dtype=str)


def check_column(path: Path, column: pd.Series, pattern: str, expected: str) -> None:
    """Refuse the first value that does not match, naming its data row (header not counted)."""
    refuse_first(path, column, ~column.str.fullmatch(f"(?:{pattern})"), expected)


def refuse_first(path: Path, column: pd.Series, bad: pd.Series, expected: str) -> None:
    """Refuse the first value that is marked as bad, if one is, naming its data row.

    Raises:
        ValueError: one sentence.
    """
    if bad.any():
        row = int(bad.to_numpy().argmax())
        raise ValueError(
            f"{path}: {column.name} is {column.iloc[row][:60]!r} in data row {row + 1}, "
            f"expected {expected}"
        )


def refuse_twice(path: Path, names: pd.Series) -> None:
    """Refuse a list that names an image twice."""
    if (twice := names.duplicated()).any():
        name = names[twice].iloc[0]
        raise ValueError(f"{path} lists {name} twice: two copies of a file name, remove one row")


def _text(path: Path) -> str:
    content = path.read_bytes()
    encoding = "utf-16" if content.startswith(UTF_16) else "utf-8-sig"
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        raise ValueError(f"{path} is not a readable CSV file: save it as text in UTF-8.")
    return text


def _separator(text: str, needed: Collection[str]) -> str:
    """The separator that finds most of the needed columns in the first line; else the comma."""
    first = next(iter(text.strip().splitlines()), "")

    def found(separator: str) -> int:
        return len({cell.strip(' "') for cell in first.split(separator)} & set(needed))

    return max(SEPARATORS, key=found)


def _check_header(path: Path, header: Sequence[str], needed: Sequence[str]) -> None:
    """Refuse a first line that lacks a column, leaves one unnamed or names one twice."""
    if not header:
        raise ValueError(f"{path} is not a readable CSV file: it is empty.")
    if absent := [column for column in needed if column not in header]:
        names = "".join(c if c.isprintable() else "?" for c in ", ".join(header))
        raise ValueError(f"{path} lacks the column {absent[0]!r}: it has {names}"[:400])
    if not all(header):
        raise ValueError(f"{path} has a column without a name: name it or remove it.")
    if twice := [column for column in header if header.count(column) > 1]:
        raise ValueError(f"{path} has the column {twice[0]!r} twice: remove one.")
