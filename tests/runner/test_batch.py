"""The batch front door, end to end on toy notebooks in a copy of the house; no science."""

import base64
import csv
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from html.parser import HTMLParser
from pathlib import Path

import matplotlib
import nbformat
import numpy as np
import psutil
import pytest
from PIL import Image

from handid import batch, plan, report

REPOSITORY = Path(__file__).resolve().parents[1]
COPIED = ["run_notebooks.py"] + [
    f"handid/{name}.py" for name in ("__init__", "batch", "disk", "plan", "report")
]
WORK = "work = '../runs/demo'  # products, folder"
PATIENCE_SECONDS = 40


class House:
    """A copy of the front door with toy notebooks, in the home of somebody called alice."""

    def __init__(self, tmp_path):
        self.home = tmp_path / "alice"
        self.root = self.home / "study"
        for name in COPIED:
            (self.root / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(REPOSITORY / name, self.root / name)
        shutil.copytree(REPOSITORY / "notebooks/template", self.root / "notebooks/template")
        self.profile("description: Toys.\n")
        self.reports = self.root / "reports/demo"
        self.work = self.root / "runs/demo"

    def profile(self, text, name="demo"):
        path = self.root / f"notebooks/profiles/{name}.yaml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)

    def notebook(self, stem, *cells, parameters=WORK, needs=(), long=False):
        """Cells are code, or Markdown if they begin with #; a tuple is a cell and its tags."""
        made = []
        for cell in [(parameters, "parameters"), *cells]:
            source, *tags = (cell,) if isinstance(cell, str) else cell
            kind = "markdown" if source.startswith("#") else "code"
            new = getattr(nbformat.v4, f"new_{kind}_cell")(source)
            new.metadata["tags"] = tags
            made.append(new)
        path = self.root / f"notebooks/{stem}.ipynb"
        metadata = {"handid": {"needs": list(needs), "long": long}}
        nbformat.write(nbformat.v4.new_notebook(cells=made, metadata=metadata), path)

    def start(self, *words):
        environment = os.environ | {
            "HOME": str(self.home),
            "MPLBACKEND": "Agg",
            "MPLCONFIGDIR": matplotlib.get_cachedir(),
        }
        return subprocess.Popen(
            [sys.executable, self.root / "run_notebooks.py", *map(str, words)],
            cwd=self.home,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *words):
        process = self.start(*words)
        process.out, process.err = process.communicate(timeout=120)
        return process

    def manifest(self):
        return json.loads((self.reports / "manifest.json").read_text())

    def states(self):
        return {stem: r["state"] for stem, r in self.manifest()["notebooks"].items()}

    def cause(self, stem):
        return self.manifest()["notebooks"][stem]["cause"]

    def page(self, name):
        return (self.reports / f"{name}.html").read_text()

    def stale(self, *words):
        """What --list says of every notebook."""
        plain = re.findall(r"^(\w+): (.*)$", self.run("--list", *words).out, re.M)
        assert plain
        return dict(plain)


def wait_until(condition):
    """Poll; a process under test gets PATIENCE_SECONDS."""
    end = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < end:
        if condition():
            return
        time.sleep(0.05)
    raise AssertionError("waited in vain")


def alive(pid):
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


SLEEPER = """import os, pathlib, subprocess, time
child = subprocess.Popen(["sleep", "300"], start_new_session=True)
pathlib.Path(f"{work}/pids").write_text(f"{os.getpid()} {child.pid}")
time.sleep(seconds)
child.kill()"""
SLEEPS = WORK + "\nseconds = 300  # of sleep"


def pids(house):
    """Process ids of the sleeper's kernel and of the process it started, once it sleeps."""
    path = house.work / "pids"
    wait_until(lambda: path.exists() and len(path.read_text().split()) == 2)
    return [int(pid) for pid in path.read_text().split()]


# ---------------------------------------------------------------- every way to end, in one run


@pytest.fixture(scope="module")
def endings(tmp_path_factory):
    """One run, two at a time, of notebooks that end in every way there is."""
    house = House(tmp_path_factory.mktemp("endings"))
    handshake = """import pathlib, time
pathlib.Path(f"{work}/MINE").touch()
end = time.time() + 25
while not pathlib.Path(f"{work}/OTHER").exists(): assert time.time() < end; time.sleep(0.05)"""
    facts = """import handid, json, matplotlib, os, pathlib, sys
names = [n for n in os.environ if n.endswith("_THREADS")]
facts = {"package": handid.__file__, "python": sys.executable, "folder": os.getcwd(),
 "threads": {n: os.environ[n] for n in names}, "backend": matplotlib.get_backend(),
 "seeds": seeds, "rate": rate, "work": work}
pathlib.Path(f"{work}/facts.json").write_text(json.dumps(facts))"""
    typed = WORK + "\nseeds = [0]  # of training\nrate = 0.5  # of learning"
    house.profile("description: Toys.\nparameters: {seeds: [4, 5], rate: 1e-3}\n")
    house.notebook("00_left", handshake.replace("MINE", "l").replace("OTHER", "r"))
    house.notebook("01_right", handshake.replace("MINE", "r").replace("OTHER", "l"))
    house.notebook("02_raises", "x = 1", "raise ValueError('first\\nsecond')", "x = 2")
    house.notebook("03_blocked", "x = 1", needs=["02_raises"])
    house.notebook("04_blocked_too", "x = 1", needs=["03_blocked"])
    orphan = """import os, pathlib, subprocess
child = subprocess.Popen(["sleep", "300"], start_new_session=True)
pathlib.Path(f"{work}/orphan").write_text(str(child.pid))"""
    house.notebook("05_killed", orphan, "import os; os.kill(os.getpid(), 9)", "x = 2")
    house.notebook("06_too_long", "print('before')", SLEEPER, parameters=SLEEPS)
    house.notebook("07_exits", "import sys; sys.exit(0)", "x = 2")
    house.notebook("08_marked", ("1 / 0", "raises-exception"), "x = 2")
    house.notebook("09_fine", facts, parameters=typed)
    house.notebook("10_runner_killed", "import os; os.kill(os.getppid(), 9)", "x = 2")
    house.finished = house.run("--jobs", 2, "--timeout", 12)
    return house


def test_every_ending_is_told_truly(endings):
    assert endings.finished.returncode == 1
    assert endings.states() == {
        "00_left": "succeeded",
        "01_right": "succeeded",
        "02_raises": "failed",
        "03_blocked": "blocked",
        "04_blocked_too": "blocked",
        "05_killed": "killed",
        "06_too_long": "timed out",
        "07_exits": "exited",
        "08_marked": "failed",
        "09_fine": "succeeded",
        "10_runner_killed": "killed",
    }
    assert endings.manifest()["state"] == "failed"


def test_every_cause_names_cell_and_reason(endings):
    assert endings.cause("02_raises") == "cell 3: ValueError: second"
    assert endings.cause("03_blocked") == "it needs 02_raises, which failed"
    assert endings.cause("04_blocked_too") == "it needs 03_blocked, which was blocked"
    assert endings.cause("05_killed").startswith("cell 3: the kernel was killed")
    assert "cell 2: the notebook's process was killed" in endings.cause("10_runner_killed")
    assert endings.cause("06_too_long") == "cell 3: stopped after 12 s (--timeout)"
    assert endings.cause("07_exits") == "cell 2: SystemExit: 0"
    assert endings.cause("08_marked") == "cell 2: ZeroDivisionError: division by zero"
    for stem, state in endings.states().items():
        line = f"{stem}: {state}"
        assert line in endings.finished.out, line


def test_two_jobs_run_at_the_same_time(endings):
    assert {endings.states()[stem] for stem in ("00_left", "01_right")} == {"succeeded"}


@pytest.mark.parametrize(("jobs", "first"), [(1, "00_short"), (2, "02_long")])
def test_where_several_run_at_once_a_long_one_starts_first(tmp_path, jobs, first):
    house = House(tmp_path)
    for stem in ("00_short", "01_short", "02_long"):
        house.notebook(stem, "x = 1", long=stem == "02_long")
    begun = re.findall(r"^(\w+): started", house.run("--jobs", jobs).out, re.M)
    assert begun[0] == first and len(begun) == 3


def test_a_time_out_kills_the_kernel_and_what_it_started(endings):
    assert [alive(pid) for pid in pids(endings)] == [False, False]


def test_a_killed_kernel_leaves_no_orphans(endings):
    assert not alive(int((endings.work / "orphan").read_text()))


def test_a_notebook_runs_in_its_folder_with_this_python_and_these_parameters(endings):
    facts = json.loads((endings.work / "facts.json").read_text())
    assert facts["folder"] == str(endings.root / "notebooks")
    assert facts["package"] == str(endings.root / "handid/__init__.py")
    assert facts["python"] == sys.executable
    assert (facts["seeds"], facts["rate"]) == ([4, 5], 0.001)
    assert facts["work"] == str(endings.work)
    assert "inline" in facts["backend"]
    threads = str(max(1, len(psutil.Process().cpu_affinity()) // 2))
    assert facts["threads"]["OMP_NUM_THREADS"] == facts["threads"]["MKL_NUM_THREADS"] == threads


def test_the_manifest_holds_times_memory_parameters_versions_and_key(endings):
    record = endings.manifest()["notebooks"]["09_fine"]
    assert record["parameters"] == {"work": "runs/demo", "seeds": [4, 5], "rate": 0.001}
    assert 0.5 < record["seconds"] < 60
    assert 30 < record["peak_memory_mib"] < 2000
    assert re.fullmatch("[0-9a-f]{64}", record["key"])
    assert record["versions"]["papermill"] and record["versions"]["python"]
    assert "facts.json" in record["products"]


def test_a_failed_notebook_has_a_page_with_its_error(endings):
    assert "ValueError: first\nsecond" in endings.page("02_raises")
    assert "Cell 3, line 1" in endings.page(
        "02_raises"
    )  # the number in the cause, not the kernel's
    assert "cell 3: ValueError: second" in endings.page("02_raises")
    assert "before" in endings.page("06_too_long")
    assert "stopped after 12 s" in endings.page("06_too_long")


def test_the_index_lists_every_notebook_with_state_mark_and_link(endings):
    rows = re.findall(r"<tr>.*?</tr>", endings.page("index"), re.S)[1:]
    for row, (stem, state) in zip(rows, endings.states().items(), strict=True):
        assert f'href="{stem}.html"' in row
        assert f"{report.MARKS[state]}</span>&nbsp;{state}" in row


def test_no_link_of_a_report_is_dead(endings):
    for page in endings.reports.glob("*.html"):
        links = re.findall(r'href="([^"#]+)"', page.read_text())
        assert links
        assert [link for link in links if not (endings.reports / link).exists()] == []


def test_no_file_of_a_report_names_the_machine(endings):
    files = [p for p in endings.reports.rglob("*") if p.suffix in (".html", ".ipynb", ".json")]
    assert len(files) == 11 + 9 + 1 + 1  # pages, executed notebooks, index, manifest
    for path in files:
        text = path.read_text()
        assert "alice" not in text and sys.prefix not in text, path.name


def test_the_kept_notebook_holds_no_metadata_of_papermill(endings):
    kept = json.loads((endings.reports / "02_raises.ipynb").read_text())
    assert [c["cell_type"] for c in kept["cells"]] == ["code"] * 5  # with the injected cell
    assert not [thing for thing in [kept, *kept["cells"]] if "papermill" in thing["metadata"]]


# ---------------------------------------------------------------- a page

PAGE_CELLS = [
    "# Is it safe?\n\nThe *question*, with $\\tau = 0.07$ and [a paper](https://doi.org/10/x).\n\n"
    "<script>alert('markdown')</script>",
    ("import os, sys, matplotlib.pyplot as plt, pandas as pd; secret_plumbing = 1", "hide-input"),
    "shown_code = os.getcwd(); print(shown_code, sys.executable)",
    "from IPython.display import HTML, display\ndisplay(HTML('<p onclick=run()>kept</p>"
    "<script src=https://x.org/a.js></script><img src=https://x.org/a.png>"
    "<style>@import url(https://x.org/a.css);</style>'))",
    "pd.DataFrame({'view': ['dorsal right'], 'images': [971]})",
    "fig, ax = plt.subplots(figsize=(3, 2)); ax.plot([1, 2])\n"
    "display(fig, metadata={'alt': 'A line that <rises>', 'name': 'a line'}); plt.close(fig)",
    "_ = plt.figure(figsize=(2, 2)); plt.plot([3, 1]); plt.show()",
    "import ipywidgets; ipywidgets.IntSlider(3)",
    "import warnings; warnings.warn('a folded remark')",
    "os.makedirs(f'{work}/results', exist_ok=True)\n"
    "pd.DataFrame({'method': ['b'], 'low': [1]}).to_csv(f'{work}/results/b.csv', index=False)\n"
    "pd.DataFrame({'method': ['a'], 'value': [2]}).to_csv(f'{work}/results/a.csv', index=False)",
]


@pytest.fixture(scope="module")
def shown(tmp_path_factory):
    """One notebook that shows one of everything."""
    house = House(tmp_path_factory.mktemp("shown"))
    house.notebook("00_safe", *PAGE_CELLS, parameters=WORK + "\nseeds = [0]  # of training")
    house.notebook("01_next", "x = 1")
    house.finished = house.run("--set", "seeds=[7]", "--only", "0")
    assert house.finished.returncode == 0, house.finished.err
    return house


class Addresses(HTMLParser):
    """What a browser could fetch or follow out of a page: addresses in attributes and styles."""

    def __init__(self, page):
        super().__init__()
        self.found, self.inside = [], ""
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.inside = tag
        values = [value or "" for _, value in attrs]
        self.found += [value for value in values if re.match(r"\s*(\w+:)?//", value)]
        self.found += [tag] if tag in ("script", "iframe", "object", "link", "base") else []
        self.found += [name for name, _ in attrs if name.startswith("on")]

    def handle_data(self, data):
        if self.inside == "style":
            self.found += re.findall(r"@import|url\(", data)


def test_a_page_asks_the_network_for_nothing_and_runs_nothing(shown):
    for name in ("00_safe", "01_next", "index"):
        page = shown.page(name)
        assert Addresses(page).found == []
        assert "<script" not in page.lower()
        policy = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
        assert f'<meta http-equiv="Content-Security-Policy" content="{policy}">' in page
    bad = "<img src=//x.org><a href='https://x'><p onclick=a()><style>@import 'x'</style><script>"
    assert len(Addresses(bad).found) == 5
    assert "<p>kept</p>" in shown.page("00_safe")


def test_a_page_shows_what_it_must_and_hides_what_it_must(shown):
    page = shown.page("00_safe")
    assert "<h1>Is it safe?</h1>" in page and page.count("Is it safe?</h1>") == 1
    assert "shown_code" in page and "secret_plumbing" not in page
    assert re.search(r"<code>\[7\]</code> <small>set by this run</small></td><td>of training", page)
    assert "injected-parameters" not in page and "Parameters</summary>" in page
    assert "static twin" in page and "971" in page
    assert 'class="stderr"><summary>' in page and "a folded remark" in page
    assert 'alt="\\tau = 0.07"' in page
    assert "(doi.org/10/x)" in page
    assert 'href="01_next.html"' in page and 'href="index.html"' in page
    assert "not been run" in shown.page("01_next")


def test_alt_text_reaches_the_page_and_its_absence_is_admitted(shown):
    alts = re.findall(r'<figure><img (?:src="[^"]*" )?alt="([^"]*)"', shown.page("00_safe"))
    assert alts[0] == "A line that &lt;rises&gt;"
    assert "no description" in alts[1] and len(alts) == 2
    assert 'alt="A line that &lt;rises&gt;"' in shown.page("index")


def test_figures_and_results_are_written_beside_the_pages(shown):
    names = sorted(path.name for path in (shown.reports / "figures").iterdir())
    assert names == ["00_safe_2.png", "00_safe_a-line.png"]
    for name in names:
        assert Image.open(shown.reports / "figures" / name).format == "PNG"
    rows = list(csv.DictReader((shown.reports / "results.csv").open()))
    assert rows == [
        {"method": "a", "value": "2", "low": ""},
        {"method": "b", "value": "", "low": "1"},
    ]


def test_no_page_names_the_machine(shown):
    assert "notebooks python" in shown.page("00_safe") or "notebooks …" in shown.page("00_safe")
    for path in [*shown.reports.glob("*.html"), *shown.reports.glob("*.ipynb")]:
        assert "alice" not in path.read_text() and sys.prefix not in path.read_text(), path.name


@pytest.mark.skipif(not shutil.which("chromium"), reason="no chromium")
@pytest.mark.parametrize(
    ("name", "title"), [("00_safe", "Is it safe? · HandID · demo"), ("index", "HandID · demo")]
)
def test_a_browser_opens_the_page_without_complaint(shown, tmp_path, name, title):
    command = "chromium --headless --no-sandbox --disable-gpu --disable-background-networking"
    command += f" --enable-logging=stderr --user-data-dir={tmp_path} --dump-dom"
    page = shown.reports / f"{name}.html"
    done = subprocess.run(
        [*command.split(), page.as_uri()], capture_output=True, text=True, timeout=60
    )
    assert f"<title>{title}</title>" in done.stdout
    assert "CONSOLE" not in done.stderr, done.stderr


# ---------------------------------------------------------------- pages without a run


def picture(width, height=None):
    """PNG bytes of noise, which does not compress."""
    noise = np.random.default_rng(0).integers(0, 256, (height or width, width, 3), np.uint8)
    file = io.BytesIO()
    Image.fromarray(noise).save(file, "PNG")
    return file.getvalue()


def one_output(**output):
    """A notebook with one cell that has one output, as report.load gives it."""
    output = {"output_type": "display_data", "metadata": {}, "data": {}, "text": ""} | output
    cell = {"cell_type": "code", "source": "1", "metadata": {}, "outputs": [output]}
    return {"cells": [cell], "metadata": {}}


def test_a_page_of_huge_figures_stays_below_five_megabytes():
    notebook = one_output(data={"image/png": base64.b64encode(picture(2200)).decode()})
    assert len(report.figures(notebook)[0].data) > 5e6
    (cell,) = report.cells(notebook, "t")
    assert 1e5 < len(cell["html"]) < 5e6


def test_progress_bars_and_terminal_colours_become_plain_text():
    assert report.plain("1%\r50%\r\x1b[31m100%\x1b[0m\ndone\r\n") == "100%\ndone\n"
    assert len(report.plain("x" * 10**6)) < 21_000


def test_a_widget_leaves_a_note_and_a_progress_bar_nothing():
    view = {"application/vnd.jupyter.widget-view+json": {"model_id": "1"}}
    (slider,) = report.cells(one_output(data=view | {"text/plain": "IntSlider(value=3)"}), "t")
    assert "static twin" in slider["html"] and "IntSlider" not in slider["html"]
    (bar,) = report.cells(one_output(data=view | {"text/plain": "reading:   0%|     | 0/9"}), "t")
    assert bar["html"] == ""


def test_a_styled_table_keeps_its_colours_and_nothing_else():
    rule = "#T_1_row0_col1 { background-color: gold; }"
    assert f"<style>{rule}</style>" in report.clean(f'<style type="text/css">\n{rule}</style><p>')
    for bad in ("#T_1 { background: url(//x) }", "p { color: red }", "@import '//x';"):
        assert "style" not in report.clean(f"<style>{bad}</style><p>kept</p>")


@pytest.mark.parametrize(
    "text",
    [
        "<svg onload=alert(1)>",
        "<a href='javascript:alert(1)'>x</a>",
        "<img src=x onerror=alert(1)>",
        "<iframe src=//x.org></iframe>",
        '<p style="background-image:url(//x.org)">x</p>',
        "<link rel=stylesheet href=//x.org><base href=//x.org>",
        "<form action=//x.org><input></form>",
    ],
)
def test_html_that_acts_or_leaves_is_defused(text):
    cleaned = report.clean(text)
    assert not re.search(r"<(svg|iframe|link|base|form|input)|(on\w+|href|src)=|url\(", cleaned)


def test_a_script_is_dropped_with_its_text():
    assert report.clean("<p>a</p><script>alert(1)</script><style>p {}</style>b") == "<p>a</p>b"


def test_a_formula_that_cannot_be_drawn_is_shown_as_text():
    assert report.formula(r"\nonsense{<") == r"<code>\nonsense{&lt;</code>"


# ---------------------------------------------------------------- refusals


@pytest.fixture(scope="module")
def plain_house(tmp_path_factory):
    house = House(tmp_path_factory.mktemp("plain"))
    lines = "seeds = [0]  # a\nepochs = 3  # b\nrate = 0.5  # c\nnames = {'a': 1}  # d\n"
    lines += "flip = True  # e\nweights = 'tiny'  # f\ndata_11k = ''  # g"
    house.notebook("03_train", "x = 1", parameters=WORK + "\n" + lines)
    house.notebook("04_show", "x = 1", needs=["03_train"])
    for name, text in {
        "typo": "descriptoin: x\n",
        "shape": "description: [1]\n",
        "yaml": "description: [1\n",
        "unknown": "description: x\nparameters: {epoch: 1}\n",
        "type": "description: x\nparameters: {epochs: many}\n",
        "own": "description: x\nper_notebook: {04_show: {epochs: 1}}\n",
        "folder": "description: x\nparameters: {data_11k: ../no/such}\n",
        "needy": "description: x\nrequired: [data_11k]\nparameters: {data_11k: ''}\n",
        "needless": "description: x\nrequired: [data_12k]\n",
        "silent": "description: x\nrequired: [data_11k]\n",
        "absent": "description: x\nnotebooks: [05_none]\n",
    }.items():
        house.profile(text, name)
    return house


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("--only 07", "no notebook '07'; known: 03_train, 04_show"),
        ("--only 03_trian", "did you mean 03_train?"),
        ("--profile dmeo", "no profile 'dmeo' in notebooks/profiles; did you mean demo?"),
        ("--set epoch=1", "no selected notebook has a parameter 'epoch'; did you mean epochs?"),
        ("--only 04 --set epochs=1", "no selected notebook has a parameter 'epochs'"),
        ("--set epochs=1.5", "(03_train): epochs must be int like 3, not 1.5"),
        ("--set epochs=true", "epochs must be int like 3, not True"),
        ("--set flip=1", "flip must be bool like True, not 1"),
        ("--set rate=fast", "rate must be float like 0.5, not 'fast'"),
        ("--set seeds=1", "seeds must be list like [0], not 1"),
        ("--set names=[1]", "names must be dict"),
        ("--set names={1:2}", "names must be dict"),
        ("--set weights=5", "text needs quotes"),
        ("--set weights", "write --set name=value"),
        ("--set work=/x", "work is set already by the runner, see --work"),
        ("--set epochs=1 --set epochs=2", "epochs is set already by --set epochs=1; set it once"),
        ("--set data_11k=/no/such", "data_11k names no folder: /no/such"),
        ("--profile folder", "profile folder (03_train): data_11k names no folder: ../no/such"),
        ("--data 11k=/no/such", "--data 11k=/no/such: no such folder"),
        ("--data 12k=/", "no selected notebook has a parameter 'data_12k'; did you mean data_11k?"),
        ("--weights no/such", "--weights no/such: no such file"),
        ("--weights such.pt", "--weights such.pt: no such file"),
        ("--jobs 0", "must be positive"),
        ("--timeout nan", "must be positive"),
        ("--job 2", "unrecognized arguments: --job 2"),
        ("--notebooks /no/such", "no notebooks in /no/such"),
        ("--profile typo", "profile typo: "),
        ("--profile shape", "profile shape: description: Input should be a valid string"),
        ("--profile yaml", "profile yaml: not readable YAML"),
        ("--profile unknown", "no notebook has a parameter 'epoch'; did you mean epochs?"),
        ("--profile type", "epochs must be int like 3, not 'many'"),
        ("--profile own", "04_show has no parameter 'epochs'"),
        ("--profile needy", "profile needy needs data_11k; give it with --data 11k=FOLDER"),
        ("--profile silent", "profile silent needs data_11k; give it with --data 11k=FOLDER"),
        ("--profile needless", "no notebook has a parameter 'data_12k'; did you mean data_11k?"),
        ("--profile absent", "no notebook '05_none'"),
    ],
)
def test_what_cannot_be_run_is_refused_in_one_sentence(plain_house, words, said):
    done = plain_house.run(*words.split())
    assert done.returncode == 2
    assert said in done.err
    assert done.err.count("\n") == 1 and "Traceback" not in done.err
    assert done.out == "" and not (plain_house.root / "reports").exists()


@pytest.mark.parametrize(
    ("parameters", "needs", "said"),
    [
        ("a = 1\nb = a * 2", [], "00_x.ipynb: line 2 of the parameters cell must be"),
        ("import os", [], "line 1 of the parameters cell"),
        ("a = (", [], "of the parameters cell"),
        ("a = 1", ["09_none"], "00_x needs '09_none'"),
        ("a = 1", ["00_x"], "in a circle: 00_x -> 00_x"),
    ],
)
def test_a_notebook_that_cannot_be_planned_is_refused(tmp_path, parameters, needs, said):
    house = House(tmp_path)
    house.notebook("00_x", parameters=parameters, needs=needs)
    done = house.run()
    assert done.returncode == 2 and said in done.err and done.err.count("\n") == 1


def test_two_parameter_cells_are_refused(tmp_path):
    house = House(tmp_path)
    house.notebook("00_x", ("b = 1", "parameters"))
    done = house.run()
    assert done.returncode == 2 and "has 2 code cells tagged 'parameters'" in done.err


def test_parameters_are_read_as_python_reads_them():
    source = "a: int = 3  # one # two\nurl = 'http://x/#f'\nb = -1e-3  # k = v\nc = {'x': [None]}\n"
    values, meanings = plan.read_parameters(source, "x")
    assert values == {"a": 3, "url": "http://x/#f", "b": -0.001, "c": {"x": [None]}}
    assert meanings == {"a": "one # two", "url": "", "b": "k = v", "c": ""}


# ---------------------------------------------------------------- fresh and stale


def test_a_path_is_the_command_lines_and_a_name_stays_a_name(tmp_path, monkeypatch):
    (tmp_path / "mini").mkdir()
    (tmp_path / "hands").mkdir()
    (tmp_path / "w.pt").write_text("w")
    monkeypatch.chdir(tmp_path)
    for item, value in {
        "weights=w.pt": str(tmp_path / "w.pt"),
        "cnn_weights=./w.pt": str(tmp_path / "w.pt"),
        "data_hd=./hands": str(tmp_path / "hands"),
        "weights=mini": "mini",
        "title=w.pt": "w.pt",
    }.items():
        assert plan.read_set(item)[1] == value
    assert plan.existing_weights(str(tmp_path / "w.pt")) == str(tmp_path / "w.pt")


def test_only_what_changed_runs_again(tmp_path):
    house = House(tmp_path)
    data, weights, others = house.home / "hands", house.home / "w.pt", house.home / "cnn.pth"
    (data / "deep").mkdir(parents=True)
    (data / "deep/a.jpg").write_text("a")
    weights.write_text("w")
    others.write_text("w")
    (house.root / "handid/thing.py").write_text("x = 1\n")
    lines = f"{WORK}\nepochs = 1  # passes\ndata_11k = ''  # folder\nweights = 'tiny'  # name"
    lines += "\ncnn_weights = ''  # file"
    touch = """import pathlib
for name in ["product", "cache/a", *(f"many/{number}" for number in range(30))]:
    path = pathlib.Path(f"{work}/{name}")
    path.parent.mkdir(exist_ok=True)
    path.write_text("x")"""
    house.notebook("00_first", touch, parameters=lines)
    house.notebook("01_second", "x = 1", needs=["00_first"])
    house.notebook("02_other", "x = 1")
    words = ["--data", f"11k={data}", "--weights", weights, "--jobs", 2]
    words += ["--set", f"cnn_weights={others}"]

    assert house.run(*words).returncode == 0
    before = house.manifest()["notebooks"]
    assert before["00_first"]["products"] == ["many", "product"]
    began = time.monotonic()
    again = house.run(*words)
    assert time.monotonic() - began < 5
    assert again.returncode == 0 and again.out.count("fresh, skipped") == 3
    after = house.manifest()["notebooks"]
    assert [record["skipped"] for record in after.values()] == [True] * 3
    assert {k: r["started"] for k, r in after.items()} == {
        k: r["started"] for k, r in before.items()
    }

    fresh = dict.fromkeys(before, "fresh")
    first = {"01_second": "stale (changed: needs)"}  # if only 00_first changed
    for more, why in [("--set epochs=2", "parameters"), ("--weights x", "parameters, data")]:
        told = house.stale(*words, *more.split())
        assert told == fresh | first | {"00_first": f"stale (changed: {why})"}
    assert set(house.stale(*words, "--force").values()) == {"stale (forced)"}
    for path in (data / "deep/a.jpg", weights, others):
        with changed(path):
            assert house.stale(*words) == fresh | first | {"00_first": "stale (changed: data)"}
    with changed(house.root / "handid/thing.py"):
        told = house.stale(*words)
        assert told == dict.fromkeys(before, "stale (changed: code)") | {
            "01_second": "stale (changed: code, needs)"
        }
    assert house.stale(*words) == fresh
    (house.work / "product").unlink()
    house.notebook("02_other", "x = 2")
    gone = {"00_first": "stale (its outputs are gone)", "02_other": "stale (changed: source)"}
    assert house.stale(*words) == fresh | gone

    done = house.run(*words)
    assert re.findall(r"^(\w+): started", done.out, re.M) == ["00_first", "02_other"]
    assert house.stale(*words) == fresh
    style = house.root / "notebooks/template/style.css"
    style.write_text(style.read_text() + "/* new look */")
    assert house.run(*words).out.count("fresh, skipped") == 3
    assert "/* new look */" in house.page("00_first")


@contextmanager
def changed(path):
    """A file with another content of another length, for a while."""
    text, status = path.read_text(), path.stat()
    path.write_text(text + "# changed")
    yield
    path.write_text(text)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def test_a_notebook_alone_is_judged_by_what_its_needs_last_were(tmp_path):
    house = House(tmp_path)
    house.notebook("00_first", "x = 1")
    house.notebook("01_second", "x = 1", needs=["00_first"])
    assert house.run().returncode == 0
    house.notebook("00_first", "x = 2")
    assert house.stale("--only", "01_second") == {"01_second": "fresh"}
    assert house.stale()["01_second"] == "stale (changed: needs)"


# ---------------------------------------------------------------- interruptions


def test_ctrl_c_stops_everything_and_the_next_run_goes_on(tmp_path):
    house = House(tmp_path)
    house.notebook("00_quick", "x = 1")
    house.notebook("01_sleeper", SLEEPER, parameters=SLEEPS)
    house.notebook("02_after", "x = 1", needs=["01_sleeper"])
    runner = house.start()
    started = pids(house)
    assert house.manifest()["state"] == "running" and house.states()["01_sleeper"] == "running"

    second = house.run()
    assert second.returncode == 2 and second.err.count("\n") == 1
    assert "another run is writing reports/demo" in second.err
    assert house.stale()["01_sleeper"] == "stale (running)"
    assert [alive(pid) for pid in started] == [True, True]

    runner.send_signal(signal.SIGINT)
    out, err = runner.communicate(timeout=30)
    assert runner.returncode == 130 and "Traceback" not in err
    assert [alive(pid) for pid in started] == [False, False]
    assert house.states() == {"00_quick": "succeeded", "01_sleeper": "interrupted"}
    assert house.manifest()["state"] == "interrupted"
    assert house.cause("01_sleeper") == "cell 2: stopped by Ctrl-C"

    resumed = house.run("--set", "seconds=0")
    assert resumed.returncode == 0
    assert re.findall(r"^(\w+): (fresh|started)", resumed.out, re.M) == [
        ("00_quick", "fresh"),
        ("01_sleeper", "started"),
        ("02_after", "started"),
    ]


def test_a_killed_runner_leaves_no_process_and_no_lie(tmp_path):
    house = House(tmp_path)
    house.notebook("00_sleeper", SLEEPER, parameters=SLEEPS)
    runner = house.start()
    started = pids(house)
    runner.kill()
    runner.communicate(timeout=10)
    wait_until(lambda: not any(alive(pid) for pid in started))
    assert house.states() == {"00_sleeper": "running"}  # nobody was left to write better
    assert house.stale() == {"00_sleeper": "stale (interrupted)"}
    assert house.run("--set", "seconds=0").returncode == 0
    assert house.states() == {"00_sleeper": "succeeded"}


# ---------------------------------------------------------------- judging


def executed(*outputs, count=1):
    cell = {"cell_type": "code", "source": "x", "metadata": {}, "outputs": list(outputs)}
    return cell | {"execution_count": count}


def test_a_cell_that_never_ran_is_no_success():
    fine = {"error": "", "message": ""}
    empty = executed(count=None) | {"source": " "}
    assert batch.verdict([executed(), empty], fine, 2) == ("succeeded", "")
    told = batch.verdict([executed(), executed(count=None)], fine, 2)
    assert told == ("failed", "cell 2 was never executed")
    assert batch.verdict([executed()], {}, 1)[0] == "killed"
    assert batch.verdict([], {"error": "OSError", "message": "a\nb"}, 0)[1] == "cell 0: OSError: b"
