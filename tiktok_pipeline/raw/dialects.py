"""The dialects: how each source of files spells the canonical columns, and how a file's dialect is recognized.

A dialect is recognized by its column names, never by its values. To read another type of file, add a record here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from tiktok_pipeline.errors import FileError
from tiktok_pipeline.raw.schema import CREATOR_ACTIVITY, PROFILES, Source
from tiktok_pipeline.safe_text import one_line


class UnknownDialectError(FileError):
    """The columns of a file fit no dialect; the text names the columns it has and those it lacks."""

    code = "unknown_dialect"


@dataclass(frozen=True, kw_only=True)
class Dialect:
    """How one source of files spells the canonical columns.

    Attributes
    ----------
    name, description : str
        Name in ``raw.files``, and what the dialect is, for messages.
    source : Source
        The source that the rows belong to.
    columns : mapping of str to str
        Canonical name to the column name in the file.
    required : tuple of tuple of str
        Groups of canonical names; at least one column of each group must be present.
    date_format : {"iso", "day_first"}
        ``iso`` is yyyy-mm-dd, ``day_first`` is dd-mm-yyyy.
    also_known : frozenset of str
        Other column names that are typical of the dialect.
    """

    name: str
    description: str
    source: Source
    columns: Mapping[str, str]
    required: tuple[tuple[str, ...], ...]
    date_format: Literal["iso", "day_first"] = "iso"
    also_known: frozenset[str] = field(default_factory=frozenset)

    def missing(self, header: Sequence[str]) -> list[str]:
        """Return the required columns that ``header`` lacks, as the file spells them ("a or b" for a group)."""
        present = set(header)
        return [
            " or ".join(self.columns[name] for name in group)
            for group in self.required
            if not any(self.columns[name] in present for name in group)
        ]

    def count_known(self, header: Sequence[str]) -> int:
        """Return how many columns of ``header`` the dialect knows."""
        return len(set(header) & (set(self.columns.values()) | self.also_known))


_REQUIRED = (("account_id", "url"), ("followers",), ("following",), ("likes",), ("videos_count",))

_PUBLIC_COLUMNS: Mapping[str, str] = {
    "account_id": "account_id",
    "tiktok_id": "id",
    "nickname": "nickname",
    "biography": "biography",
    "bio_link": "bio_link",
    "is_verified": "is_verified",
    "followers": "followers",
    "following": "following",
    "likes": "likes",
    "videos_count": "videos_count",
    "avg_engagement_rate": "awg_engagement_rate",
    "comment_engagement_rate": "comment_engagement_rate",
    "like_engagement_rate": "like_engagement_rate",
    "observed_on": "timestamp",
    "top_videos": "top_videos",
    "url": "url",
}

PUBLIC_CSV = Dialect(
    name="public_csv",
    description="the public data set 'tiktok-profiles-data'",
    source=PROFILES,
    columns=_PUBLIC_COLUMNS,
    required=_REQUIRED,
    also_known=frozenset({"create_time", "profile_pic_url"}),
)

SPREADSHEET_CSV = Dialect(
    name="spreadsheet_csv",
    description="the same after a spreadsheet saved it (likes_receieved, dd-mm-yyyy)",
    source=PROFILES,
    columns={**_PUBLIC_COLUMNS, "likes": "likes_receieved"},
    required=_REQUIRED,
    date_format="day_first",
    also_known=frozenset({"create_time", "profile_pic_url"}),
)

VENDOR_EXPORT = Dialect(
    name="vendor_export",
    description="the export of Bright Data behind the public data set (digg_count is likes GIVEN: not mapped)",
    source=PROFILES,
    columns={
        **_PUBLIC_COLUMNS,
        "language": "predicted_lang",
        "region": "region",
        "is_under_age": "is_under_age_18",
    },
    required=_REQUIRED,
    also_known=frozenset(
        [
            "create_time",
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
            "signature",
            "discovery_input",
        ]
    ),
)

RESEARCH_API = Dialect(
    name="research_api",
    description="user info of the TikTok Research API (no rates: they are missing, not zero)",
    source=PROFILES,
    columns={
        "account_id": "username",
        "nickname": "display_name",
        "biography": "bio_description",
        "bio_link": "bio_url",
        "is_verified": "is_verified",
        "followers": "follower_count",
        "following": "following_count",
        "likes": "likes_count",
        "videos_count": "video_count",
    },
    required=(("account_id",), ("followers",), ("following",), ("likes",), ("videos_count",)),
    also_known=frozenset({"avatar_url"}),
)

ACTIVITY_CSV = Dialect(
    name="activity_csv",
    description="the two-score activity file 'dataset-for-kmeans-clustering'",
    source=CREATOR_ACTIVITY,
    columns={
        "account_id": "User ID",
        "engagement_index": "Instagram visit score",
        "monetization_maturity": "Spending_rank(0 to 100)",
    },
    required=(("account_id",), ("engagement_index",), ("monetization_maturity",)),
)

DIALECTS: tuple[Dialect, ...] = (PUBLIC_CSV, SPREADSHEET_CSV, VENDOR_EXPORT, RESEARCH_API, ACTIVITY_CSV)


def recognize(header: Sequence[str], *, file: str) -> Dialect:
    """Return the dialect that has all its required columns in ``header`` and knows most of its names.

    Parameters
    ----------
    header : sequence of str
        The column names of the file.
    file : str
        The file's name, for messages.

    Returns
    -------
    Dialect
        The first in `DIALECTS` on a tie.

    Raises
    ------
    UnknownDialectError
        If no dialect fits, or a mapped column occurs twice.
    """
    fitting = [dialect for dialect in DIALECTS if not dialect.missing(header)]
    if not fitting:
        raise UnknownDialectError(_refusal(header, file))
    dialect = max(fitting, key=lambda candidate: candidate.count_known(header))
    mapped = set(dialect.columns.values())
    repeated = sorted({name for name in header if name in mapped and list(header).count(name) > 1})
    if repeated:
        names = ", ".join(one_line(name[:40]) for name in repeated)
        msg = f"{file}: column {names} occurs more than once; keep one of them"
        raise UnknownDialectError(msg)
    return dialect


def find_dialect(name: str) -> Dialect:
    """Return the dialect of this name; raises `UnknownDialectError` if there is none."""
    for dialect in DIALECTS:
        if dialect.name == name:
            return dialect
    known = ", ".join(dialect.name for dialect in DIALECTS)
    raise UnknownDialectError(
        f"dialect {name!r} is not known (known: {known})",
        remedy="use the version of the program that ingested the file, or deliver the file again",
    )


def _refusal(header: Sequence[str], file: str) -> str:
    def distance(dialect: Dialect) -> tuple[float, int]:
        return len(dialect.missing(header)) / len(dialect.required), -dialect.count_known(header)

    nearest = min(DIALECTS, key=distance)
    names = ", ".join(one_line(name[:40]) for name in list(header)[:40]) or "none"
    return (
        f"{file}: its columns match no known type of file. It has: {names}. Known types: "
        f"{', '.join(dialect.name for dialect in DIALECTS)}. The closest is {nearest.name} ({nearest.description}); "
        f"missing: {', '.join(nearest.missing(header))}. Rename the columns, or add a dialect"
    )
