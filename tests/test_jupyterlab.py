"""Every notebook in a real JupyterLab (slow), as its user opens and runs it."""

import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import pytest

from handid.runner.options import Options
from handid.runner.plan import Plan

ROOT = Path(__file__).resolve().parents[1]
STEMS = sorted(path.stem for path in (ROOT / "notebooks").glob("*.ipynb"))


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
