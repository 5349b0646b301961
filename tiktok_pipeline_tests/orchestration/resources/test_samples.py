"""The sample of a run: drawn once, and anew where the connection was closed in between."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tiktok_pipeline.orchestration.resources import samples
from tiktok_pipeline.orchestration.resources.samples import Samples
from tiktok_pipeline.warehouse.base import WarehouseError
from tiktok_pipeline.warehouse.duckdb.warehouse import DuckDBWarehouse
from tiktok_pipeline_tests.warehouse.tables import APRIL, MARCH, THINGS, rows_of, things

OF_MARCH = {"snapshot": "2024-03-01", "source": "things"}


@pytest.fixture
def warehouse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[DuckDBWarehouse]:
    """A warehouse of 50 rows, of which a sample holds 20."""
    draw = samples.draw

    def small(rows, engine, **settings):  # type: ignore[no-untyped-def]
        keyed = rows.rename({"name": "account_id"})
        return draw(keyed, engine, max_rows=20, **settings)

    monkeypatch.setattr(samples, "sample_frame", small)
    warehouse = DuckDBWarehouse(tmp_path / "w.duckdb")
    warehouse.replace_slice(THINGS, MARCH, things(*({"name": f"thing {number}"} for number in range(50))))
    yield warehouse
    warehouse.close()


def test_it_is_drawn_once_and_outlasts_what_is_staged(warehouse: DuckDBWarehouse) -> None:
    drawn = Samples(warehouse)
    first = drawn.of(warehouse.read_slice(THINGS, MARCH), **OF_MARCH)
    warehouse.unpersist_all()
    assert drawn.of(warehouse.read_slice(THINGS, MARCH), **OF_MARCH) is first
    assert (len(rows_of(first.rows)), len(rows_of(first.sample))) == (50, 20)
    assert drawn.of(warehouse.read_slice(THINGS, APRIL), snapshot="2024-04-01", source="things") is not first


def test_after_a_write_that_failed_it_is_drawn_anew(warehouse: DuckDBWarehouse) -> None:
    drawn = Samples(warehouse)
    first = rows_of(drawn.of(warehouse.read_slice(THINGS, MARCH), **OF_MARCH).sample)
    with pytest.raises(WarehouseError):
        warehouse.replace_slice(THINGS, APRIL, things({"name": None}))
    again = rows_of(drawn.of(warehouse.read_slice(THINGS, MARCH), **OF_MARCH).sample)
    assert sorted(row["account_id"] for row in again) == sorted(row["account_id"] for row in first)
