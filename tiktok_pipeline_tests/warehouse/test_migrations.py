"""The migration of an older database file, completely or not at all; the file was written by version 1."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from tiktok_pipeline.clusters.schema import ASSIGNMENTS_TABLE
from tiktok_pipeline.features.schema import TABLES as FEATURE_TABLES
from tiktok_pipeline.raw.schema import FILES, PROFILES
from tiktok_pipeline.tables import TABLES
from tiktok_pipeline.validated.schema import PROFILES_TABLE, REJECTED_TABLE
from tiktok_pipeline.warehouse.base import WarehouseError
from tiktok_pipeline.warehouse.duckdb import migrations
from tiktok_pipeline.warehouse.duckdb.connection import open_read_only, query
from tiktok_pipeline.warehouse.duckdb.meta import SLICES_TABLE
from tiktok_pipeline.warehouse.duckdb.migrations import VERSION
from tiktok_pipeline.warehouse.duckdb.tables import SQL_TYPES
from tiktok_pipeline.warehouse.duckdb.warehouse import DuckDBWarehouse
from tiktok_pipeline_tests.warehouse.tables import read_all, rows_of

MARCH = {"snapshot": "2024-03-01"}
STUDY = "influencer_segments"

Contents = dict[str, list[dict[str, Any]]]


@pytest.fixture
def file(version_1: Path) -> Path:
    """The warehouse that version 1 of the program wrote."""
    return version_1 / "warehouse.duckdb"


def migrate(file: Path) -> None:
    """Open the file as the program does, and close it."""
    with DuckDBWarehouse(file) as warehouse:
        warehouse.slices()


def contents(file: Path) -> Contents:
    """Return every row of every table that has one, in order."""
    tables_with_rows = {}
    with open_read_only(file) as database:
        _, tables = database.rows(
            "select table_schema || '.' || table_name from information_schema.tables "
            "where table_type = 'BASE TABLE' and table_schema <> 'meta' order by 1"
        )
        for (table,) in tables:
            names, rows = database.rows(f"select * from {table} order by all")
            if rows:
                tables_with_rows[table] = [dict(zip(names, row, strict=True)) for row in rows]
    return tables_with_rows


def old_columns(after: Contents, before: Contents) -> Contents:
    """Return the rows without the new columns."""
    return {
        table: [{name: row[name] for name in before[table][0]} for row in rows]
        for table, rows in after.items()
        if table in before
    }


def columns(file: Path) -> dict[str, dict[str, tuple[str, bool]]]:
    """Return the columns of each table, with their type and whether they may be NULL."""
    columns_of: dict[str, dict[str, tuple[str, bool]]] = {}
    sql = "select schema_name || '.' || table_name, column_name, data_type, is_nullable from duckdb_columns()"
    for table, name, type_, nullable in query(file, sql)[1]:
        columns_of.setdefault(str(table), {})[str(name)] = (str(type_), bool(nullable))
    return columns_of


def version(file: Path) -> int:
    return int(query(file, "select version from meta.version")[1][0][0])


def as_version_2(file: Path) -> None:
    """Change the file to what version 2 of the program wrote."""
    with duckdb.connect(str(file)) as connection:
        connection.execute("alter table clusters.fits add column note varchar")
        connection.execute("update meta.version set version = 2")


@pytest.mark.parametrize("start", [1, 2])
def test_an_older_file_is_migrated_and_keeps_every_row(file: Path, start: int) -> None:
    if start == 2:
        as_version_2(file)
    before = contents(file)
    assert (len(before["raw.profiles"]), len(before["clusters.assignments"]), version(file)) == (40, 38, start)
    migrate(file)
    assert version(file) == VERSION
    assert old_columns(contents(file), before) == before
    assert {row["is_under_age"] for row in contents(file)["raw.profiles"]} == {None}
    assert {row["note"] for row in contents(file)["clusters.fits"]} == {None}


def test_the_list_of_slices_is_filled_from_the_rows(file: Path) -> None:
    with DuckDBWarehouse(file) as warehouse:
        slices = warehouse.slices()
    rows = {(stored.table, stored.study): stored.rows for stored in slices}
    shared = {table: count for (table, study), count in rows.items() if not study}
    assert shared.pop("features.statistics") > 0
    assert shared == {
        "raw.files": 1,
        "raw.profiles": 40,
        "validated.profiles": 38,
        "validated.rejected": 2,
        "features.profiles": 38,
    }
    studies = {(table, study) for table, study in rows if study}
    tables = ("clusters.assignments", "clusters.fits", "clusters.k_scores", "clusters.models")
    assert studies == {(table, STUDY) for table in (*tables, "personas.features", "personas.summaries")}
    assert rows["clusters.assignments", STUDY] == 38
    assert {(stored.snapshot, stored.delivery_id) for stored in slices} == {("2024-03-01", "")}
    migrated = contents(file)
    assert all(len(migrated[stored.table]) == stored.rows for stored in slices)


@pytest.mark.parametrize("start", [1, 2])
def test_features_become_a_view_with_the_same_rows(file: Path, start: int) -> None:
    if start == 2:
        as_version_2(file)
    before = contents(file)["features.profiles"]
    migrate(file)
    assert contents(file)["features.profiles"], "the old rows stay until the view is created"
    with DuckDBWarehouse(file) as warehouse:
        rows = read_all(warehouse, FEATURE_TABLES["profiles"])
        (listed,) = (stored for stored in warehouse.slices() if stored.table == "features.profiles")
    assert listed.rows == len(rows) == len(before) == 38
    assert "features.profiles" not in contents(file)
    old_rows = {row["account_id"]: row for row in before}
    for row in rows:
        old = old_rows[row["account_id"]]
        assert {name: row[name] for name in old} == {
            name: pytest.approx(value, rel=1e-11) if isinstance(value, float) else value
            for name, value in old.items()
        }


def test_a_file_is_migrated_once(file: Path) -> None:
    migrate(file)
    first = contents(file), query(file, "select * from meta.slices order by all")
    migrate(file)
    assert (contents(file), query(file, "select * from meta.slices order by all")) == first


def test_the_time_of_the_listed_slices_is_utc(file: Path) -> None:
    """Like every other time in the warehouse, in every time zone of the machine."""
    script = (
        "import sys; from pathlib import Path; "
        "from tiktok_pipeline.warehouse.duckdb.warehouse import DuckDBWarehouse; "
        "DuckDBWarehouse(Path(sys.argv[1])).slices()"
    )
    subprocess.run([sys.executable, "-c", script, str(file)], check=True, env={**os.environ, "TZ": "Asia/Tokyo"})
    now = datetime.now(tz=UTC).replace(tzinfo=None)
    first, last = query(file, "select min(written_at), max(written_at) from meta.slices")[1][0]
    assert now - timedelta(minutes=5) < first <= last <= now


def test_every_migrated_table_has_the_columns_of_its_spec(file: Path) -> None:
    """A change of a spec without a migration step fails here: an old home could not be refreshed without it."""
    migrate(file)
    migrated = columns(file)
    missing, required = set(), set()
    for name in migrated.keys() & TABLES.keys():
        expected = {column.name: SQL_TYPES[column.type] for column in TABLES[name].spec.columns}
        missing |= {
            (name, column) for column, type_ in expected.items() if migrated[name].get(column, ("none",))[0] != type_
        }
        # A column that is no longer written must allow NULL.
        required |= {
            (name, column)
            for column, (_, nullable) in migrated[name].items()
            if column not in expected and not nullable
        }
    assert (sorted(missing), sorted(required)) == ([], [])


def test_a_slice_of_a_migrated_table_is_replaced_with_the_new_column(file: Path) -> None:
    cells = {"source_file": "new.csv", "source_row": 1, "dialect": "vendor_export", "is_under_age": "false"}
    types = {name: pa.string() for name in PROFILES.table.frame_names} | {"source_row": pa.int64()}
    rows = pa.table({name: pa.array([cells.get(name)], type_) for name, type_ in types.items()})
    with DuckDBWarehouse(file) as warehouse:
        assert warehouse.replace_slice(PROFILES.table, MARCH, rows, delivery_id="new") == 1
        stored_rows = rows_of(warehouse.read_slice(PROFILES.table, MARCH))
        slices = {
            (stored.table, stored.rows, stored.delivery_id)
            for stored in warehouse.slices()
            if stored.table.startswith("raw.")
        }
        assert len(rows_of(warehouse.read_slice(FILES, MARCH))) == 1
    assert [{name: value for name, value in row.items() if value is not None} for row in stored_rows] == [cells]
    assert slices == {("raw.profiles", 1, "new"), ("raw.files", 1, "")}


def test_the_views_of_an_older_file_still_answer(file: Path) -> None:
    migrate(file)
    assert query(file, f"select count(*) from segments.{STUDY}")[1] == [(38,)]
    assert query(file, f"select count(*) from segments.{STUDY}_history")[1] == [(38,)]


@pytest.mark.parametrize("broken", ["first step", "last step", "list of slices"])
def test_a_failed_migration_does_not_change_the_file(
    file: Path, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    before, shape = contents(file), columns(file)
    steps = dict(migrations._STEPS)
    number = {"first step": 1, "last step": VERSION - 1}.get(broken)
    with monkeypatch.context() as patched:
        if number is None:
            wrong = [
                replace(column, type="date") if column.name == "rows" else column for column in SLICES_TABLE.columns
            ]
            patched.setattr(migrations, "SLICES_TABLE", replace(SLICES_TABLE, columns=tuple(wrong)))
        else:
            steps[number] = [*steps[number], "alter table raw.nowhere add column x integer"]
            patched.setattr(migrations, "_STEPS", steps)
        warehouse = DuckDBWarehouse(file)
        with pytest.raises(WarehouseError) as caught:
            warehouse.slices()
    text = str(caught.value)
    assert "\n" not in text
    for part in (
        str(file),
        f"has version 1 of the tables and could not be migrated to version {VERSION}",
        "it is unchanged",
        "`tiktok-pipeline refresh --all`",
        "the delivered files are kept in raw/",
    ):
        assert part in text
    assert (version(file), contents(file), columns(file)) == (1, before, shape)  # the file is free
    migrate(file)
    assert version(file) == VERSION


def test_an_interrupted_migration_does_not_change_the_file(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before, shape = contents(file), columns(file)

    def interrupted(_: duckdb.DuckDBPyConnection) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(migrations, "_list_slices", interrupted)
        with pytest.raises(KeyboardInterrupt):
            DuckDBWarehouse(file).slices()
    assert (version(file), contents(file), columns(file)) == (1, before, shape)


@pytest.mark.parametrize("start", [4, 5])
def test_a_file_whose_descriptions_lack_a_column_is_migrated_and_written(file: Path, start: int) -> None:
    """Programs of version 4 wrote ``meta.tables`` without the queries of the views."""
    migrate(file)
    with duckdb.connect(str(file)) as connection:
        connection.execute("alter table meta.tables drop column definition")
        connection.execute("alter table meta.columns drop column nullable")
        connection.execute(f"update meta.version set version = {start}")
    with DuckDBWarehouse(file) as warehouse:
        rows = warehouse.read_slice(PROFILES_TABLE, MARCH)
        warehouse.replace_slice(PROFILES_TABLE, MARCH, warehouse.persist(rows))
        warehouse.publish(file.with_name("copy.duckdb"), tables=[PROFILES_TABLE], snapshots=None, views=[])
    assert "definition" in columns(file)["meta.tables"]
    assert len(contents(file.with_name("copy.duckdb"))["validated.profiles"]) == 38


def test_a_newer_file_is_rejected_with_advice_and_not_changed(file: Path) -> None:
    with duckdb.connect(str(file)) as connection:
        connection.execute(f"update meta.version set version = {VERSION + 1}")
    before = contents(file), columns(file)
    with pytest.raises(WarehouseError) as caught:
        DuckDBWarehouse(file).slices()
    assert str(caught.value) == (
        f"{file}: has version {VERSION + 1} of the tables, this program reads version {VERSION} and older; "
        "nothing was changed. Install the version of the program that wrote it"
    )
    assert (version(file), (contents(file), columns(file))) == (VERSION + 1, before)


def test_a_new_file_has_the_present_version_and_no_slice(tmp_path: Path) -> None:
    migrate(tmp_path / "new.duckdb")
    assert version(tmp_path / "new.duckdb") == VERSION
    assert query(tmp_path / "new.duckdb", "select count(*) from meta.slices")[1] == [(0,)]


def test_a_published_file_of_version_1_is_rebuilt(version_1: Path, file: Path) -> None:
    target = version_1 / "published.duckdb"
    before = contents(target)
    assert version(target) == 1
    tables = [PROFILES_TABLE, REJECTED_TABLE, ASSIGNMENTS_TABLE]
    with DuckDBWarehouse(file) as warehouse:
        # All snapshots are written, not only the requested one: the old copy is not used.
        left_out = warehouse.publish(target, tables=tables, snapshots=["2024-03-01"], views=[])
    assert (left_out, version(target)) == ([], VERSION)
    expected = {str(table): before[str(table)] for table in tables}
    for row in expected["validated.profiles"]:
        row |= {"has_biography": row["biography"] is not None, "has_bio_link": row["bio_link"] is not None}
    for row in expected["clusters.assignments"]:
        row |= {"runner_up": None, "runner_up_margin": None}
    assert contents(target) == expected
    assert query(target, "select table_name, study, rows from meta.slices order by all")[1] == [
        ("clusters.assignments", STUDY, 38),
        ("validated.profiles", "", 38),
        ("validated.rejected", "", 2),
    ]
