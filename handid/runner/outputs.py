"""An executed notebook's cells as HTML, and its figures.

It reads no file and writes none.
"""

import base64
import csv
import html
import io
import re
from collections.abc import Iterable
from typing import Any, NamedTuple

from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer

from handid import disk
from handid.runner.notebook import Document, has_number, numbered, tags
from handid.runner.safe import as_uri, clean, formula, markdown, plain, shrink

LONGEST_ANSWER = 300  # characters of a sentence, of which otherwise the bold part is shown
INTERVAL, IN_ONE_LINE = re.compile(r"(?<=\d) (\[-?[\d.]+,) (-?[\d.]+\])"), "\u00a0\\1\u00a0\\2"
PAGE_BYTES = 4_000_000  # of figures, so that a page stays below 5 MB
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
KEPT = {  # kinds of report.display that are kept as files -> their ending
    "application/vnd.handid.pdf": "pdf",
    "application/vnd.handid.csv": "csv",
    "application/vnd.handid.tex": "tex",
}
Output = dict[str, Any]


class Figure(NamedTuple):
    """A picture: its name or number (from 1), its PNG bytes, its description."""

    name: str
    data: bytes
    alt: str


# --- what a notebook says and shows -------------------------------------------------------------


def heading(document: Document, default: str) -> tuple[str, str]:
    """Title (first H1) and question (the first paragraph after it) in Markdown.

    Args:
        document: the notebook.
        default: the title of a notebook without H1.
    """
    cells = [cell["source"] for cell in document["cells"] if cell["cell_type"] == "markdown"]
    text = "\n\n".join(cells)
    match = re.search(r"^# +(.+?)\s*$", text, re.M)
    rest = (text[match.end() :] if match else text).split("\n\n")
    paragraphs = [p.strip() for p in rest if p.strip() and not p.lstrip().startswith("#")]
    return (match[1] if match else default), (paragraphs[0] if paragraphs else "")


def figures(document: Document) -> list[Figure]:
    """All PNG pictures of a notebook."""
    pictures: list[Figure] = []
    for output in (output for cell in document["cells"] for output in cell.get("outputs", [])):
        if "image/png" in output.get("data", {}):
            name = _name(output, len(pictures) + 1)
            data = base64.b64decode(output["data"]["image/png"])
            pictures.append(Figure(name, data, _note(output, "alt")))
    return pictures


def files(document: Document) -> dict[str, bytes]:
    """What is kept beside a page, ready for a paper: figures/NAME.pdf, tables/NUMBER.csv and .tex.

    Every name begins with its folder; tables are numbered from 1.
    """
    kept: dict[str, bytes] = {}
    tables = 0
    for output in (output for cell in document["cells"] for output in cell.get("outputs", [])):
        data = output.get("data", {})
        tables += "application/vnd.handid.csv" in data
        for kind, ending in KEPT.items():
            if kind not in data:
                continue
            if ending == "pdf":
                name = f"figures/{_name(output, len(kept) + 1)}"
                kept[f"{name}.pdf"] = base64.b64decode(data[kind])
            else:
                text = data[kind] if ending == "tex" else _without_formulas(data[kind])
                kept[f"tables/{tables}.{ending}"] = text.encode()
    return kept


def _without_formulas(table: str) -> str:
    """A table in CSV whose cells a spreadsheet shows and does not compute."""
    text = io.StringIO()
    rows = csv.reader(io.StringIO(table))
    csv.writer(text, lineterminator="\n").writerows(map(disk.cell, row) for row in rows)
    return text.getvalue()


def answer(document: Document) -> str:
    """The first sentence of a notebook's answer, in Markdown: of its last cell that says any."""
    for cell in reversed(document["cells"]):
        said = [o["data"]["text/markdown"] for o in cell.get("outputs", []) if _is_said(o)]
        if said:
            text = " ".join("".join(said[0]).strip().split("\n\n")[0].split())
            sentence = re.split(r"(?<=[.!?])\s+(?=[A-Z*])", text)[0]
            bold = re.match(r"\*\*.+?\*\*", sentence)
            if len(sentence) <= LONGEST_ANSWER:
                return sentence
            if bold and len(bold[0].split()) > 2:  # more than one word, such as "Unclear:"
                return bold[0]
            return f"{sentence[:LONGEST_ANSWER].rpartition(' ')[0].rstrip(',;:')} …"
    return ""


def _is_said(output: Output) -> bool:
    return "text/markdown" in output.get("data", {})


def _name(output: Output, number: int) -> str:
    """A figure's name as part of a file's name, or its number."""
    return re.sub(r"[^\w-]+", "-", _note(output, "name")) or str(number)


def _note(output: Output, name: str, kind: str = "image/png") -> str:
    """A remark in an output's metadata, for the output or for its picture."""
    metadata = output.get("metadata", {})
    return str(metadata.get(name) or metadata.get(kind, {}).get(name) or "")


def cells(document: Document, title: str) -> list[dict[str, Any]]:
    """The cells for the template: kind, number as in the run's messages, HTML.

    Args:
        document: the notebook, executed or not.
        title: its first H1, which stands in the page's header already.
    """
    numbers = {id(cell): number for number, cell in numbered(document["cells"])}
    heading_line = re.compile(rf"^# +{re.escape(title)}\s*$", re.M)
    rows, show = [], Outputs(document, title)
    for cell in document["cells"]:
        if cell["cell_type"] == "markdown":
            text = heading_line.sub("", cell["source"], count=1)
            rows.append({"kind": "text", "html": markdown(text)})
        elif has_number(cell):
            is_hidden = "hide-input" in tags(cell) or not cell["source"].strip()
            code = "" if is_hidden else highlight(cell["source"], PythonLexer(), formatter())
            rows.append(
                {
                    "kind": "parameters" if "parameters" in tags(cell) else "code",
                    "number": numbers[id(cell)],
                    "code": code,
                    "html": "".join(show(output) for output in joined(cell["outputs"])),
                }
            )
    return rows


def formatter(style: str = "friendly") -> "HtmlFormatter[str]":  # as text, for pygments 2.17
    """How code is coloured: by classes, so that light and dark can differ."""
    return HtmlFormatter(style=style, cssclass="source")


def joined(outputs: Iterable[Output]) -> list[Output]:
    """Outputs with neighbouring prints of one stream as one."""
    kept: list[Output] = []
    for output in outputs:
        before = kept[-1] if kept else {}
        if output["output_type"] == "stream" and before.get("name") == output["name"]:
            kept[-1] = before | {"text": before["text"] + output["text"]}
        else:
            kept.append(output)
    return kept


# --- outputs ------------------------------------------------------------------------------------


class Outputs:
    """Outputs of one notebook as HTML; counts its pictures and keeps their sum small."""

    def __init__(self, document: Document, title: str):
        """Choose the width that lets all pictures fit on the page."""
        self._title, self._count, self._width = html.escape(title, quote=True), 0, 0
        # kernel's count of an executed cell -> our number of it
        counts = [(cell.get("execution_count"), n) for n, cell in numbered(document["cells"])]
        self._numbers = {count: number for count, number in counts if count}
        originals = [figure.data for figure in figures(document)]
        for self._width in (0, 1600, 1100, 700, 400):
            fitted = [shrink(data, self._width) if self._width else data for data in originals]
            if sum(map(len, fitted)) * 4 / 3 < PAGE_BYTES:  # base64 writes 3 bytes as 4
                break

    def __call__(self, output: Output) -> str:
        """One output."""
        kind = output["output_type"]
        if kind == "stream":
            return self._stream(output["name"], plain(output["text"]))
        if kind == "error":
            return self._error(output)
        best = next((kind for kind in SHOWN_FIRST if kind in output["data"]), "")
        if not best:
            return '<p class="note">Interactive in JupyterLab.</p>'
        return self._shown(best, output)

    def _stream(self, name: str, text: str) -> str:
        """Printed text; warnings folded."""
        if not text.strip():
            return ""
        block = f"<pre>{html.escape(text.rstrip())}</pre>"
        if name != "stderr":
            return block
        count = len(text.strip().splitlines())
        label = f"warnings and messages ({count} line{'s' * (count > 1)})"
        return f'<details class="stderr"><summary>{label}</summary>{block}</details>'

    def _error(self, output: Output) -> str:
        """An exception: its message in the open, its traceback folded."""
        message = html.escape(f"{output['ename']}: {output['evalue']}".rstrip(": "))
        # the kernel counted the injected cell too; the page and the run's messages do not
        trace = re.sub(
            r"Cell In\[(\d+)\]",
            lambda match: f"Cell {self._numbers.get(int(match[1]), match[1])}",
            plain("\n".join(output["traceback"])),
        )
        return (
            f'<div class="error" role="alert"><p><strong>{message}</strong></p>'
            f"<details><summary>traceback</summary><pre>{html.escape(trace)}</pre></details></div>"
        )

    def _shown(self, kind: str, output: Output) -> str:
        """A displayed object."""
        data = output["data"][kind]
        if kind.startswith("image/"):
            return self._picture(kind, output, data)
        if kind == "text/html":
            return f'<div class="wide">{INTERVAL.sub(IN_ONE_LINE, clean(data))}</div>'
        if kind == "text/markdown":
            return markdown(data)
        if kind == "text/latex":
            return f'<p class="formula-line">{formula(data.strip().strip("$").strip())}</p>'
        if kind == "text/plain":
            return f"<pre>{html.escape(plain(data))}</pre>"
        if "%|" in output["data"].get("text/plain", ""):
            return ""  # a progress bar
        words = "Interactive in JupyterLab; this page shows a static version of it."
        return f'<p class="note">{words}</p>'

    def _picture(self, kind: str, output: Output, data: str) -> str:
        """A picture with its description."""
        self._count += 1
        picture, form = data.encode() if kind.endswith("xml") else base64.b64decode(data), kind[6:]
        if self._width and form != "svg+xml":
            picture, form = shrink(picture, self._width), "webp"
        default = f"Figure {self._count} of the notebook “{self._title}”; it has no description."
        alt = html.escape(_note(output, "alt", kind), quote=True) or default
        return f'<figure><img alt="{alt}" src="{as_uri(form, picture)}"></figure>'
