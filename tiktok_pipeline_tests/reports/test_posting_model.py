"""The section about who still posts: read from small tables, built into sentences and tables."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd

from tiktok_pipeline.clusters.schema import ASSIGNMENTS_TABLE
from tiktok_pipeline.features.posting import ActivityBounds
from tiktok_pipeline.features.schema import POSTING_TABLE
from tiktok_pipeline.personas.schema import SUMMARIES_TABLE
from tiktok_pipeline.reports.gather_posting import gather_posting
from tiktok_pipeline.reports.html import render_report
from tiktok_pipeline.reports.page_elements import Sentence, Table
from tiktok_pipeline.reports.posting_model import build_posting_section, posting_summary
from tiktok_pipeline.reports.report_model import build_report
from tiktok_pipeline.reports.snapshot_reader import SnapshotReader
from tiktok_pipeline.reports.snapshot_tables import PostingTables
from tiktok_pipeline.validated.schema import PROFILES_TABLE
from tiktok_pipeline.warehouse.duckdb.warehouse import DuckDBWarehouse
from tiktok_pipeline_tests.reports.sample_tables import snapshot_tables

TABLES = PostingTables(
    creators=998,
    profiles=1000,
    videos=26_525,
    unusable=33,
    by_activity={"posting": 402, "slowing": 158, "dormant": 438},
    medians={"days_since_last_post": 95.5, "videos_per_week": 1.17, "share_of_days_with_post": 0.13},
    by_persona=pd.DataFrame(
        [{"persona": "Starters", "creators": 4, "median_days": 520.0, "posting": 1, "slowing": 0, "dormant": 3}]
    ),
)


def text_of(sentence: Sentence | None) -> str:
    return "".join(span.text for span in sentence or ())


def cells_of(table: Table | None) -> list[list[str]]:
    assert table is not None
    return [[cell.text for cell in row.cells] for group in table.groups for row in group.rows]


def test_the_section_has_the_numbers_of_the_snapshot() -> None:
    section = build_posting_section(TABLES)
    assert section is not None
    first, second = map(text_of, section.sentences)
    assert first.startswith("The creator in the middle last posted 96 days before the scrape.")
    assert second.startswith("2 of 1,000 creators have no known video. 33 listed videos are left out")
    assert cells_of(section.activity_table) == [
        ["posting", "at most 30 days ago", "402", "40%"],
        ["slowing", "30 to 180 days ago", "158", "16%"],
        ["dormant", "more than 180 days ago", "438", "44%"],
    ]
    assert cells_of(section.segments_table) == [["Starters", "4", "25%", "0.0%", "75%", "520"]]
    assert [row[:2] for row in cells_of(section.medians_table)] == [
        ["days since the last post", "95.5"],
        ["videos a week", "1.17"],
        ["share of days with a post", "13%"],
    ]


def test_the_summary_names_the_bounds() -> None:
    tables = replace(TABLES, bounds=ActivityBounds(posting_days=14, dormant_days=60))
    assert text_of(posting_summary(tables)) == (
        "402 of 998 creators posted within 14 days, 438 have been silent for more than 60 days (who still posts)."
    )


def test_a_snapshot_without_videos_has_no_section() -> None:
    assert build_posting_section(PostingTables()) is None
    assert posting_summary(PostingTables()) is None
    assert 'id="posting"' not in render_report(build_report(snapshot_tables()))
    assert 'id="posting"' in render_report(build_report(replace(snapshot_tables(), posting=TABLES)))


def test_the_numbers_are_read_from_the_tables() -> None:
    key = {"snapshot": "2024-05-06"}
    days = {"ann": 3.0, "ben": 100.0, "cat": 365.0, "dan": 365.0}
    activity = {"ann": "posting", "ben": "slowing", "cat": "dormant", "dan": "dormant"}
    rows = [
        dict.fromkeys(POSTING_TABLE.frame_names)
        | {"account_id": name, "days_since_last_post": days[name], "activity": activity[name]}
        for name in days
    ]
    assigned = [
        dict.fromkeys(ASSIGNMENTS_TABLE.frame_names) | {"account_id": name, "cluster": cluster, "in_fit": True}
        for name, cluster in {"ann": 0, "ben": 1, "cat": 1, "dan": None}.items()
    ]
    personas = [
        dict.fromkeys(SUMMARIES_TABLE.frame_names, "")
        | {"cluster": cluster, "persona": persona, "profiles": profiles, "profiles_in_fit": 1, "share": 0.5}
        | {"match_distance": 0.0, "farthest_in_fit": 1.0, "profiles_beyond_fit": 0}
        for cluster, persona, profiles in ((0, "few", 1), (1, "many", 2))
    ]
    with DuckDBWarehouse(None) as warehouse:
        study = key | {"study": "x"}
        warehouse.replace_slice(POSTING_TABLE, key, pd.DataFrame(rows)[POSTING_TABLE.frame_names])
        warehouse.replace_slice(ASSIGNMENTS_TABLE, study, pd.DataFrame(assigned)[ASSIGNMENTS_TABLE.frame_names])
        warehouse.replace_slice(SUMMARIES_TABLE, study, pd.DataFrame(personas)[SUMMARIES_TABLE.frame_names])
        warehouse.replace_slice(PROFILES_TABLE, key, pd.DataFrame(columns=PROFILES_TABLE.frame_names))
        reader = SnapshotReader(warehouse, key["snapshot"])
        tables = gather_posting(reader, ActivityBounds(), study="x")
        without_study = gather_posting(reader, ActivityBounds(), study=None)
        nothing = gather_posting(SnapshotReader(warehouse, "2024-05-07"), ActivityBounds(), study="x")
    assert tables.by_activity == {"posting": 1, "slowing": 1, "dormant": 2}
    assert tables.medians["days_since_last_post"] == 232.5
    assert tables.by_persona[["persona", "creators", "posting", "dormant"]].to_dict("records") == [
        {"persona": "many", "creators": 2, "posting": 0, "dormant": 1},
        {"persona": "few", "creators": 1, "posting": 1, "dormant": 0},
    ]
    assert without_study.by_persona.empty
    assert (nothing.creators, nothing.by_persona.empty) == (0, True)
