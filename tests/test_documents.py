"""What documents say to type, and where they point: every command is planned, every place is there.

Of notebooks the prose, of the package the card that goes with a model.
"""

import json
import re
import shlex
from pathlib import Path

import pandas as pd
import pytest
import yaml

import run_notebooks
from handid import cluster, statistics
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


# --- figures ------------------------------------------------------------------------------------

README, FINDINGS, SPEED, CARD = (
    (ROOT / name).read_text(encoding="utf-8")
    for name in ("README.md", "docs/findings.md", "docs/speed.md", "MODEL_CARD.md")
)
PLACE, TASKS = "11k dorsal right", ("papers", "other hand")


def rank1(file):
    """Mean rank-1 over seeds by system, trained, tested and asked as the papers do."""
    rows = pd.read_csv(ROOT / file)
    rows = rows[(rows["metric"] == "rank1") & (rows["task"] == "papers")]
    rows = rows[(rows["image"] == "whole") & (rows[["train_set", "test_set"]] == PLACE).all(axis=1)]
    return rows.groupby("system")["value"].mean()


def test_the_headline_figure_is_read_out_as_it_is_drawn():
    drawn = rank1("reports/example/results.csv")
    names = {
        **{"CLIP-FT": "clip_ft_mini", "CLIP-ReID": "clip_reid_mini", "PromptSG": "promptsg_mini"},
        **{"CLIP zero-shot": "clip_zero_shot_plain", "CLIP-HandID": "clip_handid_mini"},
        **{"GPA-Net": "gpa_net_mini", "CNN baseline": "cnn_baseline_mini"},
        **{"colour histogram": "colour_histogram", "raw pixels": "raw_pixels"},
    }
    (text,) = re.findall(r"test people: (.+?) percent", README)
    said = dict(part.rsplit(" ", 1) for part in text.split(", "))
    assert said == {name: f"{drawn[system]:.1f}" for name, system in names.items()}


DIFFERENCES = [  # what findings.md says of one system minus another, in points
    ("adds {} points [3.4, 10.6] to the very same", "clip_ft_mini", "clip_ft_mini:untrained"),
    ("stands {} points below CLIP-FT", "clip_ft_mini", "clip_handid_mini"),
    ("(`zero_token`) {} below", "clip_ft_mini", "clip_handid_mini:zero_token"),
    ("the public code's variant {} below", "clip_ft_mini", "clip_handid_mini:public_code"),
    ("Training adds {} points", "clip_reid_mini", "clip_reid_mini:untrained"),
    ("to CLIP-ReID and {} [", "promptsg_mini", "promptsg_mini:untrained"),
    ("but {} and 3.9 to", "clip_reid_mini:constant_text", "clip_reid_mini:untrained"),
    ("and {} to their controls", "promptsg_mini:single_token", "promptsg_mini:untrained"),
    ("centre loss {} [", "clip_ft_mini:centre", "clip_ft_mini"),
    ("ArcFace {} [", "clip_ft_mini:arcface", "clip_ft_mini"),
    ("two blocks only {} [", "clip_ft_mini:last_blocks", "clip_ft_mini"),
    ("no neck {} [", "clip_ft_mini:no_neck", "clip_ft_mini"),
    ("balanced batches {} [", "clip_ft_mini:balanced", "clip_ft_mini"),
    ("among the images {} [", "clip_ft_mini:contrastive", "clip_ft_mini"),
    ("batch-hard triplet {} [", "clip_ft_mini:triplet", "clip_ft_mini"),
    ("GPA-Net gains {} points", "gpa_net_mini", "gpa_net_mini:untrained"),
    ("MBA-Net {} [", "mba_net_mini", "mba_net_mini:untrained"),
    ("RGA-Net {} [", "rga_net_mini", "rga_net_mini:untrained"),
    ("the plain baseline {} [", "cnn_baseline_mini", "cnn_baseline_mini:untrained"),
    ("are the published ones, {} [", "abd_net_mini", "abd_net_mini:untrained"),
]


@pytest.mark.parametrize(("words", "one", "other"), DIFFERENCES)
def test_a_finding_is_what_was_recorded(words, one, other):
    recorded = rank1("benchmarks/recorded.csv")
    assert words.format(f"{recorded[one] - recorded[other]:.1f}") in FINDINGS


@pytest.mark.parametrize(
    ("heading", "backbone", "claimed"),
    [("## The fair trial", "mini-ViT", 8), ("### The same image encoder", "mini-Lite0", 8)],
)
def test_the_verdict_is_what_was_recorded(heading, backbone, claimed):
    rows = pd.read_csv(ROOT / "benchmarks" / "recorded.csv")
    rows = rows[rows["system"].str.contains(":chosen, ") & (rows["metric"] == "rank1")]
    means = rows[rows["backbone"] == backbone].groupby(["system", "task"])["value"].mean()
    profile = yaml.safe_load((ROOT / "notebooks" / "profiles" / "verdict.yaml").read_text())
    claims = {sentence.rstrip("."): pair for sentence, *pair in profile["parameters"]["claims"]}
    section = FINDINGS.partition(heading)[2].partition("\n### ")[0]
    lines = re.findall(r"^\| ([A-Z].+?) \| (\**[+-].+) \|$", section, re.MULTILINE)
    assert len(lines) == claimed
    for claim, cells in lines:
        said = [float(value) for value in re.findall(r"([+-][\d.]+)\** \[", cells)]
        one, other = (
            [means[f"{key}:chosen, {people}", task] for task in TASKS for people in (45, 200)]
            for key in claims[claim]
        )
        assert said == pytest.approx([a - b for a, b in zip(one, other, strict=True)], abs=0.051)


def test_intervals_and_bold_differences_of_the_verdict_are_those_recorded():
    rows = pd.read_csv(ROOT / "benchmarks" / "recorded_claims.csv")
    rows["shown"] = (statistics.holm(rows["p"]) < 0.05) & (rows["low"] * rows["high"] > 0)
    section = FINDINGS.partition("### The same image encoder")[2]
    for claim, part in rows.groupby("claim"):
        part = part.set_index(["task", "people"]).loc[[(t, n) for t in TASKS for n in (45, 200)]]
        cells = [
            f"{'**' * row.shown}{row.value:+.1f}{'**' * row.shown} [{row.low:.1f}, {row.high:.1f}]"
            for row in part.itertuples()
        ]
        assert f"| {claim.rstrip('.')} | {' | '.join(cells)} |" in section


def test_speeds_on_a_gpu_are_those_measured():
    rows = pd.read_csv(ROOT / "benchmarks" / "results.csv")
    rows = rows[(rows["benchmark"] == "gpu") & (rows["unit"] == "images/s")]
    best = rows.groupby("variant")["value"].max()
    ways = ("fp32", "bf16", "bf16, graph", "bf16, compiled, graph")
    table = SPEED.partition("## One H100")[2].partition("## Memory")[0]
    lines = re.findall(r"^\| (.+?, [\w/-]+) \| (.+) \| [\d.]+ \|$", table, re.MULTILINE)
    said = {name: cells.split(" | ") for name, cells in lines}
    assert len(said) == 7
    for name, cells in said.items():
        for way, cell in zip(ways, cells, strict=True):
            speed = best.get(f"{name}: {way}")
            told = re.sub(r"[*,]|\(.*\)", "", cell).strip()
            assert told == ("not measured" if speed is None else f"{speed:.0f}"), (name, way)


def test_times_and_memory_of_notebooks_are_those_of_the_rendered_run():
    manifest = json.loads((ROOT / "reports" / "example" / "manifest.json").read_text())
    records = {stem[:2]: record for stem, record in manifest["notebooks"].items()}
    told = dict(re.findall(r"`(\d\d)`: (\d[^|;]*?) *[|;]", README))
    told |= dict(re.findall(r"`?(1\d)`? takes (\d+ min \d+ s)", SPEED))
    assert len(told) == 8
    for number, time in told.items():
        minutes, seconds = re.fullmatch(r"(?:(\d+) min )?(\d+) s", time).groups("0")
        assert 60 * int(minutes) + int(seconds) == round(records[number]["seconds"]), number
    peak, number = max((record["peak_memory_mib"], number) for number, record in records.items())
    assert f"| {peak / 1024:.1f} GiB (`{number}`) |" in SPEED


def test_memory_in_the_readme_is_that_of_the_table():
    lines = re.findall(r"^\| (.+?), ([\w/-]+) \| \d+ \| [\dx ]+ \| (.+?) \| (.+?) \|$", SPEED, re.M)
    counted = {(method, on): (bf16, fp32) for method, on, fp32, bf16 in lines}
    assert len(counted) == 14
    for (method, on), (bf16, fp32) in counted.items():
        (row,) = [line for line in README.splitlines() if re.match(rf"\| [^|]*{method}s?\b", line)][
            :1
        ]
        # MBA-Net, ABD-Net and RGA-Net share a row, in this order, and one backbone.
        assert f"{on} " in row and re.search(rf"{re.escape(bf16)} \({re.escape(fp32)}[;)]", row)


def test_the_model_card_has_the_figures_of_the_cards_beside_the_weights():
    for name in ("mini-ViT", "mini-RN"):
        card = json.loads((ROOT / f"handid/weights/{name}.json").read_text())
        said = (
            f"{100 * card['validation_mAP']:.1f} %",
            f"{card['images_seen']:,} ({card['epochs']})",
        )
        assert all(part in CARD for part in (*said, f"{card['training_hours']} h"))
    card = json.loads((ROOT / "handid/weights/mini-Lite0.json").read_text())
    assert f"strangers' synthetic hands for {100 * card['view_in_words']:.1f} %" in CARD
    assert f"{card['images_seen']:,} features in all, {card['training_hours']} h" in CARD
