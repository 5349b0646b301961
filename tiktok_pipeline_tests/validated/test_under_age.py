"""A person whom one source of a snapshot flags as under age is left out of all of them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import narwhals as nw
import pytest

from tiktok_pipeline.raw.dialects import recognize
from tiktok_pipeline.raw.read import read_file
from tiktok_pipeline.raw.schema import CREATOR_ACTIVITY, PROFILES, SOURCES, VIDEOS
from tiktok_pipeline.validated.duplicates import UNDER_AGE
from tiktok_pipeline.validated.under_age import leave_out_under_age
from tiktok_pipeline.validated.validate import ValidationResult, validate_source
from tiktok_pipeline.validated.videos import validate_videos
from tiktok_pipeline.warehouse.duckdb.warehouse import DuckDBWarehouse
from tiktok_pipeline_tests.validated.scrapes import csv_of
from tiktok_pipeline_tests.validated.test_videos import LATEST, raw_rows, video_id

NUMBER = "6790000000000000123"
ACTIVITY = "User ID,Instagram visit score,Spending_rank(0 to 100),is_minor\n"
POSTS = "profile_username,post_id,play_count,is_under_age_18\n"


def posts(*rows: tuple[str, str]) -> str:
    """Return a file of videos: each row a handle and its flag."""
    return POSTS + "".join(
        f"{name},{video_id(low=place)},5,{flag}\n" for place, (name, flag) in enumerate(rows, start=1)
    )


def read_all(engine: DuckDBWarehouse, folder: Path, files: Mapping[str, str]) -> dict[str, nw.LazyFrame[Any]]:
    raw = {}
    for name, content in files.items():
        (folder / name).write_text(content, newline="")
        scan = engine.scan(folder / name, "csv")
        recognition = recognize(scan.header, file=name)
        raw[recognition.source.name] = read_file(scan, recognition, source_file=name, engine=engine)
    return raw


def judged(engine: DuckDBWarehouse, raw: Mapping[str, nw.LazyFrame[Any]]) -> dict[str, ValidationResult]:
    marked = leave_out_under_age(raw, engine)
    assert list(marked) == list(raw)
    return {
        source.name: validate_videos(marked[source.name], engine, latest=LATEST)
        if source is VIDEOS
        else validate_source(marked[source.name], source, engine)
        for source in SOURCES
        if source.name in raw
    }


def kept(result: ValidationResult) -> list[str]:
    """Return the accounts of the good rows; of all others nothing may be kept but that they are under age."""
    rejected = result.rejected.collect("pyarrow").to_native().to_pylist()
    assert [(row["account_id"], row["record"], row["reasons"]) for row in rejected] == [
        (None, None, [UNDER_AGE])
    ] * len(rejected)
    rows = result.valid.sort("source_row").collect("pyarrow").to_native().to_pylist()
    return [row["account_id"] for row in rows]


def test_a_flag_of_a_video_takes_the_profile_and_the_other_videos(engine: DuckDBWarehouse, tmp_path: Path) -> None:
    files = {
        "public.csv": csv_of({"account_id": "@Young"}, {"account_id": "grown"}),
        "posts.csv": posts(("young", ""), ("YOUNG", "true"), ("grown", "false"), ("no_profile", "")),
    }
    results = judged(engine, read_all(engine, tmp_path, files))
    assert kept(results["profiles"]) == ["grown"]
    assert kept(results["videos"]) == ["grown", "no_profile"]


def test_a_flag_of_an_activity_takes_profile_and_videos(engine: DuckDBWarehouse, tmp_path: Path) -> None:
    files = {
        "public.csv": csv_of({"account_id": "young"}, {"account_id": "grown"}),
        "activity.csv": f"{ACTIVITY}young,1,2,maybe\ngrown,3,4,no\n",
        "posts.csv": posts(("young", ""), ("grown", "")),
    }
    results = judged(engine, read_all(engine, tmp_path, files))
    assert [kept(results[name]) for name in ("profiles", "creator_activity", "videos")] == [["grown"]] * 3


def test_a_flag_of_a_profile_takes_the_activity(engine: DuckDBWarehouse, tmp_path: Path) -> None:
    files = {
        "vendor.csv": csv_of({"account_id": "young", "is_under_age_18": "1"}, {"account_id": "grown"}),
        "activity.csv": f"{ACTIVITY}@Young,1,2,\ngrown,3,4,\n",
    }
    results = judged(engine, read_all(engine, tmp_path, files))
    assert kept(results["creator_activity"]) == ["grown"]
    assert kept(results["profiles"]) == ["grown"]


def test_the_platforms_number_leads_to_the_other_handles(engine: DuckDBWarehouse, tmp_path: Path) -> None:
    """The flagged video names the handle alone; the profile has the number, under which there is another video."""
    flagged = read_all(engine, tmp_path, {"posts.csv": posts(("young", "true"))})[VIDEOS.name]
    more = raw_rows(engine, VIDEOS, [{"account_id": "later", "tiktok_id": NUMBER, "video_id": video_id(low=9)}])
    names = flagged.collect_schema().names()
    profile = {"account_id": "young", "tiktok_id": NUMBER, "followers": "1", "following": "1", "likes": "1"}
    raw = {
        PROFILES.name: raw_rows(engine, PROFILES, [profile]),
        VIDEOS.name: nw.concat([flagged, more.select(names)], how="vertical"),
    }
    results = judged(engine, raw)
    assert kept(results["profiles"]) == []
    assert kept(results["videos"]) == []


def test_a_damaged_record_and_rows_without_a_name_are_nobodys(engine: DuckDBWarehouse) -> None:
    profiles: list[dict[str, str | None]] = [
        {"account_id": "torn", "is_under_age": "true", "read_problem": "ragged"},
        {"account_id": None, "is_under_age": "true"},
    ]
    videos: list[dict[str, str | None]] = [
        {"account_id": "torn", "video_id": video_id(low=1)},
        {"account_id": None, "video_id": video_id(low=2)},
    ]
    raw = {PROFILES.name: raw_rows(engine, PROFILES, profiles), VIDEOS.name: raw_rows(engine, VIDEOS, videos)}
    marked = leave_out_under_age(raw, engine)[VIDEOS.name].collect("pyarrow").to_native()
    assert marked["read_problem"].to_pylist() == [None, None]


@pytest.mark.parametrize("sources", [(PROFILES,), (PROFILES, CREATOR_ACTIVITY, VIDEOS), (VIDEOS,)])
def test_without_a_flag_the_rows_are_the_same(engine: DuckDBWarehouse, sources: tuple[Any, ...]) -> None:
    raw = {source.name: raw_rows(engine, source, [{"account_id": "ann", "likes": "3"}]) for source in sources}
    marked = leave_out_under_age(raw, engine)
    assert all(marked[name] is rows for name, rows in raw.items())
