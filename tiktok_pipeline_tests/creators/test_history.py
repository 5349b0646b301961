"""The history is in the order of the handles, and each row knows where its creator was last seen."""

from __future__ import annotations

from typing import Any

import narwhals as nw
import pyarrow as pa

from tiktok_pipeline.creators.history import build_history
from tiktok_pipeline.creators.peer_schema import HISTORY_FIGURES, HISTORY_TABLE


def frame(rows: list[dict[str, Any]]) -> nw.LazyFrame[Any]:
    found: nw.LazyFrame[Any] = nw.from_native(pa.Table.from_pylist(rows)).lazy()
    return found


def test_rows_are_by_handle_with_the_creator_behind_it() -> None:
    figures = dict.fromkeys(HISTORY_FIGURES, 1.0)
    current = frame([{"account_id": handle, "notices": 0, **figures} for handle in ("b", "c", "B", "a")])
    known = {"creator_id": "7", "previous_snapshot": "2024-03-01", "previous_account_id": "old"}
    identities = frame([{"account_id": handle, **known} for handle in ("a", "b", "B", "c", "other")])
    rows = build_history(current, identities).collect("pyarrow").to_native()
    assert rows.column_names == HISTORY_TABLE.frame_names
    assert rows["account_id"].to_pylist() == ["B", "a", "b", "c"]
    assert set(rows["previous_account_id"].to_pylist()) == {"old"}
