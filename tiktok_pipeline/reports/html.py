"""The page for a marketer: one HTML file without scripts, without requests, for the screen, the phone and paper.

Texts from creators are hostile: jinja escapes them, what is invisible in them is made visible, and each stands in an
element of its own direction. Only the pictures go in as markup, and only after they were looked through.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from tiktok_pipeline.features.catalogue import feature_label
from tiktok_pipeline.personas.verdict import JACCARD_THRESHOLDS, VERDICTS
from tiktok_pipeline.reports import contents as shaping
from tiktok_pipeline.reports.contents import THIN_SPACE, ReportModel, grouped

if TYPE_CHECKING:
    from jinja2 import Environment

TEMPLATES = Path(__file__).with_name("templates")

NOTHING = "\u2013"
"""Stands in a cell whose value is not defined."""

_SVG, _XLINK = "http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"
_FORBIDDEN_ELEMENTS = frozenset({"script", "foreignObject", "iframe", "object", "embed", "set", "animate", "handler"})
_ADDRESS = re.compile(r"url\(\s*['\"]?(?!#)|@import", re.IGNORECASE)
_JOINERS = "\u200c\u200d"
"""Of the format characters, those that scripts and compound pictograms need."""

_SHARES = frozenset({"avg_engagement_rate", "comment_engagement_rate", "like_engagement_rate", "total_engagement"})


@dataclass(frozen=True)
class Picture:
    """A picture of the page: its id, its SVG with ids of its own, and the sentence below it."""

    anchor: str
    svg: str
    caption: str


def render_report(contents: ReportModel) -> str:
    """The whole page as text; the same contents give the same text. Raises ValueError where a picture is not inert."""
    pictures = {
        study.name: _pictures(study.pictures, study.captions, f"study{place}")
        for place, study in enumerate(contents.studies)
    }
    page = _environment().get_template("report.html")
    return page.render(
        contents=contents,
        chosen=shaping.recommended(contents.studies),
        pictures=pictures,
        shared_pictures=_pictures(contents.pictures, contents.captions, "shared"),
    )


def shown(text: object, limit: int) -> str:
    """A hostile text as one may show it: at most ``limit`` characters, nothing invisible or turning in it.

    Line breaks become a visible sign; controls, marks of direction and other invisible characters their escapes.
    """
    if text is None:
        return ""
    words = str(text).replace("\r\n", "\n").replace("\r", "\n").strip(" \n\t")
    if len(words) > limit:
        words = f"{words[: limit - 1].rstrip()}\u2026"
    return "".join(map(_visible, words))


def _visible(character: str) -> str:
    if character == "\n":
        return " \u21b5 "
    if character == "\t":
        return " "
    if character in _JOINERS or unicodedata.category(character) not in {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}:
        return character
    code = ord(character)
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def count(value: float | None) -> str:
    """A whole number with thin spaces between thousands."""
    return NOTHING if value is None else grouped(float(value))


def figure(value: float | None, digits: int = 2) -> str:
    """A number with so many decimals; one that would round to nothing in three significant digits."""
    if value is None:
        return NOTHING
    if value and abs(value) < 0.5 * 10**-digits:
        return f"{value:.2g}".replace("-", "\u2212")
    return grouped(float(value), digits)


def percent(value: float | None, digits: int | None = None) -> str:
    """A fraction in per cent: two significant digits below ten, whole numbers above, unless ``digits`` says."""
    if value is None:
        return NOTHING
    hundredfold = float(value) * 100.0
    if digits is None:
        digits = 0 if abs(hundredfold) >= 9.95 else 1 if abs(hundredfold) >= 0.95 or not hundredfold else 2
    return f"{grouped(hundredfold, digits)}{THIN_SPACE}%"


def in_unit(value: float | None, feature: str) -> str:
    """A value of a feature as one reads it: rates in per cent, counts whole, small figures with decimals."""
    if value is None:
        return NOTHING
    if feature in _SHARES:
        return percent(value)
    return count(value) if abs(value) >= 100 or float(value).is_integer() else figure(value, 1 if value >= 10 else 2)


def with_spread(pair: tuple[float | None, float | None] | None) -> str:
    """A mean with its standard deviation over folds, where there is one."""
    if pair is None or pair[0] is None:
        return NOTHING
    value, spread = pair
    return figure(value, 3) if spread is None else f"{figure(value, 3)} \u00b1 {grouped(spread, 3)}"


def paragraphs(text: str) -> list[str]:
    """The paragraphs of a docstring, each on one line."""
    return [" ".join(part.split()) for part in re.split(r"\n\s*\n", text.strip()) if part.strip()]


def inert_svg(svg: str, prefix: str) -> str:
    """The picture with ``prefix`` before each of its ids; raises ValueError where it could run, load or lead away."""
    root = ET.fromstring(svg.strip())  # noqa: S314 - drawn by this program, from figures
    if root.tag != f"{{{_SVG}}}svg":
        msg = f"picture {prefix}: its root is {root.tag}, not svg"
        raise ValueError(msg)
    seen: set[str] = set()
    for element in root.iter():
        if (own := element.attrib.get("id")) is not None and own in seen:
            del element.attrib["id"]  # matplotlib gives two equal images one id
        seen.add(own or "")
        if wrong := _active(element):
            msg = f"picture {prefix}: {wrong} has no place in a page that is opened without being asked"
            raise ValueError(msg)
        for name, value in element.attrib.items():
            element.attrib[name] = _renamed(name, value, prefix)
    ET.register_namespace("", _SVG)
    ET.register_namespace("xlink", _XLINK)
    return ET.tostring(root, encoding="unicode")


def _active(element: ET.Element) -> str | None:
    """What makes an element of a picture more than a drawing; None where nothing does."""
    tag = str(element.tag).rpartition("}")[2]
    if tag in _FORBIDDEN_ELEMENTS:
        return f"<{tag}>"
    if tag == "style" and _ADDRESS.search(element.text or ""):
        return "a style with an address"
    for name, value in element.attrib.items():
        plain = name.rpartition("}")[2].lower()
        leads_away = plain in {"href", "src"} and not re.match(r"#|data:image/(png|jpeg);", value)
        if plain.startswith("on") or leads_away or _ADDRESS.search(value):
            return f"{plain}={value[:40]!r}"
    return None


def _renamed(name: str, value: str, prefix: str) -> str:
    plain = name.rpartition("}")[2]
    if plain == "id":
        return f"{prefix}-{value}"
    if plain in {"aria-labelledby", "aria-describedby"}:
        return " ".join(f"{prefix}-{one}" for one in value.split())
    if plain == "href" and value.startswith("#"):
        return f"#{prefix}-{value[1:]}"
    return re.sub(r"url\((['\"]?)#", rf"url(\g<1>#{prefix}-", value)


def _pictures(svgs: Mapping[str, str], captions: Mapping[str, str], prefix: str) -> list[Picture]:
    return [
        Picture(
            anchor=f"{prefix}-picture{place}",
            svg=inert_svg(svg, f"{prefix}-picture{place}"),
            caption=captions.get(name) or f"{name.replace('_', ' ').strip().capitalize()}.",
        )
        for place, (name, svg) in enumerate(svgs.items())
    ]


def _environment() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined  # noqa: PLC0415 - keeps the start short

    environment = Environment(
        autoescape=True,
        undefined=StrictUndefined,
        loader=FileSystemLoader(TEMPLATES),
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    filters = (shown, count, figure, percent, in_unit, with_spread, paragraphs)
    environment.filters |= {one.__name__: one for one in filters} | {"label": feature_label}
    environment.globals |= {"shaping": shaping, "NOTHING": NOTHING, "verdicts": VERDICTS, "thresholds": JACCARD_THRESHOLDS}
    return environment
