"""Ranks exact for each row, quantiles at every so many rows, the same whatever the number of rows at once."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from tiktok_pipeline.warehouse.base import Warehouse
from tiktok_pipeline.warehouse.duckdb import nearest

VALUES = [float(number * 37 % 101) for number in range(120)]


def ranked(engine: Warehouse, *, reach: int, every: int) -> list[dict[str, Any]]:
    turned = pa.table({"size": list(range(119, -1, -1)), "value": VALUES[::-1]})
    rows = engine.rank_among_nearest(
        engine.persist(turned), ["value"], order_by=["size"], reach=reach, every=every
    ).sort("size")
    found: list[dict[str, Any]] = rows.collect("pyarrow").to_native().to_pylist()
    return found


@pytest.mark.parametrize("every", [1, 4, 10])
def test_quantiles_are_those_of_the_nearest_window_and_ranks_those_of_the_own(engine: Warehouse, every: int) -> None:
    for place, row in enumerate(ranked(engine, reach=10, every=every)):
        near = VALUES[max(0, place - 10) : place + 11]
        assert (row["peers"], row["value_known"]) == (len(near), len(near))
        assert (row["peers_from"], row["peers_to"]) == (max(0, place - 10), min(119, place + 10))
        assert row["value_below"] == sum(value < VALUES[place] for value in near)
        stop = (place + every // 2) // every * every
        window = VALUES[max(0, stop - 10) : stop + 11]
        assert [row["value_q01"], row["value_q50"], row["value_q99"]] == pytest.approx(
            list(np.quantile(window, [0.01, 0.5, 0.99]))
        )


@pytest.mark.parametrize("at_once", [7, 40, 119, 120])
def test_parts_give_what_all_rows_at_once_give(
    engine: Warehouse, at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = ranked(engine, reach=10, every=4)
    monkeypatch.setattr(nearest, "ROWS_AT_ONCE", at_once)
    assert ranked(engine, reach=10, every=4) == whole


def test_no_rows_give_no_rows(engine: Warehouse) -> None:
    empty = engine.persist(pa.table({"size": pa.array([], pa.int64()), "value": pa.array([], pa.float64())}))
    rows = engine.rank_among_nearest(empty, ["value"], order_by=["size"], reach=10, every=1)
    assert rows.collect("pyarrow").shape == (0, 11)
