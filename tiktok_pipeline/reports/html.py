"""Render the report as one HTML file without scripts and without requests, for screen, phone and paper.

Jinja escapes every text. Only the SVG of the figures goes in as markup, after a check that it cannot run or load
anything.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from tiktok_pipeline.reports.report_model import ReportModel

if TYPE_CHECKING:
    from jinja2 import Environment

TEMPLATES = Path(__file__).with_name("templates")

_SVG, _XLINK = "http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"
_FORBIDDEN_ELEMENTS = frozenset({"script", "foreignObject", "iframe", "object", "embed", "set", "animate", "handler"})
_ADDRESS = re.compile(r"url\(\s*['\"]?(?!#)|@import", re.IGNORECASE)


def render_report(report: ReportModel) -> str:
    """Render the page.

    Parameters
    ----------
    report : ReportModel
        The content. Equal models give equal pages.

    Returns
    -------
    str
        The HTML of the page.

    Raises
    ------
    ValueError
        If a figure holds a script or an address.
    """
    svgs = {figure.anchor: inert_svg(figure.svg, figure.anchor) for figure in report.figures}
    return _environment().get_template("report.html").render(report=report, svgs=svgs)


def inert_svg(svg: str, prefix: str) -> str:
    """Return an SVG figure with ``prefix`` before each of its ids.

    Parameters
    ----------
    svg : str
        The text of one ``<svg>`` element.
    prefix : str
        Must be unique in the page.

    Raises
    ------
    ValueError
        If the text is not SVG, or could run a script, load a file or lead to another page.
    """
    root = ET.fromstring(svg.strip())  # noqa: S314 - drawn by this program
    if root.tag != f"{{{_SVG}}}svg":
        msg = f"figure {prefix}: its root is {root.tag}, not svg"
        raise ValueError(msg)
    known_ids: set[str] = set()
    for element in root.iter():
        if (element_id := element.attrib.get("id")) is not None and element_id in known_ids:
            del element.attrib["id"]  # matplotlib gives two equal images one id
        known_ids.add(element_id or "")
        if active_part := _active_part(element):
            msg = f"figure {prefix}: {active_part} is not allowed in a report"
            raise ValueError(msg)
        for name, value in element.attrib.items():
            element.attrib[name] = _prefix_ids(name, value, prefix)
    ET.register_namespace("", _SVG)
    ET.register_namespace("xlink", _XLINK)
    return ET.tostring(root, encoding="unicode")


def _active_part(element: ET.Element) -> str | None:
    """Return the part of an element that could run, load or lead away; None if it only draws."""
    tag = str(element.tag).rpartition("}")[2]
    if tag in _FORBIDDEN_ELEMENTS:
        return f"<{tag}>"
    if tag == "style" and _ADDRESS.search(element.text or ""):
        return "a style with an address"
    for name, value in element.attrib.items():
        local_name = name.rpartition("}")[2].lower()
        leads_away = local_name in {"href", "src"} and not re.match(r"#|data:image/(png|jpeg);", value)
        if local_name.startswith("on") or leads_away or _ADDRESS.search(value):
            return f"{local_name}={value[:40]!r}"
    return None


def _prefix_ids(name: str, value: str, prefix: str) -> str:
    local_name = name.rpartition("}")[2]
    if local_name == "id":
        return f"{prefix}-{value}"
    if local_name in {"aria-labelledby", "aria-describedby"}:
        return " ".join(f"{prefix}-{target}" for target in value.split())
    if local_name == "href" and value.startswith("#"):
        return f"#{prefix}-{value[1:]}"
    return re.sub(r"url\((['\"]?)#", rf"url(\g<1>#{prefix}-", value)


def _environment() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined  # noqa: PLC0415 - keeps the start short

    return Environment(
        autoescape=True,
        undefined=StrictUndefined,
        loader=FileSystemLoader(TEMPLATES),
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
