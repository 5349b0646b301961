"""Read scraped files with DuckDB: one SQL query for each format, every cell as text, every record in its place.

A ragged row is kept and marked, not skipped: the reader gets one column more than the header has, and a text that no
file contains as the spelling of NULL, so that a missing cell (NULL) differs from an empty one ('').
Cells are not interpreted here; the stages do that.
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
    LONGEST_CELL_BYTES,
    LONGEST_RECORD_BYTES,
    NO_SUCH_TEXT,
    READ_ERRORS,
    column_name,
    first_record,
    long_cells,
    open_bytes,
    open_text,
    read_head,
    split_header,
)
from tiktok_pipeline.text_parquet import MARK, header_from_mark
from tiktok_pipeline.warehouse.base import FileFormat, UnreadableFileError

if TYPE_CHECKING:
    import duckdb

Query = tuple[tuple[str, ...], str, list[Any]]
"""Header, SQL and its parameters."""


def file_query(connection: duckdb.DuckDBPyConnection, path: Path, file_format: FileFormat) -> Query:
    """Return the query that reads a file.

    Parameters
    ----------
    connection : DuckDBPyConnection
        Any connection; it reads the header of Parquet and JSON files.
    path : Path
        The file.
    file_format : FileFormat
        Its format.

    Returns
    -------
    tuple
        The header, the SQL and its parameters; see `tiktok_pipeline.warehouse.base.ScannedFile` for the columns.

    Raises
    ------
    UnreadableFileError
        If the header cannot be read, or a quote in a CSV file is never closed.
    """
    match file_format:
        case "csv":
            return _csv_query(path)
        case "parquet":
            return _parquet_query(connection, path)
        case "json" | "ndjson":
            return _json_query(connection, path, file_format)


def explain_read_error(path: Path, error: Exception) -> UnreadableFileError:
    """Return the error that explains in one line why DuckDB could not read a file, and what to do."""
    text = one_line(str(error))
    lowered = _without_quotations(text).lower()
    if isinstance(error, (EOFError, zlib.error)) or "gzip" in lowered:
        reason = "the gzip stream is truncated or no gzip at all; copy the file again"
    elif "utf-8" in lowered or "unicode" in lowered or "byte sequence" in lowered:
        reason = "the text is not UTF-8; save or convert it as UTF-8"
    elif "parquet" in lowered or "magic bytes" in lowered:
        reason = "not a readable Parquet file; write or copy it again"
    elif "json" in lowered:
        reason = "not readable as JSON (an array of objects, or one object per line); write or copy it again"
    elif "maximum line size" in lowered or "buffer" in lowered:
        reason = (
            f"a record is longer than {LONGEST_RECORD_BYTES // 2**20} MB, often an unclosed quote; repair that record"
        )
    else:
        reason = f"DuckDB cannot read it ({text[:200]})"
    return UnreadableFileError(f"{path.name}: {reason}")


def _without_quotations(text: str) -> str:
    """Remove the path, the options and the record that an error quotes: their words do not describe the error."""
    text = re.sub(r"Original Line: .*?(?=Invalid unicode|Maximum line size|Expected Number|Value with|$)", "", text)
    return re.sub(r"\bfile = .*|(['\"])/.*?\1", "", text)


def _read_problem(cells: list[str], more: str = "") -> str:
    """Return the expression of ``read_problem``; ``more`` holds further branches of its CASE."""
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
        f"when overflow is not null then 'ragged: more than {len(cells)} cells' "
        f"when {cells[-1]} is null then 'ragged: fewer than {len(cells)} cells'"
    )
    sql = (
        f"select row_number() over () as source_row, {_read_problem(cells, ragged)}, {', '.join(cells)} "
        f"from read_csv(?, columns={{{columns}}}, auto_detect=false, hive_partitioning=false, header=true, delim=?, "
        "quote='\"', escape='\"', "
        "nullstr=?, null_padding=true, strict_mode=false, parallel=false, "
        f"max_line_size={LONGEST_RECORD_BYTES}, buffer_size={LONGEST_RECORD_BYTES + 2**20})"
    )
    return header, sql, [_literal(path), delimiter, NO_SUCH_TEXT]


def _csv_header(path: Path) -> tuple[tuple[str, ...], str]:
    try:
        with open_text(path) as lines:
            head = first_record(lines)
            has_blank_first_line = bool(head) and not head.strip() and bool(lines.read(1_000_000).strip())
    except READ_ERRORS as error:
        raise explain_read_error(path, error) from error
    if "\x00" in head:
        raise UnreadableFileError(f"{path.name}: the text is not UTF-8; save or convert it as UTF-8")
    if has_blank_first_line:
        raise UnreadableFileError(f"{path.name}: the first line is blank; expected the header there")
    if not head.strip():
        raise UnreadableFileError(f"{path.name}: the file is empty; expected a header and rows")
    header = split_header(head)
    if not header.names:
        raise UnreadableFileError(f"{path.name}: the first line is not a header; expected the names of the columns")
    return tuple(map(column_name, header.names)), header.delimiter


def _check_quotes(path: Path, delimiter: str) -> None:
    """Reject a file with a quote that is never closed: DuckDB reads everything after it as one cell."""
    try:
        if _quotes(path) % 2 == 0:
            return
        records = 0
        with open_text(path) as lines, long_cells():
            try:
                for record in csv.reader(lines, delimiter=delimiter, strict=True):
                    records += bool(record)
            except csv.Error as error:
                msg = (
                    f"{path.name}: a quote in record {records} is not closed, all records after it would be lost; "
                    "repair that record"
                )
                raise UnreadableFileError(msg) from error
    except READ_ERRORS as error:
        raise explain_read_error(path, error) from error


def _quotes(path: Path) -> int:
    with open_bytes(path) as stream:
        return sum(block.count(b'"') for block in iter(lambda: stream.read(1 << 20), b""))


def _parquet_query(connection: duckdb.DuckDBPyConnection, path: Path) -> Query:
    pattern = _literal(path)
    try:
        described = connection.execute(
            "describe select * from read_parquet(?, hive_partitioning=false)", [pattern]
        ).fetchall()
        marks = connection.execute(
            "select value from parquet_kv_metadata(?) where key = ?::blob", [pattern, MARK]
        ).fetchall()
    except Exception as error:
        raise explain_read_error(path, error) from error
    if marks:
        return _text_parquet_query(path, marks[0][0])
    header = tuple(str(row[0]) for row in described)
    texts = [f"{_as_text(f'column_{number}', str(row[1]))} as cell_{number}" for number, row in enumerate(described)]
    cells = [f"cell_{number}" for number in range(len(header))]
    columns = ", ".join(f"column_{number}" for number in range(len(header)))
    sql = (
        f"select source_row, {_read_problem(cells)}, {', '.join(cells)} from "
        f"(select source_row + 1 as source_row, {', '.join(texts)} from "
        f"read_parquet(?, hive_partitioning=false, file_row_number=true) as file({columns}, source_row))"
    )
    return header, sql, [pattern]


def _as_text(column: str, type_: str) -> str:
    """Return the expression of a Parquet value as text: nested values as JSON, NaN as missing, whole floats whole."""
    if type_.endswith("]") or type_.startswith(("STRUCT", "MAP")):
        return f"to_json({column})::varchar"
    if type_ in {"FLOAT", "DOUBLE"}:
        return (
            f"case when not isnan({column}) then case when {column} = trunc({column}) and abs({column}) < {2**53} "
            f"then {column}::bigint::varchar else {column}::varchar end end"
        )
    if type_ == "BLOB":
        return f"coalesce(try(decode({column})), {column}::varchar)"
    return f"{column}::varchar"


def _text_parquet_query(path: Path, mark: bytes) -> Query:
    """Return the query of a file that `tiktok_pipeline.delivery.convert` wrote: its header is in its mark."""
    try:
        header = header_from_mark(mark)
    except (ValueError, LookupError) as error:
        raise explain_read_error(path, error) from error
    cells = [f"cell_{number}" for number in range(len(header))]
    columns = ", ".join(["source_row", "source_line", "problem", *cells])
    sql = (
        f"select source_row, {_read_problem(cells, 'else problem')}, {', '.join(cells)} "
        f"from read_parquet(?, hive_partitioning=false) as file({columns})"
    )
    return header, sql, [_literal(path)]


def _literal(path: Path) -> str:
    """Return the path as a pattern that matches this file only: DuckDB reads every path as a pattern."""
    return re.sub(r"[*?[]", r"[\g<0>]", str(path))


_JSON_LINES = (
    "select row_number() over () as source_row, case when json_valid(line) then line::json end as json, line "
    "from read_csv(?, columns={'line': 'VARCHAR', 'more': 'VARCHAR'}, auto_detect=false, hive_partitioning=false, "
    f"header=false, quote='', escape='', delim='{NO_SUCH_TEXT}', null_padding=true, strict_mode=false, "
    "parallel=false, "
    f"max_line_size={LONGEST_RECORD_BYTES}, buffer_size={LONGEST_RECORD_BYTES + 2**20}) where trim(line) <> ''"
)
"""The records of a file with one object per line; ``json`` is NULL for a broken one."""

_JSON_ARRAY = (
    "select row_number() over () as source_row, json, null as line "
    f"from read_json_objects(?, format='array', hive_partitioning=false, maximum_object_size={LONGEST_RECORD_BYTES})"
)
"""The records of a file that is one array."""


def _json_query(connection: duckdb.DuckDBPyConnection, path: Path, file_format: FileFormat) -> Query:
    records = _JSON_LINES if _json_layout(path, file_format) == "lines" else _JSON_ARRAY
    header = _json_keys(connection, path, records)
    if not header:
        raise UnreadableFileError(f"{path.name}: no JSON object in it; expected one object for each profile")
    cells = [f"cell_{number}" for number in range(len(header))]
    texts = ", ".join(f"json_extract_string(json, ?) as {cell}" for cell in cells)
    with_cells = f"select source_row, json, line, {texts} from ({records})"
    not_an_object = (
        "when json is null then 'no JSON object: broken JSON' "
        "when json_type(json) <> 'OBJECT' then 'no JSON object but ' || case json_type(json) "
        "when 'ARRAY' then 'a list' when 'VARCHAR' then 'a text' when 'NULL' then 'null' "
        "when 'BOOLEAN' then 'true or false' else 'a number' end"
    )
    sql = f"select source_row, {_read_problem(cells, not_an_object)}, {', '.join(cells)} from ({with_cells})"
    pointers = ["/" + name.replace("~", "~0").replace("/", "~1") for name in header]
    return header, sql, [*pointers, _literal(path)]


def _json_keys(connection: duckdb.DuckDBPyConnection, path: Path, records: str) -> tuple[str, ...]:
    """Return the keys of all objects, in the order in which they first occur."""
    objects = f"select source_row, json_keys(json) as keys from ({records}) where json_type(json) = 'OBJECT'"
    places = f"select source_row, unnest(keys) as key, generate_subscripts(keys, 1) as place from ({objects})"
    sql = f"select key from ({places}) group by key order by min(source_row), min(place), key"
    try:
        return tuple(str(key) for (key,) in connection.execute(sql, [_literal(path)]).fetchall())
    except Exception as error:
        raise explain_read_error(path, error) from error


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):  # nested too deeply for Python: not one object per line
        return False
    return True


def _json_layout(path: Path, file_format: FileFormat) -> str:
    """Return "array" or "lines", judged by the first line; a single object in a .json file is an error."""
    has_second_record = False
    try:
        with open_text(path) as text:
            head = read_head(text)
            start = head[:1]
            if start == "{" and file_format == "json":
                line, end, rest = (head + text.readline(LONGEST_RECORD_BYTES)).partition("\n")
                has_second_record = bool(end) and _is_json(line) and bool((rest + text.read(65_536)).strip())
    except READ_ERRORS as error:
        raise explain_read_error(path, error) from error
    if not start:
        raise UnreadableFileError(
            f"{path.name}: the file is empty; expected an array of objects, or one object per line"
        )
    if start == "[":
        return "array"
    if file_format == "ndjson" or has_second_record:
        return "lines"
    content = "object" if start == "{" else "value"
    raise UnreadableFileError(
        f"{path.name}: one JSON {content}; expected an array of objects, or one object per line"
    )
