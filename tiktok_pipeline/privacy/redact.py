"""The same file without what it says about some people: their records blanked in place, mentions of them replaced.

Every other record keeps its ordinal and its cells, because a record is counted here exactly as the engine counts it
(`tiktok_pipeline.warehouse.duckdb.scan`). Who is to be forgotten, and which records are theirs, is decided elsewhere; so is
what becomes of the file that was rewritten.
"""

from __future__ import annotations

import gzip
import json
import os
import zlib
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from tiktok_pipeline.privacy.mentions import Change, RedactionError, _replacing
from tiktok_pipeline.privacy.redact_parquet import _redact_parquet
from tiktok_pipeline.privacy.redact_text import _redact_text
from tiktok_pipeline.raw.snapshots import file_format

if TYPE_CHECKING:
    pass


def redact(source: Path, target: Path, *, rows: Collection[int], mentions: Sequence[str] = ()) -> None:
    """Write ``source`` to ``target`` without the records ``rows`` and without mentions of ``mentions``.

    The records, counted from 1 as the engine counts ``source_row``, keep their place and lose their cells; "@handle"
    becomes `FORGOTTEN_MENTION` in all others. The format is told by the name of ``source``. ``target`` is on disk when this
    returns, and is not there when it raises: `RedactionError`, or an `OSError` of the disk.
    """
    if target.exists() and target.samefile(source):
        raise RedactionError(f"{source.name}: a file cannot be rewritten onto itself; give another target")
    try:
        change = _replacing(source, mentions)
        rewrite = _rewriter(source)
        with target.open("wb") as written:
            count = rewrite(source, written, frozenset(rows), change)
            _check_rows(source, rows, count)
            written.flush()
            os.fsync(written.fileno())
    except BaseException as problem:
        target.unlink(missing_ok=True)
        if what := _fault_of_the_file(problem):
            raise RedactionError(f"{source.name}: {what}") from problem
        raise


def _rewriter(source: Path) -> Callable[[Path, BinaryIO, Collection[int], Change], int]:
    kind = file_format(source)
    if kind is None:
        msg = "the ending tells no format; expected .csv, .json, .ndjson or .jsonl (also with .gz), or .parquet"
        raise RedactionError(f"{source.name}: {msg}")
    return _redact_parquet if kind == "parquet" else _redact_text


def _check_rows(source: Path, rows: Collection[int], count: int) -> None:
    if absent := sorted(row for row in rows if not 1 <= row <= count):
        msg = f"there is no record {absent[0]}, the file has {count}; give numbers that stand in its source_row"
        raise RedactionError(f"{source.name}: {msg}")


def _fault_of_the_file(problem: BaseException) -> str | None:
    match problem:
        case UnicodeError():
            return "the text is not UTF-8; save or convert it as UTF-8"
        case EOFError() | zlib.error() | gzip.BadGzipFile():
            return "the gzip stream is truncated or no gzip at all; copy the file again"
        case json.JSONDecodeError() | RecursionError():
            return "this is no readable JSON (an array of objects, or one object a line); write or copy it again"
    return None
