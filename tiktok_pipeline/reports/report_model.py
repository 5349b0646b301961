"""The report of a snapshot as finished strings, before any HTML: build it with `build_report`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from tiktok_pipeline.output.number_format import format_count
from tiktok_pipeline.personas.verdict import NO_SEGMENT, VERDICTS
from tiktok_pipeline.reports.changes_model import ChangesModel, build_changes_section, changes_summary, of_study
from tiktok_pipeline.reports.comparison_model import comparison_table
from tiktok_pipeline.reports.fit_model import continuity_sentence
from tiktok_pipeline.reports.glossary import glossary
from tiktok_pipeline.reports.page_elements import ReportFigure, Sentence, Span, Table, Term
from tiktok_pipeline.reports.posting_model import PostingModel, build_posting_section, posting_summary
from tiktok_pipeline.reports.quality_model import QualityModel, build_quality
from tiktok_pipeline.reports.rates_model import build_rates
from tiktok_pipeline.reports.segment_model import SegmentCard, count_noun, segment_cards
from tiktok_pipeline.reports.shortlist_model import ShortlistModel, build_shortlist
from tiktok_pipeline.reports.snapshot_tables import (
    RowCounts,
    ShortlistTables,
    SnapshotTables,
    StudyTables,
    to_records,
)
from tiktok_pipeline.reports.study_model import StudyModel, build_study

RECOMMENDED_STUDY = "balanced_segments"
"""The study that a marketer plans with, if the snapshot has it."""


EXPLORE_ADDRESS = "http://127.0.0.1:8080"
"""Where ``tiktok-pipeline explore`` serves its pages unless another port is given."""


@dataclass(frozen=True, kw_only=True)
class ExploreLinks:
    """Addresses of pages that answer while ``tiktok-pipeline explore`` runs; they show the newest snapshot."""

    search: str
    personas: str = f"{EXPLORE_ADDRESS}/personas"
    benchmarks: str = f"{EXPLORE_ADDRESS}/benchmarks"


@dataclass(frozen=True, kw_only=True)
class ReportModel:
    """Everything that the templates print; ``plan`` is the study to plan with."""

    snapshot: str
    made_by: str
    summary: tuple[Sentence, ...]
    shortlist: ShortlistModel
    plan: StudyModel | None
    rates: tuple[Table, ...]
    studies: tuple[StudyModel, ...]
    comparison: Table | None
    posting: PostingModel | None
    changes: ChangesModel | None
    quality: QualityModel
    glossary: tuple[Term, ...]
    explore: ExploreLinks

    @property
    def figures(self) -> tuple[ReportFigure, ...]:
        """Every figure of the page."""
        return (*self.quality.figures, *(figure for study in self.studies for figure in study.figures))


def build_report(tables: SnapshotTables) -> ReportModel:
    """Build the report from the tables of a snapshot.

    Parameters
    ----------
    tables : SnapshotTables
        The tables as `tiktok_pipeline.reports.gather.gather` reads them.

    Returns
    -------
    ReportModel
        Equal tables give an equal model.
    """
    recommended = recommended_study(tables.studies)
    studies = {study.name: build_study(study, of_study(tables.changes.migrations, study)) for study in tables.studies}
    return ReportModel(
        snapshot=tables.snapshot,
        made_by=tables.made_by,
        summary=tuple(_summary(tables, recommended)),
        shortlist=build_shortlist(tables.shortlist),
        plan=studies[recommended.name] if recommended else None,
        rates=build_rates(tables.benchmarks),
        studies=tuple(studies.values()),
        comparison=comparison_table(tables.studies, recommended),
        posting=build_posting_section(tables.posting),
        changes=build_changes_section(tables.changes, recommended),
        quality=build_quality(tables),
        glossary=glossary(),
        explore=ExploreLinks(search=search_address(tables.shortlist)),
    )


def search_address(shortlist: ShortlistTables) -> str:
    """Return the address of the search with the floor of the shortlist and its order."""
    order = "times_expected" if shortlist.has_rates else "likes_per_video"
    return f"{EXPLORE_ADDRESS}/?followers_min={shortlist.min_followers:.0f}&sort={order}"


def recommended_study(studies: Sequence[StudyTables]) -> StudyTables | None:
    """Return the study to plan with: `RECOMMENDED_STUDY`, else the first with segments, else the first."""
    recommended = [study for study in studies if study.name == RECOMMENDED_STUDY]
    with_segments = [study for study in studies if len(study.summaries)]
    return next(iter([*recommended, *with_segments, *studies]), None)


def _summary(tables: SnapshotTables, recommended: StudyTables | None) -> Iterable[Sentence]:
    """Yield the sentences of the section "In one minute"."""
    if not tables.row_counts:
        yield (Span("This snapshot has no data."),)
    if recommended is None:
        yield (Span("No study has been run on this snapshot."),)
    else:
        yield from _plan_summary(recommended, of_study(tables.changes.migrations, recommended))
    if changed := changes_summary(tables.changes):
        yield changed
    if activity := posting_summary(tables.posting):
        yield activity
    if tables.row_counts:
        yield _rows_summary(tables.row_counts)


def _rows_summary(row_counts: Mapping[str, RowCounts]) -> Sentence:
    valid = sum(counts.valid for counts in row_counts.values())
    rejected = sum(counts.rejected for counts in row_counts.values())
    videos = row_counts["videos"].valid if "videos" in row_counts else 0
    return (
        Span("Data: "),
        Span(format_count(valid), is_strong=True),
        Span(f" rows{f' ({format_count(videos)} of them videos)' if videos else ''} are valid and "),
        Span(format_count(rejected), is_strong=True),
        Span(" were rejected ("),
        Span("why", href="#data"),
        Span(")."),
    )


def _plan_summary(recommended: StudyTables, migrations: pd.DataFrame) -> Iterable[Sentence]:
    cards = [card for card in segment_cards(recommended) if card.is_segment]
    if not cards:
        yield (
            Span("The study to plan with has no segments in this snapshot ("),
            Span("why", href="#plan"),
            Span(")."),
        )
        return
    usable = [card for card in cards if VERDICTS[card.verdict].can_plan]
    others = [card for card in cards if card not in usable]
    if usable:
        yield (
            Span("Plan with "),
            Span(count_noun(len(usable), "segment"), is_strong=True),
            Span(f": {_names(usable)} ("),
            Span("what to do with each", href="#plan"),
            Span(")."),
        )
    if others:
        yield (
            Span(f"{'Do not plan' if usable else 'Plan with no segment: do not plan'} with "),
            Span(f"{', '.join(f'{card.name} ({card.verdict})' for card in others)}."),
        )
    yield (Span(_reliability(recommended)),)
    if goes_on := continuity_sentence(recommended.continuity, migrations):
        yield (Span(goes_on),)
    if recommended.basis_note:
        yield (Span(f"Creators are compared by {recommended.basis_note}.", is_strong=True),)


def _names(cards: Iterable[SegmentCard]) -> str:
    return ", ".join(f"{card.name} ({card.rounded_percent} of all)" for card in cards)


def _reliability(recommended: StudyTables) -> str:
    """Return how many segments of the study to plan with have each verdict."""
    counts = verdict_counts([recommended])
    parts = [
        f"{count} {VERDICTS[label].predicates[count != 1]}"
        for label, count in counts.items()
        if label != NO_SEGMENT.label
    ]
    sentences = [f"How reliable they are: {', '.join(parts)}."]
    without = sum(
        int(row["profiles"]) for row in to_records(recommended.summaries) if row["verdict"] == NO_SEGMENT.label
    )
    if without:
        sentences.append(f"{count_noun(without, 'creator')} {NO_SEGMENT.predicates[without != 1]}.")
    return " ".join(sentences)


def verdict_counts(studies: Iterable[StudyTables]) -> dict[str, int]:
    """Return how many segments have each verdict, the most reliable first; only verdicts that occur."""
    counts = Counter(row["verdict"] for study in studies for row in to_records(study.summaries, "verdict"))
    return {label: counts[label] for label in VERDICTS if counts[label]}
