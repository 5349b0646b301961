"""The samples of a run are computed once, and again after the connection was closed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import narwhals as nw
import pytest

from tiktok_pipeline.clusters import fit_rows
from tiktok_pipeline.features.sample import sample_frame
from tiktok_pipeline.orchestration.resources import samples
from tiktok_pipeline.orchestration.resources.samples import Samples
from tiktok_pipeline.warehouse.base import WarehouseError
from tiktok_pipeline.warehouse.duckdb.warehouse import DuckDBWarehouse
from tiktok_pipeline_tests.homes import Home
from tiktok_pipeline_tests.warehouse.tables import APRIL, MARCH, THINGS, rows_of, things

OF_MARCH = {"snapshot": "2024-03-01", "source": "things"}


@pytest.fixture
def warehouse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[DuckDBWarehouse]:
    """A warehouse of 50 rows, of which a sample holds 20."""
    draw = sample_frame

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


@pytest.mark.slow
def test_the_assets_of_a_run_share_the_fit_inputs(copied_home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    fenced: list[str] = []
    fences = fit_rows._fences

    def counted(frame: nw.LazyFrame[Any], column: str, width: float) -> tuple[float | None, float | None]:
        fenced.append(column)
        return fences(frame, column, width)

    monkeypatch.setattr(fit_rows, "_fences", counted)
    assert copied_home.refresh("2024-03-01").success
    assert fenced == ["avg_engagement_rate", "comment_engagement_rate", "like_engagement_rate"]
