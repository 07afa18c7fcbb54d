"""Reports of photographs that are not ours (slow): no name of people, files, user or host."""

import base64
import io
import re
import shutil
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
MARK = "zqxjvkw"  # in every name that no report may hold
HOST = f"import os, socket\nsocket.gethostname = lambda: '{MARK}host'\n"
HOST += "def uname(own=os.uname()):\n"
HOST += f"    return os.uname_result((own[0], '{MARK}host', *own[2:]))\nos.uname = uname\n"


def write_people(root, rng, people):
    """A folder per person, of noise: three photographs each, one of them twice, one cut short."""
    for person in people:
        folder = root / f"{MARK} {person}"
        folder.mkdir(parents=True)
        for number in range(3):
            picture = Image.fromarray(rng.integers(0, 256, (48, 64, 3), dtype=np.uint8))
            picture.save(folder / f"{MARK} {person}_{number}.jpg")
    shutil.copy(folder / f"{MARK} {person}_0.jpg", folder / f"{MARK}-twin.jpg")
    (folder / f"{MARK} & cut.jpg").write_bytes((folder / f"{MARK}-twin.jpg").read_bytes()[:900])


def holds(content):
    """Where the mark stands in a product: in its bytes, or packed into a PNG, a PDF, base64."""
    packed = [content]
    for match in re.finditer(rb"[A-Za-z0-9+/\\n]{80,}={0,2}", content):
        text = match[0].replace(b"\\n", b"")
        packed.append(base64.b64decode(text + b"=" * (-len(text) % 4)))
    for part in list(packed):
        packed += [
            zlib.decompressobj().decompress(m[1])
            for m in re.finditer(rb"stream\r?\n(x.+?)\r?\nendstream", part, re.S)
        ]
        if part.startswith(b"\x89PNG"):
            packed.append(repr(Image.open(io.BytesIO(part)).info).encode())
    return [
        part[max(0, m.start() - 60) : m.end() + 60]
        for part in packed
        for m in re.finditer(MARK.encode(), part, re.I)
    ]


@pytest.mark.slow
@pytest.mark.parametrize("missing", ["skip", "error"])
def test_no_report_of_real_photographs_holds_a_name_of_people_files_folders_user_or_host(
    tmp_path, rng, offline, missing
):
    base = tmp_path / f"{MARK}base"
    for name, people in (("study", range(8)), ("known", range(3)), ("asked", range(3, 5))):
        write_people(base / f"{MARK}{name}", rng, people)
    places = {"reports": tmp_path / "reports", "work": base / "work"}
    environment = offline(tmp_path)
    with open(tmp_path / "guard" / "sitecustomize.py", "a") as file:
        file.write(HOST)
    for name in ("HOME", "TMPDIR"):
        environment[name] = str(base / f"{MARK}{name}")
        Path(environment[name]).mkdir()
    environment |= {"USER": f"{MARK}user", "LOGNAME": f"{MARK}user"}
    words = [f"--{name}={place}" for name, place in places.items()]
    words += [f"--data=mine={base}/{MARK}study", f"--data=enrolled={base}/{MARK}known"]
    words += [f"--data=questions={base}/{MARK}asked", "--set", 'targets=["mine"]']
    words += ["--set", f"missing={missing}", "--set", "photographs=false"]
    words += [f"--only={number}" for number in ("00", "01", "02", "14")]
    command = [sys.executable, "run_notebooks.py", "--profile", "smoke", *words]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=environment)
    assert done.returncode == (missing == "error"), done.stdout + done.stderr
    products = [path for path in (tmp_path / "reports").rglob("*") if path.is_file()]
    assert {".ipynb", ".html", ".json", ".log"} <= {path.suffix for path in products}
    assert any(b"photograph-" in path.read_bytes() for path in products)
    assert {p.name: found for p in products if (found := holds(p.read_bytes()))} == {}
    assert not [path.name for path in products if MARK in path.name.lower()]
