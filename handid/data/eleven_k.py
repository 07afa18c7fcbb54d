"""Reads a data set of hand photographs into one table, a row an image.

It lists and checks files. It decodes nothing for a model (image.py does) and splits nothing
(protocol.py does).

Columns of the table: `path` (str), `subject` (int, the person), `view` (str), `identity` (str,
subject and view: the hand to be found), `role` (str, `subject` or `distractor`), and for 11k Hands
`age`, `gender`, `skin_color`, `accessories`, `nail_polish`, `irregularities`. These last are
personal data: no message here prints a whole row.
"""

import hashlib
import re
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pandas as pd
from PIL import Image, UnidentifiedImageError

VIEWS = ("dorsal right", "dorsal left", "palmar right", "palmar left")
EXTENSIONS = (".jpg", ".jpeg", ".png", ".bmp")
MAX_PIXELS = 25_000_000
TOO_LARGE = "more than 25 megapixels"
HD_MAIN, HD_EXTRA, HD_EXTRA_OFFSET = "1-501", "502-712", 1000
METADATA = {
    "age": "age",
    "gender": "gender",
    "skinColor": "skin_color",
    "accessories": "accessories",
    "nailPolish": "nail_polish",
    "irregularities": "irregularities",
}
WHOLE = ("id", "age", "accessories", "nailPolish", "irregularities")


def read_11k(root: str | Path, accessories: bool = False, missing: str = "error") -> pd.DataFrame:
    """Read 11k Hands: `root/HandInfo.csv` and `root/Hands/*.jpg`.

    Ids are whole numbers, which also mends the one real id with a trailing blank ('1200000 '). A
    person's four views are four identities. Source: 11k Hands (Afifi 2019); without accessories as
    in GPA-Net, MBA-Net and CLIP-HandID.

    Args:
        root: folder that holds HandInfo.csv.
        accessories: True keeps the photographs of hands that wear rings, watches and the like.
        missing: what a listed image without a file (or with an empty one) leads to. "error" names
            them in one error, "skip" goes on without them and warns, "keep" keeps their rows, which
            serves to count and nothing else.

    Returns:
        The table, sorted by path, index 0 to N - 1.

    Raises:
        FileNotFoundError: if HandInfo.csv or images are missing.
        ValueError: if HandInfo.csv is empty, lacks a column, holds a value of the wrong kind or
            lists an image twice.
    """
    root = Path(root).expanduser()
    _check_choice(missing, ("error", "skip", "keep"))
    info = _read_hand_info(root / "HandInfo.csv")
    if not accessories:
        info = info[info["accessories"] == 0]
    if info.empty:
        raise ValueError(
            f"{root / 'HandInfo.csv'} lists no hand without accessories: pass accessories=True"
        )
    table = _build(
        path=[str(root / "Hands" / name) for name in info["imageName"]],
        subject=info["id"].to_numpy(),
        view=info["aspectOfHand"].to_numpy(),
        **{new: info[old].to_numpy() for old, new in METADATA.items()},
    )
    return table if missing == "keep" else _settle_missing(table, missing)


def read_hd(root: str | Path, missing: str = "error") -> pd.DataFrame:
    """Read the PolyU Hand Dorsal set: `Original Images/1-501`, and extra people in `502-712`.

    The id is the text before the first underscore of a file name. Extra people are distractors, and
    1000 is added to their ids. On disk the set has 502 and 213 people, although its folders say 501
    and 211. Source: CLIP-HandID and MBA-Net, prepare_train_val_test_hd.py.

    Args:
        root: the folder "Original Images", or the one that holds it.
        missing: "error" stops on a file that cannot be found or is empty, and when the extra
            people's folder is not there; "skip" goes on without them and warns.

    Returns:
        The table, sorted by path, index 0 to N - 1, every view "dorsal".

    Raises:
        FileNotFoundError: if a folder or an image is missing.
        ValueError: if a file name starts with no number, or an id is that of a main and of an extra
            person.
    """
    _check_choice(missing, ("error", "skip"))
    root = Path(root).expanduser()
    root = root / "Original Images" if (root / "Original Images").is_dir() else root
    if not (root / HD_MAIN).is_dir():
        raise FileNotFoundError(
            f"{root} holds no folder {HD_MAIN}: name HD's folder 'Original Images'"
        )
    main, extra = _list_images(root / HD_MAIN), _list_extra(root, missing)
    subjects = [_hd_id(path) for path in main]
    distractors = [_hd_id(path) + HD_EXTRA_OFFSET for path in extra]
    if clash := sorted(set(subjects) & set(distractors)):
        raise ValueError(
            f"{root}: {clash[0]} is an id in {HD_MAIN} and also, with {HD_EXTRA_OFFSET} added, "
            f"in {HD_EXTRA}: renumber one of the two"
        )
    table = _build(
        path=[str(path) for path in main + extra],
        subject=subjects + distractors,
        view="dorsal",
        role=["subject"] * len(main) + ["distractor"] * len(extra),
    )
    return _settle_missing(table, missing)


def read_folder(root: str | Path, missing: str = "error") -> pd.DataFrame:
    """Read a folder of folders: `root/<hand>/<images>`, one folder a hand, nothing deeper.

    Subjects are numbered from 1 in the natural order of the folder names (2 before 10), and each
    counts as one person with one view, "hand". Put a person's two hands into two folders only if
    you accept that they count as two people.

    Args:
        root: folder that holds one folder a hand; hidden names and other file types are passed
            over.
        missing: "error" stops on a link that leads nowhere or an empty file, "skip" goes on without
            it and warns.

    Returns:
        The table, sorted by path, index 0 to N - 1.

    Raises:
        FileNotFoundError: if root or an image is missing.
        ValueError: if a folder is empty or nested, an image lies outside the folders, or a link
            leads nowhere.
    """
    _check_choice(missing, ("error", "skip"))
    root = Path(root).expanduser()
    if not root.is_dir():
        raise FileNotFoundError(f"{root} is no folder: name one that holds a folder for each hand")
    entries = [path for path in root.iterdir() if not path.name.startswith(".")]
    for path in entries:
        if path.is_symlink() and not path.exists():
            raise ValueError(f"{path} is a link that leads nowhere: mend or remove it")
        if path.suffix.lower() in EXTENSIONS and not path.is_dir():
            raise ValueError(f"{path} lies outside the hands' folders: move it to root/<hand>/")
    folders = sorted((path for path in entries if path.is_dir()), key=_natural)
    images = [_list_images(folder) for folder in folders]
    if not folders:
        raise ValueError(f"{root} holds no folder: expected one for each hand, with its images")
    table = _build(
        path=[str(path) for group in images for path in group],
        subject=[n for n, group in enumerate(images, start=1) for _ in group],
        view="hand",
    )
    return _settle_missing(table, missing)


def check_images(table: pd.DataFrame, workers: int = 8) -> pd.DataFrame:
    """Decode every image of a table once and list what is wrong with it.

    Grey, CMYK, 16-bit, palette and rotated images pass: image.py converts them. A file of more than
    25 megapixels is told by its header and never decoded (24 kB of PNG can hold 196 megapixels).
    Source: ours.

    Args:
        table: any table with a column `path`.
        workers: threads that decode side by side; changes nothing but the time.

    Returns:
        A row a bad file, sorted by path, index 0 to n - 1, columns `path` and `problem`, one of:
        missing; zero-byte; cannot be opened; not a JPEG, PNG or BMP image; more than 25 megapixels;
        truncated or damaged; same bytes as (another file, the first in order). No rows: nothing is
        wrong.

    Raises:
        ValueError: if the table has no column `path`.
    """
    if "path" not in table:
        raise ValueError("the table has no column 'path': pass what a read_ function returned")
    paths = sorted(set(table["path"]))
    # Filters are shared by all threads, so they are set once, outside the pool.
    with warnings.catch_warnings(), ThreadPoolExecutor(workers) as pool:
        warnings.simplefilter("ignore")
        problems = list(pool.map(_find_problem, paths))
        sound = [path for path, problem in zip(paths, problems, strict=True) if not problem]
        digests = pool.map(_digest, sound)
    first, rows = {}, []
    for path, problem in zip(paths, problems, strict=True):
        if not problem:
            twin = first.setdefault(next(digests), path)
            problem = "" if twin == path else f"same bytes as {twin}"
        if problem:
            rows.append((path, problem))
    return pd.DataFrame(rows, columns=["path", "problem"], dtype=str)


def _find_problem(path):
    """One phrase that says what is wrong with a file, or an empty text."""
    file = Path(path)
    if not file.is_file():
        return "missing"
    if file.stat().st_size == 0:
        return "zero-byte"
    try:
        with Image.open(file, formats=("JPEG", "PNG", "BMP")) as image:
            if image.width * image.height > MAX_PIXELS:
                return TOO_LARGE
            image.load()
    except Image.DecompressionBombError:
        return TOO_LARGE
    except UnidentifiedImageError:
        return "not a JPEG, PNG or BMP image"
    except PermissionError:
        return "cannot be opened"
    except Exception:  # what damage raises has no common type: OSError, SyntaxError, struct.error
        return "truncated or damaged"
    return ""


def _digest(path):
    """SHA-256 of a file, read in pieces of 1 MiB."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while piece := file.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest()


def _read_hand_info(path):
    """HandInfo.csv with whole numbers where they belong, checked."""
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing: name the folder that holds HandInfo.csv")
    try:
        info = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig")
    except (pd.errors.EmptyDataError, pd.errors.ParserError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is not a readable CSV file: fetch it again") from error
    needed = ["id", "aspectOfHand", "imageName", *METADATA]
    if absent := [column for column in needed if column not in info]:
        raise ValueError(f"{path} lacks the column {absent[0]!r}: it has {', '.join(info.columns)}")
    if info.empty:
        raise ValueError(f"{path} lists no image: fetch it again")
    info = info.apply(lambda column: column.str.strip())
    for column in WHOLE:
        _check_column(path, info[column], r"[0-9]{1,18}", "a whole number")
        info[column] = info[column].astype("int64")
    _check_column(path, info["aspectOfHand"], "|".join(VIEWS), "one of " + ", ".join(VIEWS))
    _check_column(path, info["imageName"], r"[^/\\]*[^/\\.]", "a file name without a folder")
    if (twice := info["imageName"].duplicated()).any():
        name = info["imageName"][twice].iloc[0]
        raise ValueError(f"{path} lists {name} twice: two copies of a file name, remove one row")
    return info


def _check_column(path, column, pattern, expected):
    """Refuse the first value that does not match, naming its data row (header not counted)."""
    bad = ~column.str.fullmatch(f"(?:{pattern})")
    if bad.any():
        row = int(bad.to_numpy().argmax())
        raise ValueError(
            f"{path}: {column.name} is {column.iloc[row]!r} in data row {row + 1}, "
            f"expected {expected}"
        )


def _check_choice(missing, choices):
    """Refuse an unknown value of `missing`."""
    if missing not in choices:
        raise ValueError(f"missing={missing!r} is unknown: use one of {', '.join(choices)}")


def _list_images(folder):
    """Image files of one flat folder, sorted; refuses an empty or nested one."""
    paths = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    if nested := [path for path in paths if path.is_dir()]:
        raise ValueError(f"{nested[0]} is nested too deep: put the images straight into {folder}")
    images = [path for path in paths if path.suffix.lower() in EXTENSIONS]
    if not images:
        raise ValueError(f"{folder} holds no image ({', '.join(EXTENSIONS)}): fill or remove it")
    return images


def _list_extra(root, missing):
    """Images of HD's extra gallery people; none, with a warning, if the caller chose to go on."""
    if (root / HD_EXTRA).is_dir():
        return _list_images(root / HD_EXTRA)
    text = f"{root} holds no folder {HD_EXTRA}, so the gallery lacks HD's extra people"
    _stop_or_warn(missing, text)
    return []


def _hd_id(path):
    """The number before the first underscore of a file name."""
    text = path.name.split("_")[0]
    if not re.fullmatch("[0-9]{1,18}", text):
        raise ValueError(f"{path} starts with no id: expected <number>_<anything>, as in 12_3.jpg")
    return int(text)


def _natural(path):
    """Sort key in which 2 stands before 10."""
    pieces = re.split("([0-9]+)", path.name)
    return [int(p) if p.isdecimal() and p.isascii() else p for p in pieces], path.name


def _build(path, subject, view, role="subject", **metadata):
    """The table of the module's first lines, sorted by path."""
    table = pd.DataFrame({"path": path, "subject": subject, "view": view})
    table["subject"] = table["subject"].astype("int64")
    table["identity"] = table["subject"].astype(str) + " " + table["view"]
    table["role"] = role
    return table.assign(**metadata).sort_values("path", ignore_index=True)


def _settle_missing(table, missing):
    """The table without rows that have no file, after stopping or warning."""
    there = table["path"].map(lambda path: Path(path).is_file() and Path(path).stat().st_size > 0)
    if there.all():
        return table
    absent = table["path"][~there].tolist()
    named = ", ".join(absent[:3]) + (", ..." if len(absent) > 3 else "")
    text = f"{len(absent):,} of {len(table):,} images are missing or empty ({named})"
    _stop_or_warn(missing, text)
    if not there.any():
        raise FileNotFoundError(f"no image is left: all {len(table):,} are missing ({named})")
    return table[there].reset_index(drop=True)


def _stop_or_warn(missing, text):
    """Raise, or warn and go on, as the caller of a reader chose."""
    if missing == "error":
        raise FileNotFoundError(f"{text}: put them in place, or pass missing='skip' to go on")
    warnings.warn(f"{text}: skipped", stacklevel=4)
