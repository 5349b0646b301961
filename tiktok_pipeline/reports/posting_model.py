"""Who still posts: the section about the creators' activity."""

from __future__ import annotations

from dataclasses import dataclass

from tiktok_pipeline.features.catalog import FEATURES_BY_NAME, feature_label
from tiktok_pipeline.output.number_format import format_count, format_percent
from tiktok_pipeline.reports.feature_text import format_feature
from tiktok_pipeline.reports.page_elements import (
    Sentence,
    Span,
    Table,
    heading,
    number_cell,
    number_heading,
    row_heading,
    simple_table,
    text_cell,
)
from tiktok_pipeline.reports.snapshot_tables import ACTIVITIES, MEDIANS, PostingTables, to_records

ANCHOR = "posting"


@dataclass(frozen=True, kw_only=True)
class PostingModel:
    """The sentences and tables of the section; a table is None if it has no rows."""

    sentences: tuple[Sentence, ...]
    activity_table: Table | None
    segments_table: Table | None
    medians_table: Table | None


def build_posting_section(tables: PostingTables) -> PostingModel | None:
    """Build the section; None if the snapshot has no video."""
    if not tables.creators:
        return None
    meanings = _meanings(tables)
    return PostingModel(
        sentences=tuple(_sentences(tables)),
        activity_table=simple_table(
            "Creators by activity",
            [heading("Activity"), heading("Last post"), number_heading("Creators"), number_heading("Share")],
            [
                [
                    row_heading(name),
                    text_cell(meanings[name]),
                    number_cell(format_count(tables.by_activity[name])),
                    number_cell(format_percent(tables.by_activity[name] / tables.creators)),
                ]
                for name in ACTIVITIES
            ],
        ),
        segments_table=_segments_table(tables),
        medians_table=simple_table(
            "The creator in the middle",
            [heading("Feature"), number_heading("Median"), heading("Meaning")],
            [
                [
                    row_heading(feature_label(name)),
                    number_cell(format_feature(value, name)),
                    text_cell(FEATURES_BY_NAME[name].description),
                ]
                for name in MEDIANS
                if (value := tables.medians.get(name)) is not None
            ],
        ),
    )


def posting_summary(tables: PostingTables) -> Sentence | None:
    """Return the sentence of the section "In one minute"; None if the snapshot has no video."""
    if not tables.creators:
        return None
    posting, _, dormant = (tables.by_activity[name] for name in ACTIVITIES)
    return (
        Span(format_count(posting), is_strong=True),
        Span(f" of {format_count(tables.creators)} creators posted within {tables.bounds.posting_days:g} days, "),
        Span(format_count(dormant), is_strong=True),
        Span(f" have been silent for more than {tables.bounds.dormant_days:g} days ("),
        Span("who still posts", href=f"#{ANCHOR}"),
        Span(")."),
    )


def _meanings(tables: PostingTables) -> dict[str, str]:
    posting_days, dormant_days = (f"{days:g}" for days in (tables.bounds.posting_days, tables.bounds.dormant_days))
    texts = (
        f"at most {posting_days} days ago",
        f"{posting_days} to {dormant_days} days ago",
        f"more than {dormant_days} days ago",
    )
    return dict(zip(ACTIVITIES, texts, strict=True))


def _sentences(tables: PostingTables) -> list[Sentence]:
    days = format_count(tables.medians["days_since_last_post"])
    sentences: list[Sentence] = [
        (
            Span("The creator in the middle last posted "),
            Span(f"{days} days", is_strong=True),
            Span(" before the scrape. The time of each video is read from its id: its upper 32 bits are seconds."),
        )
    ]
    notes = []
    if without := tables.profiles - tables.creators:
        notes.append(f"{format_count(without)} of {format_count(tables.profiles)} creators have no known video.")
    if tables.unusable:
        notes.append(f"{format_count(tables.unusable)} listed videos are left out: their ids hold no plausible time.")
    notes.append(f"The section is about {format_count(tables.videos)} videos; a profile lists only its newest ones.")
    sentences.append((Span(" ".join(notes)),))
    return sentences


def _segments_table(tables: PostingTables) -> Table | None:
    if tables.by_persona.empty:
        return None
    header = [
        heading("Segment"),
        number_heading("Creators", "with a known video"),
        *(number_heading(name.capitalize()) for name in ACTIVITIES),
        number_heading("Since last post", "median days"),
    ]
    rows = [
        [
            row_heading(row["persona"]),
            number_cell(format_count(row["creators"])),
            *(number_cell(format_percent(row[name] / row["creators"])) for name in ACTIVITIES),
            number_cell(format_count(row["median_days"])),
        ]
        for row in to_records(tables.by_persona)
    ]
    return simple_table("Who still posts, by segment of the study to plan with", header, rows)
