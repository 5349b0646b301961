"""The snapshot key of a delivered file: the day that its rows, its name or the other files of the delivery show."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta

from tiktok_pipeline.raw.snapshots import SnapshotKeyError, check_snapshot_key
from tiktok_pipeline.safe_text import visible_name
from tiktok_pipeline.validated.formats.dates import FIRST_DAY

GRACE = timedelta(days=1)
"""A clock that runs ahead, or a file from east of Greenwich, may show tomorrow."""

MIN_ROWS = 2
MIN_SHARE = 0.01
"""The key is the newest day with at least so many rows and this share of the dated rows: more than a stray row."""

_LONGEST_NUMBERED_SPAN = timedelta(days=3)
"""Files numbered ``(1)`` belong together only if their days are as close: a browser numbers a later download too."""

_YEAR_FIRST = re.compile(r"(?<![0-9])((?:19|20)[0-9]{2})([-_. ]?)([0-9]{2})\2([0-9]{2})(?:[0-9]{6})?(?![0-9])")
_YEAR_LAST = re.compile(r"(?<![0-9])([0-9]{2})([-_. ])([0-9]{2})\2((?:19|20)[0-9]{2})(?![0-9])")
_ENDINGS = re.compile(r"([.][a-z]{1,8}){1,3}$", re.IGNORECASE)
_PART = re.compile(
    r"(?:^|[-_. ])part[-_. ]?[0-9]+(?:[-_. ]?of[-_. ]?[0-9]+)?|[-_. ][0-9]+[-_ ]?of[-_ ]?[0-9]+$|[-_.]0[0-9]{2,}$",
    re.IGNORECASE,
)
_NUMBERED = re.compile(r"[-_ ]?\([0-9]+\)$")


@dataclass(frozen=True)
class DatedFile:
    """What a file shows about its day.

    Attributes
    ----------
    name : str
        The name under which it was delivered.
    rows_by_day : mapping of date to int
        The rows of each day in its date column.
    newest_video : date, optional
        The day of the newest video of its creators.
    """

    name: str
    rows_by_day: Mapping[date, int] = field(default_factory=dict)
    newest_video: date | None = None


@dataclass(frozen=True)
class SnapshotKey:
    """The key of a file, and a sentence about where it comes from; "" if it is the newest day of the rows."""

    key: str
    note: str = ""


def choose_keys(
    files: Sequence[DatedFile], *, today: date, given: str | None = None, share_newest: bool = True
) -> list[SnapshotKey]:
    """Return the snapshot key of each file of one delivery.

    The key is the given one; else the newest day of the rows, see `choose_day`; else the day in the file's name; else
    the newest day of the other files; else the day of the newest video. The parts of one file have the newest key of
    all parts, see `parts_of`.

    Parameters
    ----------
    files : sequence of DatedFile
        The files that are delivered together.
    today : date
        The UTC day; a later day is not plausible.
    given : str, optional
        The key that the person who delivers gives.
    share_newest : bool, default True
        Whether a file without any day takes the newest day of the other files.

    Returns
    -------
    list of SnapshotKey
        In the order of ``files``.

    Raises
    ------
    SnapshotKeyError
        If the given key is not a date, or no day can be found for a file.
    """
    if given is not None:
        return [SnapshotKey(check_snapshot_key(given)) for _ in files]
    own = [_own_day(file, today) for file in files]
    own = _joined_parts(files, own)
    known = [day for day, _ in own if day is not None]
    keys = []
    for file, (day, note) in zip(files, own, strict=True):
        if day is None and known and share_newest:
            day, note = max(known), "the snapshot is that of the other files of the delivery"  # noqa: PLW2901
        if day is None and file.newest_video is not None:
            day, note = file.newest_video, "no date in the file: the snapshot is the day of the newest video"  # noqa: PLW2901
        if day is None:
            msg = f"{visible_name(file.name)}: no date up to today, {today}, in its rows or its name"
            raise SnapshotKeyError(msg, remedy="give the day of the scrape, such as --snapshot 2023-08-12")
        keys.append(SnapshotKey(day.isoformat(), note))
    return keys


def choose_day(rows_by_day: Mapping[date, int], *, today: date) -> date | None:
    """Return the newest day that is not in the future and that more than a stray row has.

    If no day has enough rows, the newest plausible day is returned; None if there is none.

    Examples
    --------
    >>> today = date(2024, 6, 1)
    >>> choose_day({date(2024, 5, 6): 59, date(2024, 5, 20): 1, date(2099, 1, 1): 30}, today=today)
    datetime.date(2024, 5, 6)
    >>> choose_day({date(2024, 5, 6): 1}, today=today)
    datetime.date(2024, 5, 6)
    """
    plausible = {day: rows for day, rows in rows_by_day.items() if is_plausible(day, today=today)}
    least = max(MIN_ROWS, MIN_SHARE * sum(plausible.values()))
    held = [day for day, rows in plausible.items() if rows >= least]
    return max(held or plausible, default=None)


def is_plausible(day: date, *, today: date) -> bool:
    """Return whether a profile can have been scraped on a day."""
    return FIRST_DAY <= day <= today + GRACE


def date_in_name(name: str, *, today: date) -> date | None:
    """Return the last plausible date in a file's name; None if there is none, or if its order is not certain.

    Examples
    --------
    >>> date_in_name("scrape_2024_05_06.csv", today=date(2024, 6, 1))
    datetime.date(2024, 5, 6)
    >>> date_in_name("20.05.2024.csv", today=date(2024, 6, 1))
    datetime.date(2024, 5, 20)
    >>> date_in_name("06.05.2024.csv", today=date(2024, 6, 1))
    """
    dates: list[tuple[int, date]] = []
    for match in _YEAR_FIRST.finditer(name):
        dates += [(match.start(), day) for day in _real_dates(match[1], match[3], match[4])]
    for match in _YEAR_LAST.finditer(name):
        readings = {*_real_dates(match[4], match[3], match[1]), *_real_dates(match[4], match[1], match[3])}
        dates += [(match.start(), day) for day in readings if len(readings) == 1]
    plausible = [(place, day) for place, day in dates if is_plausible(day, today=today)]
    return max(plausible)[1] if plausible else None


def parts_of(names: Sequence[str]) -> list[list[int]]:
    """Return the positions of the names that are parts of one file; a name without other parts is not listed.

    Examples
    --------
    >>> parts_of(["a_part_0001.csv", "b.csv", "a_part_0002.csv"])
    [[0, 2]]
    >>> parts_of(["a-00000-of-00002.parquet", "a-00001-of-00002.parquet"])
    [[0, 1]]
    >>> parts_of(["a.csv", "a (1).csv", "a - Copy.csv"])
    [[0, 1]]
    """
    stems = [_stem_and_mark(name) for name in names]
    marked = {stem for stem, is_marked in stems if is_marked}
    counts = Counter(stem for stem, _ in stems)
    joined: dict[str, list[int]] = {}
    for place, (stem, _) in enumerate(stems):
        if stem in marked and counts[stem] > 1:
            joined.setdefault(stem, []).append(place)
    return list(joined.values())


def _own_day(file: DatedFile, today: date) -> tuple[date | None, str]:
    day = choose_day(file.rows_by_day, today=today)
    if day is not None:
        return day, ""
    named = date_in_name(file.name, today=today)
    return named, "the snapshot is the day in the file's name" if named else ""


def _joined_parts(
    files: Sequence[DatedFile], own: Sequence[tuple[date | None, str]]
) -> list[tuple[date | None, str]]:
    """Give all parts of a file the newest of their days."""
    joined = list(own)
    for places in parts_of([file.name for file in files]):
        days = [day for day, _ in (own[place] for place in places) if day is not None]
        is_numbered = any(_NUMBERED.search(_ENDINGS.sub("", files[place].name)) for place in places)
        if not days or (is_numbered and max(days) - min(days) > _LONGEST_NUMBERED_SPAN):
            continue
        for place in places:
            if own[place][0] != max(days):
                joined[place] = max(days), "the snapshot is that of the newest part of the delivery"
    return joined


def _stem_and_mark(name: str) -> tuple[str, bool]:
    """Return a file's name without its endings and the mark of a part, and whether it has such a mark."""
    stem = _ENDINGS.sub("", name)
    without = _NUMBERED.sub("", stem)
    if without == stem:
        without = _PART.sub("", stem)
    return without.lower(), without != stem


def _real_dates(year: str, month: str, day: str) -> list[date]:
    try:
        return [date(int(year), int(month), int(day))]
    except ValueError:
        return []
