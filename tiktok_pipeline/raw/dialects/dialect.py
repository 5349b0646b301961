"""What a dialect is, and what recognizing one gives: the columns of a file by their canonical names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from tiktok_pipeline.errors import FileError
from tiktok_pipeline.raw.dialects.column_names import HeaderIndex, column_key
from tiktok_pipeline.raw.dialects.name_units import is_count_name
from tiktok_pipeline.raw.schema import CREATOR_ACTIVITY, PROFILES, SOURCES, VIDEOS, Source

RateUnit = Literal["fraction", "percent"]
DateOrder = Literal["day-first", "month-first"]
Transformation = Literal["apify_items", "research_api_reply"]
"""What must be done to the records before they are profiles, see `tiktok_pipeline.delivery`."""

ERROR_COLUMNS = ("error", "error_code", "warning", "warning_code")
"""A record with a text there and without followers is no profile."""

CONTROL_COLUMNS = (*ERROR_COLUMNS, "platform")
"""Names that a dialect may map besides the canonical columns: they tell records that are no profiles of TikTok, see
`tiktok_pipeline.raw.schema.NO_PROFILE_RECORD` and `OTHER_PLATFORM_RECORD`."""

REQUIRED: Mapping[str, tuple[tuple[str, ...], ...]] = {
    PROFILES.name: (("account_id", "url", "tiktok_id"), ("followers",)),
    CREATOR_ACTIVITY.name: (("account_id",), ("engagement_index",), ("monetization_maturity",)),
    VIDEOS.name: (("account_id", "url"), ("video_id", "url")),
}
"""The columns without which a file of a source is refused: one of each group."""


COUNTS = ("followers", "following", "likes", "videos_count")


class UnknownDialectError(FileError):
    """The columns of a file fit no dialect; the text names what is missing."""

    code = "unknown_dialect"


class CompetingColumnsError(UnknownDialectError):
    """Two columns with different cells may be the same canonical column; the text shows cells of both."""

    code = "competing_columns"


@dataclass(frozen=True, kw_only=True)
class Dialect:
    """How one source of files spells the canonical columns.

    Attributes
    ----------
    name, description : str
        Name in ``raw.files``, and what the dialect is, for messages.
    source : Source
        The source that the rows belong to.
    columns : mapping of str to tuple of str
        Canonical name to its names in a file, the preferred one first. A name may be a path such as
        ``stats.followerCount``. Names are compared as `column_key` gives them.
    recognized_by : tuple of tuple of str
        Groups of names as the file spells them; at least one of each group must be present, besides `REQUIRED`.
    typical : frozenset of str
        Other names that files of the dialect have. They are never read as a canonical column.
    units : mapping of str to {"fraction", "percent"}
        The unit of a rate, where the dialect fixes it.
    dates : {"day-first", "month-first"}, optional
        The order of the parts of a date, where the dialect fixes it.
    transformation : {"apify_items", "research_api_reply"}, optional
        What must be done to the records before they are profiles.
    is_generic : bool
        Whether the dialect is a list of known names: it is used where no other dialect fits, and it completes the
        others. The names of a column have no order: two of them in one file compete.
    is_own : bool
        Whether the file belongs to the user. Such a dialect maps what it lists and nothing more.
    proposals : mapping of str to tuple of str
        Names that may mean a canonical column. They are shown to the user, or read where the cells leave no doubt.
    """

    name: str
    description: str
    source: Source
    columns: Mapping[str, tuple[str, ...]]
    recognized_by: tuple[tuple[str, ...], ...] = ()
    typical: frozenset[str] = frozenset()
    units: Mapping[str, RateUnit] = field(default_factory=dict)
    dates: DateOrder | None = None
    transformation: Transformation | None = None
    is_generic: bool = False
    is_own: bool = False
    proposals: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def resolve(self, header: Sequence[str] | HeaderIndex) -> dict[str, tuple[str, ...]]:
        """Return the columns of a header by canonical name: the chosen one first, then those that compete with it."""
        index = header if isinstance(header, HeaderIndex) else HeaderIndex(header)
        resolved: dict[str, tuple[str, ...]] = {}
        for canonical, names in self.columns.items():
            is_count = self.is_generic and canonical in COUNTS
            matches_by_name = [matches for name in names if (matches := index.find(name, is_count=is_count))]
            if canonical in COUNTS and not self.is_own:
                matches_by_name = [counts for matches in matches_by_name if (counts := self._counts_among(matches))]
            if matches_by_name:
                columns = (match for matches in matches_by_name for match in matches)
                resolved[canonical] = tuple(dict.fromkeys(columns)) if self.is_generic else matches_by_name[0]
        return resolved

    def _counts_among(self, columns: Sequence[str]) -> tuple[str, ...]:
        """Return the columns that can hold counts: neither shares nor a quotient such as ``likes/videos``."""
        counts = {column_key(name) for canonical in COUNTS for name in self.columns.get(canonical, ())}
        return tuple(
            column
            for column in columns
            if is_count_name(column) and not counts & {column_key(part) for part in column.split("/")[:-1]}
        )

    def missing(self, columns: Mapping[str, object], index: HeaderIndex | None = None) -> list[tuple[str, ...]]:
        """Return the groups of `REQUIRED`, and with an index those of ``recognized_by``, that a file lacks."""
        required = [
            group for group in REQUIRED.get(self.source.name, ()) if not any(name in columns for name in group)
        ]
        if index is not None:
            required += [group for group in self.recognized_by if not any(index.find(name) for name in group)]
        return required


@dataclass(frozen=True, kw_only=True)
class Recognition:
    """Which column of a file becomes which canonical column.

    Attributes
    ----------
    dialect : str
        The name of the dialect.
    source : Source
        The source that the rows belong to.
    columns : mapping of str to str
        Canonical name (or one of `CONTROL_COLUMNS`) to the name in the file's header, repeated names as
        `unique_names` makes them. This is stored in the manifest.
    description : str
        What the dialect is.
    units, dates, transformation
        As in `Dialect`; a unit also from a name such as "Engagement rate (%)".
    powers : mapping of str to int
        The power of ten by which the counts of a column are multiplied: 3 for "Followers (k)".
    competing : mapping of str to tuple of str
        Canonical name to all columns that it may be; their cells must be equal, see
        `tiktok_pipeline.raw.read.check_competing`.
    unused : tuple of str
        Columns that become part of ``extra``.
    missing : tuple of tuple of str
        Groups of required columns of which none is mapped.
    proposals : mapping of str to tuple of str
        Canonical names that are not mapped, and the unused columns that may be them.
    notes : tuple of str
        What a person should know, one sentence each.
    """

    dialect: str
    source: Source
    columns: Mapping[str, str]
    description: str = ""
    units: Mapping[str, RateUnit] = field(default_factory=dict)
    powers: Mapping[str, int] = field(default_factory=dict)
    dates: DateOrder | None = None
    transformation: Transformation | None = None
    competing: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    unused: tuple[str, ...] = ()
    missing: tuple[tuple[str, ...], ...] = ()
    proposals: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def source_named(name: str) -> Source:
    """Return the source of this name; raises `UnknownDialectError` if there is none."""
    for source in SOURCES:
        if source.name == name:
            return source
    raise UnknownDialectError(f"source {name!r} is not known", remedy="use the version that ingested the file")
