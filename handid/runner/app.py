"""The local page: one notebook behind Voila, for this machine and whoever has its address alone.

Voila runs the notebook with the parameters of the plan; nothing is written into the report.
"""

import copy
import importlib.util
import os
import runpy
import secrets
import shutil
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

from handid import disk
from handid.runner import notebook, process
from handid.runner.environment import MARKER, variables
from handid.runner.plan import Plan, Task
from handid.runner.refusal import Refused

STEM, TITLE = "15_panel", "HandID · Who would be named?"
HOST = "127.0.0.1"
# A page may talk to this server and to nobody else.
POLICY = (
    "default-src 'self' 'unsafe-inline' 'unsafe-eval' data: blob:; connect-src 'self'; "
    "frame-ancestors 'none'; base-uri 'self'; form-action 'none'"
)
LARGEST = 2**30  # bytes of all photographs that are dropped at once; Tornado's own is 10 MiB
ONE_LINE = "--InteractiveShell.xmode=Minimal"  # of an error: its sentence, and no traceback


def serve(plan: Plan, template: Path) -> int:
    """Show the notebook as a page until Ctrl-C.

    Args:
        plan: its task has the parameters.
        template: folder of the page's template for Voila.

    Returns:
        Exit code of the server.

    Raises:
        Refused: if Voila is not installed or ends at once, or the plan has no such notebook.
    """
    if importlib.util.find_spec("voila") is None:
        raise Refused("the page needs Voila: pip install '.[app]', or make app")
    if STEM not in plan.tasks:
        raise Refused(f"--app shows {STEM}, which this profile does not have; choose another one")
    process.sweep()
    scratch = process.scratch_folder(ONE_LINE)
    try:
        prepare(plan.tasks[STEM], scratch, template)
        folder = plan.tasks[STEM].notebook.path.parent
        return _wait(scratch, folder, free_port(), secrets.token_urlsafe(24))
    finally:
        process.kill_marked(str(scratch))
        shutil.rmtree(scratch, ignore_errors=True)


def _wait(scratch: Path, notebooks: Path, port: int, token: str) -> int:
    """Start the server and wait until it or the person ends it."""
    command = [sys.executable, "-m", __name__, str(scratch / f"{STEM}.ipynb"), "--no-browser"]
    command += [f"--port={port}", f"--token={token}", "--Voila.port_retries=0"]
    command += ["--VoilaConfiguration.template=handid"]
    server = subprocess.Popen(
        command,
        env=environment(scratch, notebooks),
        cwd=scratch,
        stdin=subprocess.PIPE,
        start_new_session=True,  # Ctrl-C reaches the runner only
    )
    try:
        while not listens(port):
            if server.poll() is not None:
                raise Refused("the page's server ended at once; what it printed above says why")
            time.sleep(0.1)
        print(f"Open http://{HOST}:{port}/?token={token}  (Ctrl-C ends it)", flush=True)
        return server.wait()
    except KeyboardInterrupt:
        return 0
    finally:
        server.kill()  # it has nothing to save
        server.wait()


def end_with_runner(scratch: str) -> None:
    """End the server's process, its kernels and its files once the runner's end of a pipe closes.

    However a runner ends, nobody's photographs stay behind a page that nobody knows of.
    """
    while os.read(sys.stdin.fileno(), 1024):
        pass
    process.kill_marked(scratch)
    shutil.rmtree(scratch, ignore_errors=True)
    os._exit(1)


def environment(scratch: Path, notebooks: Path) -> dict[str, str]:
    """The server's: Jupyter reads no other settings, relative paths count from notebooks/."""
    own = dict.fromkeys(
        ("JUPYTER_CONFIG_PATH", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR"), str(scratch)
    )
    return variables(scratch, 1) | own | {process.NOTEBOOKS: str(notebooks)}


def prepare(task: Task, scratch: Path, template: Path) -> Path:
    """Write the notebook with its parameters, the template and Voila's settings into a folder.

    Returns:
        The notebook.
    """
    document = with_parameters(notebook.read(task.notebook.path), task)
    notebook.write(document, scratch / f"{STEM}.ipynb")
    place = scratch / "voila" / "templates"
    place.mkdir(parents=True)
    (place / "handid").symlink_to(template.resolve())
    headers = {"Content-Security-Policy": POLICY, "Referrer-Policy": "no-referrer"}
    tornado = {"headers": headers, "websocket_max_message_size": LARGEST}
    settings = {"ip": HOST, "open_browser": False, "log_level": "CRITICAL"}
    settings["tornado_settings"] = tornado
    # Sockets in a private folder: no open port but the page's own.
    kernel = {"transport": "ipc"}
    errors = {"show_tracebacks": True}  # which are ONE_LINE
    configured = {"Voila": settings, "VoilaConfiguration": errors, "KernelManager": kernel}
    disk.write_json(scratch / "voila.json", configured)
    return scratch / f"{STEM}.ipynb"


def with_parameters(document: notebook.Document, task: Task) -> notebook.Document:
    """The notebook with the task's parameters in a cell of their own, behind the defaults.

    The text about changing them is left out: the page does not show them.
    """
    document = copy.deepcopy(document)
    (place,) = [n for n, c in enumerate(document["cells"]) if "parameters" in notebook.tags(c)]
    lines = "\n".join(f"{name} = {value!r}" for name, value in task.injected.items())
    cell = {"cell_type": "code", "id": "injected", "metadata": {"tags": [notebook.INJECTED]}}
    cell |= {"execution_count": None, "outputs": [], "source": lines}
    document["cells"][place - 1 : place + 1] = [document["cells"][place], cell]
    kernel = {"name": "handid", "display_name": "handid", "language": "python"}
    document["metadata"] |= {"title": TITLE, "kernelspec": kernel}
    return document


def listens(port: int) -> bool:
    """Whether somebody listens on a port of this machine."""
    with socket.socket() as probe:
        return probe.connect_ex((HOST, port)) == 0


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return probe.getsockname()[1]


if __name__ == "__main__":
    threading.Thread(target=end_with_runner, args=(os.environ[MARKER],), daemon=True).start()
    runpy.run_module("voila", run_name="__main__", alter_sys=True)
