"""Dialects are recognized by their columns; what fits none is refused in one line that helps."""

from __future__ import annotations

import pytest

from tiktok_pipeline.raw.dialects import DIALECTS, Dialect, UnknownDialectError, recognize

PUBLIC = [
    "timestamp",
    "account_id",
    "nickname",
    "biography",
    "awg_engagement_rate",
    "comment_engagement_rate",
    "like_engagement_rate",
    "bio_link",
    "is_verified",
    "followers",
    "following",
    "likes",
    "videos_count",
    "create_time",
    "id",
    "top_videos",
    "url",
    "profile_pic_url",
]
SPREADSHEET = ["likes_receieved" if name == "likes" else name for name in PUBLIC]
VENDOR = [
    "account_id",
    "nickname",
    "biography",
    "awg_engagement_rate",
    "comment_engagement_rate",
    "like_engagement_rate",
    "bio_link",
    "predicted_lang",
    "is_verified",
    "followers",
    "following",
    "likes",
    "videos_count",
    "create_time",
    "id",
    "url",
    "profile_pic_url",
    "like_count",
    "digg_count",
    "is_private",
    "profile_pic_url_hd",
    "secu_id",
    "short_id",
    "ftc",
    "relation",
    "open_favorite",
    "comment_setting",
    "duet_setting",
    "stitch_setting",
    "is_ad_virtual",
    "room_id",
    "is_under_age_18",
    "region",
    "top_videos",
    "signature",
    "discovery_input",
]
RESEARCH = [
    "username",
    "display_name",
    "bio_description",
    "bio_url",
    "is_verified",
    "follower_count",
    "following_count",
    "likes_count",
    "video_count",
]
ACTIVITY = ["User ID", "Instagram visit score", "Spending_rank(0 to 100)"]
REQUIRED = ["account_id", "followers", "following", "likes", "videos_count"]


@pytest.mark.parametrize(
    ("header", "name"),
    [
        (PUBLIC, "public_csv"),
        (SPREADSHEET, "spreadsheet_csv"),
        (VENDOR, "vendor_export"),
        ([*VENDOR, "timestamp"], "vendor_export"),
        (RESEARCH, "research_api"),
        ([*RESEARCH, "avatar_url"], "research_api"),
        (ACTIVITY, "activity_csv"),
        ([*ACTIVITY, "remark"], "activity_csv"),
        (PUBLIC[::-1], "public_csv"),
        (VENDOR[::-1], "vendor_export"),
        (REQUIRED, "public_csv"),
        (["url", *REQUIRED[1:]], "public_csv"),
        ([*REQUIRED, "predicted_lang"], "vendor_export"),
        ([*PUBLIC, "my own column", "my own column"], "public_csv"),
    ],
)
def test_each_dialect_is_recognized(header: list[str], name: str) -> None:
    assert recognize(header, file="f.csv").name == name


def test_the_vendor_header_has_36_columns() -> None:
    assert len(VENDOR) == len(set(VENDOR)) == 36


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda one: one.name)
def test_likes_given_are_never_likes_received(dialect: Dialect) -> None:
    assert "digg_count" not in dialect.columns.values()
    assert "like_count" not in dialect.columns.values()


def test_likes_given_do_not_stand_in_for_likes() -> None:
    header = [name for name in VENDOR if name != "likes"]
    with pytest.raises(UnknownDialectError, match=r"vendor_export .*missing: likes[.] "):
        recognize(header, file="f.csv")


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda one: one.name)
def test_a_dialect_maps_known_columns_and_requires_mapped_ones(dialect: Dialect) -> None:
    assert set(dialect.columns) <= set(dialect.source.columns)
    assert len(set(dialect.columns.values())) == len(dialect.columns)
    assert {name for group in dialect.required for name in group} <= set(dialect.columns)


@pytest.mark.parametrize(
    ("header", "nearest", "lacks"),
    [
        (["account_id", "followers", "following", "likes"], "public_csv", "videos_count"),
        ([name for name in SPREADSHEET if name != "following"], "spreadsheet_csv", "following"),
        ([name for name in RESEARCH if name not in {"username", "video_count"}], "research_api",
            "username, video_count"),
        (ACTIVITY[:2], "activity_csv", "Spending_rank(0 to 100)"),
        (["followers", "following", "likes", "videos_count"], "public_csv", "account_id or url"),
        (["Account_ID", "FOLLOWERS"], "public_csv", "account_id or url, followers, following, likes, videos_count"),
    ],
)  # fmt: skip
def test_a_refusal_says_what_there_is_and_what_is_missing(header: list[str], nearest: str, lacks: str) -> None:
    with pytest.raises(UnknownDialectError) as caught:
        recognize(header, file="odd.csv")
    text = str(caught.value)
    columns = ", ".join(header)
    assert text.startswith(f"odd.csv: its columns match no known type of file. It has: {columns}. Known types: ")
    assert f"The closest is {nearest} (" in text
    assert f"missing: {lacks}. Rename the columns, or add a dialect" in text
    assert all(dialect.name in text for dialect in DIALECTS)


@pytest.mark.parametrize("header", [[], [""], ["two\nlines", "\x1b[31mred", "nul\x00"], ["x" * 5000] * 500])
def test_a_refusal_is_one_short_line_that_a_terminal_can_show(header: list[str]) -> None:
    with pytest.raises(UnknownDialectError) as caught:
        recognize(header, file="odd.csv")
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 3000


@pytest.mark.parametrize("twice", ["likes", "account_id", "biography", "timestamp"])
def test_a_mapped_column_that_stands_there_twice_is_refused(twice: str) -> None:
    with pytest.raises(UnknownDialectError, match=f"^f.csv: column {twice} occurs more than once; keep one"):
        recognize([*PUBLIC, twice], file="f.csv")
