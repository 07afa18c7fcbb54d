"""Safe pieces of HTML: what ends up in a page runs nothing, loads nothing and leads nowhere else.

It knows neither notebooks nor pages.
"""

import base64
import functools
import html
import io
import re
from typing import Any

import bleach
import mistune
from bleach.css_sanitizer import CSSSanitizer
from PIL import Image

from handid.runner.refusal import lines

LONGEST_TEXT = 20_000  # characters of one printed output
TAGS = set(
    """a abbr b blockquote br caption code col colgroup dd del details div dl dt em figcaption
    figure h1 h2 h3 h4 h5 h6 hr i img ins kbd li mark ol p pre q s samp section small span strong
    sub summary sup table tbody td tfoot th thead tr u ul var""".split()  # noqa: SIM905
)
ATTRIBUTES = {"alt", "class", "colspan", "id", "open", "rowspan", "scope", "style", "title"}
PROPERTIES = ("background-color", "color", "font-style", "font-weight", "height", "text-align")
PROPERTIES += ("text-decoration", "vertical-align", "white-space", "width")
REMOVED = re.compile(r"<(script|style|iframe|object|template|noscript)\b.*?</\1\s*>", re.S | re.I)
SHARE = re.compile(r"(?<=\d) (?=%)")
STYLER = re.compile(r"<style[^>]*>\s*((?:#T_[^<{}@\\]+\{[^<{}@\\]*\}\s*)+)</style>")


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
        protocols=["data", "http"],  # bleach counts a plain file name as http; see `allowed`
        css_sanitizer=CSSSanitizer(allowed_css_properties=PROPERTIES),
        strip=True,
    )
    return "".join(f"<style>{rule}</style>" for rule in rules) + kept


@functools.cache
def formula(tex: str) -> str:
    """A formula as an inline drawing, its TeX as alt text; the TeX itself if it cannot be drawn.

    Args:
        tex: TeX that matplotlib understands, without dollar signs.
    """
    from matplotlib import rc_context
    from matplotlib.font_manager import FontProperties
    from matplotlib.mathtext import math_to_image

    drawing, size, spoken = io.BytesIO(), 11, html.escape(tex, quote=True)
    look: dict[Any, Any] = {
        "mathtext.fontset": "stix",
        "svg.fonttype": "path",
        "savefig.transparent": True,
    }
    try:
        with rc_context(look):
            font = FontProperties(size=size)  # takes its fontset when it is made
            depth = math_to_image(f"${tex}$", drawing, font, dpi=72, format="svg")
    except (ValueError, RuntimeError):
        return f"<code>{spoken}</code>"
    height = float(re.findall(rb'height="([\d.]+)pt"', drawing.getvalue())[0])
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
    """Markdown as clean HTML; no line ends between a number and its percent sign."""
    return SHARE.sub("\u00a0", clean(str(MARKDOWN(text))))


def plain(text: str) -> str:
    """Printed text without terminal codes; of a progress bar only its last state; shortened."""
    text = lines(text)
    if len(text) > LONGEST_TEXT:
        hidden = len(text) - LONGEST_TEXT
        text = text[:LONGEST_TEXT] + f"\n… {hidden} more characters in the notebook"
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
