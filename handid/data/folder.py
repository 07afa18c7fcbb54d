"""The layout of anybody's hands: `root/PERSON/image`, or `root/PERSON/VIEW/image`."""

import unicodedata
from pathlib import Path

import pandas as pd

from handid import given
from handid.data import table as tables
from handid.data.sets import NAMELESS


def fits(root: Path) -> bool:
    """Whether a folder holds folders with images, or folders of folders with images."""
    people = tables.folders(root)
    places = people + [view for person in people for view in tables.folders(person)]
    return any(_is_image(file) for place in places for file in place.iterdir())


def read(root: str | Path, *, accessories: bool = False, missing: str = "error") -> pd.DataFrame:
    """Read the table of a folder per person.

    A person's folder holds images, which all show the one view "hand", or a folder per view: all
    people alike. Names are free; people whose names are all whole numbers are numbers. Hidden files
    and files with other endings are passed over.

    Args:
        root: the folder of the people's folders.
        accessories: nothing tells of them; whichever is asked, all photographs are read.
        missing: "error" stops on a link that leads nowhere or an empty file, "skip" goes on without
            it and warns.

    Returns:
        The table, sorted by file name, index 0 to N - 1.

    Raises:
        FileNotFoundError: if root or an image is missing.
        ValueError: if a folder is empty or nested too deep, an image lies outside the folders, a
            link leads nowhere, names clash, there is one person only, or some people have views and
            others none.
    """
    tables.check_choice(missing)
    root = given.place(root)
    if not root.is_dir():
        raise FileNotFoundError(f"{root} is no folder: name one that holds a folder per person")
    people = _inside(root, f"{root}/PERSON")
    if not people:
        raise ValueError(f"{root} holds no folder: expected one per person, with images in it")
    _refuse_twins(people)
    if len(people) == 1:
        raise ValueError(_about_one(people[0]))
    views = {person: _views(person) for person in people}
    kinds = {bool(folders): person for person, folders in views.items()}
    if len(kinds) == 2:
        raise ValueError(
            f"{kinds[False]} holds images and {kinds[True]} holds folders of views: give every "
            "person folders of views, or none."
        )
    places = [place for person, folders in views.items() for place in folders or [person]]
    tables.tell_of_others(root, (file for place in places for file in sorted(place.iterdir())))
    rows = [
        (str(image), _name(person), _name(view) if view != person else NAMELESS)
        for person, folders in views.items()
        for view in folders or [person]
        for image in tables.list_images(view)
    ]
    path, subject, view = zip(*rows, strict=True)
    table = tables.by_name(tables.build(path=path, subject=subject, view=view))
    return tables.without_missing(table, missing)


def _views(person: Path) -> list[Path]:
    """The folders of a person's views; none where the images lie in the person's folder."""
    if not tables.folders(person):
        return []
    views = _inside(person, f"{person}/VIEW")
    _refuse_twins(views)
    return views


def _inside(folder: Path, place: str) -> list[Path]:
    """The folders in a folder, in which no image may lie beside them."""
    for path in sorted(folder.iterdir()):
        if path.name.startswith("."):
            continue
        if path.is_symlink() and not path.exists():
            raise ValueError(f"{path} is a link that leads nowhere: mend or remove it")
        if _is_image(path):
            raise ValueError(f"{path} lies beside folders: move it to {place}/")
    return tables.folders(folder)


def _refuse_twins(folders: list[Path]) -> None:
    """Refuse two folders of one name: 7 and 007 are one number, and blanks do not count."""
    first: dict[str, Path] = {}
    for folder in folders:
        name = _name(folder)
        twin = first.setdefault(str(int(name)) if name.isdecimal() else name, folder)
        if twin is not folder:
            raise ValueError(f"{twin} and {folder.name} are the same name: rename one of them.")


def _about_one(person: Path) -> str:
    """Why one folder is too few, and what the user may have meant."""
    text = f"{person.parent} holds the folder of one person only, {person.name}: two are needed"
    if fits(person):
        return f"{text}; if its folders are the people, name {person}."
    return f"{text}."


def _name(folder: Path) -> str:
    """A folder's name as people type it: composed letters, no blanks around."""
    return unicodedata.normalize("NFC", folder.name).strip()


def _is_image(path: Path) -> bool:
    named = path.suffix.lower() in tables.EXTENSIONS and not path.name.startswith(".")
    return named and not path.is_dir()
