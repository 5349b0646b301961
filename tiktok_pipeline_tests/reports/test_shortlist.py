"""Whom to look at first: who is read, in which order, for which reason, and what a verdict allows."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiktok_pipeline.cli.explore import explore
from tiktok_pipeline.cli.local_port import HOST
from tiktok_pipeline.creators.peer_schema import CURRENT_TABLE, NOTICES_TABLE
from tiktok_pipeline.personas.schema import SUMMARIES_TABLE
from tiktok_pipeline.personas.verdict import VERDICTS
from tiktok_pipeline.recipes.personas import RankedBy
from tiktok_pipeline.reports.gather_shortlist import PER_SEGMENT, WITHOUT_SEGMENTS, gather_shortlist
from tiktok_pipeline.reports.report_model import EXPLORE_ADDRESS, search_address
from tiktok_pipeline.reports.segment_model import what_to_do
from tiktok_pipeline.reports.shortlist_model import build_shortlist, cautions, group_heading, reason
from tiktok_pipeline.reports.snapshot_reader import SnapshotReader
from tiktok_pipeline.reports.snapshot_tables import ShortlistTables, to_records
from tiktok_pipeline.studies.balanced_segments import STUDY
from tiktok_pipeline.warehouse.duckdb.warehouse import DuckDBWarehouse
from tiktok_pipeline_tests.reports.sample_tables import shortlist

SNAPSHOT = "2024-04-29"


def creator(account_id: str, **changes: Any) -> dict[str, Any]:
    """Return a row of ``creators.current``."""
    ordinary = {
        "account_id": account_id,
        "followers": 20_000,
        "follower_tier": "micro",
        "avg_engagement_rate": 0.04,
        "avg_engagement_rate_usual": 0.02,
        "times_expected": 2.0,
        "likes_per_video": 800.0,
        "likes_per_video_percentile": 0.5,
        "scraped_videos": 30,
        "notices": 0,
        "persona": "Breakouts",
        "margin": 0.5,
        "runner_up": "Starters",
    }
    return dict.fromkeys(CURRENT_TABLE.frame_names) | ordinary | changes


def segment(cluster: int, persona: str, verdict: str) -> dict[str, Any]:
    texts = dict.fromkeys(("description", "strategic_value", "recommendation"), "text")
    row: dict[str, Any] = dict.fromkeys(SUMMARIES_TABLE.frame_names)
    row |= {"cluster": cluster, "persona": persona, "verdict": verdict, "profiles": 90 - cluster, "share": 0.1}
    return row | {"profiles_in_fit": 50, "segment_id": f"s{cluster}"} | texts


@cache
def warehouse() -> DuckDBWarehouse:
    """Return a warehouse in memory, whose tables are made once."""
    return DuckDBWarehouse(None)


def read(
    creators: list[dict[str, Any]],
    segments: list[dict[str, Any]],
    notices: Sequence[tuple[str, str]] = (),
    *,
    min_followers: float = 1_000,
) -> ShortlistTables:
    where = {"snapshot": SNAPSHOT}
    frame = pd.DataFrame(creators, columns=CURRENT_TABLE.frame_names)
    warehouse().replace_slice(CURRENT_TABLE, where, frame)
    summaries = pd.DataFrame(segments, columns=SUMMARIES_TABLE.frame_names).astype({"cluster": "Int64"})
    warehouse().replace_slice(SUMMARIES_TABLE, where | {"study": STUDY.name}, summaries)
    zeros = dict.fromkeys(NOTICES_TABLE.frame_names, 0)
    rows = [
        {**zeros, "account_id": account, "notice": notice, "figure": "avg_engagement_rate", "known_peers": 200}
        for account, notice in notices
    ]
    warehouse().replace_slice(NOTICES_TABLE, where, pd.DataFrame(rows, columns=NOTICES_TABLE.frame_names))
    return gather_shortlist(SnapshotReader(warehouse(), SNAPSHOT), STUDY, min_followers=min_followers)


def listed(tables: ShortlistTables) -> list[tuple[str, str | None]]:
    rows = tables.creators[["account_id", "segment"]].to_dict("records")
    return [(row["account_id"], row["segment"] if isinstance(row["segment"], str) else None) for row in rows]


STABLE = [segment(0, "Established Reach", "stable"), segment(1, "Breakouts", "pattern")]


def test_each_segment_is_ranked_by_what_it_is_for() -> None:
    creators = [
        creator(
            "wide", persona="Established Reach", followers=1_000_000, avg_engagement_rate=0.01, times_expected=0.5
        ),
        creator("keen", persona="Established Reach", followers=100_000, avg_engagement_rate=0.08, times_expected=9.0),
        creator("b", times_expected=3.0),
        creator("a", times_expected=3.0),
        creator("best", times_expected=4.0),
    ]
    found = read(creators, STABLE)
    assert listed(found) == [
        ("wide", "Established Reach"),
        ("keen", "Established Reach"),
        ("best", "Breakouts"),
        ("a", "Breakouts"),
        ("b", "Breakouts"),
    ]
    assert (found.known, found.large, found.has_rates) == (5, 5, True)


def test_nobody_below_the_floor_or_dormant_and_rough_rates_come_last() -> None:
    creators = [
        creator("small", followers=999, times_expected=99.0),
        creator("at_the_floor", followers=1_000, times_expected=1.0),
        creator("asleep", activity="dormant", times_expected=98.0),
        creator("slow", activity="slowing", times_expected=2.0),
        creator("rough", scraped_videos=5, times_expected=97.0),
        creator("beyond", avg_engagement_rate=1.2, times_expected=60.0),
        creator("both", avg_engagement_rate=1.2, scraped_videos=1, times_expected=600.0),
        creator("unknown", scraped_videos=None, times_expected=3.0),
        creator("no_rate", times_expected=None),
    ]
    found = read(creators, STABLE)
    assert [account for account, _ in listed(found)] == ["unknown", "slow", "at_the_floor", "rough", "beyond"]
    assert (found.known, found.large) == (9, 8)
    assert [account for account, _ in listed(read(creators, STABLE, min_followers=20_001))] == []


@pytest.mark.parametrize("verdict", list(VERDICTS))
def test_a_segment_is_listed_only_if_its_verdict_allows_to_plan(verdict: str) -> None:
    creators = [creator(f"creator{number:02d}", times_expected=100.0 - number) for number in range(20)]
    cluster = None if verdict == "no segment" else 0
    summaries = [segment(0, "Breakouts", verdict) | {"cluster": cluster}]
    found = listed(read(creators, summaries))
    if VERDICTS[verdict].can_plan:
        assert found == [(f"creator{number:02d}", "Breakouts") for number in range(PER_SEGMENT)]
    else:
        assert found == [(f"creator{number:02d}", None) for number in range(WITHOUT_SEGMENTS)]
        text = "".join(span.text for span in build_shortlist(with_profiles(read(creators, summaries))).note)
        assert text.endswith("No segment is reliable enough to plan with, so the list ignores segments.")


def test_starters_are_not_listed_and_an_unnamed_segment_is() -> None:
    creators = [creator("new", persona="Starters"), creator("odd", persona="Unnamed segment 3")]
    summaries = [segment(0, "Starters", "stable"), segment(1, "Unnamed segment 3", "stable")]
    assert listed(read(creators, summaries)) == [("odd", "Unnamed segment 3")]


def test_without_rates_likes_per_video_rank() -> None:
    unrated = {"avg_engagement_rate": None, "times_expected": None}
    creators = [
        creator("many", persona="Established Reach", likes_per_video=9_000.0, **unrated),
        creator("some", persona="Established Reach", likes_per_video=90.0, **unrated),
        creator("high", likes_per_video_percentile=0.9, **unrated),
        creator("low", likes_per_video_percentile=0.1, **unrated),
    ]
    found = read(creators, STABLE)
    assert not found.has_rates
    assert [account for account, _ in listed(found)] == ["many", "some", "high", "low"]
    assert search_address(found) == f"{EXPLORE_ADDRESS}/?followers_min=1000&sort=likes_per_video"


def test_notices_are_told_but_not_the_one_that_the_rank_says() -> None:
    notices = [("a", "shrinking"), ("a", "high engagement"), ("a", "few comments"), ("b", "many likes")]
    found = read([creator("a", times_expected=9.0), creator("b")], STABLE, notices)
    assert found.creators["unusual"].tolist() == ["few comments, shrinking", ""]


def with_profiles(tables: ShortlistTables) -> ShortlistTables:
    return replace(tables, profiles=tables.known)


def test_a_snapshot_without_creators_gives_the_reason() -> None:
    for tables, words in (
        (read([], []), "This snapshot has no profiles to choose from."),
        (replace(read([], []), profiles=9), "The creators of this snapshot have not been compared yet."),
        (
            with_profiles(read([creator("a", followers=10)], STABLE)),
            "None of the 1 creators has 1,000 followers or more",
        ),
        (
            with_profiles(read([creator("a", persona="Starters")], STABLE)),
            "Nobody with 1,000 followers or more has the figures",
        ),
    ):
        built = build_shortlist(tables)
        assert built.table is None
        assert "".join(span.text for span in built.note).startswith(words)


@given(
    st.lists(st.tuples(st.integers(0, 5_000), st.floats(0, 100), st.booleans()), max_size=30), st.integers(1, 5_000)
)
def test_the_list_keeps_the_floor_whoever_comes(people: list[tuple[int, float, bool]], floor: int) -> None:
    creators = [
        creator(f"c{place}", followers=followers, times_expected=times, persona="Breakouts" if in_it else None)
        for place, (followers, times, in_it) in enumerate(people)
    ]
    found = read(creators, STABLE, min_followers=floor).creators
    assert (found["followers"] >= floor).all()
    assert found["times_expected"].is_monotonic_decreasing
    assert len(found) <= PER_SEGMENT


@pytest.mark.parametrize(
    ("verdict", "text"),
    [
        ("stable", "Contact them first."),
        ("pattern", "Contact them first."),
        ("unstable", "Do not plan with this group. Judge its creators one by one."),
        ("too small", "Do not plan with this group. Judge its creators one by one."),
        ("not measured", "Do not plan with this group. Judge its creators one by one."),
        ("no segment", "Nothing as a group. Judge these creators one by one."),
    ],
)
def test_advice_follows_the_verdict(verdict: str, text: str) -> None:
    assert what_to_do(verdict, "Contact them first.") == text


def test_every_verdict_has_a_case_and_only_reliable_ones_allow_to_plan() -> None:
    assert [label for label, verdict in VERDICTS.items() if verdict.can_plan] == ["stable", "pattern"]


ROW = to_records(shortlist().creators)[0]


@pytest.mark.parametrize(
    ("has_rates", "changes", "text"),
    [
        (
            True,
            {},
            "2.3 times the usual engagement for the size (8.4%, usual 3.6%); 12% more followers in 30 days",
        ),
        (True, {"growth_30_days": 0.0499}, "2.3 times the usual engagement for the size (8.4%, usual 3.6%)"),
        (
            True,
            {"growth_30_days": None, "times_expected": 9.96},
            "10 times the usual engagement for the size (8.4%, usual 3.6%)",
        ),
        (
            True,
            {"growth_30_days": None, "ranked_by": "reach"},
            "about 3,000 likes and comments per video (engagement 8.4%)",
        ),
        (
            False,
            {"growth_30_days": None},
            "more likes per video than 97% of creators of the size (2,346)",
        ),
        (
            False,
            {"growth_30_days": 0.05, "ranked_by": "reach"},
            "2,346 likes per video; 5.0% more followers in 30 days",
        ),
    ],
)
def test_the_reason_is_in_figures(has_rates: bool, changes: dict[str, Any], text: str) -> None:
    assert reason(ROW | changes, has_rates=has_rates) == text


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({}, ""),
        ({"unusual": "few comments"}, "unusual: few comments"),
        ({"scraped_videos": 1}, "rate from 1 video"),
        ({"scraped_videos": 5}, "rate from 5 videos"),
        ({"scraped_videos": 6}, ""),
        ({"scraped_videos": None}, ""),
        ({"margin": 0.0999}, "close to Quiet"),
        ({"margin": 0.1}, ""),
        ({"margin": 0.05, "segment": None}, ""),
        ({"margin": None}, ""),
        ({"activity": "slowing", "days_since_last_post": 45.0}, "last post 45 days before the scrape"),
        ({"avg_engagement_rate": 1.01}, "more reactions than followers"),
        ({"avg_engagement_rate": 1.0}, ""),
        ({"avg_engagement_rate": None}, ""),
    ],
)
def test_what_to_check_first(changes: dict[str, Any], text: str) -> None:
    assert cautions(ROW | {"unusual": ""} | changes) == text


@pytest.mark.parametrize("ranked_by", ["response", "reach"])
def test_a_heading_says_what_ranks(ranked_by: RankedBy) -> None:
    headings = {group_heading("A", ranked_by, has_rates=has_rates) for has_rates in (True, False)}
    assert len(headings) == 2
    assert group_heading(None, ranked_by, has_rates=True).startswith("All creators, by ")


def test_the_table_ranks_within_each_segment_and_links_possible_handles() -> None:
    table = build_shortlist(shortlist()).table
    assert table is not None
    assert [group.heading.partition(",")[0] for group in table.groups] == ["Large & Loud", "Quiet"]
    cells = [row.cells for group in table.groups for row in group.rows]
    assert [row[0].text for row in cells] == ["1", "2", "1"]
    assert [row[1].profile for row in cells] == [
        "",
        "https://www.tiktok.com/@some.creator",
        "https://www.tiktok.com/@other.creator",
    ]
    assert [row[3].text for row in cells] == ["36,000", "12,000", "3,600,000"]


def test_the_pages_are_where_the_command_serves_them() -> None:
    port = inspect.signature(explore).parameters["port"].default
    assert f"http://{HOST}:{port}" == EXPLORE_ADDRESS
