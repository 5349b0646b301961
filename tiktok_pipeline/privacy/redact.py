"""Rewrite a file without some creators: their records are blanked in place, mentions of them are replaced.

Every other record keeps its ordinal and its cells, because records are counted as the engine counts them
(`tiktok_pipeline.warehouse.duckdb.scan`). The caller decides whose records and mentions these are, and what to do
with the rewritten file.
"""

from __future__ import annotations

import gzip
import json
import os
import zlib
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import BinaryIO

from tiktok_pipeline.privacy.mentions import RedactionError, TextChange, change_label, mention_replacer
from tiktok_pipeline.privacy.redact_text import redact_text
from tiktok_pipeline.privacy.text_records import RecordTooLongError
from tiktok_pipeline.raw.snapshots import file_format
from tiktok_pipeline.text_files import read_header

_Rewriter = Callable[[Path, BinaryIO, Collection[int], TextChange, Sequence[str]], int]
"""Write a file to an open target without some rows, with changed texts and names; return the number of records."""


def redact(
    source: Path,
    target: Path,
    *,
    rows: Collection[int],
    mentions: Sequence[str] = (),
    columns: Collection[str] = (),
    header: Sequence[str] = (),
) -> None:
    """Write ``source`` to ``target`` without some records and mentions.

    Parameters
    ----------
    source : Path
        The file; its name decides its format.
    target : Path
        The file to write. It is on the disk when this returns, and does not exist if this raises.
    rows : collection of int
        Ordinals of the records to blank, as the engine counts ``source_row`` (from 1). They keep their place and lose
        their cells.
    mentions : sequence of str
        Handles and numbers that are replaced in all other records, see
        `tiktok_pipeline.privacy.mentions.mention_replacer`.
    columns : collection of str
        Names of the file's columns, which stay.
    header : sequence of str
        The names that the columns of a CSV file get. By default those of ``columns`` stay, and mentions in the others
        are replaced.

    Raises
    ------
    RedactionError
        If the file cannot be read or rewritten, or has no such record.
    OSError
        If the disk fails.
    """
    if target.exists() and target.samefile(source):
        raise RedactionError(f"{source.name}: a file cannot be rewritten onto itself", remedy="give another target")
    try:
        change = mention_replacer(mentions, file=source.name, columns=columns)
        rewrite = _rewriter(source)
        if not header and mentions and file_format(source) == "csv":
            names = read_header(source).names
            header = [name if name in columns else change_label(name, change) for name in names]
        with target.open("wb") as written:
            count = rewrite(source, written, frozenset(rows), change, header)
            _check_ordinals(source, rows, count)
            written.flush()
            os.fsync(written.fileno())
    except BaseException as error:
        target.unlink(missing_ok=True)
        if explained := _explain(error):
            message, remedy = explained
            raise RedactionError(f"{source.name}: {message}", remedy=remedy) from error
        raise


def _rewriter(source: Path) -> _Rewriter:
    format_ = file_format(source)
    if format_ is None:
        raise RedactionError(
            f"{source.name}: not a known file format; expected a name ending in .csv, .json, .ndjson or .jsonl "
            "(also with .gz), or .parquet"
        )
    if format_ == "parquet":
        from tiktok_pipeline.privacy.redact_parquet import redact_parquet  # noqa: PLC0415 - pyarrow costs a second

        return redact_parquet
    return redact_text


def _check_ordinals(source: Path, rows: Collection[int], count: int) -> None:
    if absent := sorted(row for row in rows if not 1 <= row <= count):
        raise RedactionError(
            f"{source.name}: there is no record {absent[0]}, the file has {count}",
            remedy="give numbers of source_row",
        )


def _explain(error: BaseException) -> tuple[str, str] | None:
    """Return message and remedy of an error that the content of a file causes; None for any other error."""
    match error:
        case RecordTooLongError():
            return str(error), "repair that record"
        case UnicodeError():
            return "the text is not UTF-8", "save or convert it as UTF-8"
        case EOFError() | zlib.error() | gzip.BadGzipFile():
            return "the gzip stream is truncated or not gzip at all", "copy the file again"
        case json.JSONDecodeError() | RecursionError():
            return "not readable as JSON (an array of objects, or one object per line)", "write or copy it again"
    return None
