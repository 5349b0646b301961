"""What a database file says about itself: every table, view and column has a description from its spec."""

from __future__ import annotations

from pathlib import Path

import pytest

import tiktok_pipeline.studies
from tiktok_pipeline.study import load_studies
from tiktok_pipeline.tables import TABLES, published_tables, published_views
from tiktok_pipeline.warehouse.base import Column, TableSpec, View
from tiktok_pipeline.warehouse.duckdb.connection import query
from tiktok_pipeline.warehouse.duckdb.meta import describe_view
from tiktok_pipeline.warehouse.duckdb.warehouse import DuckDBWarehouse
from tiktok_pipeline_tests.warehouse.tables import SCORES, THINGS


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The warehouse and the published file of a home without any row."""
    folder = tmp_path_factory.mktemp("home")
    with DuckDBWarehouse(folder / "store.duckdb") as warehouse:
        for table in TABLES.values():
            warehouse.read_slice(table.spec, dict.fromkeys(table.spec.slice_by, ""))
        views = published_views(load_studies(tiktok_pipeline.studies))
        warehouse.publish(folder / "published.duckdb", tables=published_tables(), snapshots=None, views=views)
    return folder / "store.duckdb", folder / "published.duckdb"


@pytest.mark.parametrize("place", [0, 1], ids=["warehouse", "published"])
def test_every_table_view_and_column_has_a_comment(files: tuple[Path, Path], place: int) -> None:
    silent = (
        "select schema_name || '.' || table_name from duckdb_tables() where coalesce(comment, '') = '' "
        "union all select schema_name || '.' || view_name from duckdb_views() "
        "where coalesce(comment, '') = '' and not internal "
        "union all select schema_name || '.' || table_name || '.' || column_name from duckdb_columns() "
        "where coalesce(comment, '') = '' and not internal"
    )
    assert query(files[place], silent)[1] == []


@pytest.mark.parametrize("place", [0, 1], ids=["warehouse", "published"])
def test_meta_lists_every_table_and_column(files: tuple[Path, Path], place: int) -> None:
    file = files[place]
    kinds = {"BASE TABLE": "table", "VIEW": "view"}
    present = query(file, "select table_schema, table_name, table_type from information_schema.tables order by all")[
        1
    ]
    listed = query(file, "select schema_name, table_name, kind from meta.tables order by all")[1]
    assert listed == [(schema, name, kinds[type_]) for schema, name, type_ in present]
    columns = "table_schema, table_name, column_name, ordinal_position, data_type, is_nullable = 'YES'"
    present = query(file, f"select {columns} from information_schema.columns order by all")[1]
    assert query(file, "select * exclude (description) from meta.columns order by all")[1] == present
    assert query(file, "select * from meta.columns where description = ''")[1] == []


def test_the_first_table_with_a_column_describes_it_in_a_view() -> None:
    other = TableSpec(
        schema="shelf",
        name="other",
        description="other",
        columns=(
            Column(name="snapshot", type="text", description="another slice"),
            Column(name="score", type="integer", description="another score"),
            Column(name="extra", type="text", description="extra"),
        ),
    )
    view = View(schema="segments", name="v", sql="select 1", description="v", columns_from=(SCORES, other, THINGS))
    columns = describe_view(view).columns
    assert (columns["score"], columns["extra"], columns["rate"]) == ("integer", "extra", "float")
