"""Checksums: of each column of a slice, kept in ``meta.checksums``, and of the published file, kept beside it.

The engine has a checksum of its own for each block, so that a broken block is refused when it is read. These show
what is left: cells that were changed by another program, and bytes that no query reads.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import duckdb

from tiktok_pipeline.atomic_write import atomic_write_text
from tiktok_pipeline.warehouse.base import Slice, TableSpec
from tiktok_pipeline.warehouse.duckdb.meta import CHECKSUMS_TABLE
from tiktok_pipeline.warehouse.duckdb.tables import create_table, quoted

_SUFFIX = ".sha256"


def column_sums(columns: Iterable[str]) -> list[str]:
    """Return the expressions of the sums of columns, which do not depend on the order of the rows."""
    return [f"coalesce(sum(hash({quoted(column)})), 0)::varchar" for column in columns]


def list_checksums(
    connection: duckdb.DuckDBPyConnection, table: TableSpec, slice_: Slice, sums: Mapping[str, str]
) -> None:
    """Replace the checksums of a slice; no ``sums`` removes them."""
    key = [str(table), slice_.get("snapshot", ""), slice_.get("study", "")]
    connection.execute(f"delete from {CHECKSUMS_TABLE} where table_name = ? and snapshot = ? and study = ?", key)
    if sums:
        connection.execute(f"insert into {CHECKSUMS_TABLE} values (?, ?, ?, version(), ?)", [*key, json.dumps(sums)])


def drop_checksums(
    connection: duckdb.DuckDBPyConnection, tables: Sequence[TableSpec], snapshots: Sequence[str]
) -> None:
    """Remove the checksums of the snapshots' slices."""
    connection.execute(
        f"delete from {CHECKSUMS_TABLE} where table_name in (select unnest(?::varchar[])) "
        "and snapshot in (select unnest(?::varchar[]))",
        [[str(table) for table in tables], list(snapshots)],
    )


def copy_checksums(connection: duckdb.DuckDBPyConnection, prefix: str) -> None:
    """Make the checksums of an attached file those of the slices that it lists, as the warehouse has them."""
    create_table(connection, CHECKSUMS_TABLE, prefix)
    connection.execute(f"delete from {prefix}{CHECKSUMS_TABLE}")
    connection.execute(
        f"insert into {prefix}{CHECKSUMS_TABLE} select sums.* from {CHECKSUMS_TABLE} as sums "
        f"semi join {prefix}meta.slices as listed using (table_name, snapshot, study)"
    )


def changed_columns(expected: Mapping[str, str], found: Mapping[str, str]) -> Iterator[str]:
    """Yield the columns whose sums differ; a column that one side lacks is not compared."""
    return (column for column, total in found.items() if expected.get(column, total) != total)


def write_file_checksum(draft: Path, target: Path) -> str:
    """Accept a new version of a file beside the present one, and return its checksum.

    Until `accept_only` both are right, so that a kill before or after the file is replaced leaves no wrong checksum.
    """
    with draft.open("rb") as content:
        checksum = hashlib.file_digest(content, "sha256").hexdigest()
    _write(target, [*_accepted(target), checksum])
    return checksum


def accept_only(target: Path, checksum: str) -> None:
    """Forget the checksums of earlier versions of a file."""
    with suppress(OSError):  # a full disk: the earlier checksum stays, which does no harm
        _write(target, [checksum])


def is_unchanged(file: Path) -> bool:
    """Return whether a file has the checksum that is kept beside it; true if there is none."""
    accepted = _accepted(file)
    if not accepted:
        return True
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest() in accepted


def _accepted(file: Path) -> list[str]:
    beside = file.with_name(f"{file.name}{_SUFFIX}")
    if not beside.exists():
        return []
    lines = beside.read_text(encoding="ascii", errors="replace").splitlines()
    return [line.partition(" ")[0] for line in lines if line.strip()]


def _write(file: Path, checksums: Sequence[str]) -> None:
    """Write the checksums in the form of ``sha256sum``."""
    beside = file.with_name(f"{file.name}{_SUFFIX}")
    atomic_write_text(beside, "".join(f"{checksum}  {file.name}\n" for checksum in dict.fromkeys(checksums)))
