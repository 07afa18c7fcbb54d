"""What several test files share: a seeded generator, a made-up 11k Hands, the real one if there."""

import os
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import urlsplit

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import handid.runner.notebook  # noqa: F401 - before nbformat, which it spares two seconds
from handid.runner import browser

VIEWS = ("dorsal right", "dorsal left", "palmar right", "palmar left")
# Files whose tests take longest, the longest first.
LONGEST = ("test_notebooks", "test_benchmarks", "test_real_reports", "test_jobs", "test_backbone")
LONGEST += ("test_batch", "test_pretrain", "test_page", "test_study", "test_reid")
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


def pytest_collection_modifyitems(items):
    """The longest files first: workers share them in this order, and none shall end alone."""
    order = {name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: order.get(item.path.stem, len(order)))


@pytest.fixture
def rng():
    """A generator that starts at the same place in every test."""
    return np.random.default_rng(0)


@pytest.fixture
def make_11k():
    """Write a small made-up 11k: make_11k(root, subjects=4, images=3, size=(64, 48), ...)."""
    return write_11k


@pytest.fixture
def real_11k():
    """The folder of the real 11k Hands that HANDID_11K names; without one the test is skipped."""
    root = os.environ.get("HANDID_11K", "")
    if not root or not Path(root).is_dir():
        pytest.skip("set HANDID_11K to a copy of 11k Hands")
    return Path(root)


@pytest.fixture(scope="session")
def offline():
    """offline(folder): the environment of a process that reaches no other machine.

    What tries to is written to `guard/tried` in the folder.
    """

    def environment(folder):
        guard = folder / "guard"
        guard.mkdir(exist_ok=True)
        (guard / "sitecustomize.py").write_text(GUARD)
        paths = [str(guard), *filter(None, [os.environ.get("PYTHONPATH")])]
        return os.environ | {"PYTHONPATH": os.pathsep.join(paths)}

    return environment


@pytest.fixture(scope="module")
def chromium():
    """The system's Chromium by Playwright: open(address, width, until) gives a page and its log.

    The log notes what is asked of another machine, which gets no answer, and every complaint.
    """
    playwright = pytest.importorskip("playwright.sync_api")
    program = browser.find()
    if program is None:
        pytest.skip("no Chromium or Chrome")
    flags = ["--no-sandbox"] if os.geteuid() == 0 else []
    with playwright.sync_playwright() as started:
        opened = started.chromium.launch(executable_path=program, args=flags)
        yield lambda address, width=1400, until="load": look(opened, address, width, until)
        opened.close()


def look(opened, address, width, until):
    page = opened.new_page(viewport={"width": width, "height": 900})
    log = SimpleNamespace(abroad=[], complaints=[])

    def answer(route):
        host = urlsplit(route.request.url).hostname
        if host in (None, "localhost", "127.0.0.1"):
            return route.continue_()
        log.abroad.append(route.request.url)
        return route.abort()

    page.route("**/*", answer)
    page.on("pageerror", lambda error: log.complaints.append(str(error)))
    page.on("console", lambda m: m.type == "error" and log.complaints.append(m.text))
    page.goto(address, wait_until=until)
    return page, log


@pytest.fixture(scope="session")
def faults():
    """faults(page): what axe-core finds that is serious or critical, as "rule: places"."""
    axe = pytest.importorskip("axe_playwright_python")
    source = (Path(axe.__file__).parent / "axe.min.js").read_text(encoding="utf-8")

    def find(page):
        # Past the page's Content-Security-Policy, which rightly lets no such script in.
        page.context.new_cdp_session(page).send("Runtime.evaluate", {"expression": source})
        found = page.evaluate("axe.run()")["violations"]
        return [
            f"{fault['id']}: {[node['target'] for node in fault['nodes']]}"
            for fault in found
            if fault["impact"] in ("serious", "critical")
        ]

    return find


def write_11k(root, subjects=4, images=3, size=(64, 48), views=VIEWS, edit=None, seed=0):
    """Write a small folder like 11k Hands: HandInfo.csv and Hands/*.jpg of coloured noise.

    Args:
        root: folder to write into; made if need be.
        subjects: number of people, with ids 0, 1, ...; or a list of the ids themselves.
        images: photographs of each person in each view.
        size: width and height in pixels; None writes no image files.
        views: what is photographed.
        edit: function from the frame of HandInfo.csv (all texts) to the one that is written.
        seed: of the pixels; each person and view has a colour, so that an encoder can learn.

    Returns:
        The root, a Path.
    """
    ids = range(subjects) if isinstance(subjects, int) else subjects
    shots = [(person, view) for person in ids for view in views for _ in range(images)]
    names = [f"Hand_{number:07d}.jpg" for number in range(1, len(shots) + 1)]
    info = pd.DataFrame(
        {
            "id": [f"{person:07d}" for person, _ in shots],
            "age": "30",
            "gender": "female",
            "skinColor": "medium",
            "accessories": "0",
            "nailPolish": "0",
            "aspectOfHand": [view for _, view in shots],
            "imageName": names,
            "irregularities": "0",
        }
    )
    (Path(root) / "Hands").mkdir(parents=True, exist_ok=True)
    (edit(info) if edit else info).to_csv(Path(root) / "HandInfo.csv", index=False)
    noise = np.random.default_rng(seed)
    for name, (person, view) in zip(names if size else [], shots, strict=False):
        colour = np.random.default_rng([seed, person, VIEWS.index(view)]).integers(60, 195, 3)
        pixels = colour + noise.integers(-40, 41, (size[1], size[0], 3))
        Image.fromarray(pixels.astype(np.uint8)).save(Path(root) / "Hands" / name)
    return Path(root)
