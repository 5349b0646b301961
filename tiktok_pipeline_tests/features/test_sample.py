"""Samples that leave the engine are bounded, in source order, and the same in every run."""

from __future__ import annotations

import hashlib

import pytest

from tiktok_pipeline.features.sample import collect_sample, sample_frame
from tiktok_pipeline.warehouse.duckdb.warehouse import DuckDBWarehouse
from tiktok_pipeline_tests.features.frames import features

ROWS = [
    {"account_id": f"creator_{number}", "source_file": file, "source_row": number, "followers": float(number)}
    for file in ("b.csv", "a.csv")
    for number in range(40, 0, -1)
    if (file == "a.csv") == (number % 2 == 0)
]
BY_HASH = sorted(ROWS, key=lambda row: hashlib.md5(str(row["account_id"]).encode()).hexdigest())


def test_collect_sample_returns_the_columns_in_source_order(engine: DuckDBWarehouse) -> None:
    taken = collect_sample(features(engine, ROWS), ["followers"], max_rows=100, engine=engine)
    assert list(taken.columns) == ["account_id", "followers"]
    assert list(taken["followers"]) == [*range(2, 41, 2), *range(1, 41, 2)]


@pytest.mark.parametrize("max_rows", [1, 7, 39])
def test_collect_sample_keeps_the_smallest_md5_in_source_order(engine: DuckDBWarehouse, max_rows: int) -> None:
    taken = collect_sample(features(engine, ROWS), ["followers"], max_rows=max_rows, engine=engine)
    expected = sorted(BY_HASH[:max_rows], key=lambda row: (row["source_file"], row["source_row"]))
    assert list(taken["account_id"]) == [row["account_id"] for row in expected]


def test_sample_frame_keeps_all_rows_at_the_bound(engine: DuckDBWarehouse) -> None:
    frame = features(engine, ROWS)
    assert sample_frame(frame, engine, max_rows=40).largest_key is None
    assert sample_frame(frame, engine, max_rows=39).largest_key is not None


def test_the_order_in_which_rows_were_written_does_not_matter(engine: DuckDBWarehouse) -> None:
    first = collect_sample(features(engine, ROWS), ["followers"], max_rows=11, engine=engine)
    second = collect_sample(features(engine, BY_HASH), ["followers"], max_rows=11, engine=engine)
    assert first.equals(second)


def test_a_creator_with_a_small_md5_is_sampled_with_any_other_rows(engine: DuckDBWarehouse) -> None:
    few = collect_sample(features(engine, BY_HASH[:20]), [], max_rows=5, engine=engine)
    many = collect_sample(features(engine, ROWS), [], max_rows=5, engine=engine)
    assert sorted(few["account_id"]) == sorted(many["account_id"])
