"""Which version of the tables a database file has, and how an older one becomes the present one.

A change of the tables adds a step here, in SQL, and raises `VERSION`; all steps of a file run in one transaction, so that a
file is of one version or the other. What is in the tables is known to the steps alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import duckdb

from tiktok_pipeline.warehouse.base import WarehouseError
from tiktok_pipeline.warehouse.duckdb.meta import SLICES_TABLE, VERSION_TABLE
from tiktok_pipeline.warehouse.duckdb.tables import create_table

VERSION = 4
"""Version of the tables, kept in ``meta.version`` of every database file."""

_STEPS: Mapping[int, Sequence[str]] = {
    1: (
        "alter table if exists clusters.fits add column if not exists note varchar",
        "alter table if exists clusters.stability drop column if exists verdict",
        *(
            f"alter table if exists features.profiles add column if not exists {feature} double"
            for feature in (
                "lifetime_engagement_rate",
                "account_age_days",
                "lacks_bio_link",
                "likes_per_video_padded",
            )
        ),
    ),
    2: ("alter table if exists raw.profiles add column if not exists is_under_age varchar",),
    # Features are views since version 4: each is made, in place of the table, when it is first asked for.
    3: (),
}
"""What leads from each version to the next."""


def check_version(connection: duckdb.DuckDBPyConnection, path: Path | None) -> None:
    """Write the version into a new database, bring an older one up to date.

    Raises `WarehouseError` where a newer program made the file, or where a step fails: the file is as it was then.
    """
    version = version_of(connection)
    if version is None:
        write_meta(connection, "")
    elif version < 1:
        msg = f"{path}: says it has version {version} of the tables, which there never was; is it another program's file?"
        raise WarehouseError(msg)
    elif version > VERSION:
        msg = (
            f"{path}: made by version {version} of the tables, this program knows version {VERSION} and older; "
            "install the newer program (pip install --upgrade tiktok-pipeline), nothing was changed"
        )
        raise WarehouseError(msg)
    elif version < VERSION:
        _migrate(connection, path, version)


def version_of(connection: duckdb.DuckDBPyConnection, catalog: str | None = None) -> int | None:
    """The version in the catalog (the current one unless named); None where there is none yet."""
    there = connection.execute(
        "select count(*) from information_schema.tables where table_schema = 'meta' and table_name = 'version' "
        "and table_catalog = coalesce(?, current_catalog())",
        [catalog],
    ).fetchall()[0][0]
    if not there:
        return None
    prefix = f"{catalog}." if catalog else ""
    return int(connection.execute(f"select version from {prefix}meta.version").fetchall()[0][0])


def write_meta(connection: duckdb.DuckDBPyConnection, prefix: str) -> None:
    """Put the version, and the list of slices, into the catalog that ``prefix`` names (empty, or a name and a dot)."""
    create_table(connection, VERSION_TABLE, prefix)
    connection.execute(f"delete from {prefix}{VERSION_TABLE}")
    connection.execute(f"insert into {prefix}{VERSION_TABLE} values ({VERSION})")
    create_table(connection, SLICES_TABLE, prefix)


def _migrate(connection: duckdb.DuckDBPyConnection, path: Path | None, version: int) -> None:
    connection.begin()
    try:
        create_table(connection, SLICES_TABLE)
        for step in range(version, VERSION):
            for statement in _STEPS[step]:
                connection.execute(statement)
            if step == 2:
                _list_slices(connection)
        write_meta(connection, "")
        connection.commit()
    except duckdb.Error as problem:
        connection.rollback()
        msg = (
            f"{path}: made by version {version} of the tables, and could not be brought to version {VERSION} "
            f"({' '.join(str(problem).split())[:200]}); it is as it was. Move it away and run "
            "`tiktok-pipeline refresh --all`: the delivered files are kept in raw/"
        )
        raise WarehouseError(msg) from problem


def _list_slices(connection: duckdb.DuckDBPyConnection) -> None:
    """Before version 3 no list of slices was kept: it is made from the rows that are there."""
    now = datetime.now(tz=UTC).replace(tzinfo=None)
    tables = connection.execute(
        "select table_schema || '.' || table_name, bool_or(column_name = 'study') from information_schema.columns "
        "where table_catalog = current_catalog() and table_schema <> 'meta' group by 1 "
        "having bool_or(column_name = 'snapshot') order by 1"
    ).fetchall()
    views = {
        name
        for (name,) in connection.execute("select schema_name || '.' || view_name from duckdb_views()").fetchall()
    }
    for table, has_study in tables:
        if table not in views:
            study = "study" if has_study else "''"
            connection.execute(
                f"insert into meta.slices select ?, snapshot, {study}, count(*), '', ?::timestamp from {table} group by all",
                [table, now],
            )
