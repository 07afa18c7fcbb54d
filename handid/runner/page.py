"""The pages of a report: one per notebook, its figures as files, and the index. It runs nothing.

No page holds a script or asks the network for anything; a Content-Security-Policy enforces it.
"""

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jinja2

from handid import disk, fingerprint
from handid.runner import notebook, outputs, safe
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
THUMBNAIL_PIXELS = 520  # width


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
            template: folder of page.html.j2, index.html.j2, their pieces and style.css.
            folder: where the report is written.
            notebooks: all notebooks in reading order, by name.
            mask: shortens this machine's paths in whatever is shown.
        """
        self._folder, self._notebooks, self._mask = folder, notebooks, mask
        own = [Path(str(module.__file__)) for module in (outputs, safe)]
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
        self._templates.globals |= {"css": css, "marks": MARKS}
        self._templates.filters["duration"] = duration

    def page(self, stem: str, record: dict[str, Any]) -> Path:
        """Write one notebook's page, and its figures if it succeeded.

        Args:
            stem: its name.
            record: its entry in the manifest; empty if it never ran.

        Returns:
            The page.
        """
        document, stems = self._document(stem, record), list(self._notebooks)
        title, position = outputs.heading(document, stem)[0], stems.index(stem)
        if record.get("state") == "succeeded":
            self._write_files(stem, document)
        return self._write(
            f"{stem}.html",
            "page.html.j2",
            title=title,
            stem=stem,
            before=stems[position - 1] if position else "",
            after=stems[position + 1] if position + 1 < len(stems) else "",
            cells=outputs.cells(document, title),
            record=record or {"state": "not run"},
            has_notebook=(self._folder / f"{stem}.ipynb").exists(),
            parameters=self._parameters(stem, record),
        )

    def index(self, manifest: dict[str, Any]) -> Path:
        """Write the page that lists all notebooks: state, question, answer, first figure.

        Args:
            manifest: the run's manifest.

        Returns:
            The page.
        """
        rows = []
        for stem in self._notebooks:
            record = manifest["notebooks"].get(stem, {"state": "not run"})
            document = self._document(stem, record)
            title, question = outputs.heading(document, stem)
            row = {"stem": stem, "title": title, "question": safe.markdown(question)}
            if record.get("state") == "succeeded":
                row["answer"] = safe.markdown(outputs.answer(document))
            for figure in outputs.figures(document)[:1]:
                row["thumbnail"] = safe.as_uri("webp", safe.shrink(figure.data, THUMBNAIL_PIXELS))
                row["alt"] = figure.alt or f"First figure of “{title}”"
            rows.append(row | {"record": record})
        counts = Counter(row["record"]["state"] for row in rows)
        return self._write(
            "index.html",
            "index.html.j2",
            rows=rows,
            counts=[(state, counts[state]) for state in MARKS if counts[state]],
            manifest=manifest,
            has_results=(self._folder / "results.csv").exists(),
            kinds=[kind for kind in KINDS if (self._folder / kind).is_dir()],
        )

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

    def _write(self, name: str, template: str, **values: Any) -> Path:
        """Fill a template."""
        page = self._templates.get_template(template).render(profile=self._folder.name, **values)
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
