"""Whom to look at first: the shortlist with a reason for each creator, and what to check before a message is sent."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby

from tiktok_pipeline.creators.figures import FEW_VIDEOS
from tiktok_pipeline.features.posting import SLOWING
from tiktok_pipeline.output.number_format import format_count, format_number, format_percent
from tiktok_pipeline.reports.creator_table import creator_cell
from tiktok_pipeline.reports.page_elements import (
    RowGroup,
    Sentence,
    Span,
    Table,
    TableRow,
    heading,
    number_cell,
    number_heading,
    text_cell,
)
from tiktok_pipeline.reports.snapshot_tables import Row, ShortlistTables, to_records

ANCHOR = "shortlist"

BORDER_MARGIN = 0.1
"""Below this margin a creator is said to be close to another segment: the distances differ by less than a tenth."""

TOLD_GROWTH = 0.05
"""Growth in 30 days from which on the reason tells it."""

_RANKED_BY = {
    ("response", True): "engagement rate compared with creators of the same size",
    ("reach", True): "likes and comments per video",
    ("response", False): "likes per video compared with creators of the same size",
    ("reach", False): "likes per video",
}


@dataclass(frozen=True, kw_only=True)
class ShortlistModel:
    """The shortlist; ``table`` is None if nobody is listed, and then ``note`` says why."""

    note: Sentence
    table: Table | None
    listed: int


def build_shortlist(tables: ShortlistTables) -> ShortlistModel:
    """Build the section from its tables."""
    rows = to_records(tables.creators)
    groups = tuple(
        RowGroup(
            tuple(_row(place, row, has_rates=tables.has_rates) for place, row in enumerate(members, start=1)),
            group_heading(segment, ranked_by, has_rates=tables.has_rates),
        )
        for (segment, ranked_by), members in groupby(rows, key=lambda row: (row["segment"], row["ranked_by"]))
    )
    header = (
        number_heading("Rank"),
        heading("Creator"),
        heading("Why"),
        number_heading("Followers"),
        heading("Check first"),
    )
    table = Table("Creators to look at first", (header,), groups) if groups else None
    return ShortlistModel(note=_note(tables), table=table, listed=len(rows))


def group_heading(segment: str | None, ranked_by: str, *, has_rates: bool) -> str:
    """Return the heading above creators of one segment, or of all creators.

    Examples
    --------
    >>> group_heading("Breakouts", "reach", has_rates=True)
    'Breakouts, by likes and comments per video'
    """
    return f"{segment or 'All creators'}, by {_RANKED_BY[ranked_by, has_rates]}"


def reason(row: Row, *, has_rates: bool) -> str:
    """Return why a creator is listed, in figures.

    Examples
    --------
    >>> row = dict(ranked_by="response", times_expected=2.34, avg_engagement_rate=0.084,
    ...     avg_engagement_rate_usual=0.036, growth_30_days=0.12, days_since_last_post=3.0)
    >>> reason(row, has_rates=True)
    '2.3 times the usual engagement for the size (8.4%, usual 3.6%); 12% more followers in 30 days'
    """
    parts = [_rank_reason(row, has_rates=has_rates)]
    growth = row["growth_30_days"]
    if growth is not None and growth >= TOLD_GROWTH:
        parts.append(f"{format_percent(growth)} more followers in 30 days")
    return "; ".join(parts)


def _rank_reason(row: Row, *, has_rates: bool) -> str:
    by_reach = row["ranked_by"] == "reach"
    if not has_rates:
        if by_reach:
            return f"{format_count(row['likes_per_video'])} likes per video"
        share = format_percent(row["likes_per_video_percentile"], 0)
        return f"more likes per video than {share} of creators of the size ({format_count(row['likes_per_video'])})"
    rate = format_percent(row["avg_engagement_rate"])
    if by_reach:
        engagements = format_count(float(f"{row['followers'] * row['avg_engagement_rate']:.2g}"))
        return f"about {engagements} likes and comments per video (engagement {rate})"
    times = format_number(row["times_expected"], 0 if row["times_expected"] >= 9.95 else 1)
    usual = format_percent(row["avg_engagement_rate_usual"])
    return f"{times} times the usual engagement for the size ({rate}, usual {usual})"


def cautions(row: Row) -> str:
    """Return what to check before a creator is contacted; empty for nothing.

    Examples
    --------
    >>> cautions(dict(avg_engagement_rate=1.2, scraped_videos=1, segment="Breakouts", margin=0.04,
    ...     runner_up="Starters", activity="posting", days_since_last_post=2.0, unusual="few comments"))
    'more reactions than followers; rate from 1 video; close to Starters; unusual: few comments'
    """
    parts = []
    rate, videos = row["avg_engagement_rate"], row["scraped_videos"]
    if rate is not None and rate > 1.0:
        parts.append("more reactions than followers")
    if videos is not None and videos <= FEW_VIDEOS:
        parts.append(f"rate from {format_count(videos)} video{'' if videos == 1 else 's'}")
    margin = row["margin"]
    if row["segment"] and row["runner_up"] and margin is not None and margin < BORDER_MARGIN:
        parts.append(f"close to {row['runner_up']}")
    if row["activity"] == SLOWING:
        parts.append(f"last post {format_count(row['days_since_last_post'])} days before the scrape")
    if row["unusual"]:
        parts.append(f"unusual: {row['unusual']}")
    return "; ".join(parts)


def _row(place: int, row: Row, *, has_rates: bool) -> TableRow:
    return TableRow(
        (
            number_cell(str(place)),
            creator_cell(row),
            text_cell(reason(row, has_rates=has_rates), "words"),
            number_cell(format_count(row["followers"])),
            text_cell(cautions(row)),
        )
    )


def _note(tables: ShortlistTables) -> Sentence:
    """Return who can be on the list, or why it is empty."""
    floor = format_count(tables.min_followers)
    if not tables.profiles:
        return (Span("This snapshot has no profiles to choose from."),)
    if not tables.known:
        return (
            Span("The creators of this snapshot have not been compared yet. Run "),
            Span("tiktok-pipeline refresh --all", is_code=True),
            Span("."),
        )
    if not tables.large:
        return (
            Span(f"None of the {format_count(tables.known)} creators has {floor} followers or more ("),
            Span("TIKTOK_PIPELINE_SHORTLIST_FOLLOWERS", is_code=True),
            Span(" sets the floor)."),
        )
    if tables.creators.empty:
        return (Span(f"Nobody with {floor} followers or more has the figures to be ranked by."),)
    segments = (
        ""
        if tables.creators["segment"].notna().any()
        else " No segment is reliable enough to plan with, so the list ignores segments."
    )
    return (
        Span(f"Only creators with {floor} followers or more ("),
        Span("TIKTOK_PIPELINE_SHORTLIST_FOLLOWERS", is_code=True),
        Span(
            f"): {format_count(tables.large)} of {format_count(tables.known)}. Creators known to be dormant are left "
            f"out; rates over {FEW_VIDEOS} videos or fewer, and rates above 100%, come last.{segments}"
        ),
    )
