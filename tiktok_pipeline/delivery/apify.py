"""Split the items of an Apify actor, one for each video with its author repeated, into profiles and videos.

The last item of an author is the author's newest state: it becomes the profile. The engagement rates are means over
the author's items, of likes and comments over followers, as in the public data set.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from tiktok_pipeline.delivery.tables import DeliveredTable, Record
from tiktok_pipeline.truth_words import DENIAL

RATES = ("avg_engagement_rate", "comment_engagement_rate", "like_engagement_rate")
"""The columns that the profiles get beside those of the author."""

NOTE = "one row for each video: the last one of a creator is the profile, the rates are means over the videos"

_VIDEO_NAMES: Mapping[str, tuple[str, ...]] = {
    "video_id": ("id", "videoId", "awemeId"),
    "url": ("webVideoUrl", "videoUrl", "shareUrl"),
    "posted_at": ("createTimeISO", "createTime"),
    "plays": ("playCount", "stats.playCount"),
    "likes": ("diggCount", "stats.diggCount"),
    "comments": ("commentCount", "stats.commentCount"),
    "shares": ("shareCount", "stats.shareCount"),
    "saves": ("collectCount", "stats.collectCount"),
}
"""The names of the columns of an item, the preferred one first. A CSV export has "/" in place of "."."""

_DENIES = re.compile(DENIAL)

_AUTHOR = ("account_id", "tiktok_id", "url")
"""The columns that identify an author, the preferred one first."""


@dataclass(frozen=True)
class SplitItems:
    """The two tables of a file of items.

    Attributes
    ----------
    profiles : DeliveredTable
        One record for each author, with the names of the file, and `RATES`. A damaged item, and an item without an
        author, is a record of its own.
    videos : DeliveredTable
        One record for each item with a video. Its first columns have canonical names.
    """

    profiles: DeliveredTable
    videos: DeliveredTable


@dataclass(slots=True)
class _Totals:
    """What is known of an author: the last item, the sums over the items with counts, and a flag that denies no age.

    ``flag`` is a cell that says, or may say, that the author is under age. One item that says so is enough.
    """

    last_row: int = 0
    videos: int = 0
    likes: float = 0.0
    comments: float = 0.0
    flag: str | None = None


def split_items(table: DeliveredTable, columns: Mapping[str, str]) -> SplitItems:
    """Split a table of items into profiles and videos.

    The items are read twice for the profiles: once for the rates, once for the last item of each author. Memory holds
    one entry of about 300 bytes for each author.

    Parameters
    ----------
    table : DeliveredTable
        One record for each item.
    columns : mapping of str to str
        Canonical name of a profile's column to its name in the file.

    Returns
    -------
    SplitItems
        Both tables stream the file again at each reading.
    """
    items = _Items(table, columns)
    return SplitItems(
        profiles=_derived(table, items.profile_header, items.profiles),
        videos=_derived(table, items.video_header, items.videos),
    )


def _derived(table: DeliveredTable, header: tuple[str, ...], read: Callable[[], Iterator[Record]]) -> DeliveredTable:
    """Return a table with other records than the delivered bytes have."""
    layout = replace(table.layout, notes=(*table.layout.notes, NOTE))
    return replace(
        table, header=header, read=read, layout=layout, plain_format=None, source=None, n_records=None, conflicts=()
    )


class _Items:
    """The items of a table, and which cell of a record is what."""

    def __init__(self, table: DeliveredTable, columns: Mapping[str, str]) -> None:
        self._table = table
        places = {name: place for place, name in enumerate(table.header)}
        self._identity = [places[columns[name]] for name in _AUTHOR if name in columns]
        self._followers = places[columns["followers"]]
        self._flag = places.get(columns.get("is_under_age", ""))
        by_name = {name.replace("/", "."): place for name, place in places.items()}
        self._video = {
            canonical: next(by_name[name] for name in names if name in by_name)
            for canonical, names in _VIDEO_NAMES.items()
            if any(name in by_name for name in names)
        }
        of_author = {places[name] for name in columns.values()} | {
            place for name, place in by_name.items() if name.startswith("authorMeta.")
        }
        self._profile_places = sorted(of_author - set(self._video.values()))
        self.profile_header = (*(table.header[place] for place in self._profile_places), *RATES)
        owner = {name: places[columns[name]] for name in ("account_id", "tiktok_id") if name in columns}
        self._video_places = [*owner.values(), *self._video.values()]
        named = {*owner, *self._video}
        others = [
            place
            for place, name in enumerate(table.header)
            if place not in of_author and place not in self._video.values() and name not in named
        ]
        self._video_places += others
        self.video_header = (*owner, *self._video, *(table.header[place] for place in others))

    def profiles(self) -> Iterator[Record]:
        """Yield the last item of each author with the rates of all."""
        totals = self._totals()
        row = 0
        for record in self._table.records():
            author = self._author(record)
            if author is not None and totals[author].last_row != record.row:
                continue
            row += 1
            rates = self._rates(record, totals[author]) if author is not None else (None,) * len(RATES)
            flag = totals[author].flag if author is not None else None
            cells = (
                *(flag if flag and place == self._flag else record.cells[place] for place in self._profile_places),
                *rates,
            )
            yield Record(row, record.line, cells, record.problem)

    def videos(self) -> Iterator[Record]:
        """Yield each item that has a video and an author."""
        identity = [self._video[name] for name in ("video_id", "url") if name in self._video]
        row = 0
        for record in self._table.records():
            if self._author(record) is not None and any(record.cells[place] for place in identity):
                row += 1
                yield Record(row, record.line, tuple(record.cells[place] for place in self._video_places))

    def _totals(self) -> dict[str, _Totals]:
        totals: dict[str, _Totals] = {}
        likes, comments = (self._number_at(self._video.get(name)) for name in ("likes", "comments"))
        for record in self._table.records():
            author = self._author(record)
            if author is None:
                continue
            of_author = totals.setdefault(author, _Totals())
            of_author.last_row = record.row
            flag = record.cells[self._flag] if self._flag is not None else None
            if flag and not _DENIES.search(flag):
                of_author.flag = flag
            n_likes, n_comments = likes(record.cells), comments(record.cells)
            if n_likes is not None and n_comments is not None:
                of_author.videos += 1
                of_author.likes += n_likes
                of_author.comments += n_comments
        return totals

    def _author(self, record: Record) -> str | None:
        """Return what identifies the author of an intact record; None if nothing does."""
        if record.problem is not None:
            return None
        for place in self._identity:
            if (cell := record.cells[place]) and cell.strip():
                return f"{place} {cell.strip().lower()}"
        return None

    def _rates(self, record: Record, totals: _Totals) -> tuple[str | None, ...]:
        followers = self._number_at(self._followers)(record.cells)
        if not followers or not totals.videos:
            return (None,) * len(RATES)
        comments = totals.comments / totals.videos / followers
        likes = totals.likes / totals.videos / followers
        return repr(comments + likes), repr(comments), repr(likes)

    @staticmethod
    def _number_at(place: int | None) -> Callable[[Sequence[str | None]], float | None]:
        """Return a function that reads a count in a record; None for a missing, negative or unreadable one."""

        def read(cells: Sequence[str | None]) -> float | None:
            try:
                value = float(cells[place] or "") if place is not None else -1.0
            except ValueError:
                return None
            return value if 0 <= value < float("inf") else None

        return read
