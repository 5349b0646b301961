"""Small answers from lazy frames."""

from __future__ import annotations

import narwhals as nw
import pyarrow as pa

from tiktok_pipeline.frames import count_rows, to_pandas
from tiktok_pipeline.warehouse.duckdb.warehouse import DuckDBWarehouse


def test_rows_are_counted_in_the_engine_and_a_small_frame_comes_as_pandas() -> None:
    with DuckDBWarehouse(None) as engine:
        frame = engine.persist(pa.table({"account_id": ["a", "b", "c"], "followers": [1, 2, 3]}))
        assert count_rows(frame) == 3
        assert count_rows(frame.filter(nw.col("followers") > 5)) == 0
        small = to_pandas(frame.filter(nw.col("followers") > 1).sort("account_id"))
    assert small.to_dict("list") == {"account_id": ["b", "c"], "followers": [2, 3]}
