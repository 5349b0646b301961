"""The real scrapes go through whole: known counts only, no text of real people."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import pytest

from tiktok_pipeline.warehouse.duckdb.warehouse import DuckDBWarehouse
from tiktok_pipeline_tests.validated.scrapes import Rows, Verdict, judged

pytestmark = pytest.mark.real_data
PUBLIC = "profiles_2023-08-12.csv"
SPREADSHEET = "profiles_2023-08-12_excel.csv"


@pytest.fixture(scope="module")
def verdict(real_data: Callable[[str], Path]) -> Iterator[Callable[[str], Verdict]]:
    """Judge a real file by its name."""
    engine = DuckDBWarehouse(None)
    yield lambda name: judged(engine, real_data(name))
    engine.close()


@pytest.mark.parametrize("name", [PUBLIC, SPREADSHEET])
def test_every_real_profile_is_good(verdict: Callable[[str], Verdict], name: str) -> None:
    found = verdict(name)
    assert (len(found.raw), len(found.valid), len(found.rejected)) == (1000, 1000, 0)
    assert len({row["account_id"] for row in found.valid}) == 1000
    days = {row["observed_on"] for row in found.valid}
    assert (len(days), min(days), max(days)) == (20, date(2023, 7, 18), date(2023, 8, 12))
    assert sum(row["is_verified"] for row in found.valid) == 19
    assert sum(row["bio_link"] is not None for row in found.valid) == 191
    assert sum(row["biography"] is None for row in found.valid) == 3


def test_both_variants_say_the_same(verdict: Callable[[str], Verdict]) -> None:
    def counts(rows: Rows) -> list[tuple[object, ...]]:
        names = ("account_id", "followers", "following", "likes", "videos_count", "is_verified", "observed_on")
        return [tuple(row[name] for name in names) for row in rows]

    public, spreadsheet = verdict(PUBLIC), verdict(SPREADSHEET)
    assert counts(public.valid) == counts(spreadsheet.valid)
    # The spreadsheet wrote all ids in E-notation but the 23 that have at most 11 digits.
    kept = [
        (one["tiktok_id"], other["tiktok_id"]) for one, other in zip(public.valid, spreadsheet.valid, strict=True)
    ]
    assert all(one for one, _ in kept)
    assert sum(other is not None for _, other in kept) == 23
    assert all(other in {None, one} for one, other in kept)
    assert all(len(one) <= 11 for one, other in kept if other)
    rates = [
        (one[name], other[name])
        for one, other in zip(public.valid, spreadsheet.valid, strict=True)
        for name in ("avg_engagement_rate", "comment_engagement_rate", "like_engagement_rate")
    ]
    assert all(one == pytest.approx(other, rel=1e-6, abs=1e-8) for one, other in rates)


def test_every_real_activity_row_is_good(verdict: Callable[[str], Verdict]) -> None:
    found = verdict("creator_activity.csv")
    assert (len(found.raw), len(found.valid), len(found.rejected)) == (2600, 2600, 0)
