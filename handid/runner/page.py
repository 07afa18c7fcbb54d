"""The pages of a report: one per notebook, its figures as files, the index, how it was made.

It runs nothing. No page asks the network for anything, and no script but the one of tables runs in
it; a Content-Security-Policy enforces both.
"""

import base64
import hashlib
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jinja2

from handid import disk, fingerprint
from handid.runner import graph, notebook, outputs, safe
from handid.runner.manifest import KINDS
from handid.runner.notebook import Document, Notebook
from handid.runner.refusal import Refused

MARKS = {
    "succeeded": "✓",
    "running": "…",
    "blocked": "■",
    "interrupted": "‖",
    "timed out": "✗",
    "killed": "✗",
    "exited": "✗",
    "failed": "✗",
    "not run": "–",
}
NOT_EXECUTED = ("not run", "blocked", "running")
THUMBNAIL_PIXELS, HEADLINE_PIXELS = 520, 1200  # width
INDEX, MADE, REPORT, PDF = "index.html", "made.html", "report.html", "report.pdf"


def duration(seconds: float | None) -> str:
    """Seconds as people say them; nothing for None."""
    if seconds is None:
        return ""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60} min"


def forget_whole(reports: Path) -> None:
    """Remove what Pages.whole wrote, and its PDF: they show an earlier state."""
    for name in (REPORT, PDF):
        (reports / name).unlink(missing_ok=True)


class Pages:
    """The folder of one profile's report.

    Attributes:
        style: changes when pages would look different though no notebook ran.
    """

    def __init__(
        self,
        template: Path,
        folder: Path,
        notebooks: dict[str, Notebook],
        mask: Callable[[Any], Any],
    ):
        """Read the templates.

        Args:
            template: folder of the pages' templates, their pieces, style.css and tables.js.
            folder: where the report is written.
            notebooks: all notebooks in reading order, by name.
            mask: shortens this machine's paths in whatever is shown.
        """
        self._folder, self._notebooks, self._mask = folder, notebooks, mask
        own = [Path(str(module.__file__)) for module in (outputs, safe, graph)]
        files = [Path(__file__), *own, *sorted(p for p in template.iterdir() if p.is_file())]
        self.style = fingerprint.digest([[fingerprint.file(p) for p in files], list(notebooks)])
        self._templates = jinja2.Environment(
            loader=jinja2.FileSystemLoader(template),
            autoescape=True,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        light, dark = (
            outputs.formatter(style).get_style_defs(".source")
            for style in ("friendly", "github-dark")
        )
        css = (template / "style.css").read_text(encoding="utf-8")
        css += f"{light}\n@media screen and (prefers-color-scheme: dark) {{\n{dark}\n}}"
        script = (template / "tables.js").read_text(encoding="utf-8")
        digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
        self._templates.globals |= {"css": css, "marks": MARKS}
        self._templates.globals |= {"script": script, "script_hash": f"sha256-{digest}"}
        self._templates.filters["duration"] = duration

    def page(self, stem: str, record: dict[str, Any]) -> Path:
        """Write one notebook's page, and its figures if it succeeded.

        Args:
            stem: its name.
            record: its entry in the manifest; empty if it never ran.

        Returns:
            The page.
        """
        stems, chapter = list(self._notebooks), self._chapter(stem, record)
        position = stems.index(stem)
        if record.get("state") == "succeeded":
            self._write_files(stem, chapter["document"])
        return self._write(
            f"{stem}.html",
            "page.html.j2",
            before=stems[position - 1] if position else "",
            after=stems[position + 1] if position + 1 < len(stems) else "",
            headline=self._notebooks[stem].headline,
            has_notebook=(self._folder / f"{stem}.ipynb").exists(),
            **chapter,
        )

    def _chapter(self, stem: str, record: dict[str, Any]) -> dict[str, Any]:
        """What a template shows of one notebook."""
        document = self._document(stem, record)
        title = outputs.heading(document, stem)[0]
        return {
            "stem": stem,
            "title": title,
            "document": document,
            "cells": outputs.cells(document, title),
            "record": record or {"state": "not run"},
            "parameters": self._parameters(stem, record),
        }

    def index(self, manifest: dict[str, Any]) -> Path:
        """Write the page that lists all notebooks, and the one of how they were made.

        Args:
            manifest: the run's manifest.

        Returns:
            The page.
        """
        rows, headline = [], None
        for stem, book in self._notebooks.items():
            record = manifest["notebooks"].get(stem, {"state": "not run"})
            document = self._document(stem, record)
            title, question = outputs.heading(document, stem)
            row = {"stem": stem, "title": title, "question": safe.markdown(question)}
            if record.get("state") == "succeeded":
                row["answer"] = safe.markdown(outputs.answer(document))
            for figure in outputs.figures(document)[:1]:
                row["alt"] = figure.alt or f"First figure of “{title}”"
                width = HEADLINE_PIXELS if book.headline else THUMBNAIL_PIXELS
                row["thumbnail"] = safe.as_uri("webp", safe.shrink(figure.data, width))
            if book.headline and "thumbnail" in row:
                headline = {**row, "source": row.pop("thumbnail")}
            rows.append(row | {"record": record})
        self._made(manifest)
        counts = Counter(row["record"]["state"] for row in rows)
        return self._write(
            INDEX,
            "index.html.j2",
            rows=rows,
            headline=headline,
            whole=[name for name in (REPORT, PDF) if (self._folder / name).exists()],
            counts=[(state, counts[state]) for state in MARKS if counts[state]],
            manifest=manifest,
            has_results=(self._folder / "results.csv").exists(),
            kinds=[kind for kind in KINDS if (self._folder / kind).is_dir()],
        )

    def _made(self, manifest: dict[str, Any]) -> None:
        """Write the page of the graph, times, versions and commands."""
        records = {stem: manifest["notebooks"].get(stem, {}) for stem in self._notebooks}
        states = {stem: record.get("state", "not run") for stem, record in records.items()}
        left = {stem: graph.left(record.get("products", [])) for stem, record in records.items()}
        times = {stem: duration(record.get("seconds")) for stem, record in records.items()}
        lines = {stem: [*filter(None, [times[stem]]), *left[stem]] for stem in records}
        drawn = graph.graph(self._notebooks, lines, states)
        rows = [
            {"stem": stem, "needs": book.needs, "left": left[stem]}
            | {"record": records[stem] | {"state": states[stem]}}
            for stem, book in self._notebooks.items()
        ]
        begun = [record["started"] for record in records.values() if record.get("started")]
        earlier = sum(moment < manifest["started"] for moment in begun)
        self._write(
            MADE, "made.html.j2", rows=rows, graph=drawn, manifest=manifest, earlier=earlier
        )

    def whole(self, manifest: dict[str, Any]) -> Path:
        """Write the report as one page: every notebook that ran, one after the other.

        Args:
            manifest: the run's manifest.

        Returns:
            The page.
        """
        chapters = []
        for stem in self._notebooks:
            record = manifest["notebooks"].get(stem, {"state": "not run"})
            if record["state"] not in NOT_EXECUTED:
                chapter = self._chapter(stem, record)
                answer = safe.markdown(outputs.answer(chapter["document"]))
                chapters.append(chapter | {"answer": answer})
        values = {"chapters": chapters, "manifest": manifest}
        names = "|".join(re.escape(chapter["stem"]) for chapter in chapters)
        inside = re.compile(rf'href="({names})\.html(#[^"]*)?"')
        return self._write(REPORT, "report.html.j2", inside, **values)

    def _document(self, stem: str, record: dict[str, Any]) -> Document:
        """A notebook as it was last executed, else as it lies in the folder; paths shortened."""
        executed = self._folder / f"{stem}.ipynb"
        document = None
        if executed.exists() and record.get("state", "not run") not in NOT_EXECUTED:
            try:
                document = notebook.read(executed)
            except Refused:  # damaged: the plan calls it stale
                document = None
        return self._mask(document or notebook.read(self._notebooks[stem].path))

    def _parameters(self, stem: str, record: dict[str, Any]) -> list[tuple[str, Any, str, bool]]:
        """Name, value, meaning, and whether the run set it, of every parameter."""
        default = self._mask(self._notebooks[stem].defaults)
        meanings = self._notebooks[stem].meanings
        return [
            (name, value, meanings.get(name, ""), value != default.get(name))
            for name, value in record.get("parameters", default).items()
        ]

    def _write(
        self, name: str, template: str, inside: re.Pattern[str] | None = None, **values: Any
    ) -> Path:
        """Fill a template; links to other pages that `inside` finds lead into this one."""
        page = self._templates.get_template(template).render(profile=self._folder.name, **values)
        page = inside.sub(r'href="#\1"', page) if inside else page
        with disk.whole(self._folder / name) as part:
            part.write_text(page, encoding="utf-8")
        return self._folder / name

    def _write_files(self, stem: str, document: Document) -> None:
        """Write figures and tables as <stem>_<name or number>; drop those of its earlier run."""
        files = {f"figures/{f.name}.png": f.data for f in outputs.figures(document)}
        files |= outputs.files(document)
        named = {name.replace("/", f"/{stem}_"): data for name, data in files.items()}
        for old in (path for kind in KINDS for path in self._folder.glob(f"{kind}/{stem}_*")):
            if f"{old.parent.name}/{old.name}" not in named:
                old.unlink()
        for name, data in named.items():
            with disk.whole(self._folder / name) as part:
                part.write_bytes(data)
