"""A flag needs a change far beyond the peers and a bound in itself; most falls of followers have none."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from tiktok_pipeline.creators.flags import with_flags
from tiktok_pipeline.creators.notices import FEWEST_PEERS
from tiktok_pipeline.warehouse.duckdb.warehouse import DuckDBWarehouse

BEFORE = {"followers": 10_000, "likes": 50_000, "videos_count": 40}
TYPES = {"previous_tier": pa.string(), "days": pa.float64(), "growth_30_days": pa.float64()}


def creator(followers: int = 0, likes: int = 0, videos: int = 0, days: float | None = 30.0) -> dict[str, Any]:
    """Return a row of ``creators.growth`` by what was gained in 30 days."""
    return {
        "previous_tier": "micro",
        "days": days,
        "growth_30_days": followers / BEFORE["followers"],
        "followers_gained": followers,
        "likes_gained": likes,
        "videos_gained": videos,
        **{f"{name}_before": count for name, count in BEFORE.items()},
        "followers": BEFORE["followers"] + followers,
        "likes": BEFORE["likes"] + likes,
        "videos_count": BEFORE["videos_count"] + videos,
    }


def flag_of(row: dict[str, Any], peers: list[dict[str, Any]]) -> str | None:
    """Return the flag of the first of many creators of one tier."""
    rows = [dict(entry) for entry in (row, *peers)]
    for number, entry in enumerate(rows):
        entry |= {"number": number, "peers": len(rows)}
    with DuckDBWarehouse(None, threads=1) as engine:
        columns = {name: pa.array([entry[name] for entry in rows], TYPES.get(name)) for name in rows[0]}
        found = with_flags(engine.persist(pa.table(columns))).collect("pyarrow").to_native().to_pylist()
        (flag,) = [entry["flags"] for entry in found if entry["number"] == 0]
        assert flag is None or isinstance(flag, str)
        return flag


STILL = [creator(gained) for gained in range(-200, 200)]
"""400 peers: the 1st percentile of their growth is -1.96 %, the median 0, the 99th percentile 1.95 %."""


@pytest.mark.parametrize(
    ("row", "flag"),
    [
        (creator(-100), None),  # a third of all creators fall by a little
        (creator(-490), None),  # far beyond the peers, but a fall of 4.9 % may be due to rounded numbers
        (creator(-600), "followers fell by 6.0 % in 30 days; 98 of 100 creators of tier micro changed by -2.0 % to "),
        (creator(390), None),  # beyond the 99th percentile, but not twice as far
        (creator(600), "followers grew by 6.0 % in 30 days; 98 of 100 creators of tier micro changed by -2.0 % to "),
        (creator(likes=-2_499), None),
        (creator(likes=-2_500), "likes fell by 2500 (5.0 %) to 47500; 99 of 100 creators of tier micro lost less"),
        (creator(videos=-4), None),  # 10 %, but a few videos are deleted every day
        (creator(videos=-5), "videos fell by 5 (12.5 %) to 35; 99 of 100 creators of tier micro lost less"),
        (
            creator(likes=-5_000, videos=-8, days=None),
            (
                "likes fell by 5000 (10.0 %) to 45000; 99 of 100 creators of tier micro lost less; "
                "videos fell by 8 (20.0 %) to 32; 99 of 100 creators of tier micro lost less; "
                "the row is not of a later time than the one before"
            ),
        ),
    ],
)
def test_a_flag_is_beyond_the_peers_and_beyond_a_bound(row: dict[str, Any], flag: str | None) -> None:
    found = flag_of(row, STILL)
    assert (found or "").startswith(flag or "")
    assert (found is None) == (flag is None)


def test_no_flag_for_what_many_peers_do() -> None:
    third = [creator(-3_000, -10_000, -10) if number % 3 == 0 else creator() for number in range(600)]
    assert flag_of(creator(-3_000, -10_000, -10), third) is None


@pytest.mark.parametrize(("peers", "is_flagged"), [(FEWEST_PEERS - 1, True), (FEWEST_PEERS - 2, False)])
def test_followers_need_enough_peers(peers: int, is_flagged: bool) -> None:
    assert (flag_of(creator(-6_000), [creator()] * peers) is not None) is is_flagged


def test_without_peers_the_bounds_alone_decide_on_lifetime_counts() -> None:
    assert flag_of(creator(-6_000, -2_500, -5), []) == (
        "likes fell by 2500 (5.0 %) to 47500; videos fell by 5 (12.5 %) to 35"
    )


def test_a_count_that_is_unknown_has_no_flag() -> None:
    row = creator() | {"likes_gained": None, "likes_before": None, "videos_gained": 0, "videos_count_before": 0}
    assert flag_of(row, STILL) is None
