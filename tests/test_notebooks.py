"""The study in its smoke profile, as a user runs it: one notebook, or (slow) all of them."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pandas as pd
import pytest

ROOT = Path(__file__).resolve().parents[1]
STEMS = sorted(path.stem for path in (ROOT / "notebooks").glob("*.ipynb"))


@pytest.fixture(scope="module")
def run(offline):
    """run(folder, *words): the smoke profile by the front door, into the folder."""

    def study(folder, *words):
        command = [sys.executable, "run_notebooks.py", "--profile", "smoke", "--jobs", "2", *words]
        command += ["--reports", str(folder / "reports"), "--work", str(folder / "work")]
        how = {"cwd": ROOT, "capture_output": True, "text": True, "env": offline(folder)}
        return subprocess.run(command, **how)

    return study


@pytest.fixture(scope="module")
def smoke(run, tmp_path_factory):
    """The finished run's folder; nothing of the run left the machine."""
    folder = tmp_path_factory.mktemp("smoke")
    done = run(folder)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.fixture(scope="module")
def reports(smoke):
    return smoke / "reports" / "smoke"


@pytest.mark.slow
def test_nothing_of_the_study_leaves_the_machine(smoke):
    assert not (smoke / "guard" / "tried").exists()


def test_what_would_leave_the_machine_is_noticed(offline, tmp_path):
    reach = "import socket; socket.create_connection(('example.org', 80))"
    done = subprocess.run(
        [sys.executable, "-c", reach], env=offline(tmp_path), capture_output=True, text=True
    )
    assert "no network: example.org" in done.stderr
    assert "example.org" in (tmp_path / "guard" / "tried").read_text()


@pytest.mark.slow
def test_a_notebook_succeeds_and_reaches_no_other_machine(run, tmp_path):
    done = run(tmp_path, "--only", "01", "--set", "people=6")
    assert done.returncode == 0, done.stdout + done.stderr
    folder = tmp_path / "reports" / "smoke"
    assert (folder / "01_zero_shot.html").stat().st_size > 10_000
    rows = pd.read_csv(folder / "results.csv")
    assert {"CLIP-ZS", "Raw pixels"} <= set(rows["method"]) and rows["synthetic"].all()
    assert not (tmp_path / "guard" / "tried").exists()


@pytest.mark.slow
def test_every_notebook_succeeds_and_is_rendered(reports):
    manifest = json.loads((reports / "manifest.json").read_text())
    states = {stem: entry["state"] for stem, entry in manifest["notebooks"].items()}
    assert states == dict.fromkeys(STEMS, "succeeded")
    assert all((reports / f"{stem}.html").stat().st_size > 10_000 for stem in STEMS)


@pytest.mark.slow
def test_the_results_hold_every_system_and_say_that_they_are_synthetic(reports):
    rows = pd.read_csv(reports / "results.csv")
    systems = {
        "CLIP-ZS",
        "CLIP-ZS (squash)",
        "CLIP-ZS (plain)",
        "CLIP-ZS (feat)",
        "CLIP-FT",
        "CLIP-HandID",
    }
    systems |= {"CLIP-ZS (plain) random_weights", "Raw pixels", "Colour histogram"}
    systems |= {"Raw pixels, centred", "Light", "Silhouette moments"}
    controls = ("public_code", "zero_token", "random_token", "flip")
    systems |= {f"CLIP-HandID {control}" for control in controls}
    trained = {"CLIP-FT", "CNN baseline", "GPA-Net", "CLIP-ReID", "PromptSG"}
    systems |= trained | {f"{method} untrained" for method in trained}
    systems |= {"CLIP-ReID constant_text", "PromptSG single_token"}
    systems |= {"CLIP-FT arcface", "CLIP-ReID v5", "CLIP-ReID v5 as_run"}
    systems |= {"GPA-Net Hp=1 Vp=1", "GPA-Net Hp=2 Vp=1"}
    systems |= {"GPA-Net global only", "GPA-Net local only"}
    assert set(rows["method"]) == systems
    assert rows["synthetic"].all()
    assert rows["value"].between(0, 100).all()
    assert ((rows["low"] <= rows["value"]) & (rows["value"] <= rows["high"])).all()


@pytest.mark.slow
@pytest.mark.parametrize("stem", STEMS)
def test_every_figure_and_table_says_synthetic_and_every_figure_has_words(reports, stem):
    notebook = nbformat.read(reports / f"{stem}.ipynb", as_version=4)
    outputs = [o for cell in notebook.cells for o in cell.get("outputs", [])]
    pictures = [o for o in outputs if "image/png" in o.get("data", {})]
    words = [
        "".join(o["data"]["text/markdown"]) for o in outputs if "text/markdown" in o.get("data", {})
    ]
    captions = [w for w in words if w.startswith("*") and not w.startswith(("**", "*Note: "))]
    headings = [w for w in words if w.startswith("**") and w.endswith("**")]
    assert pictures and len(captions) >= len(pictures)
    assert all("synthetic" in w for w in [*captions, *headings])
    alts = [o["metadata"]["alt"] for o in pictures]
    assert all(len(alt) > 20 and re.search(r"\d", alt.replace("11k", "")) for alt in alts)


@pytest.mark.slow
@pytest.mark.parametrize("width", [1400, 400])
@pytest.mark.parametrize("name", ["index", "made", "09_retrieval", "14_search", "20_summary"])
def test_a_page_has_no_serious_fault_and_asks_nothing_of_the_network(
    reports, chromium, faults, name, width
):
    page, log = chromium((reports / f"{name}.html").as_uri(), width)
    assert faults(page) == []
    assert log.abroad == log.complaints == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.slow
@pytest.mark.parametrize("stem", STEMS)
def test_every_notebook_ends_with_a_computed_answer(reports, stem):
    last = nbformat.read(reports / f"{stem}.ipynb", as_version=4).cells[-1]
    answer = "".join(last["outputs"][0]["data"]["text/markdown"])
    assert re.search(r"\d", answer) and "nan" not in answer.lower()
    assert answer.startswith("**")  # the answer, before what it is about


@pytest.mark.slow
@pytest.mark.parametrize(
    "stem", ["03_clip_handid", "05_clip_reid", "06_promptsg", "08_cross_domain"]
)
def test_a_question_of_yes_or_no_is_answered_so_in_the_first_word(reports, stem):
    last = nbformat.read(reports / f"{stem}.ipynb", as_version=4).cells[-1]
    answer = "".join(last["outputs"][0]["data"]["text/markdown"])
    assert re.match(r"\*\*(Yes|No|Unclear|It depends)\b", answer)
    assert "\n" not in answer.split("**")[1]


@pytest.mark.slow
def test_the_ablations_answer_four_questions(reports):
    last = nbformat.read(reports / "07_ablations.ipynb", as_version=4).cells[-1]
    assert len([o for o in last["outputs"] if "text/markdown" in o.get("data", {})]) == 4


@pytest.mark.slow
def test_a_row_names_its_system_task_and_image(reports):
    rows = pd.read_csv(reports / "results.csv")
    systems = rows.groupby("method")["system"].unique()
    assert systems["CLIP-HandID zero_token"].tolist() == ["clip_handid_mini:zero_token"]
    # Its rows come from the study of the papers and, as a system of its own, from notebook 92.
    untrained = ["clip_ft_mini:untrained", "clip_ft_mini:untrained:chosen, 4"]
    assert sorted(systems["CLIP-FT untrained"]) == untrained
    sizes = "gallery of |absent from a gallery of "  # notebook 13
    tasks = {task for task in rows["task"] if not re.match(sizes, task)}
    assert tasks == {"papers", "other hand", "other side"}
    assert {"whole", "hand", "background"} <= set(rows["image"])


@pytest.mark.slow
def test_the_weights_are_named_where_a_network_is_used(reports):
    stems = [stem for stem in STEMS if stem not in ("20_summary", "90_pretrain_mini_clip")]
    assert len(stems) >= 5
    for stem in stems:
        assert "own small CLIP" in (reports / f"{stem}.html").read_text()


@pytest.mark.slow
def test_a_second_run_skips_everything(run, smoke):
    done = run(smoke)
    assert done.returncode == 0 and "started" not in done.stdout + done.stderr


@pytest.mark.slow
def test_every_training_that_the_plan_counts_is_found_done(run, smoke):
    listed = run(smoke, "--list").stdout
    counts = re.findall(
        r"^    (?:at least )?trainings \d+ \(new (\d+), of these done (\d+)\)", listed, re.MULTILINE
    )
    made = list((smoke / "work" / "smoke" / "experiments").glob("*/weights.safetensors"))
    assert len(counts) == len(STEMS) and all(new == done for new, done in counts)
    # 92 trains through its own verbs, which the plan does not follow (docs/cluster.md).
    assert 15 < sum(int(new) for new, _ in counts) <= len(made)


@pytest.mark.slow
def test_a_changed_parameter_runs_its_notebook_and_what_needs_it(run, smoke):
    listed = run(smoke, "--set", "queries=3", "--list").stdout
    states = dict(re.findall(r"^(\d\d_\w+): (\w+)", listed, re.MULTILINE))
    assert states.pop("09_retrieval") == "stale"
    assert set(states.values()) == {"fresh"}


@pytest.mark.slow
def test_a_missing_product_names_the_notebook_to_run(run, tmp_path):
    done = run(tmp_path, "--only", "20")
    manifest = json.loads((tmp_path / "reports" / "smoke" / "manifest.json").read_text())
    entry = manifest["notebooks"]["20_summary"]
    assert done.returncode == 1 and entry["state"] == "failed"
    assert "The results of notebook 01 are not there: run it first" in entry["cause"]


@pytest.mark.slow
def test_results_of_different_parameters_are_not_mixed(run, tmp_path, smoke):
    shutil.copytree(smoke / "work" / "smoke" / "results", tmp_path / "work" / "smoke" / "results")
    path = tmp_path / "work" / "smoke" / "results" / "01_zero_shot.csv"
    rows = pd.read_csv(path)
    rows.assign(n_gallery=rows["n_gallery"] + 1).to_csv(path, index=False)
    assert run(tmp_path, "--only", "20").returncode == 1
    manifest = json.loads((tmp_path / "reports" / "smoke" / "manifest.json").read_text())
    assert "measured on different data or draws" in manifest["notebooks"]["20_summary"]["cause"]


def test_every_link_of_the_first_page_leads_to_a_file():
    links = re.findall(r"\]\(([^)]+)\)", (ROOT / "START_HERE.ipynb").read_text(encoding="utf-8"))
    assert len(links) > 8 and all((ROOT / link).is_file() for link in links)
