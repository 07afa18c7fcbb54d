"""Run planned notebooks, each in its own process, in the order of their needs.

It decides neither what should run (plan.py) nor how pages look (page.py).
"""

import os
import shutil
import signal
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from handid import disk
from handid.runner import crew, manifest, notebook, process
from handid.runner.manifest import Manifest
from handid.runner.page import Pages, duration
from handid.runner.places import CLUSTER
from handid.runner.plan import Plan, Task
from handid.runner.privacy import in_texts
from handid.runner.process import Running
from handid.runner.refusal import Refused, in_memory, lines, printable

ENDINGS = {"killed": "was killed", "blocked": "was blocked", "interrupted": "was interrupted"}
MARK = "papermill-error-cell-tag"
LEFT_OUT = (
    "results/{0}.csv is not what a run left that succeeded, and is left out of results.csv: "
    "run {0} again"
)
STOPPED = "stopped by Ctrl-C or a signal"


class Batch:
    """Runs tasks in the order of their needs; the manifest is true after every change."""

    def __init__(self, plan: Plan, pages: Pages, cluster: str = ""):
        """Take over a plan, with what earlier runs left, the pages of its report, its cluster."""
        self.plan, self.pages, self.cluster = plan, pages, cluster
        self.manifest = Manifest(plan)
        self.running: dict[str, Running] = {}
        self._times: dict[str, tuple[float, float]] = {}  # begin and end of what ran

    def run(self) -> int:
        """Run what is stale.

        Returns:
            Exit code: 0 all succeeded, 1 something did not, 130 interrupted.
        """
        waiting = queue(self.plan)
        try:
            self._prepare()
            while waiting or self.running:
                self._start_what_can(waiting)
                for stem in list(self.running):
                    self._watch(stem)
                show_progress(self.running)
                time.sleep(0.05)
            states = {self.manifest.state_of(stem) for stem in self.plan.tasks}
            self.manifest.state = "succeeded" if states <= {"succeeded"} else "failed"
        except KeyboardInterrupt:
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                signal.signal(number, signal.SIG_IGN)  # a second Ctrl-C must not cut this short
            self._interrupt()
            self.manifest.state = "interrupted"
        finally:
            self._close()
        return {"succeeded": 0, "interrupted": 130}.get(self.manifest.state, 1)

    # --- before ---------------------------------------------------------------------------------

    def _prepare(self) -> None:
        """Note what is fresh, and make a page for every notebook so that every link leads on."""
        process.sweep()
        for folder in (self.plan.reports, self.plan.work):
            disk.private(folder).chmod(0o700)  # also one that an earlier version made
            disk.sweep(folder)
        if self.plan.options.force:
            set_damaged_aside(self.plan.work / "experiments")
        for stem, task in self.plan.tasks.items():
            if not task.stale:
                self.manifest.records[stem]["skipped"] = True
                say(f"{stem}: fresh, skipped")
        self.manifest.save()
        for stem in self.plan.notebooks:
            page, record = self.plan.reports / f"{stem}.html", self.manifest.records.get(stem, {})
            if not page.exists() or not record or record.get("style") != self.pages.style:
                self._render(stem)
                self.manifest.mark(stem, only=".html")

    def _start_what_can(self, waiting: list[str]) -> None:
        """Start or block every waiting notebook whose needs are decided."""
        for stem in list(waiting):
            tasks, state_of = self.plan.tasks, self.manifest.state_of
            needs = [need for need in tasks[stem].notebook.needs if need in tasks]
            undecided = [need for need in needs if need in waiting or need in self.running]
            bad = [n for n in needs if n not in undecided and state_of(n) != "succeeded"]
            if bad:
                waiting.remove(stem)
                ending = ENDINGS.get(state_of(bad[0]), state_of(bad[0]))
                cause = f"it needs {bad[0]}, which {ending}"
                self.manifest.begin(tasks[stem]).update(state="blocked", cause=cause)
                self._finish(stem)
            elif not undecided and len(self.running) < self.plan.options.jobs:
                waiting.remove(stem)
                self._start(tasks[stem])

    def _start(self, task: Task) -> None:
        """Start a notebook's process."""
        stem, options = task.notebook.stem, self.plan.options
        log = self.plan.reports / f"{stem}.log"
        is_ours = self.cluster and CLUSTER in task.injected  # else a notebook's own stays
        where = {CLUSTER: self.cluster} if is_ours else {}
        share = crew.sharing(options.cluster, options.jobs)
        live = process.launch(task.notebook.path, task.injected | where, log, share)
        if options.timeout:
            live.deadline = options.timeout
        self.running[stem] = live
        self.manifest.begin(task)["pid"] = live.process.pid
        self.manifest.save()
        say(f"{stem}: started ({task.stale})")

    # --- meanwhile ------------------------------------------------------------------------------

    def _watch(self, stem: str) -> None:
        """Measure a running notebook, stop it at its time limit, conclude it when it has ended."""
        live = self.running[stem]
        live.measure()
        if live.process.poll() is not None:
            self._conclude(stem)
        elif live.seconds > live.deadline and live.stopped:
            live.process.kill()
        elif live.seconds > live.deadline:
            live.stop("timed out", f"stopped after {self.plan.options.timeout:g} s (--timeout)")

    def _interrupt(self) -> None:
        """Stop everything that runs."""
        for live in self.running.values():
            live.stop("interrupted", STOPPED)
        while self.running:
            for stem in list(self.running):
                self._watch(stem)
            time.sleep(0.05)
        for record in self.manifest.records.values():  # ended in the moment of Ctrl-C, unjudged
            if record["state"] == "running":
                record |= {"state": "interrupted", "cause": STOPPED}

    # --- after ----------------------------------------------------------------------------------

    def _conclude(self, stem: str) -> None:
        """Judge an ended notebook, keep its outputs, and clear away what it left running."""
        live = self.running.pop(stem)
        live.close_input()
        process.kill_marked(str(live.scratch))
        document = self._keep(stem, live)
        cells = document["cells"] if document else []
        state, cause = process.verdict(cells, process.result_of(live), live.cell)
        log = self.plan.reports / f"{stem}.log"
        cause = in_memory(cause, log.read_text(encoding="utf-8", errors="replace"))
        if live.stopped and state != "succeeded":
            state, cause = live.stopped
        shutil.rmtree(live.scratch, ignore_errors=True)
        self.manifest.records[stem] |= {
            "state": state,
            "cause": self.plan.published.in_error(cause),
            "seconds": round(live.seconds, 1),
            "peak_memory_mib": round(live.peak),
        }
        ends, now = live.started + live.seconds, time.time()  # two where the clock was set
        self._times[stem] = min(live.started, now - live.seconds), max(ends, now)
        self._finish(stem)

    def _keep(self, stem: str, live: Running) -> notebook.Document | None:
        """Keep the executed notebook and the log, without paths and names.

        Returns:
            The executed notebook; None if there is none.
        """
        kept, log = self.plan.reports / f"{stem}.ipynb", self.plan.reports / f"{stem}.log"
        text = self.plan.published.in_error(log.read_text(encoding="utf-8", errors="replace"))
        log.write_text(lines(text), encoding="utf-8")  # no name in it moves a cursor
        try:
            document = notebook.read(live.scratch / "out.ipynb")
        except (Refused, OSError):  # an earlier run's outputs must not stand under this run's name
            kept.unlink(missing_ok=True)
            return None
        named = self.plan.tasks[stem].shows_names
        published = self.plan.mask if named else self.plan.published
        errors = [o for c in document["cells"] for o in c.get("outputs", []) if "evalue" in o]
        for error in errors:
            error.update(in_texts(dict(error), self.plan.published.in_error))
        notebook.write(published(without_papermill(document)), kept)
        return document

    def _finish(self, stem: str) -> None:
        """Save, render and say how a notebook ended."""
        self.manifest.save()
        self._render(stem)
        self.manifest.mark(stem)
        self.manifest.save()
        self.pages.index(self.manifest.content())
        record = self.manifest.records[stem]
        parts = [record["state"], duration(record["seconds"]), record["cause"]]
        say(self.plan.published.explained(f"{stem}: {', '.join(part for part in parts if part)}"))

    def _render(self, stem: str) -> None:
        """Write a notebook's page; one that cannot be written is that notebook's failure."""
        record = self.manifest.records.get(stem, {})
        try:
            self.pages.page(stem, record)
        except Exception as error:  # a fault of the page must not lose how the notebook went
            cause = f"its page could not be written: {type(error).__name__}: {error}"
            record |= {"state": "failed", "cause": self.plan.published.in_error(cause)}
            self.manifest.records[stem] = record
        if record:
            record["style"] = self.pages.style

    def _close(self) -> None:
        """Write results.csv, the manifest's last state and the index; print the summary."""
        if self.manifest.state == "running":  # an error of the runner itself is on its way out
            self.manifest.state = "failed"
        for stem, (since, until) in self._times.items():
            if self.manifest.state_of(stem) == "succeeded":
                products = manifest.products(self.plan.work, since, until)
                self.manifest.records[stem]["products"] = products
                self.manifest.mark(stem)
        results, records = self.plan.reports / "results.csv", self.manifest.records
        for stem in manifest.join_results(self.plan.work, results, records):
            say(LEFT_OUT.format(stem))
        self.manifest.save()
        lines = "\n".join(summary(self.plan, self.manifest))
        say("\n" + self.plan.published.explained(lines))
        say(f"{self.manifest.state}: {printable(str(self.pages.index(self.manifest.content())))}")


def show_progress(running: Mapping[str, Running]) -> None:
    """On a terminal: which cell each running notebook is in."""
    if sys.stderr.isatty() and running:
        cells = [f"{stem} cell {live.cell}, {live.seconds:.0f} s" for stem, live in running.items()]
        print("\r\033[K" + " | ".join(cells)[:79], end="", file=sys.stderr, flush=True)


def queue(plan: Plan) -> list[str]:
    """Names of the stale notebooks in the order in which they start when their needs allow it.

    Long ones come first if several may run at the same time.
    """
    stems = [stem for stem, task in plan.tasks.items() if task.stale]
    if plan.options.jobs > 1:
        stems.sort(key=lambda stem: not plan.tasks[stem].notebook.long)
    return stems


def set_damaged_aside(trainings: Path) -> None:
    """Rename the folders of trainings whose products are damaged, so that they are made anew."""
    for products in sorted(trainings.glob(f"*/{disk.PRODUCTS}")):
        is_aside = products.parent.name.endswith(disk.DAMAGED)
        if not is_aside and disk.damaged_product(products.parent):
            say(f"{products.parent.name} is damaged: {disk.set_aside(products.parent).name}")


def without_papermill(document: notebook.Document) -> notebook.Document:
    """The notebook without papermill's metadata and error cells: they hold paths, and may lie."""
    document["cells"] = [cell for cell in document["cells"] if MARK not in notebook.tags(cell)]
    for part in [document, *document["cells"]]:
        part["metadata"].pop("papermill", None)
    return document


def say(line: str) -> None:
    """Print a line of progress, over the live line if there is one.

    A run goes on when nobody reads it any more: `| head`, a closed terminal, a full disk.
    """
    try:
        print(("\r\033[K" if sys.stderr.isatty() else "") + lines(line), flush=True)
    except OSError:
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 (until the end)


def summary(plan: Plan, run: Manifest) -> list[str]:
    """One line per selected notebook: state, time, memory, cause."""
    lines = []
    for stem in plan.tasks:
        record = run.records.get(stem, {})
        state = "fresh" if record.get("skipped") else run.state_of(stem)
        memory = f"{record['peak_memory_mib']} MiB" if record.get("peak_memory_mib") else ""
        seconds, cause = duration(record.get("seconds")), record.get("cause", "")
        lines.append(f"{stem:<20} {state:<11} {seconds:>12} {memory:>10}  {cause}".rstrip())
    return lines
