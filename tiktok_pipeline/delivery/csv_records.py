"""Open a delivered CSV text in any encoding and layout, so that no record takes another's cells."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from tiktok_pipeline.delivery.csv_cells import CellSyntax, Quotes
from tiktok_pipeline.delivery.csv_layout import CsvLayout, find_layout, sample_rows
from tiktok_pipeline.delivery.csv_lines import PhysicalLines
from tiktok_pipeline.delivery.csv_reader import CsvText
from tiktok_pipeline.delivery.csv_strict import StrictScan, scan_strict
from tiktok_pipeline.delivery.csv_survey import ColumnPatterns, Survey, is_total, survey_lines
from tiktok_pipeline.delivery.csv_wrappings import find_wrapping
from tiktok_pipeline.delivery.same_names import merge_same_names
from tiktok_pipeline.delivery.tables import ByteSource, DeliveredTable, KnowsName, Layout
from tiktok_pipeline.delivery.text_encoding import (
    BAD_BYTES,
    TextEncoding,
    encoding_of_head,
    find_encoding,
    find_legacy_encoding,
    latin_encodings,
    open_decoded,
)
from tiktok_pipeline.text_files import DELIMITERS, column_name, split_header
from tiktok_pipeline.warehouse.base import UnreadableFileError

_SAMPLE_CHARACTERS = 1 << 19
_SAMPLE_LINES = 1_000
_HEAD_BYTES = 4096
_UTF_8 = TextEncoding("utf-8")
_LINE_ENDS = re.compile(r"\r\n|\r|\n")


def open_csv(
    source: ByteSource,
    *,
    name: str,
    compression: str = "",
    member: str = "",
    knows: KnowsName | None = None,
) -> DeliveredTable:
    """Return the table of a CSV, TSV or other delimited text.

    Parameters
    ----------
    source : callable
        Opens the unpacked bytes; called several times.
    name : str
        The file for messages.
    compression, member : str
        For the layout, see `tiktok_pipeline.delivery.tables.Layout`.
    knows : callable, optional
        Whether a text is a column name that some dialect knows; helps to find the header.

    Returns
    -------
    DeliveredTable
        Its ``plain_format`` is "csv" if the engine can read the bytes as they are: UTF-8, the header in the first
        line, a delimiter of `tiktok_pipeline.text_files.DELIMITERS`, and strict throughout.

    Raises
    ------
    UnreadableFileError
        If the text is empty, has no header, or is in no encoding that is known.
    """
    kept = Layout(container="csv", compression=compression, member=member)
    wrapping = find_wrapping(source)
    if wrapping is None:
        return _open(source, kept, name=name, knows=knows)
    return wrapping.read(_open(wrapping.unwrapped(source), kept, name=name, knows=knows))


def _open(source: ByteSource, kept: Layout, *, name: str, knows: KnowsName | None) -> DeliveredTable:
    """Return the table of a text; ``kept`` has what is known of its layout."""
    with source() as stream:
        encoding = encoding_of_head(stream.read(_HEAD_BYTES))
    if encoding is None or encoding.codec == "utf-8":
        plain = _plain_table(source, encoding or _UTF_8, kept, name=name, knows=knows)
        if plain is not None:
            return plain
    encoding = encoding or find_encoding(source)
    if encoding is None:
        raise UnreadableFileError(f"{name}: unknown text encoding", remedy="save it as UTF-8")
    layout = find_layout(_sample_lines(source, encoding), name=name, knows=knows)
    if encoding == _UTF_8 and _has(BAD_BYTES, layout):
        encoding, layout = _header_in_legacy_encoding(source, name=name, knows=knows)
    if _has("\x00", layout) or _has(BAD_BYTES, layout):
        raise UnreadableFileError(f"{name}: the text is not UTF-8", remedy="save or convert it as UTF-8")
    text = _survey(source, encoding, layout)
    table = DeliveredTable(
        name=name,
        layout=replace(
            kept,
            encoding=encoding.name,
            delimiter=layout.syntax.delimiter,
            notes=(*layout.notes, *_notes(text.survey)),
        ),
        header=layout.names,
        read=text.records,
    )
    return _merge_columns(table, layout)


def _has(text: str, layout: CsvLayout) -> bool:
    return any(text in cell for cell in layout.header_cells)


def _header_in_legacy_encoding(
    source: ByteSource, *, name: str, knows: KnowsName | None
) -> tuple[TextEncoding, CsvLayout]:
    """Return the encoding and layout of a text whose header is not UTF-8, though its rows may be ASCII.

    Few letters do not show the encoding: the one wins in which most names of columns are known.
    """
    found = find_legacy_encoding(source)
    candidates = [*([found] if found else []), *latin_encodings()]
    layouts = [(codec, find_layout(_sample_lines(source, codec), name=name, knows=knows)) for codec in candidates]

    def known_names(candidate: tuple[TextEncoding, CsvLayout]) -> int:
        return sum(map(knows, candidate[1].names)) if knows else 0

    return max(layouts, key=known_names)


def _plain_table(
    source: ByteSource, encoding: TextEncoding, kept: Layout, *, name: str, knows: KnowsName | None
) -> DeliveredTable | None:
    """Return the table of a text that the engine can read as it is; None for any other."""
    lines = _sample_lines(source, encoding)
    try:
        layout = find_layout(lines, name=name, knows=knows)
    except UnreadableFileError:
        return None  # it may be in another encoding
    delimiter = layout.syntax.delimiter
    header = split_header("\n".join(lines[: layout.first_row_line - 1]))
    is_plain = (
        delimiter in DELIMITERS
        and layout.header_line == 1
        and not layout.notes
        and layout.row_width == len(layout.names) == len(layout.header_cells)
        and (header.names, header.delimiter) == (layout.header_cells, delimiter)
    )
    if not is_plain:
        return None
    patterns = _learn(lines[layout.first_row_line - 1 :], layout.syntax, layout.row_width)
    with source() as stream:
        scan = scan_strict(stream, delimiter, looks_like_row=lambda line: patterns.fits_line(line, layout.syntax))
    if not scan.is_strict or scan.width != layout.row_width or _has_total(scan, layout):
        return None
    # A strict text needs no survey, which reads all its lines.
    text = CsvText(source, encoding, layout, patterns, Survey(layout.syntax), is_strict=True)
    table = DeliveredTable(
        name=name,
        layout=replace(kept, encoding=_UTF_8.name, delimiter=delimiter),
        header=_names_of_the_engine(layout),
        read=text.records,
        plain_format="csv",
        n_records=scan.n_records - 1,
    )
    return _merge_columns(table, layout)


def _names_of_the_engine(layout: CsvLayout) -> tuple[str, ...]:
    """Return the names as the engine reads them, which leaves a column without a name unnamed."""
    names: list[str] = []
    for position, cell in enumerate(layout.header_cells, start=1):
        name = column_name(cell)
        names.append(f"{name} ({position})" if name in names else name)
    return tuple(names)


def _survey(source: ByteSource, encoding: TextEncoding, layout: CsvLayout) -> CsvText:
    """Read all lines once, for what must be known of them before a record is read."""
    sample = _sample_lines(source, encoding)[layout.first_row_line - 1 :]
    lines = ((number, line.rstrip("\r\n")) for number, line in PhysicalLines(source, encoding))
    below = (entry for entry in lines if entry[0] >= layout.first_row_line)
    survey = survey_lines(below, layout, _learn(sample, layout.syntax, layout.row_width))
    return CsvText(source, encoding, layout, _learn(sample, survey.syntax, layout.row_width), survey)


def _learn(lines: Sequence[str], syntax: CellSyntax, width: int) -> ColumnPatterns:
    """Learn what the columns look like, from lines without a quote after a backslash unless the syntax has it."""
    rows = [
        row.cells
        for row in sample_rows(lines, syntax)
        if row.cells is not None and (syntax.quotes is Quotes.BACKSLASH or '\\"' not in lines[row.start])
    ]
    return ColumnPatterns.learn(rows, width)


def _sample_lines(source: ByteSource, encoding: TextEncoding) -> list[str]:
    """Return the first lines without their line ends; a last line that may not be complete is left out."""
    with open_decoded(source, encoding) as text:
        sample = text.read(_SAMPLE_CHARACTERS)
    lines = _LINE_ENDS.split(sample)
    return (lines[:-1] if len(sample) == _SAMPLE_CHARACTERS and len(lines) > 1 else lines)[:_SAMPLE_LINES]


def _has_total(scan: StrictScan, layout: CsvLayout) -> bool:
    """Return whether the last row is a total."""
    lines = [line for line in scan.tail.decode("utf-8", "replace").splitlines() if line.strip()]
    return scan.n_records > 2 and bool(lines) and is_total(lines[-1], layout)


def _lines_are(count: int, noun: str) -> str:
    return f"{count} {noun} is" if count == 1 else f"{count} {noun}s are"


def _notes(survey: Survey) -> list[str]:
    notes = []
    if survey.n_comments:
        notes.append(f"{_lines_are(survey.n_comments, 'comment line')} skipped.")
    if survey.n_footer_lines:
        notes.append(f"{_lines_are(survey.n_footer_lines, 'line')} skipped below the rows.")
    if survey.syntax.quotes is Quotes.BACKSLASH:
        notes.append("A quote inside a quoted cell follows a backslash.")
    if survey.syntax.skips_blanks:
        notes.append("Blanks beside quoted cells are skipped.")
    return notes


def _merge_columns(table: DeliveredTable, layout: CsvLayout) -> DeliveredTable:
    """Merge the columns of one name; see `tiktok_pipeline.delivery.same_names`."""
    if len(table.header) > len(layout.header_cells):
        return table
    return merge_same_names(table, [column_name(cell) for cell in layout.header_cells[: len(table.header)]])
