"""What documents say to type, and where they point: every command is planned, every place is there.

Of notebooks the prose, of the package the card that goes with a model.
"""

import json
import re
import shlex
from pathlib import Path

import pytest
import yaml

import run_notebooks
from handid import cluster
from handid.runner.plan import Plan
from handid.study.card import _CARD

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "MODEL_CARD.md",
    *sorted(ROOT.glob("docs/*.md")),
    *sorted(ROOT.glob("benchmarks/*.md")),
]
NOTEBOOKS = [ROOT / "START_HERE.ipynb", *sorted(ROOT.glob("notebooks/*.ipynb"))]
COMMAND = re.compile(r"run_notebooks\.py( [^`\n]+)|make (?:study|app) ARGS=\"([^\"`\n]+)\"")


def prose(path):
    if path.suffix == ".md":
        return path.read_text(encoding="utf-8")
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")


def commands():
    """Words after `run_notebooks.py`, or in `make`'s ARGS, each with the text that it stands in."""
    found = []
    texts = {path.name: prose(path) for path in [*DOCUMENTS, *NOTEBOOKS]} | {"the card": _CARD}
    for name, text in texts.items():
        for match in COMMAND.finditer(text):
            words = match[1] or match[2]
            if "--help" not in words and "..." not in words and "--purge" not in words:
                found.append(pytest.param(words, text, id=f"{name}: {words.strip()[:60]}"))
    return found


@pytest.mark.parametrize(("words", "text"), commands())
def test_a_command_is_one_that_the_front_door_takes(words, text, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(run_notebooks.crew, "check", cluster.place)  # and call nobody
    for folder in ("PATH", "PATH2", "MODEL"):
        Path(folder).mkdir()
    for file in ("lab.pem", "lab.key"):
        Path(file).touch()
    for name, content in re.findall(r"```yaml\n# (\w+\.yaml)\n(.*?)```", text, re.DOTALL):
        Path(name).write_text(content)
    given = shlex.split(words, comments=True)
    options = run_notebooks.read_options([*given, "--work", "work", "--reports", "reports"])
    assert Plan(options).tasks


@pytest.mark.parametrize(
    "profile", sorted(ROOT.glob("notebooks/profiles/*.yaml")), ids=lambda p: p.stem
)
def test_every_profile_is_one_that_the_front_door_takes(profile, tmp_path):
    needed = yaml.safe_load(profile.read_text()).get("required_data", [])
    words = ["--profile", profile.stem, *(f"--data={name}={tmp_path}" for name in needed)]
    options = run_notebooks.read_options([*words, "--work", "work", "--reports", "reports"])
    assert Plan(options).tasks


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_a_link_leads_to_a_file(path):
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)", path.read_text(encoding="utf-8"))
    assert [link for link in links if not (path.parent / link).exists()] == []


@pytest.mark.parametrize("path", [*DOCUMENTS, *NOTEBOOKS], ids=lambda path: path.name)
def test_a_named_file_of_the_repository_is_there(path):
    named = re.findall(r"`((?:handid|benchmarks|tests|notebooks|docs)/[\w./-]+)`(?!:)", prose(path))
    assert [name for name in named if not (ROOT / name).exists()] == []  # `name`: is to be made
