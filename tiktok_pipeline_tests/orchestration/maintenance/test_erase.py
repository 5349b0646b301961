"""A forgotten creator leaves no row in the list of who left, which is of a snapshot that the creator is not in."""

from __future__ import annotations

import pandas as pd

from tiktok_pipeline.creators.schema import DEPARTURES_TABLE
from tiktok_pipeline.frames import to_pandas
from tiktok_pipeline.orchestration.maintenance.erase import filter_departures
from tiktok_pipeline.privacy.suppression import SuppressionList
from tiktok_pipeline.warehouse.duckdb.warehouse import DuckDBWarehouse


def test_a_forgotten_creator_is_gone_from_the_list_of_who_left() -> None:
    left = pd.DataFrame(
        [("Forget.Me", "@forget.me", "2024-01-01"), ("other", "@other", "2024-01-01")],
        columns=DEPARTURES_TABLE.frame_names,
    )
    with DuckDBWarehouse(None) as warehouse:
        slice_ = {"snapshot": "2024-02-01"}
        warehouse.replace_slice(DEPARTURES_TABLE, slice_, left, delivery_id="d", computed_by="p")
        filter_departures(warehouse, SuppressionList("00").with_names(["forget.me"]))
        assert to_pandas(warehouse.read_slice(DEPARTURES_TABLE, slice_))["account_id"].tolist() == ["other"]
        (stored,) = warehouse.slices()
        assert (stored.delivery_id, stored.computed_by, stored.rows) == ("d", "p", 1)
