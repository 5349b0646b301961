"""Tell the totals that a spreadsheet program writes below the rows from the records of creators."""

from __future__ import annotations

import re
from collections.abc import Sequence

TOTAL = re.compile(
    r"(?:grand |sub-?)?(?:totals?|totale?s?|sum(?:me|a|s)?|gesamt(?:summe|ergebnis)?|somme|averages?|avg|mean|median|"
    r"durchschnitt|moyenne|media|promedio|average|count|anzahl|i alt|total g[ée]n[ée]ral|total general|totaal|"
    r"m[ií]nimum|m[aá]ximum|min|max|mittelwert|ø|snitt|summa|"
    r"итого|всего|сумма|среднее|общий итог|razem|średnia|suma końcowa|toplam|genel toplam|ortalama|"
    r"合計|総計|平均|总计|合计|总和|合計值|합계|총계|평균)\s*[:：]?",
    re.IGNORECASE,
)
"""The first cell of a total, in the languages of the dialects' words."""


def is_total_row(cells: Sequence[str | None]) -> bool:
    """Return whether a row of the right width is a total below the rows, not a record.

    A creator may be called "total": a full row is a total only if its first cell says so with a capital letter.

    Examples
    --------
    >>> is_total_row(["Total", "1200", "34"]), is_total_row(["total", "1200", "34"])
    (True, False)
    """
    filled = [cell.strip() for cell in cells if cell and cell.strip()]
    if not filled or not TOTAL.fullmatch(filled[0]):
        return False
    return 2 * len(filled) <= len(cells) or (filled[0] == (cells[0] or "").strip() and not filled[0].islower())
