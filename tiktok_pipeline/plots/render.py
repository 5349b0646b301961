"""Render a figure: a small PNG for Dagster's UI, and an SVG to embed in an HTML page together with others.

The layout of a figure is computed once, by the first of the two.
"""

from __future__ import annotations

import base64
import io
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from tiktok_pipeline.safe_text import one_line

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from matplotlib.text import Text

_SVG, _XLINK = "http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"
_FONTS = "'DejaVu Sans', Verdana, sans-serif"
_LAYER_DOTS_PER_INCH = 110
_LAYER_COLORS = 64
_FAMILY = re.compile(r"font: ((?:[\w.]+ )*?)([\d.]+px) [^;]*")
_FAMILIES = re.compile(r"font-family: [^;]*;? ?")
_LONG_NUMBER = re.compile(r"\d+\.\d{3,}")
_REFERENCE = re.compile(r"url\(#([^)]+)\)")
_NO_TURN = re.compile(r" ?rotate\(-?0 [^)]*\)")


def png(figure: Figure, dots_per_inch: int = 60) -> bytes:
    """Return the figure as a PNG; equal figures give equal bytes."""
    target = io.BytesIO()
    with _laid_out(figure):
        figure.savefig(target, format="png", dpi=dots_per_inch, metadata={"Software": None})
    return target.getvalue()


def svg(figure: Figure, name: str) -> str:
    """Return the figure as an ``<svg>`` element that scales, keeps its text as text and is labeled by its title.

    Parameters
    ----------
    figure : Figure
        The figure.
    name : str
        Prefix of every id; it must be unique in the page. Equal figures and names give equal texts.
    """
    import matplotlib as mpl  # noqa: PLC0415 - costs half a second

    target = io.StringIO()
    prefix = re.sub(r"[^A-Za-z0-9-]", "-", name) or "figure"
    with _laid_out(figure), mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": name}):
        figure.savefig(target, format="svg", dpi=_LAYER_DOTS_PER_INCH, metadata={"Date": None, "Creator": None})
    root = ET.fromstring(target.getvalue())  # noqa: S314 - written by matplotlib
    for part in list(root):
        # A <style> would apply to the whole page; its rules are set on the root below.
        if part.tag == f"{{{_SVG}}}metadata" or part.find(f"{{{_SVG}}}style") is not None:
            root.remove(part)
    _drop_idle_ids(root)
    for element in root.iter():
        _rewrite(element, prefix)
    del root.attrib["width"], root.attrib["height"]
    root.attrib |= {
        "role": "img",
        "aria-label": str(figure.get_label()) or one_line(figure.get_suptitle()),
        "width": "100%",
        "style": f"font-family: {_FONTS}; stroke-linejoin: round; stroke-linecap: butt",
    }
    ET.register_namespace("", _SVG)
    ET.register_namespace("xlink", _XLINK)
    return re.sub(r">\s+<", "><", ET.tostring(root, encoding="unicode"))


@contextmanager
def _laid_out(figure: Figure) -> Iterator[None]:
    """Fix the layout of the figure, and keep matplotlib from parsing its texts as formulas."""
    with warnings.catch_warnings():
        # A name in a script that the font lacks is drawn as boxes; the tables show it in full.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        if (layout := figure.get_layout_engine()) is not None:
            for text in _written_by_matplotlib(figure):
                text.set_parse_math(False)
            layout.execute(figure)
            # Not "none", which leaves a placeholder for which every output is drawn twice.
            figure.set_layout_engine(None)
        yield


def _written_by_matplotlib(figure: Figure) -> Iterator[Text]:
    """Yield the texts of ticks and legends, in which a ``$`` would start a formula."""
    legends = [*figure.legends, *(legend for axes in figure.axes if (legend := axes.get_legend()))]
    for legend in legends:
        yield from legend.get_texts()
    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            yield from (tick.label1 for tick in axis.get_major_ticks())


def _drop_idle_ids(root: ET.Element) -> None:
    """Remove every id that nothing refers to, and repeated ids except the first, which is the one referred to.

    Matplotlib gives every group an id, and two images of the same cells the same id.
    """
    wanted: set[str] = set()
    for element in root.iter():
        for attribute, value in element.attrib.items():
            wanted.update(_REFERENCE.findall(value))
            if attribute == f"{{{_XLINK}}}href" and value.startswith("#"):
                wanted.add(value[1:])
    for element in root.iter():
        if (name := element.get("id")) in wanted:
            wanted.discard(str(name))
        elif name is not None:
            del element.attrib["id"]


def _rewrite(element: ET.Element, prefix: str) -> None:
    """Prefix the ids of an element and of its references, and shorten its attributes."""
    link = f"{{{_XLINK}}}href"
    for attribute, value in list(element.attrib.items()):
        kept = value
        if attribute == "id":
            kept = f"{prefix}-{value}"
        elif attribute == link and value.startswith("#"):
            kept = f"#{prefix}-{value[1:]}"
        elif attribute == link and value.startswith("data:image/png;base64,"):
            kept = f"data:image/png;base64,{_fewer_colors(value.partition(',')[2])}"
        elif attribute == "style":
            kept = _FAMILIES.sub("", _FAMILY.sub(_without_family, value))
        elif attribute == "transform":
            kept = _NO_TURN.sub("", value)
        elif attribute == "d":
            kept = _LONG_NUMBER.sub(lambda number: f"{float(number[0]):.2f}", value).replace("  ", " ").strip()
        element.attrib[attribute] = kept.replace("url(#", f"url(#{prefix}-") if attribute != link else kept
    if element.attrib.get("transform") == "":
        del element.attrib["transform"]


def _without_family(match: re.Match[str]) -> str:
    """Return the size and weight of a CSS font; its families are set once, at the root."""
    weights = [word for word in match[1].split() if word.isdigit() or word == "bold"]
    return "; ".join([f"font-size: {match[2]}", *(f"font-weight: {weight}" for weight in weights)])


def _fewer_colors(encoded: str) -> str:
    """Return a PNG in base64 with a palette instead of four bytes per pixel: a third of the size, hardly visible."""
    from PIL import Image  # noqa: PLC0415

    image = Image.open(io.BytesIO(base64.b64decode(encoded)))
    if image.width * image.height < 2_000:
        return encoded
    target = io.BytesIO()
    reduced = image.convert("RGBA").quantize(_LAYER_COLORS, method=Image.Quantize.FASTOCTREE)
    reduced.save(target, format="png", optimize=True)
    return base64.b64encode(target.getvalue()).decode("ascii")
