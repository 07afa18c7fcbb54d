"""Run a profile's notebooks as one batch and report truthfully what became of each.

One process a notebook; what already succeeded with the same inputs is skipped. No science lives
here: handid/plan.py decides what to run, handid/batch.py runs it, handid/report.py draws the pages.
"""

from __future__ import annotations

import argparse
import signal
import sys
from pathlib import Path

from filelock import FileLock, Timeout

from handid import batch, plan, report

REPOSITORY = Path(__file__).resolve().parent


class Parser(argparse.ArgumentParser):
    """Says what is wrong in one sentence."""

    def error(self, message: str) -> None:
        """Refuse.

        Raises:
            Refused: always.
        """
        raise plan.Refused(f"{message}; see --help")


def read_options(words: list[str]) -> argparse.Namespace:
    """The command line.

    Raises:
        Refused: if it holds what it cannot hold.
    """
    parser = Parser(description=__doc__.splitlines()[0], allow_abbrev=False)
    add = parser.add_argument
    add("--profile", default="demo", help="notebooks/profiles/NAME.yaml (default: demo)")
    add("--only", action="append", default=[], metavar="NOTEBOOK", help="number or name")
    add("--data", action="append", default=[], metavar="NAME=FOLDER", help="11k=PATH or hd=PATH")
    add("--weights", metavar="NAME|FILE", help="pretrained weights, by name or as a file")
    add("--set", action="append", default=[], metavar="KEY=VALUE", help="one parameter, in YAML")
    add("--jobs", type=int, default=1, metavar="N", help="notebooks at the same time (default: 1)")
    add("--timeout", type=float, metavar="SECONDS", help="stop a notebook that takes longer")
    add("--force", action="store_true", help="run also what is fresh")
    add("--list", action="store_true", help="show the plan and run nothing")
    add("--notebooks", default=REPOSITORY / "notebooks", type=Path, metavar="DIR")
    add("--reports", default=REPOSITORY / "reports", type=Path, metavar="DIR")
    add("--work", default=REPOSITORY / "runs", type=Path, metavar="DIR")
    options = parser.parse_args(words)
    options.words = words
    if options.jobs < 1 or (options.timeout is not None and not options.timeout > 0):
        raise plan.Refused("--jobs and --timeout must be positive; give a number above 0")
    return options


def show(planned: plan.Plan) -> None:
    """Print the plan: state and parameters of each selected notebook."""
    for stem, task in planned.tasks.items():
        print(f"{stem}: {f'stale ({task.stale})' if task.stale else 'fresh'}")
        for name, value in task.shown.items():
            print(f"    {name} = {value!r}" + ("  (set)" if name in task.injected else ""))


def main(words: list[str]) -> int:
    """Plan, then show the plan or run it.

    Returns:
        Exit code.

    Raises:
        Refused: if what is asked cannot be run.
    """
    options = read_options(words)
    planned = plan.Plan(options)
    if options.list:
        show(planned)
        return 0
    reports = planned.folders["reports"]
    reports.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(reports / ".lock", timeout=0):  # the system frees it when this process dies
            planned = plan.Plan(options, alone=True)
            template = REPOSITORY / "notebooks" / "template"
            pages = report.Pages(template, reports, list(planned.notebooks))
            return batch.Batch(planned, pages).run()
    except Timeout as error:
        where = f"reports/{options.profile}"
        raise plan.Refused(f"another run is writing {where}; wait until it ends") from error


if __name__ == "__main__":
    for number in (signal.SIGINT, signal.SIGTERM):  # a shell's background jobs ignore SIGINT
        signal.signal(number, signal.default_int_handler)
    try:
        sys.exit(main(sys.argv[1:]))
    except plan.Refused as refusal:
        print(f"run_notebooks: {refusal}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)
    except OSError as error:  # a full disk, a folder that may not be written
        print(f"run_notebooks: {error}", file=sys.stderr)
        sys.exit(1)
