"""Survey all lines of a delimited text before its records are read: quoting, column patterns, comments, footer."""

from __future__ import annotations

import re
from collections import Counter, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import Enum

from tiktok_pipeline.delivery.csv_cells import CellSyntax, Quotes, RecordSplitter, has_blank_beside_quote, split_line
from tiktok_pipeline.delivery.csv_layout import COMMENT, CsvLayout, is_value
from tiktok_pipeline.delivery.csv_multiline import MultilineRows
from tiktok_pipeline.delivery.total_rows import TOTAL, is_total_row

_DOUBLED_QUOTE = re.compile(r'[^\W_]""|""[^\W_]')
_FEWEST_ROWS = 3
_FEWEST_LINES_OF_A_SYNTAX = 2
_MOST_EXCEPTIONS = 0.1
_RARE = 0.01
_ROWS_FOR_AN_EXCEPTION = 4
_LONGEST_MISSING_WORD = 6
_LONGEST_FOOTER = 30
_SIGNATURE = re.compile(
    r"(?:exported|generated|created|downloaded|source|report|end of|page|copyright|\(c\)|©|powered|www\.|https?:|"
    r"note|disclaimer|rows?\b|\(?\d+ (?:rows?|zeilen?|lignes?|filas?|linhas?|righe|rijen|строк)\b|exportiert|"
    r"erstellt|quelle|généré|fuente|--|==|\*\*)",
    re.IGNORECASE,
)


_LINK = re.compile(r"\w+://|\S+@\S+[.]", re.IGNORECASE)
_PARTS_OF_TIME = re.compile(r"\d[-/:.]\d+[-/:.]\d|\d{1,2} ?[-/. ]?[^\W\d_]{3,}")


class _Pattern(Enum):
    VALUE = "numbers, dates, links or truth values"
    TOKEN = "texts without blanks"  # noqa: S105 - no password
    FREE = "any text"


@dataclass(frozen=True)
class ColumnPatterns:
    """What the cells of each column look like, learned from rows that can be read in one way only."""

    patterns: tuple[tuple[_Pattern, bool], ...]
    width: int
    kinds: tuple[frozenset[str], ...] = ()
    blanks: tuple[tuple[str, str], ...] = ()
    has_texts_first: bool = False

    @classmethod
    def learn(cls, rows: Sequence[Sequence[str]], width: int) -> ColumnPatterns:
        """Learn from rows of ``width`` cells; from fewer than three rows nothing can be learned."""
        full = [row for row in rows if len(row) == width]
        if len(full) < _FEWEST_ROWS:
            return cls(((_Pattern.FREE, False),) * width, width)
        written = [[row[place] for row in full] for place in range(width)]
        columns = [[cell.strip() for cell in cells] for cells in written]
        return cls(
            tuple(map(_pattern, columns)),
            width,
            tuple(frozenset(map(_kind_of, cells)) for cells in columns),
            tuple(Counter(map(_blanks_around, cells)).most_common(1)[0][0] for cells in written),
            sum(any(map(str.isspace, cell)) for cell in columns[0]) > _RARE * len(full),
        )

    def fits(self, cells: Sequence[str]) -> bool:
        """Return whether the cells are as many as a row has and each looks like its column."""
        return len(cells) == self.width and all(
            _fits(cell.strip(' \t"'), pattern, is_filled=is_filled)
            for cell, (pattern, is_filled) in zip(cells, self.patterns, strict=True)
            if pattern is not _Pattern.FREE
        )

    def fits_values(self, cells: Sequence[str]) -> bool:
        """Return whether the cells are as many as a row has, and numbers, dates and links are in their columns."""
        return len(cells) == self.width and all(
            _fits(cell.strip(' \t"'), pattern, is_filled=is_filled)
            for cell, (pattern, is_filled) in zip(cells, self.patterns, strict=True)
            if pattern is _Pattern.VALUE
        )

    def fits_line(self, line: str, syntax: CellSyntax) -> bool:
        """Return whether a line looks like a row, its quotes read as quotes or as parts of the texts."""
        cells = split_line(line, syntax)
        if cells is not None and self.fits(cells):
            return True
        return '"' in line and self.fits(line.split(syntax.delimiter))

    def fits_end(self, cells: Sequence[str]) -> bool:
        """Return whether the cells look like the last columns, at least one column less than all."""
        return len(cells) < self.width and all(
            _fits(cell.strip(' \t"'), pattern, is_filled=is_filled)
            for cell, (pattern, is_filled) in zip(reversed(cells), reversed(self.patterns), strict=False)
            if pattern is not _Pattern.FREE
        )

    def fits_beginning(self, cells: Sequence[str]) -> bool:
        """Return whether the cells are the first ones of a row.

        A single cell is only if its column has numbers, dates or links: any word looks like a text without blanks.
        """
        patterns = self.patterns[: len(cells)]
        return (len(cells) > 1 or self.patterns[0][0] is _Pattern.VALUE) and all(
            _fits(cell.strip(' \t"'), pattern, is_filled=is_filled)
            for cell, (pattern, is_filled) in zip(cells, patterns, strict=False)
            if pattern is not _Pattern.FREE
        )

    def fits_typical_beginning(self, cells: Sequence[str]) -> bool:
        """Return whether at least two cells are the first ones of a row, one of them a number, a date or a link."""
        known = [pattern for pattern, _ in self.patterns[: len(cells)] if pattern is not _Pattern.FREE]
        if len(known) < 2 or _Pattern.VALUE not in known or not self.fits_beginning(cells):
            return False
        return self._are_of_known_kinds(cells)

    def fits_typical_end(self, cells: Sequence[str]) -> bool:
        """Return whether the last cells are the last ones of a row, at least two numbers, dates or links."""
        n_values = 0
        while n_values < self.width and self.patterns[-1 - n_values][0] is _Pattern.VALUE:
            n_values += 1
        last = cells[-n_values:]
        return 2 <= n_values <= len(cells) and all(last) and self.fits_end(last)

    def fits_closely(self, cells: Sequence[str]) -> bool:
        """Return whether the cells fit, have no blanks but the usual ones around them, and are of kinds seen."""
        is_usual = all(
            cell == cell.strip() or _blanks_around(cell) == blanks
            for cell, (pattern, _), blanks in zip(cells, self.patterns, self.blanks, strict=False)
            if pattern is _Pattern.TOKEN
        )
        return is_usual and self.fits(cells) and self._are_of_known_kinds(cells)

    def _are_of_known_kinds(self, cells: Sequence[str]) -> bool:
        bare = [cell.strip(' \t"') for cell in cells]
        return all(
            pattern is _Pattern.FREE or not cell or _kind_of(cell) in kinds
            for cell, (pattern, _), kinds in zip(bare, self.patterns, self.kinds, strict=False)
        )

    @property
    def starts_with_text(self) -> bool:
        """Whether the first column may hold any text."""
        return self.patterns[0][0] is _Pattern.FREE

    @property
    def may_start_with_text(self) -> bool:
        """Whether the first column may hold a text, if only of one word in most rows."""
        return self.starts_with_text or (self.patterns[0][0] is _Pattern.TOKEN and self.has_texts_first)

    @property
    def ends_with_text(self) -> bool:
        """Whether the last column may hold a text, if only of one word in most rows."""
        return self.patterns[-1][0] is not _Pattern.VALUE

    def fits_start(self, cell: str) -> bool:
        """Return whether a cell looks like the first column, where that says something."""
        pattern, _ = self.patterns[0]
        return pattern is not _Pattern.FREE and _fits(cell.strip(), pattern, is_filled=True)


def _pattern(cells: Sequence[str]) -> tuple[_Pattern, bool]:
    filled = [cell for cell in cells if cell]
    most = max(_MOST_EXCEPTIONS * len(cells), len(cells) >= _ROWS_FOR_AN_EXCEPTION)
    is_filled = len(cells) - len(filled) <= most
    if filled and sum(not is_value(cell) for cell in filled) <= most:
        return _Pattern.VALUE, is_filled
    if filled and sum(any(map(str.isspace, cell)) for cell in filled) <= most:
        return _Pattern.TOKEN, is_filled
    return _Pattern.FREE, is_filled


def _blanks_around(cell: str) -> tuple[str, str]:
    """Return the blanks before and after the text of a cell."""
    bare = cell.strip()
    start = cell.find(bare)
    return cell[:start], cell[start + len(bare) :]


def _kind_of(cell: str) -> str:
    """Return which kind of cell one is: a link, a time, a number, a truth value, or a text, of ASCII or not."""
    if not is_value(cell):
        return "text of ASCII" if cell.isascii() else "text"
    if _LINK.match(cell):
        return "link"
    if not any(map(str.isdigit, cell)):
        return "truth value"
    return "time" if _PARTS_OF_TIME.search(cell) else "number"


def _fits(cell: str, pattern: _Pattern, *, is_filled: bool) -> bool:
    if not cell:
        return not is_filled
    if pattern is _Pattern.VALUE:
        return is_value(cell) or (not is_filled and len(cell) <= _LONGEST_MISSING_WORD)
    return not any(map(str.isspace, cell))


@dataclass
class Survey:
    """What a pass over the physical lines below the header finds.

    Attributes
    ----------
    syntax : CellSyntax
        How most quoted rows of the whole text must be split.
    has_quotes : bool
        Whether any line has a quote.
    quotes_cells : bool
        Whether the writer of the text quotes cells: some row can only be read so, or most rows have quoted cells.
    doubles_quotes : bool
        Whether some quoted cell has a doubled quote, or most rows have quoted cells: no unquoted cell then has one.
    has_odd_backslashes : bool
        Whether a backslash before a quote may escape it, though the syntax says that it does not.
    n_comments : int
        Comment lines below the header.
    footer_line : int or None
        The first line of the footer, from 1.
    n_footer_lines : int
        Its lines that are not blank.
    """

    syntax: CellSyntax
    has_quotes: bool = False
    quotes_cells: bool = False
    doubles_quotes: bool = False
    has_odd_backslashes: bool = False
    n_comments: int = 0
    footer_line: int | None = None
    n_footer_lines: int = 0


def survey_lines(lines: Iterable[tuple[int, str]], layout: CsvLayout, patterns: ColumnPatterns) -> Survey:
    """Survey the lines below the header.

    Parameters
    ----------
    lines : iterable of (int, str)
        Number (from 1) and text of each physical line, without its line end.
    layout : CsvLayout
        The layout of the text.
    patterns : ColumnPatterns
        What its columns look like.
    """
    delimiter, width = layout.syntax.delimiter, layout.row_width
    opens_cell = re.compile(rf'(?:^|{re.escape(delimiter)}) *"')
    survey = Survey(layout.syntax)
    only: Counter[CellSyntax] = Counter()  # lines that are rows in this syntax, and not in the first one
    n_only_first: Counter[CellSyntax] = Counter()  # the other way round
    n_rows = n_quoted = n_needed = n_doubled = n_odd = 0
    # What the texts of such rows look like was not learned: the syntax may not be known yet.
    multiline = MultilineRows(layout.syntax, patterns.fits_values)
    last_rows: deque[tuple[int, str]] = deque(maxlen=5)
    rest: deque[tuple[int, str]] = deque(maxlen=_LONGEST_FOOTER + 1)
    for number, line in lines:
        if '"' not in line:
            is_row = line.count(delimiter) + 1 == width
        else:
            survey.has_quotes = True
            is_row, is_needed = _survey_quoted(line, layout, only, n_only_first)
            n_quoted += is_row and opens_cell.search(line) is not None
            n_odd += not is_row and '\\"' in line
            n_needed += is_needed
            n_doubled += not n_doubled and is_row and _has_doubled_quote(line, layout.syntax)
        if syntaxes := multiline.feed(line, may_be_row=is_row or line.count(delimiter) + 1 == width):
            only.update(syntaxes if layout.syntax not in syntaxes else [])
            n_needed += 1
            n_doubled += any(map(_DOUBLED_QUOTE.search, multiline.lines))
        if is_row and (width > 1 or line.strip()):
            n_rows += 1
            last_rows.append((number, line))
            rest.clear()
        elif is_comment(line, layout):
            survey.n_comments += 1
        elif line.strip():
            rest.append((number, line))
    survey.doubles_quotes = n_doubled > 0 or 2 * n_quoted > n_rows
    survey.quotes_cells = n_needed > 0 or survey.doubles_quotes
    best = max(only, key=lambda syntax: only[syntax], default=layout.syntax)
    is_alone = best.quotes is Quotes.BACKSLASH and not n_doubled
    if only[best] > 2 * n_only_first[best] and (is_alone or only[best] >= _FEWEST_LINES_OF_A_SYNTAX):
        survey.syntax = best
    survey.has_odd_backslashes = survey.syntax.quotes is Quotes.DOUBLED and not n_doubled and n_odd > 0
    _find_footer(survey, list(rest), list(last_rows), layout, patterns)
    return survey


def _survey_quoted(
    line: str, layout: CsvLayout, only: Counter[CellSyntax], n_only_first: Counter[CellSyntax]
) -> tuple[bool, bool]:
    """Return whether a line is a row, and whether it is one only because its quotes are read as quotes."""
    delimiter, width = layout.syntax.delimiter, layout.row_width

    def is_row_in(syntax: CellSyntax) -> bool:
        cells = split_line(line, syntax)
        return cells is not None and len(cells) == width

    is_row = is_plain_row = is_row_in(layout.syntax)
    others = [CellSyntax(delimiter, Quotes.BACKSLASH)] if '\\"' in line else []
    if (' "' in line or '" ' in line) and has_blank_beside_quote(line, delimiter):
        others.append(CellSyntax(delimiter, skips_blanks=True))
    for syntax in others:
        is_other_row = is_row_in(syntax)
        only[syntax] += is_other_row and not is_plain_row
        n_only_first[syntax] += is_plain_row and not is_other_row
        is_row |= is_other_row
    return is_row, is_row and line.count(delimiter) + 1 != width


def _has_doubled_quote(line: str, syntax: CellSyntax) -> bool:
    """Return whether a row has a doubled quote, and no quote in an unquoted cell: there it is no doubled one."""
    if not _DOUBLED_QUOTE.search(line):
        return False
    splitter = RecordSplitter(replace(syntax, skips_blanks=True))
    splitter.feed(line)
    return not splitter.has_literal_quote


def is_comment(line: str, layout: CsvLayout) -> bool:
    """Return whether a line below the header is a comment: "#" and a blank, and not the cells of a row.

    Only a file with comments above its header has them below: the second line of a biography may start so.
    """
    if not layout.has_comments or not line.startswith(f"{COMMENT} "):
        return False
    return line.count(layout.syntax.delimiter) + 1 != layout.row_width


def is_total(line: str, layout: CsvLayout) -> bool:
    """Return whether a row of the right width is a total below the rows, not a record."""
    return is_total_row(split_line(line, layout.syntax) or [])


def _find_footer(
    survey: Survey,
    rest: list[tuple[int, str]],
    last_rows: list[tuple[int, str]],
    layout: CsvLayout,
    patterns: ColumnPatterns,
) -> None:
    """Find the lines at the end that are no records: short lines, then totals directly above them."""
    if len(rest) > _LONGEST_FOOTER:
        return
    footer: list[int] = []
    last_row = last_rows[-1][0] if last_rows else 0
    may_be_text = patterns.starts_with_text or (patterns.ends_with_text and bool(rest) and rest[0][0] == last_row + 1)
    while rest and _is_footer(rest[-1][1], layout, patterns, may_be_text=may_be_text):
        footer.append(rest.pop()[0])
    while not rest and len(last_rows) > 1 and is_total(last_rows[-1][1], layout):
        footer.append(last_rows.pop()[0])
    if footer:
        survey.footer_line = footer[-1]
        survey.n_footer_lines = len(footer)


def _is_footer(line: str, layout: CsvLayout, patterns: ColumnPatterns, *, may_be_text: bool) -> bool:
    """Return whether a short line is a total or a signature, not a part of a record.

    ``may_be_text`` is whether the line may belong to a text in the first or last column.
    """
    cells = split_line(line, layout.syntax)
    if cells is None or (line.count('"') and len(cells) < 2):
        return False
    filled = [cell.strip() for cell in cells if cell.strip()]
    if not filled:
        return True
    if TOTAL.fullmatch(filled[0]):
        return True
    if len(filled) > 2 or patterns.fits_start(cells[0]):
        return False
    is_sentence = len(filled) == 1 and len(filled[0].split()) > 2
    return _SIGNATURE.match(filled[0]) is not None or (is_sentence and not may_be_text)
