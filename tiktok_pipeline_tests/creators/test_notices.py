"""A notice needs a figure beyond nearly all peers, a bound in itself, and enough peers."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from tiktok_pipeline.creators.figures import FIGURES
from tiktok_pipeline.creators.notices import FEWEST_PEERS, NOTICES, build_notices
from tiktok_pipeline.creators.peer_schema import NOTICES_TABLE
from tiktok_pipeline.warehouse.duckdb.warehouse import DuckDBWarehouse


def notices_of(**row: Any) -> list[dict[str, Any]]:
    """Return the notices of one creator; what is not given is missing, and 500 peers are known."""
    names = [f"{figure}{part}" for figure in FIGURES for part in ("", "_low", "_usual", "_high")]
    values: dict[str, Any] = {name: pa.array([row.get(name)], pa.float64()) for name in names}
    values |= {f"{figure}_known": [row.get("known", 500)] for figure in FIGURES}
    values |= {"account_id": ["a"], "followers": [10], "peers": [501], "peers_from": [5], "peers_to": [20]}
    with DuckDBWarehouse(None, threads=1) as engine:
        found = build_notices(engine.persist(pa.table(values)))
        assert found.collect_schema().names() == NOTICES_TABLE.frame_names
        rows: list[dict[str, Any]] = found.collect("pyarrow").to_native().to_pylist()
        return rows


def engagement(value: float, **more: Any) -> dict[str, Any]:
    usual = {"avg_engagement_rate_low": 0.01, "avg_engagement_rate_usual": 0.05, "avg_engagement_rate_high": 0.2}
    return {"avg_engagement_rate": value} | usual | more


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (engagement(0.3), ["high engagement"]),
        (engagement(0.2), []),  # on the bound is not beyond it
        (engagement(0.15, avg_engagement_rate_high=0.11), ["high engagement"]),
        (engagement(0.09, avg_engagement_rate_high=0.08), []),  # beyond the peers, but not high in itself
        (engagement(0.004), ["low engagement"]),
        (engagement(0.006, avg_engagement_rate_low=0.008), []),  # below the peers, but not low in itself
        (engagement(0.3, known=FEWEST_PEERS), ["high engagement"]),
        (engagement(0.3, known=FEWEST_PEERS - 1), []),
        ({"avg_engagement_rate": 0.3}, []),  # nothing is known of the peers
    ],
)
def test_all_three_conditions_are_needed(row: dict[str, Any], expected: list[str]) -> None:
    assert [notice["notice"] for notice in notices_of(**row)] == expected


def test_a_notice_gives_the_value_and_the_usual_range() -> None:
    (notice,) = notices_of(**engagement(0.3))
    assert (notice["value"], notice["usual_low"], notice["usual"], notice["usual_high"]) == (0.3, 0.01, 0.05, 0.2)
    assert (notice["figure"], notice["known_peers"], notice["peers"]) == ("avg_engagement_rate", 500, 501)


def test_no_notice_accuses_anybody() -> None:
    words = " ".join(notice.name + notice.text for notice in NOTICES)
    assert not {"fake", "bought", "fraud", "suspicious", "bot"} & set(words.lower().split())
    assert {notice.figure for notice in NOTICES} <= set(FIGURES)
