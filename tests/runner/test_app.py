"""The local page: prepared without a server, refused in a sentence, and driven in a browser."""

import base64
import json
import re
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from handid.runner import app, environment, notebook, process
from handid.runner.refusal import COLOUR, Refused

REPOSITORY = Path(__file__).resolve().parents[2]
TEMPLATE = REPOSITORY / "notebooks" / "template" / "app"


@pytest.fixture
def plan(toys):
    """The plan of a toy that stands in the panel's place."""
    toys.notebook(app.STEM, "# Who?", "# What you can change", "x = work", parameters="work = ''")
    path = toys.root / f"notebooks/{app.STEM}.ipynb"
    document = notebook.read(path)
    cells = document["cells"]
    document["cells"] = [cells[1], cells[2], cells[0], cells[3]]
    notebook.write(document, path)
    return toys.plan("--only", app.STEM)


def test_the_page_is_the_notebook_with_its_parameters_and_not_the_text_about_them(plan, tmp_path):
    made = notebook.read(app.prepare(plan.tasks[app.STEM], tmp_path, TEMPLATE))
    sources = [cell["source"] for cell in made["cells"]]
    assert sources == ["# Who?", "work = ''", f"work = {str(plan.work)!r}", "x = work"]
    assert made["metadata"]["kernelspec"]["name"] == "handid"


def test_the_server_listens_to_this_machine_alone_and_its_page_asks_nobody_else(plan, tmp_path):
    app.prepare(plan.tasks[app.STEM], tmp_path, TEMPLATE)
    settings = json.loads((tmp_path / "voila.json").read_text())
    assert settings["Voila"]["ip"] == "127.0.0.1"
    policy = settings["Voila"]["tornado_settings"]["headers"]["Content-Security-Policy"]
    assert "default-src 'self'" in policy and "connect-src 'self'" in policy
    assert not re.search(r"https?:|\*", policy)
    template = (tmp_path / "voila" / "templates" / "handid" / "index.html.j2").read_text()
    assert "http" not in template
    own = app.environment(tmp_path, REPOSITORY / "notebooks")
    assert own["JUPYTER_CONFIG_DIR"] == own["JUPYTER_DATA_DIR"] == str(tmp_path)
    assert own[process.NOTEBOOKS] == str(REPOSITORY / "notebooks")


def test_an_error_is_one_line_of_the_page_and_large_photographs_arrive(plan, tmp_path):
    app.prepare(plan.tasks[app.STEM], tmp_path, TEMPLATE)
    settings = json.loads((tmp_path / "voila.json").read_text())
    assert settings["VoilaConfiguration"]["show_tracebacks"]
    limit = settings["Voila"]["tornado_settings"]["websocket_max_message_size"]
    assert limit > 10 * 2**20  # Tornado's own, which a few photographs exceed: the page went dumb
    scratch = process.scratch_folder(app.ONE_LINE)
    kernel = json.loads((scratch / "kernels/handid/kernel.json").read_text())
    shutil.rmtree(scratch)
    shown = subprocess.run(
        [sys.executable, "-m", "IPython", *kernel["argv"][5:], "-c", "raise ValueError('no hand')"],
        env=environment.variables(tmp_path, 1),
        capture_output=True,
        text=True,
    )
    assert COLOUR.sub("", shown.stdout).strip() == "ValueError: no hand"


def test_the_server_ends_with_its_runner_however_that_ended_and_leaves_no_file(tmp_path):
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    waits = f"from handid.runner import app; app.end_with_runner({str(scratch)!r})"
    server = subprocess.Popen([sys.executable, "-c", waits], stdin=subprocess.PIPE, cwd=REPOSITORY)
    server.stdin.close()  # as the system does when a runner is killed
    assert server.wait(60) == 1 and not scratch.exists()


def test_a_server_that_ends_at_once_is_said(plan, tmp_path, monkeypatch):
    monkeypatch.setattr(app, "__name__", "handid.nowhere")
    with pytest.raises(Refused, match="the page's server ended at once; what it printed"):
        app.serve(plan, TEMPLATE)


def test_without_voila_or_the_notebook_one_sentence_says_so(plan, toys, monkeypatch):
    plan.tasks.clear()
    with pytest.raises(Refused, match="--app shows 15_panel, which this profile does not have"):
        app.serve(plan, TEMPLATE)
    monkeypatch.setattr(app.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(Refused, match="the page needs Voila: pip install"):
        app.serve(plan, TEMPLATE)


def test_a_free_port_is_one_on_which_nobody_listens_until_somebody_does():
    port = app.free_port()
    assert not app.listens(port)
    with socket.create_server((app.HOST, port)):
        assert app.listens(port)


# --- in a browser ---------------------------------------------------------------------------------

DROP = """data => {
  const bytes = Uint8Array.from(atob(data), c => c.charCodeAt(0)), dropped = new DataTransfer();
  dropped.items.add(new File([bytes], "dropped <b>.jpg", {type: "image/jpeg"}));
  dropped.items.add(new File(["no picture"], "note.txt"));
  document.body.dispatchEvent(new DragEvent("drop", {dataTransfer: dropped, bubbles: true}));
}"""


@pytest.fixture
def address(tmp_path):
    """Where `run_notebooks.py --app` shows the smoke study's page."""
    command = [sys.executable, "run_notebooks.py", "--profile", "smoke", "--app"]
    command += ["--work", str(tmp_path / "work"), "--reports", str(tmp_path / "reports")]
    with (tmp_path / "log").open("w") as log:
        served = subprocess.Popen(
            command, cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=log, text=True
        )
    yield re.search(r"http://127\.0\.0\.1:\d+/\?token=\S+", served.stdout.readline())[0]
    served.send_signal(signal.SIGINT)
    assert served.wait(30) == 0
    assert not list(process.temporary().glob(f"{process.PREFIX}{served.pid}-*"))


def said(page, words):
    """The sentence below the slider, when it holds these words."""
    page.wait_for_function(
        "words => document.querySelector('.handid-status')?.innerText.includes(words)", arg=words
    )
    return page.locator(".handid-status").inner_text()


def large(path):
    """A picture of 12 MB, as many phones make."""
    noise = np.random.default_rng(0).integers(0, 255, (2000, 2000, 3), dtype=np.uint8)
    Image.fromarray(noise).save(path)
    assert path.stat().st_size > 12e6
    return path


@pytest.mark.slow
def test_photographs_are_dropped_chosen_and_named_by_keyboard_and_nothing_leaves(
    address, chromium, faults, tmp_path
):
    page, log = chromium(address, until="commit")
    button = page.get_by_role("button", name=re.compile("Choose photographs"))
    button.wait_for(timeout=300_000)
    page.get_by_role("heading", name="Answer").wait_for()  # the page is whole
    assert "example" in said(page, "1 of 1 photograph would name somebody")
    hands = sorted((tmp_path / "work/smoke/synthetic").glob("11k*/Hands/*.jpg"))
    with page.expect_file_chooser() as chooser:
        button.press("Enter")
    chooser.value.set_files(hands[:2])
    said(page, "of 2 photographs")
    with page.expect_file_chooser() as chooser:
        button.press("Enter")
    chooser.value.set_files(large(tmp_path / "large.png"))
    assert "“large.png”: " in said(page, "of 1 photograph would")
    with page.expect_file_chooser() as chooser:
        button.press("Enter")
    chooser.value.set_files(hands[:2])
    said(page, "of 2 photographs")
    slider = page.get_by_role("slider", name="Threshold")
    slider.wait_for()
    assert page.locator(".handid-status").get_attribute("role") == "status"
    slider.focus()
    page.keyboard.press("End")
    said(page, "0 of 2 photographs would name somebody")
    page.keyboard.press("Home")
    said(page, "2 of 2 photographs would name somebody")
    assert page.locator(".handid-question figure.named").count() > 2
    before = {path for path in tmp_path.rglob("*") if path.is_file()}
    page.evaluate(DROP, base64.b64encode(hands[0].read_bytes()).decode())
    assert "“dropped <b>.jpg”: " in said(page, "of 1 photograph would")
    page.get_by_text("note.txt is not a JPEG, PNG or BMP image: it is left out.").wait_for()
    assert {path for path in tmp_path.rglob("*") if path.is_file()} == before
    assert faults(page) == []
    assert log.abroad == log.complaints == []
    page.set_viewport_size({"width": 400, "height": 900})
    assert page.evaluate("document.documentElement.scrollWidth") <= 400
    stranger, _ = chromium(address.partition("?")[0], until="commit")
    assert "Choose photographs" not in stranger.content()  # without the token
