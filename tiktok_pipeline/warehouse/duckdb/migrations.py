"""The version of the tables in a database file, and the migration of an older file.

A change of the tables adds a step here, in SQL, and raises `VERSION`. All steps of a file run in one transaction, so
that a file never has a version in between. Only these steps name the columns of a table of the domain.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import duckdb

from tiktok_pipeline.safe_text import one_line
from tiktok_pipeline.warehouse.base import WarehouseError
from tiktok_pipeline.warehouse.duckdb.meta import (
    CHECKSUMS_TABLE,
    META_TABLES,
    SLICES_TABLE,
    VERSION_TABLE,
)
from tiktok_pipeline.warehouse.duckdb.tables import create_table

VERSION = 6
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
                "log_lifetime_engagement_percent",
            )
        ),
    ),
    2: ("alter table if exists raw.profiles add column if not exists is_under_age varchar",),
    # Features are views since version 4; `tables.drop_stored` drops the table at first use.
    3: (),
    # Since version 5 a file describes its tables in meta.tables and meta.columns; `write_meta` creates them.
    4: (),
    5: (
        *(
            f'alter table if exists raw.files add column if not exists "{name}" {type_}'
            for name, type_ in (
                *dict.fromkeys(
                    (
                        "delivered_name",
                        "container",
                        "compression",
                        "member",
                        "encoding",
                        "delimiter",
                        "columns",
                        "formats",
                    ),
                    "varchar",
                ).items(),
                ("notes", "varchar[]"),
            )
        ),
        "alter table if exists clusters.fits add column if not exists basis varchar",
        *(
            f"alter table if exists validated.profiles add column if not exists {name} boolean"
            for name in ("has_biography", "has_bio_link")
        ),
        *(
            f"alter table if exists validated.profiles alter column {name} drop not null"
            for name in ("following", "likes", "videos_count")
        ),
        *(
            f"alter table if exists {table} add column if not exists {name} double"
            for table, columns in {
                "clusters.stability": ("standard_error", "share_dissolved", "share_recovered", "jaccard_cold"),
                "classifiers.metrics": ("std_of_repeats",),
                "personas.summaries": ("farthest_in_fit",),
                "personas.features": ("relative_median",),
            }.items()
            for name in columns
        ),
        "alter table if exists personas.summaries add column if not exists profiles_beyond_fit bigint",
        "alter table if exists classifiers.leakage add column if not exists combination varchar",
        "alter table if exists meta.slices add column if not exists computed_by varchar",
        "alter table if exists clusters.assignments add column if not exists runner_up bigint",
        "alter table if exists clusters.assignments add column if not exists runner_up_margin double",
    ),
}
"""The statements that lead from each version to the next."""


def check_version(connection: duckdb.DuckDBPyConnection, path: Path | None) -> None:
    """Write the version into a new database, or migrate an older one.

    Parameters
    ----------
    connection : DuckDBPyConnection
        The database, open for writing.
    path : Path, optional
        Its file, for error messages.

    Raises
    ------
    WarehouseError
        If a newer program wrote the file, or a step fails; the file is unchanged.
    """
    version = version_of(connection)
    if version is None:
        write_meta(connection, "")
    elif version < 1:
        msg = f"{path}: has version {version} of the tables, which never existed; is it another program's file?"
        raise WarehouseError(msg)
    elif version > VERSION:
        msg = (
            f"{path}: has version {version} of the tables, this program reads version {VERSION} and older; "
            "nothing was changed. Install the version of the program that wrote it"
        )
        raise WarehouseError(msg)
    elif version < VERSION:
        _migrate(connection, path, version)
    else:
        create_table(connection, CHECKSUMS_TABLE)  # a file of an earlier day has none


def version_of(connection: duckdb.DuckDBPyConnection, catalog: str | None = None) -> int | None:
    """Return the version in a catalog (default: the current one), or None if the catalog has none."""
    tables = connection.execute(
        "select count(*) from information_schema.tables where table_schema = 'meta' and table_name = 'version' "
        "and table_catalog = coalesce(?, current_catalog())",
        [catalog],
    ).fetchall()[0][0]
    if not tables:
        return None
    prefix = f"{catalog}." if catalog else ""
    return int(connection.execute(f"select version from {prefix}meta.version").fetchall()[0][0])


def write_meta(connection: duckdb.DuckDBPyConnection, prefix: str) -> None:
    """Write the version and create the tables of schema ``meta``.

    ``prefix`` names the catalog: empty, or its name and a dot. All but the list of slices are made anew: programs of
    one version wrote them with other columns. Views are then created again, and the checksums are gone, because the
    columns may have changed.
    """
    for table in META_TABLES:
        if table is not SLICES_TABLE:
            connection.execute(f"drop table if exists {prefix}{table}")
        create_table(connection, table, prefix)
    connection.execute(f"insert into {prefix}{VERSION_TABLE} values ({VERSION})")


def _migrate(connection: duckdb.DuckDBPyConnection, path: Path | None, version: int) -> None:
    connection.begin()
    try:
        create_table(connection, SLICES_TABLE)
        for step in range(version, VERSION):
            for statement in _STEPS[step]:
                connection.execute(statement)
            if step == 2:
                _list_slices(connection)
            if step == 5:
                _fill_presence(connection)
        write_meta(connection, "")
        connection.commit()
    except duckdb.Error as error:
        connection.rollback()
        msg = (
            f"{path}: has version {version} of the tables and could not be migrated to version {VERSION} "
            f"({one_line(str(error))[:200]}); it is unchanged. Move it away and run `tiktok-pipeline refresh --all`: "
            "the delivered files are kept in raw/"
        )
        raise WarehouseError(msg) from error


def _fill_presence(connection: duckdb.DuckDBPyConnection) -> None:
    """Fill ``has_biography`` and ``has_bio_link``: until version 6, a missing column was read as no text."""
    tables = "select count(*) from duckdb_tables() where schema_name = 'validated' and table_name = 'profiles'"
    if connection.execute(f"{tables} and database_name = current_catalog()").fetchall()[0][0]:
        connection.execute(
            "update validated.profiles set has_biography = biography is not null, has_bio_link = bio_link is not null"
        )


def _list_slices(connection: duckdb.DuckDBPyConnection) -> None:
    """Fill the list of slices from the rows; before version 3 there was no such list."""
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
                f"insert into {SLICES_TABLE} "
                f"select ?, snapshot, {study}, count(*), '', ?::timestamp, '' from {table} group by all",
                [table, now],
            )
