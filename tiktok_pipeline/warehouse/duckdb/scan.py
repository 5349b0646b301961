"""Opens scraped files for DuckDB: one SQL query for each format, every cell as text, every record in its place.

A ragged row is kept and marked, not skipped: the reader is given one column more than the header has, and a text
that no file holds as its spelling of NULL, so that a missing cell (NULL) differs from an empty one ('').
No meaning is read into a cell here; that is the work of the stages.
"""

from __future__ import annotations

import csv
import json
import re
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tiktok_pipeline.safe_text import one_line
from tiktok_pipeline.text_files import (
    LONGEST_RECORD_BYTES,
    NO_SUCH_TEXT,
    READ_ERRORS,
    first_record,
    long_cells,
    open_bytes,
    open_text,
    read_head,
    split_header,
)
from tiktok_pipeline.warehouse.base import FileFormat, UnreadableFileError
from tiktok_pipeline.warehouse.duckdb.tables import quoted

if TYPE_CHECKING:
    import duckdb

LONGEST_CELL_BYTES = 1_000_000
"""A cell longer than this marks its record as unreadable (the longest honest one, a list of videos, has about 20 kB)."""

Query = tuple[tuple[str, ...], str, list[Any]]
"""Header, SQL and its parameters."""


def file_query(connection: duckdb.DuckDBPyConnection, path: Path, file_format: FileFormat) -> Query:
    """Give the query that reads ``path``; raises `UnreadableFileError` where its head already says no."""
    match file_format:
        case "csv":
            return _csv_query(path)
        case "parquet":
            return _parquet_query(connection, path)
        case "json" | "ndjson":
            return _json_query(connection, path, file_format)


def explain_read_error(path: Path, problem: Exception) -> UnreadableFileError:
    """Say in one line what is wrong with a file that the engine could not read, and what to do."""
    text = one_line(str(problem))
    lowered = _without_places(text).lower()
    if isinstance(problem, (EOFError, zlib.error)) or "gzip" in lowered:
        what = "the gzip stream is truncated or no gzip at all; copy the file again"
    elif "utf-8" in lowered or "unicode" in lowered or "byte sequence" in lowered:
        what = "the text is not UTF-8; save or convert it as UTF-8"
    elif "parquet" in lowered or "magic bytes" in lowered:
        what = "this is no readable Parquet file; write or copy it again"
    elif "json" in lowered:
        what = "this is no readable JSON (an array of objects, or one object a line); write or copy it again"
    elif "maximum line size" in lowered or "buffer" in lowered:
        what = (
            f"a record is longer than {LONGEST_RECORD_BYTES // 2**20} MB, often an unclosed quote; mend that record"
        )
    else:
        what = f"the engine cannot read it ({text[:200]})"
    return UnreadableFileError(f"{path.name}: {what}")


def _without_places(text: str) -> str:
    """An engine's error without the path, the options and the record it quotes: their words say nothing about the fault."""
    text = re.sub(r"Original Line: .*?(?=Invalid unicode|Maximum line size|Expected Number|Value with|$)", "", text)
    return re.sub(r"\bfile = .*|(['\"])/.*?\1", "", text)


def _cell_checks(cells: list[str], more: str = "") -> str:
    longest = f"greatest({', '.join(f'coalesce(strlen({cell}), 0)' for cell in cells)})"
    return (
        f"case when {longest} > {LONGEST_CELL_BYTES} then 'a cell of ' || {longest} || ' bytes (at most "
        f"{LONGEST_CELL_BYTES})' {more} end as read_problem"
    )


def _csv_query(path: Path) -> Query:
    header, delimiter = _csv_header(path)
    _check_quotes(path, delimiter)
    cells = [f"cell_{number}" for number in range(len(header))]
    columns = ", ".join(f"'{cell}': 'VARCHAR'" for cell in [*cells, "overflow"])
    ragged = (
        f"when overflow is not null then 'ragged: more than {len(cells)} cells, the next one is ' || overflow[:200] "
        f"when {cells[-1]} is null then 'ragged: fewer than {len(cells)} cells'"
    )
    sql = (
        f"select row_number() over () as source_row, {_cell_checks(cells, ragged)}, {', '.join(cells)} "
        f"from read_csv(?, columns={{{columns}}}, auto_detect=false, header=true, delim=?, quote='\"', escape='\"', "
        "nullstr=?, null_padding=true, strict_mode=false, parallel=false, "
        f"max_line_size={LONGEST_RECORD_BYTES}, buffer_size={LONGEST_RECORD_BYTES + 2**20})"
    )
    return header, sql, [str(path), delimiter, NO_SUCH_TEXT]


def _csv_header(path: Path) -> tuple[tuple[str, ...], str]:
    try:
        with open_text(path) as lines:
            head = first_record(lines)
            more = bool(head) and not head.strip() and bool(lines.read(1_000_000).strip())
    except READ_ERRORS as problem:
        raise explain_read_error(path, problem) from problem
    if "\x00" in head:
        raise UnreadableFileError(f"{path.name}: the text is not UTF-8; save or convert it as UTF-8")
    if more:
        raise UnreadableFileError(f"{path.name}: the first line is blank; expected the header there")
    if not head.strip():
        raise UnreadableFileError(f"{path.name}: the file is empty; expected a header and rows")
    header = split_header(head)
    if not header.names:
        raise UnreadableFileError(f"{path.name}: the first line is no header; expected the names of the columns")
    return tuple(name.strip() for name in header.names), header.delimiter


def _check_quotes(path: Path, delimiter: str) -> None:
    """Refuse a file in which a quote is opened and never closed: the engine takes all that follows as one cell."""
    try:
        if _quotes(path) % 2 == 0:
            return
        whole = 0
        with open_text(path) as lines, long_cells():
            try:
                for record in csv.reader(lines, delimiter=delimiter, strict=True):
                    whole += bool(record)
            except csv.Error as problem:
                msg = f"{path.name}: a quote in record {whole} is not closed, all after it would be lost; mend that record"
                raise UnreadableFileError(msg) from problem
    except READ_ERRORS as problem:
        raise explain_read_error(path, problem) from problem


def _quotes(path: Path) -> int:
    with open_bytes(path) as stream:
        return sum(block.count(b'"') for block in iter(lambda: stream.read(1 << 20), b""))


def _parquet_query(connection: duckdb.DuckDBPyConnection, path: Path) -> Query:
    try:
        described = connection.execute("describe select * from read_parquet(?)", [str(path)]).fetchall()
    except Exception as problem:
        raise explain_read_error(path, problem) from problem
    header = tuple(str(row[0]) for row in described)
    nested = [str(row[1]).endswith("]") or str(row[1]).startswith(("STRUCT", "MAP")) for row in described]
    texts = [
        f"{f'to_json({quoted(name)})' if is_nested else quoted(name)}::varchar as cell_{number}"
        for number, (name, is_nested) in enumerate(zip(header, nested, strict=True))
    ]
    cells = [f"cell_{number}" for number in range(len(header))]
    sql = (
        f"select file_row_number + 1 as source_row, {_cell_checks(cells)}, {', '.join(cells)} from "
        f"(select file_row_number, {', '.join(texts)} from read_parquet(?, file_row_number=true))"
    )
    return header, sql, [str(path)]


def _json_query(connection: duckdb.DuckDBPyConnection, path: Path, file_format: FileFormat) -> Query:
    layout = _json_layout(path, file_format)
    lines = (
        "read_csv(?, columns={'line': 'VARCHAR', 'more': 'VARCHAR'}, auto_detect=false, header=false, quote='', escape='', "
        f"delim='{NO_SUCH_TEXT}', null_padding=true, strict_mode=false, parallel=false, max_line_size={LONGEST_RECORD_BYTES}, buffer_size={LONGEST_RECORD_BYTES + 2**20})"
    )
    objects = f"read_json_objects(?, format='array', maximum_object_size={LONGEST_RECORD_BYTES})"
    record = (
        "case when json_valid(line) then line::json end as json, line" if layout == "lines" else "json, null as line"
    )
    records = f"{lines} where trim(line) <> ''" if layout == "lines" else objects
    source = f"(select row_number() over () as source_row, {record} from {records})"
    parameters = [str(path)]
    try:
        keys = connection.execute(
            "select key from (select source_row, unnest(json_keys(json)) as key, "
            f"generate_subscripts(json_keys(json), 1) as place from {source} where json_type(json) = 'OBJECT') "
            "group by key order by min(source_row), min(place), key",
            parameters,
        ).fetchall()
    except Exception as problem:
        raise explain_read_error(path, problem) from problem
    header = tuple(str(row[0]) for row in keys)
    if not header:
        raise UnreadableFileError(f"{path.name}: no JSON object in it; expected one object for each profile")
    pointers = ["/" + name.replace("~", "~0").replace("/", "~1") for name in header]
    cells = [f"cell_{number}" for number in range(len(header))]
    texts = ", ".join(f"json_extract_string(json, ?) as {cell}" for cell in cells)
    broken = "when json is null or json_type(json) <> 'OBJECT' then 'no JSON object: ' || coalesce(line, json::varchar)[:200]"
    sql = (
        f"select source_row, {_cell_checks(cells, broken)}, {', '.join(cells)} from "
        f"(select source_row, json, line, {texts} from {source})"
    )
    return header, sql, [*pointers, *parameters]


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):  # nested too deeply for Python: no object a line
        return False
    return True


def _json_layout(path: Path, file_format: FileFormat) -> str:
    """Tell an array from one object a line by the first line; a lone object in a .json is refused."""
    more = False
    try:
        with open_text(path) as text:
            head = read_head(text)
            start = head[:1]
            if start == "{" and file_format == "json":
                line, end, rest = (head + text.readline(LONGEST_RECORD_BYTES)).partition("\n")
                more = bool(end) and _is_json(line) and bool((rest + text.read(65_536)).strip())
    except READ_ERRORS as problem:
        raise explain_read_error(path, problem) from problem
    if not start:
        raise UnreadableFileError(
            f"{path.name}: the file is empty; expected an array of objects, or one object a line"
        )
    if start == "[":
        return "array"
    if file_format == "ndjson" or more:
        return "lines"
    raise UnreadableFileError(
        f"{path.name}: one JSON {'object' if start == '{' else 'value'}; expected an array of objects, or one object a line"
    )
