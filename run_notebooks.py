"""Run a profile's notebooks as one batch and report truthfully what became of each.

Every notebook has its own process; what already succeeded with the same inputs is skipped. No
science lives here: handid/runner/plan.py decides what to run, batch.py runs it, page.py shows it.
"""

import argparse
import contextlib
import io
import os
import re
import signal
import sys
from dataclasses import replace
from pathlib import Path

from handid.runner import app, crew
from handid.runner.batch import Batch, say
from handid.runner.browser import print_page
from handid.runner.manifest import only_run
from handid.runner.options import Options
from handid.runner.page import PDF, Pages, forget_whole
from handid.runner.places import made
from handid.runner.plan import Plan
from handid.runner.purge import purge
from handid.runner.refusal import TOO_LITTLE_MEMORY, Refused, lacks_memory, printable, short

REPOSITORY = Path(__file__).resolve().parent


class Parser(argparse.ArgumentParser):
    """Says what is wrong in one sentence."""

    def error(self, message: str) -> None:
        """Refuse.

        Raises:
            Refused: always.
        """
        raise Refused(f"{short(message)}; see --help")


def read_options(words: list[str]) -> Options:
    """The command line.

    Raises:
        Refused: if it holds what it cannot hold.
    """
    parser = Parser(description=str(__doc__).splitlines()[0], allow_abbrev=False)
    add = parser.add_argument
    add("--profile", default="demo", help="notebooks/profiles/NAME.yaml (default: demo)")
    add("--only", action="append", default=[], metavar="NOTEBOOK", help="number or name")
    add("--data", action="append", default=[], metavar="NAME=FOLDER", help="11k=PATH, hd=PATH, ...")
    add("--weights", metavar="NAME|FILE", help="pretrained weights, by name or as a file")
    add("--set", action="append", default=[], metavar="KEY=VALUE", help="one parameter, in YAML")
    add("--jobs", type=int, default=1, metavar="N", help="notebooks at the same time (default: 1)")
    add("--cluster", default="", metavar="WHERE", help="local[:N], an address, or a YAML file")
    add("--timeout", type=float, metavar="SECONDS", help="stop a notebook that takes longer")
    add("--force", action="store_true", help="run fresh notebooks too")
    add("--list", action="store_true", help="show the plan and run nothing")
    add("--bundle", action="store_true", help="write the report as one page and as PDF too")
    add("--app", action="store_true", help="show notebook 15 as a page of this machine alone")
    add("--purge", default="", metavar="NAME", help="remove all that was computed from a data set")
    add("--notebooks", default=REPOSITORY / "notebooks", type=Path, metavar="DIR")
    add("--reports", default=REPOSITORY / "reports", type=Path, metavar="DIR")
    add("--work", default=REPOSITORY / "runs", type=Path, metavar="DIR")
    if any("\0" in word or not word.isascii() and _is_no_text(word) for word in words):
        raise Refused("the command line holds what is no text in UTF-8; write it anew")
    if any(re.fullmatch(r"(--\w+=)?\s*", word) for word in words):  # a shell's unset variable
        raise Refused("the command line holds an empty value; give it one, or leave the option out")
    values = vars(parser.parse_args(words))
    options = Options(words=words, settings=values.pop("set"), show=values.pop("list"), **values)
    _refuse_idle(options)
    if options.jobs < 1 or (options.timeout is not None and not options.timeout > 0):
        raise Refused("--jobs and --timeout must be positive; give a number above 0")
    if options.cluster:
        crew.check(options.cluster)
    return options


def _refuse_idle(options: Options) -> None:
    """Refuse what an option would pass over in silence."""
    others = {"--only": options.only, "--bundle": options.bundle, "--app": options.app}
    alone = {"--purge removes everything of a data set": options.purge}
    alone |= {f"--app shows {app.STEM} and nothing else": options.app}
    for sentence, asked in alone.items():
        given = [name for name, value in others.items() if value and name not in sentence]
        if asked and given:
            raise Refused(f"{sentence}; leave {' and '.join(given)} out")


def _is_no_text(word: str) -> bool:
    try:
        word.encode()
    except UnicodeEncodeError:  # bytes of another encoding
        return True
    return False


def show(plan: Plan) -> None:
    """Print the plan: state, work and parameters of each selected notebook, and what all costs."""
    from handid.runner import forecast  # needs pandas, which no run does

    wanted = forecast.asked(plan)
    work = forecast.lines(plan, wanted)
    for stem, task in plan.tasks.items():
        print(f"{stem}: {f'stale ({task.stale})' if task.stale else 'fresh'}")
        print(f"    {work[stem]}")
        for name, value in task.shown.items():
            print(f"    {name} = {value!r}" + ("  (set)" if name in task.injected else ""))
    print("\n".join(forecast.summary(wanted, forecast.speeds())))


def main(words: list[str]) -> int:
    """Plan, then show the plan or run it.

    Returns:
        Exit code.

    Raises:
        Refused: if what is asked cannot be run.
    """
    options = read_options(words)
    if options.purge:
        purge(options)
        return 0
    options = replace(options, only=[app.STEM]) if options.app else options
    plan = Plan(options)
    if options.show:
        show(plan)
        return 0
    for folder in [plan.work] if options.app else [plan.work, plan.reports]:
        made(folder)
    if options.app:
        return app.serve(plan, REPOSITORY / "notebooks" / "template" / "app")
    with only_run(plan.reports):
        plan = Plan(options, alone=True)
        template = REPOSITORY / "notebooks" / "template"
        pages = Pages(template, plan.reports, plan.notebooks, plan.mask)
        with crew.hosted(options.cluster, plan.reports / "cluster.log") as cluster:
            batch = Batch(plan, pages, cluster)
            if any(task.stale for task in plan.tasks.values()):
                forget_whole(plan.reports)
            code = batch.run()
        if options.bundle and batch.manifest.state != "interrupted":
            bundle(pages, batch.manifest.content())
        return code


def bundle(pages: Pages, manifest: dict) -> None:
    """Write the whole report as one page, and as PDF where a browser prints."""
    page = pages.whole(manifest)
    say(f"the whole report: {printable(str(page))}")
    try:
        print_page(page, page.with_name(PDF))
    except Refused as refusal:
        print(f"run_notebooks: {refusal}", file=sys.stderr)
    pages.index(manifest)  # which names them


def open_streams() -> None:
    """Give closed standard streams a place: the next file would get their number, and their words.

    What nobody hears goes nowhere; what a closed standard error would say goes to standard output.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.dup2(os.open(os.devnull, os.O_RDWR) if number < 2 else 1, number)
            os.set_inheritable(number, True)
    sys.stdin = sys.stdin or open(0, encoding="utf-8")  # noqa: SIM115 (until the end)
    sys.stdout = sys.stdout or open(1, "w", encoding="utf-8")  # noqa: SIM115
    sys.stderr = sys.stderr or open(2, "w", encoding="utf-8")  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a terminal may know few characters
            stream.reconfigure(errors="replace")


def ended(code: int, sentence: str) -> int:
    """Say why a run ends, where anybody can hear it.

    Returns:
        The exit code, which says it too.
    """
    with contextlib.suppress(OSError):  # standard error on a full disk
        print(f"run_notebooks: {printable(sentence)}", file=sys.stderr, flush=True)
    return code


def told(error: OSError) -> str:
    """What the system refused, with the file: a full disk, a folder that may not be written."""
    sentence = error.strerror or str(error)
    if isinstance(error, PermissionError):  # such as a lock that another user's killed run left
        sentence += "; make it yours, remove it, or name another place"
    return f"{error.filename}: {sentence}" if error.filename else sentence


def guarded(words: list[str]) -> int:
    """Run the command line; whatever ends it is said in one sentence.

    Returns:
        Exit code.
    """
    try:
        code = main(words)
        sys.stdout.flush()  # at Python's own end nobody could answer for what is not heard
        return code
    except Refused as refusal:
        return ended(2, str(refusal))
    except KeyboardInterrupt:
        return 130
    except SyntaxError as error:  # of a file that is just being edited
        return ended(1, f"{error.filename}:{error.lineno} is no Python: {error.msg}")
    except BrokenPipeError:  # `| head` has read enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as error:
        if lacks_memory(error):
            return ended(1, TOO_LITTLE_MEMORY)
        if not isinstance(error, OSError):
            raise
        return ended(1, told(error))


if __name__ == "__main__":
    if sys.getfilesystemencoding() != "utf-8":  # LC_ALL=C, and UTF-8 forbidden: é would be no text
        os.execv(sys.executable, [sys.executable, "-X", "utf8", *sys.orig_argv[1:]])
    os.umask(0o077)  # photographs of hands are biometric data: what is made of them is the owner's
    open_streams()
    for number in (signal.SIGINT, signal.SIGTERM):  # a shell's background jobs ignore SIGINT
        signal.signal(number, signal.default_int_handler)
    if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:  # a closed terminal, without nohup
        signal.signal(signal.SIGHUP, signal.default_int_handler)
    sys.exit(guarded(sys.argv[1:]))
