"""Draws the stages and what flows between them, from the asset graph."""

from __future__ import annotations

import html
import importlib
import textwrap
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from tiktok_pipeline import STAGES
from tiktok_pipeline.assembly import build_definitions
from tiktok_pipeline.settings import Settings
from tiktok_pipeline.tables import TABLES

WIDTH, MARGIN, GAP, ARROW = 760, 16, 20, 34
LINE, PADDING = 17, 12
CHARACTER = 6.9
"""Mean width of a character of the text, in pixels."""

ARROW_HEAD = (
    '<defs><marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
    '<path d="M0 0 8 4 0 8z" fill="#64748b"/></marker></defs>'
)

ENDS = {
    "incoming": "Folder for new scrapes. A file becomes part of a snapshot.",
    "published": "published/tiktok.duckdb: a copy of all tables but raw, for readers.",
    "report": "reports/<snapshot>.html: one page for each snapshot.",
}
"""The assets that are not tables."""

Graph = Mapping[str, frozenset[str]]


@dataclass(frozen=True)
class Box:
    """A box of the diagram; ``x`` and ``y`` are its upper left corner, in pixels."""

    x: float
    y: float
    width: float
    height: float
    lines: tuple[str, ...]

    @property
    def middle(self) -> float:
        """The x of its middle."""
        return self.x + self.width / 2


def render() -> str:
    """Return the diagram as SVG."""
    parents = _reduced(_asset_graph())
    boxes, height = _boxes(parents, _levels(parents))
    arrows = [_arrow(boxes[parent], boxes[child]) for child in parents for parent in sorted(parents[child])]
    size, summary = f'viewBox="0 0 {WIDTH} {height:.0f}"', html.escape(_summary(parents))
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" aria-label="{summary}">',
            ARROW_HEAD,
            f'<rect width="{WIDTH}" height="{height:.0f}" rx="12" fill="#ffffff"/>',
            *arrows,
            *(_drawn(name, box) for name, box in boxes.items()),
            "</svg>\n",
        ]
    )


def _asset_graph() -> Graph:
    """Return the stages that each stage reads."""
    graph = build_definitions(Settings(home=Path("home"))).resolve_asset_graph()
    parents: dict[str, set[str]] = {}
    for key in graph.get_all_asset_keys():
        parents.setdefault(key.path[0], set()).update(parent.path[0] for parent in graph.get(key).parent_keys)
    if "incoming" in parents:
        parents["raw"].add("incoming")  # through the files in raw/<snapshot>/, which Dagster does not see
    order = ["incoming", *STAGES, "published", "report"]
    # A stage that also reads a later one, as personas do the creators of two snapshots, is drawn before that.
    return {
        name: frozenset(parents[name] & set(order[:place])) for place, name in enumerate(order) if name in parents
    }


def _reduced(parents: Graph) -> Graph:
    """Leave out each parent that another parent descends from."""
    above: dict[str, set[str]] = {}
    for name in parents:  # in the order of the data, so that parents come first
        above[name] = set(parents[name]).union(*(above[parent] for parent in parents[name]))
    return {
        name: frozenset(parent for parent in given if not any(parent in above[other] for other in given))
        for name, given in parents.items()
    }


def _levels(parents: Graph) -> list[list[str]]:
    """Return the names by the length of the longest way to them."""
    depth: dict[str, int] = {}
    for name, given in parents.items():
        depth[name] = 1 + max((depth[parent] for parent in given), default=-1)
    return [[name for name in parents if depth[name] == level] for level in range(max(depth.values()) + 1)]


def _boxes(parents: Graph, levels: Iterable[list[str]]) -> tuple[dict[str, Box], float]:
    boxes: dict[str, Box] = {}
    y = float(MARGIN)
    for names in levels:
        spans = _spans(names, parents, boxes)
        lines = {name: _lines(name, right - left) for name, (left, right) in spans.items()}
        height = 2 * PADDING + LINE * max(len(text) for text in lines.values()) - 4
        for name, (left, right) in spans.items():
            boxes[name] = Box(left, y, right - left, height, lines[name])
        y += height + ARROW
    return boxes, y - ARROW + MARGIN


def _spans(names: list[str], parents: Graph, boxes: Mapping[str, Box]) -> dict[str, tuple[float, float]]:
    """Return the left and right end of each box of one level: a single one is as wide as its parents."""
    if len(names) == 1:
        above = [boxes[parent] for parent in parents[names[0]]]
        left = min((box.x for box in above), default=MARGIN)
        return {names[0]: (left, max((box.x + box.width for box in above), default=WIDTH - MARGIN))}
    width = (WIDTH - 2 * MARGIN - GAP * (len(names) - 1)) / len(names)
    return {
        name: (MARGIN + place * (width + GAP), MARGIN + place * (width + GAP) + width)
        for place, name in enumerate(names)
    }


def _lines(name: str, width: float) -> tuple[str, ...]:
    columns = int((width - 2 * PADDING) / CHARACTER)
    if name in ENDS:
        return (name, *textwrap.wrap(ENDS[name], columns))
    summary = (importlib.import_module(f"tiktok_pipeline.{name}").__doc__ or "").strip().splitlines()[0]
    _, _, text = summary.partition(": ")
    text = f"{text[:1].upper()}{text[1:]}" or summary
    tables = ", ".join(table.spec.name for table in TABLES.values() if table.spec.schema == name)
    return (name, *textwrap.wrap(text, columns), *textwrap.wrap(f"Tables: {tables}", columns))


def _drawn(name: str, box: Box) -> str:
    fill, stroke = ("#ecfdf5", "#0f766e") if name in ENDS else ("#eef2ff", "#4f46e5")
    title, body = 'font-size="15" font-weight="600" fill="#111827"', 'font-size="13" fill="#374151"'
    x, y = box.x + PADDING, box.y + PADDING + LINE * 0.65
    texts = [
        f'<text x="{x:.0f}" y="{y + LINE * place:.0f}" {body if place else title}>{html.escape(text)}</text>'
        for place, text in enumerate(box.lines)
    ]
    return (
        f'<g font-family="system-ui, sans-serif"><rect x="{box.x:.0f}" y="{box.y:.0f}" width="{box.width:.0f}"'
        f' height="{box.height:.0f}" rx="8" fill="{fill}" stroke="{stroke}"/>{"".join(texts)}</g>'
    )


def _arrow(parent: Box, child: Box) -> str:
    """Return a line that goes down in the parent's column and crosses over just above the child."""
    start, turn, end = parent.y + parent.height, child.y - ARROW, child.y - 1
    return (
        f'<path d="M{parent.middle:.0f} {start:.0f}V{turn:.0f}C{parent.middle:.0f} {child.y - ARROW / 2:.0f}'
        f' {child.middle:.0f} {child.y - ARROW / 2:.0f} {child.middle:.0f} {end:.0f}" fill="none" stroke="#64748b"'
        ' stroke-width="1.5" marker-end="url(#head)"/>'
    )


def _summary(parents: Graph) -> str:
    return "; ".join(f"{name} reads {', '.join(sorted(given))}" for name, given in parents.items() if given)
