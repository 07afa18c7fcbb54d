"""Bad inputs by the thousand, from a seed: what a stranger may bring, spoilt in every way.

`python tests/fuzz/generator.py COUNT [SEED]` tries so many and prints a table. An input may be
taken or refused in one sentence; anything else is a fault, and is printed with its number.
"""

import argparse
import contextlib
import importlib.util
import io
import json
import random
import shutil
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from pathlib import Path

import numpy as np
import torch
import yaml
from PIL import Image

from handid import checkpoint, data, recipes
from handid.image import cache, decode
from handid.recipes import files as recipe_files
from handid.report import rows
from handid.runner import manifest
from handid.runner.refusal import Refused

ROOT = Path(__file__).resolve().parents[2]
SCRAPS = [
    *(
        "!!int x",
        "!!bool x",
        "!!python/object:os.system {}",
        "&a [*a]",
        "{<<: 1}",
        "'",
        '"',
        "[",
        "{",
    ),
    *("\0", "\x1b[31m", "\udc80", "\n", "<img src=x onerror=alert(1)>", "=1+1", "../..", "~nobody"),
    *("9" * 5000, "[" * 2000, "nan", ".inf", "1e999", "-1", "0x", "2001-99-99", "null", "", " "),
    *("a: b: c", "- ", "%", "@", "`", "\ufeff", "é", "\u202e", "?", "!", "*x", "<<", "~", "1_0"),
]
OPTIONS = ["--profile", "--only", "--data", "--weights", "--set", "--jobs", "--timeout", "--purge"]
OPTIONS += ["--list", "--force", "--notebooks", "--reports", "--work", "--nothing", "stray"]
VALUES = ["smoke", "demo", "00", "03_clip_handid", "11k=.", "people=4", "weights=mini", "2"]
VALUES += [
    "0.5",
    "seeds=[0, 1]",
    "data={11k: synthetic}",
    "backbones=[mini-ViT]",
    "targets=[HD]",
    "openai",
]


class Fault(Exception):
    """An input that was neither taken nor refused in one sentence."""


def spoilt_text(rng: random.Random, text: str) -> str:
    """A text with some of its pieces cut, doubled, moved, or replaced by scraps."""
    for _ in range(rng.randint(1, 4)):
        a, b = sorted(rng.randint(0, len(text)) for _ in range(2))
        b = min(b, a + rng.choice([0, 1, 5, 50]))
        text = text[:a] + rng.choice([*SCRAPS, text[a:b] * 2, ""]) + text[b:]
    return text


def spoilt_bytes(rng: random.Random, content: bytes) -> bytes:
    """Bytes with some of them changed, or cut, emptied, or replaced by noise."""
    how = rng.random()
    if how < 0.1:
        return rng.choice([b"", rng.randbytes(300), content[::-1], content * 2])
    if how < 0.3:
        return content[: rng.randint(0, len(content))]
    changed = bytearray(content)
    for _ in range(rng.randint(1, 12)):
        place = min(rng.randrange(len(changed)), rng.randrange(1, 2000))
        changed[place % len(changed)] = rng.randrange(256)
    return bytes(changed)


class Stranger:
    """Tries inputs of every kind in a folder of its own.

    Args:
        folder: empty; everything is written there.
    """

    def __init__(self, folder: Path):
        self.folder = folder
        specification = importlib.util.spec_from_file_location("door", ROOT / "run_notebooks.py")
        assert specification and specification.loader
        self.door = importlib.util.module_from_spec(specification)
        specification.loader.exec_module(self.door)
        shutil.copytree(ROOT / "notebooks", folder / "notebooks")
        self.profile = (folder / "notebooks/profiles/smoke.yaml").read_text()
        self.recipe = (recipe_files.FOLDER / "clip_ft_mini.yaml").read_text()
        self.images = [self._image(kind) for kind in ("JPEG", "PNG", "BMP")]
        (folder / "11k/Hands").mkdir(parents=True)
        names = [f"Hand_{n:07d}.jpg" for n in range(16)]
        for name in names:
            (folder / "11k/Hands" / name).write_bytes(self.images[0])
        head = (
            "id,age,gender,skinColor,accessories,nailPolish,aspectOfHand,imageName,irregularities"
        )
        lines = [
            f'{n // 4:07d},20,"male","fair",0,0,"dorsal right","{name}",0'
            for n, name in enumerate(names)
        ]
        self.table = "\n".join([head, *lines, ""])
        self.net = torch.nn.Sequential(torch.nn.Linear(4, 4))
        row = {"stage": "train", "epoch": 0, "validation": 0.5}
        kept = checkpoint.Keeper(self.net, "last", folder / "training", 0.0)
        kept.keep(row, lambda: {"optimiser.0.0.step": torch.tensor(1.0)})
        self.checkpoint = (folder / "training/checkpoint.safetensors").read_bytes()
        kept.finish()
        self.products = {p.name: p.read_bytes() for p in (folder / "training").iterdir()}
        columns = {name: ["x"] for name in rows.COLUMNS} | {"value": [1.0], "synthetic": [True]}
        self.results = (
            ",".join(columns) + "\n" + ",".join(str(v[0]) for v in columns.values()) + "\n"
        )
        (folder / "photograph.jpg").write_bytes(self.images[0])
        self.pixels = self._cached()

    def _image(self, kind: str) -> bytes:
        file, pixels = io.BytesIO(), np.random.default_rng(0).integers(0, 255, (24, 32, 3))
        exif = {} if kind == "BMP" else {"exif": self._exif()}
        Image.fromarray(pixels.astype(np.uint8)).save(file, kind, **exif)
        return file.getvalue()

    @staticmethod
    def _exif() -> Image.Exif:
        tags = Image.Exif()
        tags[274], tags[282], tags[271] = 6, 72.0, "maker"
        return tags

    def _cached(self) -> np.ndarray:
        paths = [str(self.folder / "photograph.jpg")]
        return cache.pixels(paths, self.folder / "cache", ("squash", 8), progress=False)

    # --- kinds: each takes an input or raises ---------------------------------------------------

    def command_line(self, rng: random.Random) -> None:
        words = ["--list"] if rng.random() < 0.9 else ["--list", "--list"]
        for _ in range(rng.randint(1, 5)):
            words.append(rng.choice(OPTIONS))
            if rng.random() < 0.8:
                value = rng.choice(VALUES)
                words.append(spoilt_text(rng, value) if rng.random() < 0.7 else value)
        self._door(words)

    def parameter(self, rng: random.Random) -> None:
        name = rng.choice(
            ["people", "data", "weights", "seeds", "targets", "runs", "missing", "precision"]
        )
        value = spoilt_text(rng, rng.choice(["4", "[0]", "{11k: synthetic}", "mini", "error"]))
        self._door(["--list", "--profile", "smoke", "--set", f"{name}={value}"])

    def profile_file(self, rng: random.Random) -> None:
        content = self.profile.encode()
        if rng.random() < 0.5:
            content = spoilt_text(rng, self.profile).encode("utf-8", "surrogatepass")
        path = self.folder / "notebooks/profiles/bad.yaml"
        path.write_bytes(spoilt_bytes(rng, content) if rng.random() < 0.6 else content)
        self._door(["--list", "--profile", "bad", "--only", "00"])

    def manifest_file(self, rng: random.Random) -> None:
        record = {"state": "succeeded", "key": "x", "fingerprints": {}, "products": [], "cause": ""}
        content = {
            "pid": 1,
            "notebooks": {"00_data_audit": record | {"marks": {"work/a": {"bytes": 1}}}},
        }
        text = json.dumps(content)
        for scrap in rng.sample(["[]", "{}", "null", "3", '"x"', "[[]]"], 2):
            text = text.replace(rng.choice(["[]", "{}", "1", '""', '"x"', '"succeeded"']), scrap)
        path = self.folder / "reports/smoke/manifest.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode() if rng.random() < 0.7 else spoilt_bytes(rng, text.encode()))
        self._door(["--list", "--profile", "smoke", "--only", "00"])

    def _door(self, words: list[str]) -> None:
        places = {"notebooks": "notebooks", "reports": "reports", "work": "work"}
        own = [w for name, place in places.items() for w in (f"--{name}", str(self.folder / place))]
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            self.door.main([*own, *words])

    def recipe_file(self, rng: random.Random) -> None:
        (self.folder / "recipes").mkdir(exist_ok=True)
        content = spoilt_text(rng, self.recipe).encode("utf-8", "surrogatepass")
        if rng.random() < 0.3:
            said = yaml.safe_load(self.recipe)
            said[rng.choice(list(said))] = rng.choice([None, [], {}, "x", -1, [[]], {"a": []}])
            content = yaml.safe_dump(said).encode()
        (self.folder / "recipes/bad.yaml").write_bytes(content)
        before, recipe_files.FOLDER = recipe_files.FOLDER, self.folder / "recipes"
        try:
            recipes.load("bad", "vit", control=rng.choice(["", "flip"]))
        finally:
            recipe_files.FOLDER = before

    def photograph(self, rng: random.Random) -> None:
        path = self.folder / "bad.jpg"
        path.write_bytes(spoilt_bytes(rng, rng.choice(self.images)))
        decode.fit(decode.decode(path), ("crop", 8))

    def table_file(self, rng: random.Random) -> None:
        content = spoilt_text(rng, self.table).encode("utf-8", "surrogatepass")
        if rng.random() < 0.3:
            content = spoilt_bytes(rng, self.table.encode())
        (self.folder / "11k/HandInfo.csv").write_bytes(content)
        data.read(self.folder / "11k", missing=rng.choice(["error", "skip"]))

    def product_file(self, rng: random.Random) -> None:
        for name, content in self.products.items():
            (self.folder / "training" / name).write_bytes(content)
        name = rng.choice(list(self.products))
        spoilt = spoilt_bytes(rng, self.products[name])
        (self.folder / "training" / name).write_bytes(spoilt)
        is_damaged = spoilt != self.products[name]
        try:
            checkpoint.finished(self.net, self.folder / "training")
        except ValueError:
            is_damaged = False
        if is_damaged and name != "products.json":
            raise Fault(f"a damaged {name} was taken")

    def checkpoint_file(self, rng: random.Random) -> None:
        folder = self.folder / "resumed" / "training"
        folder.mkdir(parents=True, exist_ok=True)
        spoilt = spoilt_bytes(rng, self.checkpoint)
        (folder / "checkpoint.safetensors").write_bytes(spoilt)
        with warnings.catch_warnings(record=True):
            warnings.simplefilter("always")
            kept = checkpoint.Keeper(self.net, "last", folder, 0.0)
        if kept.progress.epoch and spoilt != self.checkpoint:
            raise Fault("a damaged checkpoint was resumed")

    def cache_file(self, rng: random.Random) -> None:
        (file,) = (self.folder / "cache").rglob("*.rgb")
        file.write_bytes(spoilt_bytes(rng, file.read_bytes()))
        if not np.array_equal(self._cached(), self.pixels):
            raise Fault("damaged pixels were taken")

    def results_file(self, rng: random.Random) -> None:
        folder = self.folder / "results"
        folder.mkdir(exist_ok=True)
        text = spoilt_text(rng, self.results).encode("utf-8", "surrogatepass")
        is_cut = rng.random() < 0.4
        (folder / "02_bad.csv").write_bytes(spoilt_bytes(rng, text) if is_cut else text)
        manifest.join_results(self.folder, self.folder / "joined.csv", {})
        rows.read(self.folder, ["02"])


KINDS = [
    *("command_line", "parameter", "profile_file", "manifest_file", "recipe_file", "photograph"),
    *("table_file", "product_file", "checkpoint_file", "cache_file", "results_file"),
]


def attempt(stranger: Stranger, seed: int, number: int) -> tuple[str, str, str]:
    """Kind, outcome ("taken", "refused" or "fault") and what was said, of one input."""
    rng = random.Random(f"{seed}-{number}")
    kind = KINDS[number % len(KINDS)]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            getattr(stranger, kind)(rng)
    except (Refused, ValueError, OSError) as error:
        sentence = str(error)
        odd = sorted({type(error).__name__} & {"UnicodeDecodeError", "ParserError"})
        longest = 600 if isinstance(error, Refused) else 20_000
        if not sentence or "\n" in sentence or len(sentence) > longest or "\x1b" in sentence or odd:
            return kind, "fault", f"{type(error).__name__}: {sentence[:300]!r}"
        return kind, "refused", sentence
    except SystemExit as error:
        return kind, "taken" if not error.code else "fault", f"exit {error.code}"
    except Exception:
        return kind, "fault", traceback.format_exc()
    return kind, "taken", ""


def run(count: int, seed: int, seconds: float = float("inf")) -> tuple[Counter, list[str]]:
    """Try inputs until the count or the time is reached.

    Returns:
        (kind, outcome) -> number, and the faults with their numbers.
    """
    counts: Counter = Counter()
    faults: list[str] = []
    folder, end = Path(tempfile.mkdtemp(prefix="handid-fuzz-")), time.monotonic() + seconds
    try:
        stranger = Stranger(folder)
        for number in range(count):
            kind, outcome, said = attempt(stranger, seed, number)
            counts[kind, outcome] += 1
            if outcome == "fault":
                faults.append(f"{kind} {seed}-{number}: {said}")
            if time.monotonic() > end:
                break
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return counts, faults


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("count", type=int)
    parser.add_argument("seed", type=int, nargs="?", default=0)
    given = parser.parse_args()
    numbers, wrong = run(given.count, given.seed)
    print("| kind | taken | refused | faults |\n|---|---|---|---|")
    for one in KINDS:
        cells = [numbers[one, outcome] for outcome in ("taken", "refused", "fault")]
        print(f"| {one.replace('_', ' ')} | {' | '.join(map(str, cells))} |")
    print("\n".join(wrong))
    sys.exit(bool(wrong))
