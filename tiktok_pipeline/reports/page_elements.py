"""The parts of a page: tables, figures, marked-up text and glossary terms, with finished strings and no HTML.

Text from creators goes through `creator_text`; the templates show it in an element with its own writing direction.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from tiktok_pipeline.reports.captions import CAPTIONS
from tiktok_pipeline.reports.snapshot_tables import spaced
from tiktok_pipeline.safe_text import visible_text

MAX_NICKNAME, MAX_HANDLE, MAX_BIOGRAPHY, MAX_FILE_NAME, MAX_REASON = 60, 64, 140, 120, 200
"""Characters of a hostile text that the page shows."""


@dataclass(frozen=True)
class Span:
    """A piece of a sentence; ``href`` makes it a link."""

    text: str
    href: str = ""
    is_strong: bool = False
    is_code: bool = False


Sentence = tuple[Span, ...]


@dataclass(frozen=True)
class HeaderCell:
    """A cell of a table's header; ``unit`` is a small second line."""

    text: str
    unit: str = ""
    is_number: bool = False
    colspan: int = 1
    rowspan: int = 1


@dataclass(frozen=True, kw_only=True)
class Cell:
    """A cell of a table's body.

    ``is_header`` marks the cell that names its row. ``is_creator_text`` gives the text its own writing direction.
    ``handle`` is a second line with a creator's handle, a link if ``profile`` is its address. ``badge`` is the class
    of a colored label around the text.
    """

    text: str
    css_class: str = ""
    is_header: bool = False
    is_creator_text: bool = False
    is_code: bool = False
    handle: str = ""
    profile: str = ""
    badge: str = ""
    href: str = ""


@dataclass(frozen=True)
class TableRow:
    """A row of a table; ``css_class`` marks the chosen one or the baseline."""

    cells: tuple[Cell, ...]
    css_class: str = ""


@dataclass(frozen=True)
class RowGroup:
    """Rows below a common heading; without one they are plain rows."""

    rows: tuple[TableRow, ...]
    heading: str = ""


@dataclass(frozen=True)
class Table:
    """A table with a caption, one or two header rows and its body."""

    caption: str
    header: tuple[tuple[HeaderCell, ...], ...]
    groups: tuple[RowGroup, ...]

    @property
    def columns(self) -> int:
        """The number of columns."""
        return sum(cell.colspan for cell in self.header[0])


@dataclass(frozen=True)
class ReportFigure:
    """A figure of the page: an id that is unique in the page, its SVG text as drawn, and its caption."""

    anchor: str
    svg: str
    caption: str


@dataclass(frozen=True)
class Term:
    """A term and its explanation."""

    term: str
    text: str
    is_warning: bool = False


def simple_table(caption: str, header: Sequence[HeaderCell], rows: Iterable[Sequence[Cell]]) -> Table | None:
    """Return a table with one header row, or None if it has no rows."""
    table_rows = tuple(TableRow(tuple(cells)) for cells in rows)
    return Table(caption, (tuple(header),), (RowGroup(table_rows),)) if table_rows else None


def heading(text: str, unit: str = "") -> HeaderCell:
    """Return the header of a column of text."""
    return HeaderCell(text, unit)


def number_heading(text: str, unit: str = "") -> HeaderCell:
    """Return the header of a column of numbers."""
    return HeaderCell(text, unit, is_number=True)


def text_cell(text: str, css_class: str = "") -> Cell:
    """Return a cell of text."""
    return Cell(text=text, css_class=css_class)


def number_cell(text: str) -> Cell:
    """Return a cell with a formatted number, aligned to the right."""
    return Cell(text=text, css_class="n")


def row_heading(text: str, href: str = "") -> Cell:
    """Return the cell that names its row."""
    return Cell(text=text, is_header=True, href=href)


def badge_cell(label: str) -> Cell:
    """Return a cell with a colored label; its class is the label with hyphens."""
    return Cell(text=label, badge=badge_class(label))


def badge_class(label: str) -> str:
    """Return the CSS class of a verdict or of a class of leakage."""
    return re.sub(r"[ _]", "-", label)


def creator_text(text: object, max_characters: int) -> str:
    """Return a text from a creator or a file, cut and with its hidden characters visible; "" if it is missing."""
    return "" if text is None else visible_text(str(text), max_characters=max_characters)


def figure_prefix(study: str) -> str:
    """Return how the ids of the figures of a study start."""
    return study.replace("_", "-")


def figures_of(svgs: Mapping[str, str], prefix: str) -> tuple[ReportFigure, ...]:
    """Return the figures with their captions and with ids that start with ``prefix``."""
    return tuple(
        ReportFigure(f"{prefix}-figure{index}", svg, CAPTIONS.get(name) or f"{spaced(name).strip().capitalize()}.")
        for index, (name, svg) in enumerate(svgs.items())
    )


def paragraphs(docstring: str) -> Iterator[Sentence]:
    """Yield the paragraphs of a docstring, each on one line, with its double backticks as code."""
    for paragraph in re.split(r"\n\s*\n", docstring.strip()):
        line = " ".join(paragraph.split())
        if line:
            parts = line.split("``")
            yield tuple(Span(part, is_code=index % 2 == 1) for index, part in enumerate(parts) if part)
