"""Validate videos: rows of ``raw.videos``, and the links or objects that the profiles list in ``top_videos``.

A TikTok id holds the time of its making: its upper 32 bits are seconds since 1970. So every link has a time of
posting. An id that was rounded by a spreadsheet, or whose time is not plausible, gives no video.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import narwhals as nw

from tiktok_pipeline.raw.schema import VIDEO_COLUMNS, VIDEOS
from tiktok_pipeline.validated.clean import (
    parse_count,
)
from tiktok_pipeline.validated.duplicates import POSITION, REPEATED_VIDEO
from tiktok_pipeline.validated.identity import parse_handle
from tiktok_pipeline.validated.schema import LARGEST_COUNT, VIDEO_COUNTS, VIDEOS_SCHEMA, VIDEOS_TABLE
from tiktok_pipeline.validated.validate import (
    REASON_SEPARATOR,
    ValidationResult,
    apply_rules,
    rejected_rows,
)
from tiktok_pipeline.warehouse.base import Engine

DELIVERED, LISTED = "delivered", "top_videos"
"""The values of ``validated.videos.origin``."""

FIRST_VIDEO = datetime(2016, 9, 1)  # noqa: DTZ001 - the warehouse stores UTC times without a zone
"""The platform started in September 2016. Ids of its predecessors are smaller and hold no time."""

MARGIN = timedelta(days=1)
"""How long after the day of its snapshot a video may be posted: a scraper's day may be ahead of the UTC day."""

LINK_MARK = "/video/"
OBJECT_KEYS: Mapping[str, Sequence[str]] = {
    "video_id": ("video_id", "id", "videoId"),
    "plays": ("playcount", "play_count", "playCount"),
    "likes": ("diggcount", "digg_count", "diggCount", "like_count"),
    "comments": ("commentcount", "comment_count", "commentCount"),
    "shares": ("share_count", "sharecount", "shareCount"),
    "saves": ("favorites_count", "collect_count", "collectCount"),
}
"""The keys of an object in ``top_videos``, for each column."""

_ROW_SCHEMA = VIDEOS_SCHEMA.remove_columns(["posted_at"])
"""``posted_at`` follows from ``video_id``: a video without a usable id has one reason, not two."""


@dataclass(frozen=True)
class UnusableVideos:
    """How many listed videos are not in ``validated.videos``, by reason."""

    malformed: int
    too_early: int
    in_future: int


def latest_time(day: date) -> datetime:
    """Return the end of the time in which a video of a snapshot may be posted.

    Parameters
    ----------
    day : date
        The day of the snapshot, in UTC.

    Examples
    --------
    >>> latest_time(date(2023, 8, 12))
    datetime.datetime(2023, 8, 14, 0, 0)
    """
    return datetime(day.year, day.month, day.day) + timedelta(days=1) + MARGIN  # noqa: DTZ001


def validate_videos(raw: nw.LazyFrame[Any], engine: Engine, *, latest: datetime) -> ValidationResult:
    """Validate the rows of ``raw.videos``; each row is in exactly one of the two frames.

    A count that cannot be read becomes missing and does not reject the video. Of several rows of a video the one
    that was delivered last stays.

    Parameters
    ----------
    raw : LazyFrame
        Rows of ``raw.videos``, all text; see `tiktok_pipeline.validated.under_age` for persons under age.
    engine : Engine
        The engine that the frame lives in.
    latest : datetime
        See `latest_time`.

    Returns
    -------
    ValidationResult
        Both frames are lazy; they stay readable until `Engine.unpersist_all`.
    """
    checked = apply_rules(clean_videos(raw, engine, latest=latest), _ROW_SCHEMA)
    key = nw.concat_str([nw.col("account_id"), nw.col("video_id")], separator="/")
    keyed = checked.with_columns(key.alias("key"))
    marked = engine.mark_repeated(keyed, "key", among=keyed.select("key"))
    suspect = engine.persist(marked.filter((nw.col("problems") != "") | nw.col("is_repeated")))
    rejected = engine.persist(_mark_duplicates(suspect).filter(nw.col("problems") != ""))
    valid = checked.join(rejected.select(*POSITION), on=POSITION, how="anti").select(VIDEOS_TABLE.frame_names)
    return ValidationResult(valid=valid, rejected=rejected_rows(rejected, VIDEOS, engine))


def clean_videos(raw: nw.LazyFrame[Any], engine: Engine, *, latest: datetime) -> nw.LazyFrame[Any]:
    """Parse the rows of ``raw.videos``; returns typed columns and ``problems`` as `clean_profiles` does."""
    delivered = raw.rename({name: f"raw_{name}" for name in VIDEO_COLUMNS})
    texts = {f"text_{name}": f"raw_{name}" for name in ("account_id", "url", "video_id", *VIDEO_COUNTS)}
    stripped = engine.strip_and_nullify(delivered, texts).with_columns(
        parse_handle(nw.col("text_account_id"), nw.col("text_url")).alias("account_id"),
        _video_id(nw.col("text_video_id"), nw.col("text_url")).alias("video_id"),
        *(_count(nw.col(f"text_{name}")).alias(name) for name in VIDEO_COUNTS),
        nw.lit(DELIVERED).alias("origin"),
    )
    timed = _typed(stripped.drop(list(texts)), engine)
    damage = nw.col("read_problem")
    problem = nw.when(~damage.is_null()).then(damage).otherwise(_problem(latest)).fill_null("")
    usable = nw.when(~nw.col("posted_at").is_null()).then(nw.col("video_id"))
    return timed.with_columns(problem.alias("problems"), usable.alias("video_id"))


def listed_videos(
    raw_profiles: nw.LazyFrame[Any], profiles: nw.LazyFrame[Any], engine: Engine, *, latest: datetime
) -> nw.LazyFrame[Any]:
    """Return the videos that the valid profiles list, as rows of ``validated.videos``, lazily.

    Parameters
    ----------
    raw_profiles : LazyFrame
        Rows of ``raw.profiles``.
    profiles : LazyFrame
        Rows of ``validated.profiles``.
    engine : Engine
        The engine that both frames live in.
    latest : datetime
        See `latest_time`.
    """
    items = _items(raw_profiles, profiles, engine)
    return items.filter(_is_usable(latest)).select(VIDEOS_TABLE.frame_names)


def count_unusable(
    raw_profiles: nw.LazyFrame[Any], profiles: nw.LazyFrame[Any], engine: Engine, *, latest: datetime
) -> UnusableVideos:
    """Count the listed videos that `listed_videos` leaves out; the parameters are the same."""
    posted_at = nw.col("posted_at")
    counts = {
        "malformed": posted_at.is_null(),
        "too_early": posted_at < nw.lit(FIRST_VIDEO),
        "in_future": posted_at >= nw.lit(latest),
    }
    items = _items(raw_profiles, profiles, engine)
    sums = items.select(**{name: where.cast(nw.Int64).sum() for name, where in counts.items()})
    row = sums.collect("pyarrow").to_native().to_pylist()[0]
    return UnusableVideos(**{name: int(row[name] or 0) for name in counts})


def all_videos(delivered: nw.LazyFrame[Any] | None, listed: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
    """Return the delivered videos, and the listed ones that are not delivered; a delivered row has more columns."""
    if delivered is None:
        return listed
    key = ["account_id", "video_id"]
    return nw.concat([delivered, listed.join(delivered.select(*key), on=key, how="anti")], how="vertical")


def newest_video_day(raw: nw.LazyFrame[Any], engine: Engine, *, today: date) -> date | None:
    """Return the UTC day of the newest plausible video in rows of ``raw.profiles`` or ``raw.videos``.

    Parameters
    ----------
    raw : LazyFrame
        Raw rows, all text.
    engine : Engine
        The engine that the frame lives in.
    today : date
        The present UTC day; later videos are not plausible.

    Returns
    -------
    date or None
        None if the rows have no plausible video.
    """
    if "top_videos" in raw.collect_schema().names():
        timed = _timed_items(raw.select("top_videos"), engine)
    else:
        stripped = engine.strip_and_nullify(raw.select("video_id", "url"), {"text_id": "video_id", "text_url": "url"})
        ids = stripped.select(_video_id(nw.col("text_id"), nw.col("text_url")).alias("video_id"))
        timed = engine.snowflake_time(ids, "video_id", "posted_at")
    newest = timed.filter(_is_usable(latest_time(today))).select(newest=nw.col("posted_at").max())
    value: datetime | None = newest.collect("pyarrow").to_native().to_pylist()[0]["newest"]
    return value.date() if value is not None else None


def _items(raw_profiles: nw.LazyFrame[Any], profiles: nw.LazyFrame[Any], engine: Engine) -> nw.LazyFrame[Any]:
    """Return one row for each listed video of a valid profile, typed; also those that are not usable."""
    owners = profiles.select("account_id", *POSITION)
    lists = raw_profiles.select(*POSITION, "top_videos").filter(nw.col("top_videos") != "")
    return _timed_items(lists.join(owners, on=POSITION, how="inner"), engine, among=lists)


def _timed_items(
    lists: nw.LazyFrame[Any], engine: Engine, *, among: nw.LazyFrame[Any] | None = None
) -> nw.LazyFrame[Any]:
    items = engine.unnest_items(lists, "top_videos", keys=OBJECT_KEYS, link_mark=LINK_MARK, among=among)
    return _typed(items.with_columns(nw.lit(LISTED).alias("origin")), engine)


def _typed(videos: nw.LazyFrame[Any], engine: Engine) -> nw.LazyFrame[Any]:
    """Cast the counts, and add ``posted_at``. A count out of range becomes missing."""
    cast = engine.try_cast(
        engine.snowflake_time(videos, "video_id", "posted_at"), dict.fromkeys(VIDEO_COUNTS, "integer")
    )
    in_range = [
        nw.when((nw.col(name) >= 0) & (nw.col(name) <= LARGEST_COUNT)).then(nw.col(name)).alias(name)
        for name in VIDEO_COUNTS
    ]
    return cast.with_columns(*in_range)


def _count(text: nw.Expr) -> nw.Expr:
    """Return a count as text to cast; 1.000 may be one or a thousand, and is missing."""
    return parse_count(nw.when(~text.str.contains(r"[.]000$")).then(text))


def _is_usable(latest: datetime) -> nw.Expr:
    posted_at = nw.col("posted_at")
    return (posted_at >= nw.lit(FIRST_VIDEO)) & (posted_at < nw.lit(latest))


def _video_id(text: nw.Expr, url: nw.Expr) -> nw.Expr:
    """Return the id of a video, without a fraction of zeros; from its URL if the cell is empty."""
    marked = nw.when(url.str.contains(LINK_MARK, literal=True)).then(
        url.str.replace_all(rf"^.*{LINK_MARK}", "").str.replace_all(r"[/?#&].*$", "")
    )
    plain = nw.when(text.str.contains(r"^[0-9]+[.]0+$")).then(text.str.replace_all(r"[.]0+$", "")).otherwise(text)
    return nw.when(text.is_null()).then(marked).otherwise(plain)


def _problem(latest: datetime) -> nw.Expr:
    """Return why the id of a video cannot be used; NULL if it can, or if the id is missing."""
    posted_at, video_id = nw.col("posted_at"), nw.col("video_id")
    malformed = nw.concat_str(
        [
            nw.lit("video_id: "),
            video_id.str.slice(0, 60).str.replace_all(REASON_SEPARATOR, " ", literal=True),
            nw.lit(" is not a number of at most 19 digits (a spreadsheet may have rounded it)"),
        ]
    )
    return (
        nw.when(~video_id.is_null() & posted_at.is_null())
        .then(malformed)
        .when(posted_at < nw.lit(FIRST_VIDEO))
        .then(nw.lit(f"video_id: its time of posting is before {FIRST_VIDEO:%Y-%m}"))
        .when(posted_at >= nw.lit(latest))
        .then(nw.lit("video_id: its time of posting is after the snapshot"))
    )


def _mark_duplicates(suspect: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
    """Mark all but the last of the valid rows of a video."""
    valid = suspect.filter(nw.col("problems") == "")
    rank = nw.col("source_row").cum_count(reverse=True).over("key", order_by=POSITION)
    older = valid.with_columns(rank.alias("rank")).filter(nw.col("rank") > 1)
    marks = older.select(*POSITION, nw.lit(REPEATED_VIDEO).alias("duplicate"))
    marked = suspect.join(marks, on=POSITION, how="left")
    problem = nw.when(~nw.col("duplicate").is_null()).then(nw.col("duplicate")).otherwise(nw.col("problems"))
    return marked.with_columns(problem.alias("problems")).drop("duplicate")
