"""The tables of stage ``validated`` with their contracts: types, units, ranges.

Each row rule is a pandera check; `tiktok_pipeline.validated.validate` evaluates the same checks inside the engine.
"""

from __future__ import annotations

from dataclasses import replace

import pandera.pandas as pa

from tiktok_pipeline.raw.schema import CREATOR_ACTIVITY, PROFILES, SNAPSHOT, SOURCE_FILE, SOURCE_ROW, VIDEOS
from tiktok_pipeline.warehouse.base import Column, TableSpec
from tiktok_pipeline.warehouse.contract import Checks, schema_for

RATE = "fraction of followers per video, mean over the scraped videos; may exceed 1"

ACCOUNT_ID = Column(
    name="account_id",
    type="text",
    description="handle, without @; unique in a snapshot",
    nullable=False,
    is_high_cardinality=True,
)

PROFILES_TABLE = TableSpec(
    schema="validated",
    name="profiles",
    description="one row for each creator of a snapshot, typed and within the contract",
    rows_per=("snapshot", "account_id"),
    columns=(
        SNAPSHOT,
        ACCOUNT_ID,
        Column(
            name="tiktok_id",
            type="text",
            description="the platform's id of the account; digits",
            is_high_cardinality=True,
        ),
        Column(name="nickname", type="text", description="displayed name (untrusted text: escape it)"),
        Column(
            name="biography",
            type="text",
            description="text of the profile (untrusted text: escape it)",
            is_high_cardinality=True,
        ),
        Column(
            name="bio_link",
            type="text",
            description="link in the profile (untrusted text: escape it)",
            is_high_cardinality=True,
        ),
        Column(name="is_verified", type="boolean", description="whether the account carries the badge"),
        Column(name="followers", type="integer", description="accounts that follow this one", nullable=False),
        Column(name="following", type="integer", description="accounts that this one follows"),
        Column(name="likes", type="integer", description="likes received since the account was created"),
        Column(name="videos_count", type="integer", description="videos published"),
        Column(name="avg_engagement_rate", type="float", description=f"likes and comments, {RATE}"),
        Column(name="comment_engagement_rate", type="float", description=f"comments, {RATE}"),
        Column(name="like_engagement_rate", type="float", description=f"likes, {RATE}"),
        Column(name="observed_on", type="date", description="date on which the profile was scraped"),
        Column(
            name="scraped_videos", type="integer", description="number of videos that the rates are averaged over"
        ),
        Column(name="language", type="text", description="predicted language"),
        Column(name="region", type="text", description="region of the account"),
        Column(
            name="has_biography",
            type="boolean",
            description="whether the profile has a biography; NULL if the file has no such column",
        ),
        Column(
            name="has_bio_link",
            type="boolean",
            description="whether the profile links to another site; NULL if the file has no such column",
        ),
        SOURCE_FILE,
        SOURCE_ROW,
    ),
)

LARGEST_COUNT = 10**15
MOST_FOLLOWERS = 10**9
"""No account has as many: a larger number was read by a word with two meanings (45 B is 45 thousand in Turkish)."""
"""Far above any count on the platform; beyond about this size a float cannot hold every integer."""

_COUNT = [pa.Check.in_range(0, LARGEST_COUNT)]
_RATE = [pa.Check.in_range(0.0, 1e6)]

LONGEST_CHARACTERS = {"nickname": 1_000, "biography": 10_000, "bio_link": 4_000, "language": 100, "region": 100}
"""The longest text of each column, in characters; a longer one is not from a profile."""

PROFILES_CHECKS: Checks = {
    "account_id": [
        pa.Check.str_matches(
            r"^[^@/\\\" \t\r\n\x00]{1,64}$",
            description="a handle such as some.creator: no blank, slash or quote, at most 64 characters",
        )
    ],
    "tiktok_id": [pa.Check.str_matches(r"^[0-9]{1,20}$", description="at most 20 digits")],
    **{name: [pa.Check.str_length(min_value=0, max_value=most)] for name, most in LONGEST_CHARACTERS.items()},
    "followers": [pa.Check.in_range(0, MOST_FOLLOWERS)],
    "following": _COUNT,
    "likes": _COUNT,
    "videos_count": _COUNT,
    "avg_engagement_rate": _RATE,
    "comment_engagement_rate": _RATE,
    "like_engagement_rate": _RATE,
    "scraped_videos": _COUNT,
}

ACTIVITY_TABLE = TableSpec(
    schema="validated",
    name="creator_activity",
    description="one row for each creator of the two-score activity file",
    rows_per=("snapshot", "account_id"),
    columns=(
        SNAPSHOT,
        ACCOUNT_ID,
        Column(name="engagement_index", type="float", description="frequency and depth of activity", nullable=False),
        Column(
            name="monetization_maturity", type="float", description="readiness to pay, about 0 to 100", nullable=False
        ),
        SOURCE_FILE,
        SOURCE_ROW,
    ),
)

ACTIVITY_CHECKS: Checks = {
    "account_id": PROFILES_CHECKS["account_id"],
    "engagement_index": [pa.Check.in_range(0.0, 1e6)],
    # The published file says "0 to 100" but reaches 104.93.
    "monetization_maturity": [pa.Check.in_range(0.0, 110.0)],
}

VIDEO_COUNTS = ("plays", "likes", "comments", "shares", "saves")

VIDEOS_TABLE = TableSpec(
    schema="validated",
    name="videos",
    description="one row for each video of a creator: delivered, or listed in the profile",
    rows_per=("snapshot", "account_id", "video_id"),
    columns=(
        SNAPSHOT,
        replace(ACCOUNT_ID, description="handle of the creator, without @"),
        Column(
            name="video_id",
            type="text",
            description="the platform's id of the video; digits",
            nullable=False,
            is_high_cardinality=True,
        ),
        Column(
            name="posted_at",
            type="timestamp",
            description="UTC time of posting: the upper 32 bits of video_id, in seconds since 1970",
            nullable=False,
        ),
        Column(name="plays", type="integer", description="times the video was played"),
        Column(name="likes", type="integer", description="likes of the video"),
        Column(name="comments", type="integer", description="comments on the video"),
        Column(name="shares", type="integer", description="times the video was shared"),
        Column(name="saves", type="integer", description="times the video was saved"),
        Column(
            name="origin",
            type="text",
            description="'delivered': a row of raw.videos; 'top_videos': listed in a row of raw.profiles",
            nullable=False,
        ),
        SOURCE_FILE,
        SOURCE_ROW,
    ),
)

VIDEOS_CHECKS: Checks = {
    "account_id": PROFILES_CHECKS["account_id"],
    "video_id": [pa.Check.str_matches(r"^[0-9]{1,19}$", description="at most 19 digits")],
    **dict.fromkeys(VIDEO_COUNTS, _COUNT),
    "origin": [pa.Check.isin(["delivered", "top_videos"])],
}

REJECTED_TABLE = TableSpec(
    schema="validated",
    name="rejected",
    description="every delivered row that is not in validated.<source>, with all reasons",
    rows_per=("snapshot", "source_file", "source_row"),
    columns=(
        SNAPSHOT,
        Column(name="source", type="text", description="type of delivery", nullable=False),
        SOURCE_FILE,
        SOURCE_ROW,
        Column(name="account_id", type="text", description="handle, if one could be read"),
        Column(name="reasons", type="texts", description="every rule that the row breaks", nullable=False),
        Column(
            name="record",
            type="json",
            description="the row as delivered; not published",
            published=False,
            is_high_cardinality=True,
        ),
    ),
)

UNREAD_CELLS_TABLE = TableSpec(
    schema="validated",
    name="unread_cells",
    description="cells of optional columns that were delivered, could not be read and are NULL, counted by column",
    rows_per=("snapshot", "source_file", "column_name"),
    columns=(
        SNAPSHOT,
        Column(name="source", type="text", description="type of delivery", nullable=False),
        SOURCE_FILE,
        Column(name="column_name", type="text", description="column of validated.<source>", nullable=False),
        Column(name="cells", type="integer", description="valid rows whose cell could not be read", nullable=False),
        Column(name="expected", type="text", description="what a cell of the column is", nullable=False),
        Column(
            name="example",
            type="text",
            description="one of the cells, if it has no letters and is no text of a person; not published",
            published=False,
        ),
    ),
)

PROFILES_SCHEMA = schema_for(PROFILES_TABLE, PROFILES_CHECKS)
ACTIVITY_SCHEMA = schema_for(ACTIVITY_TABLE, ACTIVITY_CHECKS)
VIDEOS_SCHEMA = schema_for(VIDEOS_TABLE, VIDEOS_CHECKS)
REJECTED_SCHEMA = schema_for(REJECTED_TABLE)
UNREAD_CELLS_SCHEMA = schema_for(UNREAD_CELLS_TABLE)

SCHEMAS = {PROFILES.name: PROFILES_SCHEMA, CREATOR_ACTIVITY.name: ACTIVITY_SCHEMA, VIDEOS.name: VIDEOS_SCHEMA}
TABLES = {PROFILES.name: PROFILES_TABLE, CREATOR_ACTIVITY.name: ACTIVITY_TABLE, VIDEOS.name: VIDEOS_TABLE}
