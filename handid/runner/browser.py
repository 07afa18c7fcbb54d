"""The system's browser, for a report as PDF. It starts no other program, and asks no network."""

import os
import shutil
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path

from handid import disk
from handid.runner.refusal import Refused

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "microsoft-edge")
PLACES = (  # on macOS, where they are in no PATH
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
)
PATIENCE_SECONDS = 300
_QUIET = (
    *("--headless", "--disable-gpu", "--no-first-run", "--disable-background-networking"),
    *("--disable-extensions", "--host-resolver-rules=MAP * ~NOTFOUND", "--no-pdf-header-footer"),
)


def find() -> str | None:
    """The program of a browser that prints, or None."""
    named = (shutil.which(name) for name in NAMES)
    placed = (place for place in PLACES if os.access(place, os.X_OK))
    return next((program for program in (*named, *placed) if program), None)


def print_page(page: Path, pdf: Path) -> None:
    """Print a page of this machine into a PDF, whole or not at all.

    Args:
        page: an HTML file.
        pdf: to be written.

    Raises:
        Refused: if there is no browser, or it prints nothing.
    """
    program = find()
    if program is None:
        raise Refused(
            f"no browser prints {page.name} as PDF: install Chromium or Chrome, or open the page "
            "in any browser and print it there"
        )
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as scratch:
        printed = Path(scratch) / "printed.pdf"
        command = [program, *_QUIET, f"--user-data-dir={scratch}/profile"]
        command += ["--no-sandbox"] if os.geteuid() == 0 else []  # as root it starts only so
        command += [f"--print-to-pdf={printed}", page.resolve().as_uri()]
        with suppress(OSError, subprocess.TimeoutExpired):  # then nothing was printed
            subprocess.run(command, capture_output=True, timeout=PATIENCE_SECONDS)
        if not printed.is_file() or not printed.read_bytes().startswith(b"%PDF"):
            raise Refused(
                f"{Path(program).name} did not print {page.name} as PDF: open the page in a "
                "browser and print it there"
            )
        with disk.whole(pdf) as part:
            shutil.copyfile(printed, part)
