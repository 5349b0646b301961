"""Tables of creators: typical members of a segment, and the highest scores."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd

from tiktok_pipeline.creators.figures import FEW_VIDEOS
from tiktok_pipeline.output.number_format import UNDEFINED, format_count, format_number, format_percent
from tiktok_pipeline.output.profile_link import profile_address
from tiktok_pipeline.reports.page_elements import (
    MAX_BIOGRAPHY,
    MAX_HANDLE,
    MAX_NICKNAME,
    Cell,
    HeaderCell,
    Table,
    creator_text,
    heading,
    number_cell,
    number_heading,
    simple_table,
    text_cell,
)
from tiktok_pipeline.reports.snapshot_tables import Row, to_records


@dataclass(frozen=True)
class _CreatorColumn:
    """A column that is shown if the rows have it."""

    name: str
    header: HeaderCell
    cell: Callable[[Row], Cell]


def videos_behind_rate(scraped: int | None) -> str:
    """Return the number of videos that a rate is averaged over, with a warning if they are few.

    Examples
    --------
    >>> videos_behind_rate(6), videos_behind_rate(5), videos_behind_rate(0)
    ('6', '5 (few)', '0 (few)')
    """
    if scraped is None:
        return UNDEFINED
    return f"{format_count(scraped)} (few)" if scraped <= FEW_VIDEOS else format_count(scraped)


def _yes_or_no(value: object) -> str:
    return UNDEFINED if value is None else "yes" if value else "no"


_COLUMNS = (
    _CreatorColumn(
        "biography",
        heading("Biography"),
        lambda row: Cell(text=creator_text(row["biography"], MAX_BIOGRAPHY), css_class="bio", is_creator_text=True),
    ),
    _CreatorColumn("score", number_heading("Score"), lambda row: number_cell(format_number(row["score"], 2))),
    _CreatorColumn("followers", number_heading("Followers"), lambda row: number_cell(format_count(row["followers"]))),
    _CreatorColumn(
        "avg_engagement_rate",
        number_heading("Engagement rate", "per video"),
        lambda row: number_cell(format_percent(row["avg_engagement_rate"])),
    ),
    _CreatorColumn(
        "scraped_videos",
        number_heading("Videos behind the rate", f"{FEW_VIDEOS} or fewer: uncertain"),
        lambda row: number_cell(videos_behind_rate(row["scraped_videos"])),
    ),
    _CreatorColumn("likes", number_heading("Likes"), lambda row: number_cell(format_count(row["likes"]))),
    _CreatorColumn(
        "videos_count", number_heading("Videos"), lambda row: number_cell(format_count(row["videos_count"]))
    ),
    _CreatorColumn("is_verified", heading("Verified"), lambda row: text_cell(_yes_or_no(row["is_verified"]))),
    _CreatorColumn(
        "engagement_index",
        number_heading("Engagement index", "points"),
        lambda row: number_cell(format_number(row["engagement_index"], 1)),
    ),
    _CreatorColumn(
        "monetization_maturity",
        number_heading("Monetization maturity", "points"),
        lambda row: number_cell(format_number(row["monetization_maturity"], 1)),
    ),
    _CreatorColumn(
        "margin", number_heading("Margin", "0 to 1"), lambda row: number_cell(format_number(row["margin"], 2))
    ),
    _CreatorColumn(
        "would_move", heading("Would move it to the next segment"), lambda row: text_cell(row["would_move"] or "")
    ),
)


def creator_table(caption: str, creators: pd.DataFrame) -> Table | None:
    """Return a table of creators with the columns that they have, or None if there are no creators."""
    columns = [column for column in _COLUMNS if column.name in creators.columns]
    return simple_table(
        caption,
        [heading("Creator"), *(column.header for column in columns)],
        [[creator_cell(row), *(column.cell(row) for column in columns)] for row in to_records(creators, "nickname")],
    )


def creator_cell(row: Row) -> Cell:
    """Return the cell that names a creator: the displayed name, and the handle as a link to the profile."""
    return Cell(
        text=creator_text(row["nickname"], MAX_NICKNAME),
        handle=creator_text(row["account_id"], MAX_HANDLE),
        profile=profile_address(row["account_id"]) or "",
        css_class="who",
        is_header=True,
        is_creator_text=True,
    )
