"""Merge columns of one name: equal ones become one, different ones are named so that no dialect maps them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from tiktok_pipeline.delivery.tables import DeliveredTable, Record


def merge_same_names(table: DeliveredTable, names: Sequence[str]) -> DeliveredTable:
    """Merge the columns whose names differ at most by case and surrounding blanks.

    A cell that only one of the columns has does not make them different. All records are read once if names repeat.

    Parameters
    ----------
    table : DeliveredTable
        The table with unique names in its header.
    names : sequence of str
        The column names as delivered, in the order of the header.

    Returns
    -------
    DeliveredTable
        The table itself if no name repeats; else one without the repetitions, or with ``conflicts``.
    """
    groups: dict[str, list[int]] = {}
    for position, name in enumerate(names):
        if name.strip():
            groups.setdefault(name.strip().casefold(), []).append(position)
    repeated = [positions for positions in groups.values() if len(positions) > 1]
    if not repeated:
        return table
    different = _different(table, repeated)
    conflicts = {table.header[place] for places in repeated if places[0] in different for place in places}
    merged = {place: places for places in repeated if places[0] not in different for place in places[:1]}
    dropped = {place for places in merged.values() for place in places[1:]}
    kept = [place for place in range(len(names)) if place not in dropped]
    return replace(
        table,
        header=tuple(table.header[place] for place in kept),
        read=lambda: _merged_records(table, [merged.get(place, [place]) for place in kept]),
        plain_format=None,
        conflicts=(*table.conflicts, *(name for name in table.header if name in conflicts)),
    )


def _different(table: DeliveredTable, repeated: Sequence[Sequence[int]]) -> set[int]:
    """Return the first position of each group in which a record has two different cells."""
    different: set[int] = set()
    for record in table.records():
        for places in repeated:
            cells = {record.cells[place] for place in places} - {None, ""}
            if len(cells) > 1:
                different.add(places[0])
        if len(different) == len(repeated):
            break
    return different


def _merged_records(table: DeliveredTable, places_of_columns: Sequence[Sequence[int]]) -> Iterator[Record]:
    for record in table.records():
        cells = tuple(_first_cell(record, places) for places in places_of_columns)
        yield Record(record.row, record.line, cells, record.problem)


def _first_cell(record: Record, places: Sequence[int]) -> str | None:
    cells = [record.cells[place] for place in places]
    return next((cell for cell in cells if cell), cells[0])
