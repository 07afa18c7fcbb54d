"""The study in its smoke profile, as a user runs it: one notebook, or (slow) all of them."""

import base64
import io
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import zlib
from pathlib import Path

import nbformat
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from handid.runner.options import Options
from handid.runner.plan import Plan

ROOT = Path(__file__).resolve().parents[1]
STEMS = sorted(path.stem for path in (ROOT / "notebooks").glob("*.ipynb"))


# Python imports a module of this name first, in every process of a run: nothing reaches another
# machine, and what tries to is written down.
GUARD = """
import os, socket, sys

LOCAL = {"", None, "localhost", "127.0.0.1", "::1", "0.0.0.0", socket.gethostname()}

def guard(event, given):
    if event in ("socket.connect", "socket.sendto", "socket.sendmsg"):
        host = given[1][0] if isinstance(given[1], tuple) else None  # else a file of this machine
    elif event in ("socket.getaddrinfo", "socket.gethostbyname"):
        host = given[0].decode() if isinstance(given[0], bytes) else given[0]
    else:
        return
    if host not in LOCAL:
        with open(os.path.join(os.path.dirname(__file__), "tried"), "a") as file:
            print(event, host, sys.argv, file=file)
        raise OSError(f"no network: {host}")

sys.addaudithook(guard)
"""


def offline(folder):
    """The environment of a process that reaches no other machine."""
    guard = folder / "guard"
    guard.mkdir(exist_ok=True)
    (guard / "sitecustomize.py").write_text(GUARD)
    paths = [str(guard), *filter(None, [os.environ.get("PYTHONPATH")])]
    return os.environ | {"PYTHONPATH": os.pathsep.join(paths)}


def run(folder, *words):
    command = [sys.executable, "run_notebooks.py", "--profile", "smoke", "--jobs", "2", *words]
    command += ["--reports", str(folder / "reports"), "--work", str(folder / "work")]
    how = {"cwd": ROOT, "capture_output": True, "text": True, "env": offline(folder)}
    return subprocess.run(command, **how)


@pytest.fixture(scope="module")
def smoke(tmp_path_factory):
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


def test_what_would_leave_the_machine_is_noticed(tmp_path):
    reach = "import socket; socket.create_connection(('example.org', 80))"
    done = subprocess.run(
        [sys.executable, "-c", reach], env=offline(tmp_path), capture_output=True, text=True
    )
    assert "no network: example.org" in done.stderr
    assert "example.org" in (tmp_path / "guard" / "tried").read_text()


def test_a_notebook_succeeds_and_reaches_no_other_machine(tmp_path):
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
def test_a_second_run_skips_everything(smoke):
    done = run(smoke)
    assert done.returncode == 0 and "started" not in done.stdout + done.stderr


@pytest.mark.slow
def test_every_training_that_the_plan_counts_is_found_done(smoke):
    listed = run(smoke, "--list").stdout
    counts = re.findall(
        r"^    (?:at least )?trainings \d+ \(new (\d+), of these done (\d+)\)", listed, re.MULTILINE
    )
    made = list((smoke / "work" / "smoke" / "experiments").glob("*/weights.safetensors"))
    assert len(counts) == len(STEMS) and all(new == done for new, done in counts)
    # 92 trains through its own verbs, which the plan does not follow (docs/cluster.md).
    assert 15 < sum(int(new) for new, _ in counts) <= len(made)


@pytest.mark.slow
def test_a_changed_parameter_runs_its_notebook_and_what_needs_it(smoke):
    listed = run(smoke, "--set", "queries=3", "--list").stdout
    states = dict(re.findall(r"^(\d\d_\w+): (\w+)", listed, re.MULTILINE))
    assert states.pop("09_retrieval") == "stale"
    assert set(states.values()) == {"fresh"}


def test_a_missing_product_names_the_notebook_to_run(tmp_path):
    done = run(tmp_path, "--only", "20")
    manifest = json.loads((tmp_path / "reports" / "smoke" / "manifest.json").read_text())
    entry = manifest["notebooks"]["20_summary"]
    assert done.returncode == 1 and entry["state"] == "failed"
    assert "The results of notebook 01 are not there: run it first" in entry["cause"]


@pytest.mark.slow
def test_results_of_different_parameters_are_not_mixed(tmp_path, smoke):
    shutil.copytree(smoke / "work" / "smoke" / "results", tmp_path / "work" / "smoke" / "results")
    path = tmp_path / "work" / "smoke" / "results" / "01_zero_shot.csv"
    rows = pd.read_csv(path)
    rows.assign(n_gallery=rows["n_gallery"] + 1).to_csv(path, index=False)
    assert run(tmp_path, "--only", "20").returncode == 1
    manifest = json.loads((tmp_path / "reports" / "smoke" / "manifest.json").read_text())
    assert "measured on different data or draws" in manifest["notebooks"]["20_summary"]["cause"]


# --- real photographs ---------------------------------------------------------------------------

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
    tmp_path, rng, missing
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


# --- in JupyterLab --------------------------------------------------------------------------------


def smoke_sized(folder):
    """Copy the notebooks with the smoke profile's parameters; what they make lies beside."""
    options = Options(ROOT / "notebooks", folder / "reports", folder / "work", profile="smoke")
    for stem, task in Plan(options).tasks.items():
        document = nbformat.read(task.notebook.path, as_version=4)
        (cell,) = [c for c in document.cells if "parameters" in c.metadata.get("tags", [])]
        lines = cell.source.splitlines()
        for name, value in task.injected.items():
            (place,) = [n for n, line in enumerate(lines) if line.startswith(f"{name} = ")]
            lines[place] = f"{name} = {value!r}"
        cell.source = "\n".join(lines)
        (folder / "notebooks").mkdir(exist_ok=True)
        nbformat.write(document, folder / "notebooks" / f"{stem}.ipynb")


@pytest.fixture(scope="module")
def jupyterlab(tmp_path_factory):
    """A real JupyterLab on such a copy: its address, with {} in the place of what is opened."""
    folder = tmp_path_factory.mktemp("lab")
    smoke_sized(folder)
    shutil.copy(ROOT / "START_HERE.ipynb", folder)
    shutil.copytree(ROOT / "notebooks" / "lab", folder / "notebooks" / "lab")
    (folder / "jupyter").mkdir()
    shutil.copy(ROOT / "jupyter_lab_config.py", folder / "jupyter")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", f"--port={port}"]
    command += ["--IdentityProvider.token=smoke", "--LabApp.expose_app_in_browser=True"]
    command += ["--allow-root"] if os.geteuid() == 0 else []
    names = ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR")
    own = dict.fromkeys(names, str(folder / "jupyter")) | {"PYTHONPATH": str(ROOT)}
    with (folder / "log").open("w") as log:
        how = {"cwd": folder, "stdout": log, "stderr": log, "env": os.environ | own}
        server = subprocess.Popen(command, **how)
    for _ in range(600):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                break
        time.sleep(0.1)
    yield f"http://127.0.0.1:{port}/{{}}?token=smoke"
    server.terminate()
    server.wait(30)


# What a notebook open in JupyterLab holds: outputs of its code cells, and whether all have run.
SHOWN = """() => {
  const panel = window.jupyterapp?.shell.currentWidget;
  const cells = panel?.content?.model?.sharedModel.toJSON().cells ?? [];
  const code = cells.filter(cell => cell.cell_type === "code");
  const outputs = code.flatMap(cell => cell.outputs);
  const failed = outputs.filter(o => o.output_type === "error").map(o => o.evalue);
  const red = outputs.filter(o => o.name === "stderr").map(o => [o.text].flat().join(""));
  const ran = code.length > 0 && code.every(cell => cell.execution_count);
  return {ran, failed, red, ended: ran || failed.length > 0};
}"""
READY = """stem => {
  const panel = window.jupyterapp?.shell.currentWidget;
  const status = panel?.sessionContext?.session?.kernel?.connectionStatus;
  return panel?.context?.path.endsWith(`${stem}.ipynb`) && status === "connected";
}"""
END = "() => window.jupyterapp.shell.currentWidget.sessionContext.shutdown()"


@pytest.mark.slow
@pytest.mark.parametrize("stem", STEMS)
def test_run_all_in_jupyterlab_ends_without_an_error_or_a_red_box(jupyterlab, chromium, stem):
    # A workspace of its own: JupyterLab opens again what an earlier page left open.
    page, log = chromium(jupyterlab.format(f"lab/workspaces/{stem}/tree/notebooks/{stem}.ipynb"))
    page.wait_for_function(READY, arg=stem, timeout=60_000)
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
    page.wait_for_function(f"() => ({SHOWN})().ended", timeout=300_000, polling=500)
    shown = page.evaluate(SHOWN)
    assert shown["failed"] == [] and shown["red"] == [] and shown["ran"]
    assert log.abroad == []
    if stem == "09_retrieval":
        the_explorer_shows_the_chosen_query(page)
    page.evaluate(END)
    page.close()


def the_explorer_shows_the_chosen_query(page):
    page.evaluate("() => window.jupyterapp.shell.currentWidget.content.scrollToItem(13)")
    chooser = page.locator(".widget-dropdown select").first
    chooser.scroll_into_view_if_needed()
    picture = page.locator("img.widget-image").first
    before = picture.get_attribute("src")
    chooser.select_option(index=1)
    page.wait_for_function(
        "before => document.querySelector('img.widget-image').src !== before", arg=before
    )


@pytest.mark.slow
def test_jupyterlab_opens_at_the_root_on_the_page_that_says_where_to_begin(jupyterlab, chromium):
    page, _ = chromium(jupyterlab.format(""))
    heading = page.get_by_role("heading", name="Start here")
    heading.wait_for(timeout=60_000)
    page.get_by_role("link", name="15_panel").first.click()
    page.wait_for_function(READY, arg="15_panel", timeout=60_000)


def test_every_link_of_the_first_page_leads_to_a_file():
    links = re.findall(r"\]\(([^)]+)\)", (ROOT / "START_HERE.ipynb").read_text(encoding="utf-8"))
    assert len(links) > 8 and all((ROOT / link).is_file() for link in links)
