"""Notebooks as offline pages: executed notebook -> HTML, figures, index. It runs nothing.

No page holds a script or asks the network for anything; a Content-Security-Policy enforces it.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import html
import io
import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import bleach
import jinja2
import mistune
from bleach.css_sanitizer import CSSSanitizer
from PIL import Image
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer

from handid import disk

PAGE_BYTES = 4_000_000  # of figures, so that a page stays below 5 MB
LONGEST_TEXT = 20_000  # characters of one printed output
SHOWN_FIRST = (
    "application/vnd.jupyter.widget-view+json",
    "image/svg+xml",
    "image/png",
    "image/jpeg",
    "text/html",
    "text/markdown",
    "text/latex",
    "text/plain",
)
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
TAGS = set(
    """a abbr b blockquote br caption code col colgroup dd del details div dl dt em figcaption
    figure h1 h2 h3 h4 h5 h6 hr i img ins kbd li mark ol p pre q s samp section small span strong
    sub summary sup table tbody td tfoot th thead tr u ul var""".split()  # noqa: SIM905
)
ATTRIBUTES = {"alt", "class", "colspan", "id", "open", "rowspan", "scope", "style", "title"}
PROPERTIES = ("background-color", "color", "font-style", "font-weight", "height", "text-align")
PROPERTIES += ("text-decoration", "vertical-align", "white-space", "width")
REMOVED = re.compile(r"<(script|style|iframe|object|template|noscript)\b.*?</\1\s*>", re.S | re.I)
STYLER = re.compile(r"<style[^>]*>\s*((?:#T_[^<{}@\\]+\{[^<{}@\\]*\}\s*)+)</style>")
ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


# ---------------------------------------------------------------- safe pieces


def allowed(tag: str, name: str, value: str) -> bool:
    """Whether an attribute may stay: no address outside the report survives."""
    if name == "href":
        return tag == "a" and (value.startswith("#") or bool(re.fullmatch(r"[\w.-]+\.html", value)))
    if name == "src":
        return tag == "img" and value.startswith("data:image/")
    return name in ATTRIBUTES


def clean(text: str) -> str:
    """HTML without anything that runs, loads or leaves; a pandas Styler keeps its colours."""
    rules = [block for block in STYLER.findall(text) if "url" not in block.lower()]
    kept = bleach.clean(
        REMOVED.sub("", text),
        tags=TAGS,
        attributes=allowed,
        protocols=["data"],
        css_sanitizer=CSSSanitizer(allowed_css_properties=PROPERTIES),
        strip=True,
    )
    return "".join(f"<style>{rule}</style>" for rule in rules) + kept


@functools.cache
def formula(tex: str) -> str:
    """A formula as an inline drawing, its TeX as alt text; the TeX itself if it cannot be drawn."""
    from matplotlib import rc_context
    from matplotlib.font_manager import FontProperties
    from matplotlib.mathtext import math_to_image

    drawing, size, spoken = io.BytesIO(), 11, html.escape(tex, quote=True)
    look = {"mathtext.fontset": "stix", "svg.fonttype": "path", "savefig.transparent": True}
    try:
        with rc_context(look):
            font = FontProperties(size=size)  # takes its fontset when it is made
            depth = math_to_image(f"${tex}$", drawing, font, dpi=72, format="svg")
    except (ValueError, RuntimeError):
        return f"<code>{spoken}</code>"
    height = float(re.search(rb'height="([\d.]+)pt"', drawing.getvalue()).group(1))
    place = f"height:{height / size:.2f}em;vertical-align:-{depth / size:.2f}em"
    source = as_uri("svg+xml", drawing.getvalue())
    return f'<img class="formula" alt="{spoken}" src="{source}" style="{place}">'


class Renderer(mistune.HTMLRenderer):
    """Markdown to HTML where links out of the report become text with their address."""

    def link(self, text: str, url: str, title: str | None = None) -> str:
        """A link inside the report, or the text followed by where it would lead."""
        url = re.sub(r"\.ipynb(?=$|#)", ".html", url)
        if allowed("a", "href", url):
            return super().link(text, url, title)
        address = html.escape(re.sub(r"^(https?://|mailto:)", "", url))
        return text if address in text else f'{text} <span class="address">({address})</span>'

    def image(self, text: str, url: str, title: str | None = None) -> str:
        """An embedded picture, or its description where the file is not embedded."""
        if url.startswith("data:image/"):
            return f'<img alt="{html.escape(text)}" src="{html.escape(url)}">'
        return f"[picture: {text}]"

    def inline_math(self, text: str) -> str:
        """$...$."""
        return formula(text.strip())

    def block_math(self, text: str) -> str:
        """$$...$$ on lines of its own."""
        return f'<p class="formula-line">{formula(" ".join(text.split()))}</p>'


MARKDOWN = mistune.create_markdown(
    renderer=Renderer(escape=False), plugins=["table", "strikethrough", "math"]
)


def markdown(text: str) -> str:
    """Markdown as clean HTML."""
    return clean(MARKDOWN(text))


def plain(text: str) -> str:
    """Printed text without terminal codes; of a progress bar only its last state; shortened."""
    lines = [line.rstrip("\r").rsplit("\r", 1)[-1] for line in ANSI.sub("", text).split("\n")]
    text = "\n".join(lines)
    if len(text) > LONGEST_TEXT:
        text = (
            text[:LONGEST_TEXT] + f"\n… {len(text) - LONGEST_TEXT} more characters in the notebook"
        )
    return text


def as_uri(kind: str, data: bytes) -> str:
    """A picture as a data URI."""
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"


def shrink(data: bytes, width: int) -> bytes:
    """A picture as WebP on white, at most `width` pixels wide."""
    picture = Image.open(io.BytesIO(data)).convert("RGBA")
    picture.thumbnail((width, 4 * width))
    flat = Image.new("RGB", picture.size, "white")
    flat.paste(picture, mask=picture.getchannel("A"))
    file = io.BytesIO()
    flat.save(file, "WEBP", quality=85)
    return file.getvalue()


# ---------------------------------------------------------------- a notebook


def joined(thing: Any) -> Any:
    """A text that nbformat stored as a list of lines."""
    return "".join(thing) if isinstance(thing, list) else thing


def load(path: Path) -> dict:
    """A notebook with its texts joined."""
    notebook = json.loads(path.read_text(encoding="utf-8"))
    for cell in notebook["cells"]:
        cell["source"] = joined(cell["source"])
        for output in cell.get("outputs", []):
            output["text"] = joined(output.get("text", ""))
            output["data"] = {kind: joined(data) for kind, data in output.get("data", {}).items()}
    return notebook


def heading(notebook: dict, default: str) -> tuple[str, str]:
    """Title (first H1) and question (the first paragraph after it) in Markdown."""
    texts = [cell["source"] for cell in notebook["cells"] if cell["cell_type"] == "markdown"]
    match = re.search(r"^# +(.+?)\s*$", "\n\n".join(texts), re.M)
    rest = "\n\n".join(texts)[match.end() :] if match else "\n\n".join(texts)
    paragraphs = [
        p.strip() for p in rest.split("\n\n") if p.strip() and not p.lstrip().startswith("#")
    ]
    return (match.group(1) if match else default), (paragraphs[0] if paragraphs else "")


def note(output: dict, name: str, kind: str = "image/png") -> str:
    """A remark in an output's metadata, for the output or for its picture."""
    metadata = output.get("metadata", {})
    return str(metadata.get(name) or metadata.get(kind, {}).get(name) or "")


class Figure(NamedTuple):
    """A picture: its name or number (from 1), its PNG bytes, its description."""

    name: str
    data: bytes
    alt: str


def figures(notebook: dict) -> list[Figure]:
    """All PNG pictures of a notebook."""
    outputs = [o for cell in notebook["cells"] for o in cell.get("outputs", [])]
    found = []
    for output in (output for output in outputs if "image/png" in output["data"]):
        name = re.sub(r"[^\w-]+", "-", note(output, "name")) or str(len(found) + 1)
        data = base64.b64decode(output["data"]["image/png"])
        found.append(Figure(name, data, note(output, "alt")))
    return found


def enumerate_code(notebook: dict) -> Iterator[tuple[int, int]]:
    """The kernel's count and our number, from 1, of every executed code cell."""
    number = 0
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            number += "injected-parameters" not in cell["metadata"].get("tags", [])
            if cell.get("execution_count"):
                yield cell["execution_count"], number


class Outputs:
    """Outputs of one notebook as HTML; counts its pictures and keeps their sum small."""

    def __init__(self, notebook: dict, title: str):
        """Choose the width that lets all pictures fit on the page."""
        self.title, self.count, self.width = html.escape(title, quote=True), 0, 0
        self.number = dict(enumerate_code(notebook))
        drawn = [figure.data for figure in figures(notebook)]
        for self.width in (0, 1600, 1100, 700, 400):
            kept = [shrink(data, self.width) if self.width else data for data in drawn]
            if sum(map(len, kept)) * 4 / 3 < PAGE_BYTES:  # base64 writes 3 bytes as 4
                break

    def __call__(self, output: dict) -> str:
        """One output."""
        kind = output["output_type"]
        if kind == "stream":
            return self.stream(output["name"], plain(output["text"]))
        if kind == "error":
            return self.error(output)
        best = next((kind for kind in SHOWN_FIRST if kind in output["data"]), "")
        return (
            self.shown(best, output) if best else '<p class="note">Interactive in JupyterLab.</p>'
        )

    def stream(self, name: str, text: str) -> str:
        """Printed text; warnings folded."""
        if not text.strip():
            return ""
        block = f"<pre>{html.escape(text.rstrip())}</pre>"
        if name != "stderr":
            return block
        count = len(text.strip().splitlines())
        label = f"warnings and messages ({count} line{'s' * (count > 1)})"
        return f'<details class="stderr"><summary>{label}</summary>{block}</details>'

    def error(self, output: dict) -> str:
        """An exception: its sentence in the open, its traceback folded."""
        said = html.escape(f"{output['ename']}: {output['evalue']}".rstrip(": "))
        # the kernel counted the injected cell too; the page and the run's messages do not
        trace = re.sub(
            r"Cell In\[(\d+)\]",
            lambda found: f"Cell {self.number.get(int(found[1]), found[1])}",
            plain("\n".join(output["traceback"])),
        )
        return (
            f'<div class="error" role="alert"><p><strong>{said}</strong></p>'
            f"<details><summary>traceback</summary><pre>{html.escape(trace)}</pre></details></div>"
        )

    def shown(self, kind: str, output: dict) -> str:
        """A displayed object."""
        data = output["data"][kind]
        if kind.startswith("image/"):
            return self.picture(kind, output, data)
        if kind == "text/html":
            return f'<div class="wide">{clean(data)}</div>'
        if kind == "text/markdown":
            return markdown(data)
        if kind == "text/latex":
            return f'<p class="formula-line">{formula(data.strip().strip("$").strip())}</p>'
        if kind == "text/plain":
            return f"<pre>{html.escape(plain(data))}</pre>"
        if "%|" in output["data"].get("text/plain", ""):
            return ""  # a progress bar
        words = "Interactive in JupyterLab; the figure here is its static twin."
        return f'<p class="note">{words}</p>'

    def picture(self, kind: str, output: dict, data: str) -> str:
        """A picture with its description."""
        self.count += 1
        kept, form = data.encode() if kind.endswith("xml") else base64.b64decode(data), kind[6:]
        if self.width and form != "svg+xml":
            kept, form = shrink(kept, self.width), "webp"
        default = f"Figure {self.count} of the notebook “{self.title}”; it has no description."
        alt = html.escape(note(output, "alt", kind), quote=True) or default
        return f'<figure><img alt="{alt}" src="{as_uri(form, kept)}"></figure>'


def merged(outputs: list[dict]) -> list[dict]:
    """Outputs with neighbouring prints of one stream as one."""
    found: list[dict] = []
    for output in outputs:
        before = found[-1] if found else {}
        if output["output_type"] == "stream" and before.get("name") == output["name"]:
            found[-1] = before | {"text": before["text"] + output["text"]}
        else:
            found.append(output)
    return found


def cells(notebook: dict, title: str) -> list[dict]:
    """The cells for the template: kind, number as in the run's messages, HTML."""
    shown, number, show = [], 0, Outputs(notebook, title)
    line = rf"^# +{re.escape(title)}\s*$"  # stands in the page's header already
    for cell in notebook["cells"]:
        tags = cell["metadata"].get("tags", [])
        if cell["cell_type"] == "markdown":
            text = re.sub(line, "", cell["source"], count=1, flags=re.M)
            shown.append({"kind": "text", "html": markdown(text)})
        elif cell["cell_type"] == "code" and "injected-parameters" not in tags:
            number += 1
            hidden = "hide-input" in tags or not cell["source"].strip()
            shown.append(
                {
                    "kind": "parameters" if "parameters" in tags else "code",
                    "number": number,
                    "code": "" if hidden else highlight(cell["source"], PythonLexer(), formatter()),
                    "html": "".join(show(output) for output in merged(cell.get("outputs", []))),
                }
            )
    return shown


# ---------------------------------------------------------------- pages


def formatter(style: str = "friendly") -> HtmlFormatter:
    """How code is coloured: by classes, so that light and dark can differ."""
    return HtmlFormatter(style=style, cssclass="source")


def duration(seconds: float | None) -> str:
    """Seconds as people say them; nothing for None."""
    if seconds is None:
        return ""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return (
        f"{minutes} min {rest:02d} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"
    )


class Pages:
    """The folder of one profile's report."""

    duration = staticmethod(duration)
    load = staticmethod(load)

    def __init__(self, template: Path, folder: Path, stems: list[str]):
        """Read the templates.

        Args:
            template: folder of page.html.j2, index.html.j2, their pieces and style.css.
            folder: where the report is written.
            stems: names of all notebooks in reading order.
        """
        self.folder, self.stems = folder, stems
        files = [Path(__file__), *sorted(path for path in template.iterdir() if path.is_file())]
        known = [hashlib.sha256(path.read_bytes()).hexdigest() for path in files]
        # changes when pages would look different though no notebook ran
        self.style = hashlib.sha256(json.dumps([known, stems]).encode()).hexdigest()
        loader = jinja2.FileSystemLoader(template)
        self.templates = jinja2.Environment(
            loader=loader, autoescape=True, trim_blocks=True, lstrip_blocks=True
        )
        light, dark = (
            formatter(style).get_style_defs(".source") for style in ("friendly", "github-dark")
        )
        css = (template / "style.css").read_text(encoding="utf-8")
        css += f"{light}\n@media screen and (prefers-color-scheme: dark) {{\n{dark}\n}}"
        self.templates.globals |= {"css": css, "marks": MARKS}
        self.templates.filters["duration"] = duration

    def write(self, name: str, template: str, **values: Any) -> Path:
        """Fill a template."""
        page = self.templates.get_template(template).render(profile=self.folder.name, **values)
        with disk.whole(self.folder / name) as part:
            part.write_text(page, encoding="utf-8")
        return self.folder / name

    def page(
        self, stem: str, notebook: dict, record: dict[str, Any], parameters: list[tuple]
    ) -> Path:
        """Write one notebook's page, and its figures if it succeeded.

        Args:
            stem: its name.
            notebook: as `load` gives it, executed or not.
            record: its entry in the manifest; empty if it never ran.
            parameters: name, value, meaning, and whether the run set it.

        Returns:
            The page.
        """
        title, place = heading(notebook, stem)[0], self.stems.index(stem)
        if record.get("state") == "succeeded":
            self.write_figures(stem, figures(notebook))
        return self.write(
            f"{stem}.html",
            "page.html.j2",
            title=title,
            stem=stem,
            before=self.stems[place - 1] if place else "",
            after=self.stems[place + 1] if place + 1 < len(self.stems) else "",
            cells=cells(notebook, title),
            record=record or {"state": "not run"},
            has_notebook=(self.folder / f"{stem}.ipynb").exists(),
            parameters=parameters,
        )

    def write_figures(self, stem: str, drawn: list[Figure]) -> None:
        """Write pictures as <stem>_<name or number>.png and drop those of its earlier run."""
        made = {f"{stem}_{figure.name}.png": figure.data for figure in drawn}
        for old in (self.folder / "figures").glob(f"{stem}_*.png"):
            if old.name not in made:
                old.unlink()
        for name, data in made.items():
            with disk.whole(self.folder / "figures" / name) as part:
                part.write_bytes(data)

    def index(self, manifest: dict[str, Any], notebooks: dict[str, dict]) -> Path:
        """Write the page that lists all notebooks with their state and first figure.

        Args:
            manifest: the run's manifest.
            notebooks: each notebook as `load` gives it.

        Returns:
            The page.
        """
        rows = []
        for stem, notebook in notebooks.items():
            title, question = heading(notebook, stem)
            row = {"stem": stem, "title": title, "question": markdown(question)}
            for figure in figures(notebook)[:1]:
                row["thumbnail"] = as_uri("webp", shrink(figure.data, 520))
                row["alt"] = figure.alt or f"First figure of “{title}”"
            rows.append(row | {"record": manifest["notebooks"].get(stem, {"state": "not run"})})
        counts = Counter(row["record"]["state"] for row in rows)
        has_results = (self.folder / "results.csv").exists()
        return self.write(
            "index.html",
            "index.html.j2",
            rows=rows,
            counts=[(state, counts[state]) for state in MARKS if counts[state]],
            manifest=manifest,
            has_results=has_results,
        )
