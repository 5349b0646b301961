"""Open a delivered file, whatever it is: the tables that it holds, recognized by content and not by name."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from tiktok_pipeline.delivery.containers import UnpackBudget, path_source, too_large
from tiktok_pipeline.delivery.csv_records import open_csv
from tiktok_pipeline.delivery.json_records import is_json, open_json
from tiktok_pipeline.delivery.script_text import check_no_script
from tiktok_pipeline.delivery.tables import DeliveredTable, KnowsName
from tiktok_pipeline.delivery.unpack import Part, Unpacked, unpack
from tiktok_pipeline.safe_text import visible_name
from tiktok_pipeline.warehouse.base import UnreadableFileError

_QUOTED = re.compile(rb'"[^"]*"')
_DELIMITERS = (b",", b";", b"\t", b"|")
_LONGEST_FIRST_LINE = 16 * 2**20

MOST_COLUMNS = 10_000
"""A table with more columns is no table of profiles."""


def open_delivery(
    path: Path, *, largest_bytes: int | None, name: str, knows: KnowsName | None = None
) -> list[DeliveredTable]:
    """Return the tables of a delivered file; several for an archive with several members and for a workbook.

    Parameters
    ----------
    path : Path
        The file. It must not change while the tables are in use.
    largest_bytes : int or None
        The limit for everything that the file unpacks to, in bytes.
    name : str
        The file's name in messages.
    knows : callable, optional
        Whether a text is the name of a column that some dialect knows; helps to find headers and lists of records.

    Returns
    -------
    list of DeliveredTable
        At least one table, in the order of the members or sheets.

    Raises
    ------
    UnreadableFileError
        If the file is damaged, encrypted, larger than the limit, of an unknown type, or holds no table.
    """
    name = visible_name(name)
    if largest_bytes is not None and path.stat().st_size > largest_bytes:
        raise too_large(name, largest_bytes)
    budget = UnpackBudget(name, largest_bytes)
    tables = _open(unpack(Part(source=path_source(path), name=name, budget=budget)), knows)
    if not tables:
        raise UnreadableFileError(f"{name}: no table in it", remedy="export the table as CSV")
    for table in tables:
        _check_width(table.name, len(table.header))
    return tables


def _check_width(name: str, n_columns: int) -> None:
    if n_columns > MOST_COLUMNS:
        raise UnreadableFileError(
            f"{name}: {n_columns} columns, expected at most {MOST_COLUMNS}", remedy="export one row for each profile"
        )


def _check_first_line(part: Part) -> None:
    """Refuse a first line of too many cells: to find out the layout of such a text takes minutes."""
    with part.source() as stream:
        line = _QUOTED.sub(b"", stream.readline(_LONGEST_FIRST_LINE)).partition(b"\r")[0]  # also the only line end
    _check_width(part.name, 1 + max(line.count(delimiter) for delimiter in _DELIMITERS))


def _open(unpacked: Unpacked, knows: KnowsName | None) -> list[DeliveredTable]:
    if unpacked.error is not None:
        raise unpacked.error
    part = unpacked.part
    match unpacked.content:
        case "empty":
            raise UnreadableFileError(
                f"{part.name}: the file is empty; expected a header and rows", remedy="export it again"
            )
        case "gzip":
            return _open(unpacked.inner[0], knows)
        case "zip":
            return _open_archive(unpacked, knows)
        case "xlsx":
            from tiktok_pipeline.delivery.xlsx_records import open_xlsx  # noqa: PLC0415 - few deliveries are workbooks

            return open_xlsx(
                part.source,
                name=part.name,
                budget=part.budget,
                compression=part.compression,
                member=part.member,
                knows=knows,
            )
        case "parquet":
            from tiktok_pipeline.delivery.parquet_records import open_parquet  # noqa: PLC0415 - pyarrow costs a second

            return [
                open_parquet(
                    part.source,
                    name=part.name,
                    largest_bytes=part.budget.largest_bytes,
                    compression=part.compression,
                    member=part.member,
                )
            ]
        case "text":
            check_no_script(part.source, part.name)
            opener = open_json if is_json(part.source) else open_csv
            if opener is open_csv:
                _check_first_line(part)
            table = opener(
                part.source,
                name=part.name,
                compression=part.compression,
                member=part.member,
                knows=knows,
            )
            return [replace(table, source=part.source)]


def _open_archive(archive: Unpacked, knows: KnowsName | None) -> list[DeliveredTable]:
    tables: list[DeliveredTable] = []
    texts_without_table: list[UnreadableFileError] = []
    for inner in archive.inner:
        try:
            tables += _open(inner, knows)
        except UnreadableFileError as error:
            if inner.part.budget.is_exceeded or not inner.part.member.lower().endswith(".txt"):
                raise
            texts_without_table.append(error)  # a README beside the data
    if not tables and texts_without_table:
        raise texts_without_table[0]
    return tables
