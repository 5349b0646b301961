"""The benchmark `creators`: its figures by hand, and the segments of a few snapshots for real."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest

from benchmarks.performance.added import Added
from benchmarks.performance.creators import CreatorTables
from benchmarks.reliability.creators import figure_of_tables, figures_of_added, figures_of_steps
from benchmarks.reliability.hold_still import STUDY, SegmentedSnapshots, Step, count_moved_without_change
from tiktok_pipeline.clusters.schema import CONTINUITY_TABLE
from tiktok_pipeline.frames import to_pandas
from tiktok_pipeline.personas.schema import LIFECYCLE_TABLE, MIGRATIONS_TABLE
from tiktok_pipeline.sample import write_sample
from tiktok_pipeline.validated.schema import PROFILES_TABLE

STEP = Step(
    seed=1,
    snapshot=2,
    both=1_000,
    changed=30,
    one_model=10,
    segments=100,
    unnamed=1,
    start="earlier snapshot",
    renamed=3,
    missed=0,
    invented=0,
)


@pytest.mark.parametrize(
    ("step", "reached"),
    [
        (STEP, [True, True, True]),
        (replace(STEP, changed=31), [False, True, True]),
        (replace(STEP, unnamed=2), [True, False, True]),
        (replace(STEP, missed=1), [True, True, False]),
        (replace(STEP, invented=1), [True, True, False]),
    ],
    ids=["on every bound", "2.1 points", "2 unnamed", "a missed rename", "an invented one"],
)
def test_the_bounds_of_segments(step: Step, reached: list[bool]) -> None:
    first = replace(STEP, snapshot=1, both=0, changed=0, one_model=0, segments=0, unnamed=0)
    assert [figure.is_reached for figure in figures_of_steps([first, step])] == reached


@pytest.mark.parametrize(("last", "found", "reached"), [(1.2, 9, True), (1.3, 9, False), (1.0, 8, False)])
def test_the_bound_of_the_last_snapshot(last: float, found: int, reached: bool) -> None:
    assert figure_of_tables(CreatorTables(10, (5.0, 1.0, last), 9, found), 3).is_reached is reached


def test_the_share_of_the_comparison() -> None:
    added = Added(10, 100.0, {"creators_growth": 15.0, "s_migration": 5.0}, 1_210.0, 1_000.0)
    assert (added.share, added.memory_share) == pytest.approx((0.2, 0.21))
    assert [figure.is_reached for figure in figures_of_added(added)] == [True, False]


def rows_of(kept: SegmentedSnapshots, snapshot: str) -> pd.DataFrame:
    return to_pandas(kept.warehouse.read_slice(PROFILES_TABLE, {"snapshot": snapshot}))


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> SegmentedSnapshots:
    """Return a snapshot of 300 creators with its segments."""
    folder = tmp_path_factory.mktemp("sample")
    (file,) = write_sample(folder, profiles=300, snapshots=1, random_state=1, activity=0, file_format="parquet")
    found = SegmentedSnapshots()
    found.add(file, "2024-03-04")
    return found


def migrations_of(kept: SegmentedSnapshots, snapshot: str) -> pd.Series:
    rows = to_pandas(kept.warehouse.read_slice(MIGRATIONS_TABLE, {"snapshot": snapshot, "study": STUDY}))
    return rows.groupby("kind")["creators"].sum()


def test_segments_without_a_creator_in_common_are_compared_by_arrivals_and_departures(
    kept: SegmentedSnapshots,
) -> None:
    others = rows_of(kept, "2024-03-04").assign(tiktok_id=None, snapshot="2024-04-01")
    others["account_id"] = "other." + others["account_id"]
    kept.warehouse.replace_slice(PROFILES_TABLE, {"snapshot": "2024-04-01"}, others[PROFILES_TABLE.frame_names])
    kept.compute("2024-04-01")
    assert migrations_of(kept, "2024-04-01").to_dict() == {"arrival": len(others), "departure": len(others)}


def test_segments_of_another_basis_are_not_gone_on_from_but_compared(kept: SegmentedSnapshots) -> None:
    without = rows_of(kept, "2024-03-04").assign(
        avg_engagement_rate=None, like_engagement_rate=None, comment_engagement_rate=None
    )
    kept.warehouse.replace_slice(PROFILES_TABLE, {"snapshot": "2024-05-01"}, without[PROFILES_TABLE.frame_names])
    kept.compute("2024-05-01")
    went_on = to_pandas(kept.warehouse.read_slice(CONTINUITY_TABLE, {"snapshot": "2024-05-01", "study": STUDY}))
    assert went_on["earlier_snapshot"].isna().all()
    assert migrations_of(kept, "2024-05-01").sum() >= len(without)
    lifecycle = to_pandas(kept.warehouse.read_slice(LIFECYCLE_TABLE, {"snapshot": "2024-05-01", "study": STUDY}))
    assert len(lifecycle) >= 4
    assert lifecycle["shift"].isna().all(), "other features have no shift"


@pytest.mark.slow
def test_a_scrape_that_did_not_change_moves_nobody() -> None:
    assert set(count_moved_without_change(300).values()) == {0}
