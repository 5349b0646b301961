"""The tables of stage ``raw``, and the sources of rows.

A source is a type of delivery: profiles, videos, or the two-score activity file. Every dialect maps to its canonical
columns.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tiktok_pipeline.warehouse.base import Column, TableSpec

SNAPSHOT = Column(name="snapshot", type="text", description="UTC date or time of the delivery", nullable=False)
SOURCE_FILE = Column(
    name="source_file", type="text", description="name of the file in raw/<snapshot>/", nullable=False
)
SOURCE_ROW = Column(name="source_row", type="integer", description="the record's ordinal in its file", nullable=False)

PROFILE_COLUMNS: Mapping[str, str] = {
    "account_id": "handle, without @",
    "tiktok_id": "the platform's id of the account; it stays when the handle changes",
    "nickname": "displayed name",
    "biography": "text of the profile",
    "bio_link": "link in the profile",
    "is_verified": "whether the account carries the badge",
    "followers": "accounts that follow this one",
    "following": "accounts that this one follows",
    "likes": "likes received since the account was created",
    "videos_count": "videos published",
    "avg_engagement_rate": "likes and comments per video and follower, mean over the scraped videos",
    "comment_engagement_rate": "comments per video and follower, mean over the scraped videos",
    "like_engagement_rate": "likes per video and follower, mean over the scraped videos",
    "observed_on": "date on which the profile was scraped",
    "top_videos": "the scraped videos, as delivered",
    "language": "predicted language",
    "region": "region of the account",
    "url": "URL of the profile",
    "is_under_age": "whether the platform says the person is under 18",
}

ACTIVITY_COLUMNS: Mapping[str, str] = {
    "account_id": "id of the user",
    "engagement_index": "frequency and depth of activity (published as 'Instagram visit score')",
    "monetization_maturity": "readiness of the audience to pay, 0 to 100 (published as 'Spending_rank')",
}

VIDEO_COLUMNS: Mapping[str, str] = {
    "account_id": "handle of the creator, without @",
    "tiktok_id": "the platform's id of the creator's account",
    "video_id": "the platform's id of the video; holds the time of posting",
    "url": "URL of the video",
    "posted_at": "time of posting, as delivered",
    "plays": "times the video was played",
    "likes": "likes of the video",
    "comments": "comments on the video",
    "shares": "times the video was shared",
    "saves": "times the video was saved",
}

IDENTITY_COLUMNS = ("account_id", "tiktok_id", "url")
"""Columns that name the creator of a row."""

HIGH_CARDINALITY_COLUMNS = frozenset(
    {"account_id", "tiktok_id", "video_id", "biography", "bio_link", "top_videos", "url"}
)
"""Columns in which nearly every row has a different text."""


NO_PROFILE_RECORD = "no profile: the scraper reports an error instead, such as a page that is gone"
"""The ``read_problem`` of a record that is no profile. It is rejected and counted, but it is no bad row."""

OTHER_PLATFORM_RECORD = "no profile of TikTok: the row is of another platform"
"""The ``read_problem`` of a row of a table about several platforms; no bad row either."""

UNDER_AGE_RECORD = "is_under_age: the platform says the person is under 18; nothing of the profile is kept"
"""The reason of a row of a person under age."""

MAYBE_UNDER_AGE_RECORD = "is_under_age: a cell is not true or false; nothing of the profile is kept"
"""The reason of a row whose flag cannot be read: it may say that the person is under age."""


@dataclass(frozen=True, kw_only=True)
class Source:
    """A type of delivery: its name and its canonical columns with their descriptions."""

    name: str
    columns: Mapping[str, str]

    @property
    def table(self) -> TableSpec:
        """The table ``raw.<source>``: every canonical column as text."""
        return TableSpec(
            schema="raw",
            name=self.name,
            description=f"{self.name.replace('_', ' ')} as delivered, every cell as text",
            rows_per=("snapshot", "source_file", "source_row"),
            columns=(
                SNAPSHOT,
                SOURCE_FILE,
                SOURCE_ROW,
                Column(
                    name="dialect",
                    type="text",
                    description="how the file spells its columns (name of a dialect)",
                    nullable=False,
                ),
                Column(
                    name="read_problem", type="text", description="why the record is damaged; NULL if it is intact"
                ),
                *(
                    Column(
                        name=name, type="text", description=text, is_high_cardinality=name in HIGH_CARDINALITY_COLUMNS
                    )
                    for name, text in self.columns.items()
                ),
                Column(
                    name="extra",
                    type="json",
                    description="JSON object of the columns that are not mapped",
                    is_high_cardinality=True,
                ),
            ),
        )


PROFILES = Source(name="profiles", columns=PROFILE_COLUMNS)
CREATOR_ACTIVITY = Source(name="creator_activity", columns=ACTIVITY_COLUMNS)
VIDEOS = Source(name="videos", columns=VIDEO_COLUMNS)
SOURCES: tuple[Source, ...] = (PROFILES, CREATOR_ACTIVITY, VIDEOS)

FILES = TableSpec(
    schema="raw",
    name="files",
    description="the manifest: every file of every snapshot",
    rows_per=("snapshot", "file"),
    columns=(
        SNAPSHOT,
        Column(name="file", type="text", description="name in raw/<snapshot>/", nullable=False),
        Column(name="delivered_sha256", type="text", description="hash of the file as it came", nullable=False),
        Column(name="stored_sha256", type="text", description="hash of the stored copy", nullable=False),
        Column(name="bytes", type="integer", description="size of the stored copy in bytes", nullable=False),
        Column(name="rows", type="integer", description="records in the file", nullable=False),
        Column(name="source", type="text", description="type of delivery", nullable=False),
        Column(
            name="dialect",
            type="text",
            description="how the file spells its columns (name of a dialect)",
            nullable=False,
        ),
        Column(name="ingested_at", type="timestamp", description="UTC time of registration", nullable=False),
        Column(name="delivered_name", type="text", description="name of the file as it came"),
        Column(name="container", type="text", description="csv, json, json lines, xlsx or parquet"),
        Column(name="compression", type="text", description="gzip, zip or empty"),
        Column(name="member", type="text", description="file in the zip, or sheet of the workbook"),
        Column(name="encoding", type="text", description="encoding of the text, such as utf-8 or cp1252"),
        Column(name="delimiter", type="text", description="character between the cells"),
        Column(name="notes", type="texts", description="what is unusual about the file, one sentence each"),
        Column(name="columns", type="json", description="JSON object: canonical column to its name in the file"),
        Column(name="formats", type="json", description="JSON object: format of numbers and dates by column"),
    ),
)
