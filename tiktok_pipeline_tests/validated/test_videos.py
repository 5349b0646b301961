"""Videos: delivered rows and listed links become videos with a time; ids without a plausible time do not."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import narwhals as nw
import pyarrow as pa
import pytest

from tiktok_pipeline.raw.dialects import recognize
from tiktok_pipeline.raw.read import read_file
from tiktok_pipeline.raw.schema import PROFILES, VIDEOS
from tiktok_pipeline.validated.duplicates import REPEATED_VIDEO, UNDER_AGE
from tiktok_pipeline.validated.schema import VIDEOS_TABLE
from tiktok_pipeline.validated.under_age import leave_out_under_age
from tiktok_pipeline.validated.validate import validate_source
from tiktok_pipeline.validated.videos import (
    UnusableVideos,
    all_videos,
    count_unusable,
    latest_time,
    listed_videos,
    newest_video_day,
    validate_videos,
)
from tiktok_pipeline.warehouse.duckdb.warehouse import DuckDBWarehouse

DAY = date(2024, 5, 6)
LATEST = latest_time(DAY)
SECOND = int(datetime(2024, 5, 1, 12, tzinfo=UTC).timestamp())


def video_id(second: int = SECOND, low: int = 7) -> str:
    """Return an id made at a second since 1970."""
    return str((second << 32) + low)


def at(day: date) -> str:
    """Return an id made at noon of a day."""
    return video_id(int(datetime(day.year, day.month, day.day, 12, tzinfo=UTC).timestamp()))


def raw_rows(engine: DuckDBWarehouse, source: Any, rows: Sequence[Mapping[str, str | None]]) -> nw.LazyFrame[Any]:
    """Return rows of ``raw.<source>`` with the given cells."""
    columns: dict[str, pa.Array] = {
        "source_file": pa.array(["f.parquet"] * len(rows)),
        "source_row": pa.array(range(1, len(rows) + 1), pa.int64()),
        "dialect": pa.array(["any"] * len(rows)),
        "read_problem": pa.array([row.get("read_problem") for row in rows], pa.string()),
    }
    columns |= {name: pa.array([row.get(name) for row in rows], pa.string()) for name in (*source.columns, "extra")}
    return engine.persist(pa.table(columns))


def to_rows(frame: nw.LazyFrame[Any]) -> list[dict[str, Any]]:
    """Return the rows in the order of their position."""
    rows: list[dict[str, Any]] = frame.collect("pyarrow").to_native().to_pylist()
    return sorted(rows, key=lambda row: (row["source_row"], row.get("video_id") or ""))


def delivered(engine: DuckDBWarehouse, *rows: Mapping[str, str | None]) -> tuple[list[Any], list[Any]]:
    """Validate rows of ``raw.videos``; return the valid and the rejected ones."""
    minor = {"account_id": "@Minor", "tiktok_id": "6790000000000000123", "is_under_age": "true"}
    profiles = raw_rows(engine, PROFILES, [minor, {"account_id": "ann"}])
    raw = {PROFILES.name: profiles, VIDEOS.name: raw_rows(engine, VIDEOS, list(rows))}
    result = validate_videos(leave_out_under_age(raw, engine)[VIDEOS.name], engine, latest=LATEST)
    return to_rows(result.valid), to_rows(result.rejected)


def listed(engine: DuckDBWarehouse, *lists: str | None) -> tuple[list[Any], UnusableVideos]:
    """Return the videos of invented profiles with these ``top_videos``, and the counts of those left out."""
    raw = raw_rows(engine, PROFILES, [{"top_videos": text} for text in lists])
    owners = pa.table(
        {
            "account_id": [f"creator{number}" for number in range(len(lists))],
            "source_file": ["f.parquet"] * len(lists),
            "source_row": pa.array(range(1, len(lists) + 1), pa.int64()),
        }
    )
    profiles = engine.persist(owners)
    videos = to_rows(listed_videos(raw, profiles, engine, latest=LATEST))
    return videos, count_unusable(raw, profiles, engine, latest=LATEST)


def test_a_delivered_video_has_its_counts_and_the_time_in_its_id(engine: DuckDBWarehouse) -> None:
    cells = {"account_id": "@Ann", "video_id": video_id(), "plays": "1.2K", "likes": "12", "comments": "x"}
    (video,), rejected = delivered(engine, cells)
    assert rejected == []
    assert video == {
        "account_id": video["account_id"],
        "video_id": video_id(),
        "posted_at": datetime(2024, 5, 1, 12),  # noqa: DTZ001
        "plays": 1200,
        "likes": 12,
        "comments": None,
        "shares": None,
        "saves": None,
        "origin": "delivered",
        "source_file": "f.parquet",
        "source_row": 1,
    }
    assert video["account_id"].lower() == "ann"
    assert list(video) == VIDEOS_TABLE.frame_names


def test_handle_and_id_are_read_from_the_url(engine: DuckDBWarehouse) -> None:
    url = f"https://www.tiktok.com/@ben/video/{video_id()}?lang=en"
    (video,), _ = delivered(engine, {"url": url})
    assert (video["account_id"], video["video_id"]) == ("ben", video_id())


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("7.2E+18", "video_id: 7.2E+18 is not a number of at most 19 digits (a spreadsheet may have rounded it)"),
        ("99999999999999999999", "video_id: 99999999999999999999 is not a number of at most 19 digits"),
        (at(date(2024, 5, 9)), "video_id: its time of posting is after the snapshot"),
        (at(date(2016, 8, 30)), "video_id: its time of posting is before 2016-09"),
        ("12", "video_id: its time of posting is before 2016-09"),
        (None, "video_id: missing"),
    ],
)
def test_an_unusable_id_is_one_reason(engine: DuckDBWarehouse, text: str | None, reason: str) -> None:
    valid, (row,) = delivered(engine, {"account_id": "ann", "video_id": text})
    assert valid == []
    assert len(row["reasons"]) == 1
    assert row["reasons"][0].startswith(reason)


def test_a_video_may_be_posted_on_the_day_after_the_snapshot(engine: DuckDBWarehouse) -> None:
    valid, _ = delivered(engine, {"account_id": "ann", "video_id": at(date(2024, 5, 7))})
    assert len(valid) == 1


def test_the_last_row_of_a_video_stays(engine: DuckDBWarehouse) -> None:
    rows: list[dict[str, str | None]] = [
        {"account_id": "ann", "video_id": video_id(), "plays": str(plays)} for plays in (1, 2, 3)
    ]
    valid, rejected = delivered(engine, *rows, {"account_id": "ben", "video_id": video_id()})
    assert [(video["account_id"], video["plays"]) for video in valid] == [("ann", 3), ("ben", None)]
    assert [row["source_row"] for row in rejected] == [1, 2]
    assert {reason for row in rejected for reason in row["reasons"]} == {REPEATED_VIDEO}


def test_nothing_is_kept_of_the_videos_of_a_person_under_age(engine: DuckDBWarehouse) -> None:
    renamed = {"account_id": "renamed", "tiktok_id": "6790000000000000123", "video_id": video_id(low=8)}
    valid, (row, other) = delivered(engine, {"account_id": "minor", "video_id": video_id()}, renamed)
    assert other["reasons"] == row["reasons"]
    assert valid == []
    assert (row["account_id"], row["record"], row["reasons"]) == (None, None, [UNDER_AGE])


def test_a_damaged_record_keeps_its_reason(engine: DuckDBWarehouse) -> None:
    valid, (row,) = delivered(engine, {"account_id": "ann", "video_id": video_id(), "read_problem": "ragged"})
    assert (valid, row["reasons"]) == ([], ["ragged"])


def test_a_count_out_of_range_is_missing(engine: DuckDBWarehouse) -> None:
    (video,), _ = delivered(engine, {"account_id": "ann", "video_id": video_id(), "plays": "-5", "likes": "1e16"})
    assert (video["plays"], video["likes"]) == (None, None)


@pytest.mark.parametrize(
    ("text", "plays"), [("1200.0", 1200), ("12,345", 12_345), ("1.000", None), ("1.234", None), ("nan", None)]
)
def test_a_count_is_never_read_in_one_of_two_ways(engine: DuckDBWarehouse, text: str, plays: int | None) -> None:
    (video,), _ = delivered(engine, {"account_id": "ann", "video_id": video_id(), "plays": text})
    assert video["plays"] == plays


def test_links_become_videos_once_each(engine: DuckDBWarehouse) -> None:
    link = "https://www.tiktok.com/@ann/video/"
    text = f"{link}{video_id(low=1)},{link}{video_id(low=2)}?x=1, {link}{video_id(low=1)}"
    videos, unusable = listed(engine, text, None, "", "no link")
    assert [(video["account_id"], video["video_id"]) for video in videos] == [
        ("creator0", video_id(low=1)),
        ("creator0", video_id(low=2)),
    ]
    assert {video["origin"] for video in videos} == {"top_videos"}
    assert unusable == UnusableVideos(0, 0, 0)


def test_objects_bring_their_counts(engine: DuckDBWarehouse) -> None:
    text = (
        f'[{{"video_id":"{video_id(low=1)}","playcount":12,"diggcount":"3","commentcount":1,"share_count":0}},'
        f'{{"video_id":{video_id(low=2)}}},{{"video_id":"{video_id(low=1)}","playcount":99}}]'
    )
    videos, _ = listed(engine, text)
    counts = [tuple(video[name] for name in ("plays", "likes", "comments", "shares", "saves")) for video in videos]
    assert counts == [(12, 3, 1, 0, None), (None,) * 5]


def test_listed_ids_without_a_plausible_time_are_counted(engine: DuckDBWarehouse) -> None:
    ids = ("7.2E+18", "abc", "12", at(date(2024, 5, 9)), at(date(2024, 5, 6)))
    videos, unusable = listed(engine, ",".join(f"https://t.test/@ann/video/{text}" for text in ids))
    assert [video["video_id"] for video in videos] == [at(date(2024, 5, 6))]
    assert unusable == UnusableVideos(malformed=2, too_early=1, in_future=1)


def test_a_delivered_video_comes_before_the_listed_one(engine: DuckDBWarehouse) -> None:
    raw = raw_rows(engine, VIDEOS, [{"account_id": "creator0", "video_id": video_id(), "plays": "9"}])
    delivered_rows = validate_videos(raw, engine, latest=LATEST).valid
    lists = raw_rows(engine, PROFILES, [{"top_videos": f"x/video/{video_id()},x/video/{video_id(low=8)}"}])
    owner = pa.table({"account_id": ["creator0"], "source_file": ["f.parquet"], "source_row": [1]})
    links = listed_videos(lists, engine.persist(owner), engine, latest=LATEST)
    videos = to_rows(all_videos(delivered_rows, links))
    assert [(video["origin"], video["plays"]) for video in videos] == [("delivered", 9), ("top_videos", None)]


def test_the_newest_plausible_video_gives_a_day(engine: DuckDBWarehouse) -> None:
    links = f"x/video/{at(date(2024, 5, 1))},x/video/{at(date(2024, 5, 3))},x/video/{at(date(2031, 1, 1))}"
    profiles = raw_rows(engine, PROFILES, [{"top_videos": links}, {"top_videos": None}])
    videos = raw_rows(engine, VIDEOS, [{"video_id": at(date(2024, 5, 2))}, {"video_id": "7.2E+18"}])
    nothing = raw_rows(engine, PROFILES, [{"top_videos": "x/video/12"}])
    assert newest_video_day(profiles, engine, today=DAY) == date(2024, 5, 3)
    assert newest_video_day(videos, engine, today=DAY) == date(2024, 5, 2)
    assert newest_video_day(nothing, engine, today=DAY) is None


@pytest.mark.real_data
def test_nearly_every_real_link_has_a_plausible_time(
    engine: DuckDBWarehouse, real_data: Callable[[str], Path]
) -> None:
    path = real_data("profiles_2023-08-12.csv")
    scan = engine.scan(path, "csv")
    raw = engine.persist(read_file(scan, recognize(scan.header, file=path.name), source_file="p", engine=engine))
    profiles = engine.persist(validate_source(raw, PROFILES, engine).valid)
    latest = latest_time(date(2023, 8, 12))
    videos = listed_videos(raw, profiles, engine, latest=latest)
    counts = videos.select(nw.len().alias("videos"), nw.col("posted_at").max().alias("newest"))
    (row,) = counts.collect("pyarrow").to_native().to_pylist()
    assert row["videos"] == 26_525
    assert row["newest"].date() == date(2023, 8, 12)
    assert count_unusable(raw, profiles, engine, latest=latest) == UnusableVideos(0, 33, 0)
