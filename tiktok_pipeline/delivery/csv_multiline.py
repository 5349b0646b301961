"""Find the rows of a delimited text that can only be read as rows because a quoted cell of theirs spans lines."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tiktok_pipeline.delivery.csv_cells import CellSyntax, Quotes, RecordSplitter, State
from tiktok_pipeline.text_files import LONGEST_CELL_BYTES

_MOST_LINES = 50
_ENOUGH_ROWS = 1_000


class MultilineRows:
    """Rows none of whose lines may be a row of its own: they show how a file quotes, if no row on one line does.

    The first thousand are enough.

    Parameters
    ----------
    syntax : CellSyntax
        How the rows on one line are split.
    is_row : callable
        Whether cells are as many as a row has and may be one.

    Attributes
    ----------
    lines : list of str
        The lines of the row that was found last.
    """

    def __init__(self, syntax: CellSyntax, is_row: Callable[[Sequence[str]], bool]) -> None:
        self.lines: list[str] = []
        self._is_row = is_row
        self._syntaxes = (
            syntax,
            CellSyntax(syntax.delimiter, Quotes.BACKSLASH),
            CellSyntax(syntax.delimiter, skips_blanks=True),
        )
        self._open: dict[CellSyntax, RecordSplitter] = {}
        self._size = 0
        self._n_found = 0

    def feed(self, line: str, *, may_be_row: bool) -> list[CellSyntax]:
        """Return the syntaxes in which a line completes a row; ``may_be_row`` is whether it may be one by itself."""
        if may_be_row or (not self._open and '"' not in line) or self._n_found >= _ENOUGH_ROWS:
            self._open.clear()
            return []
        if self._open:
            for splitter in self._open.values():
                splitter.feed("\n")
        else:
            self._open = {syntax: RecordSplitter(syntax) for syntax in self._syntaxes}
            self.lines, self._size = [], 0
        self.lines.append(line)
        self._size += len(line)
        if len(self.lines) > _MOST_LINES or self._size > LONGEST_CELL_BYTES:
            self._open.clear()
            return []
        states = {syntax: splitter.feed(line) for syntax, splitter in self._open.items()}
        found = [
            syntax
            for syntax, state in states.items()
            if state is State.COMPLETE and len(self.lines) > 1 and self._is_row(self._open[syntax].cells)
        ]
        self._n_found += bool(found)
        is_open = {syntax for syntax, state in states.items() if state is State.OPEN and not found}
        self._open = {syntax: splitter for syntax, splitter in self._open.items() if syntax in is_open}
        return found
