"""One study as the report shows it."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from tiktok_pipeline.reports.classifier_model import ClassifierModel, build_classifier
from tiktok_pipeline.reports.fit_model import FitModel, build_fit
from tiktok_pipeline.reports.page_elements import ReportFigure, Sentence, Table, figure_prefix, figures_of, paragraphs
from tiktok_pipeline.reports.segment_model import SegmentCard, overall_advice, segment_cards, segment_table
from tiktok_pipeline.reports.snapshot_tables import StudyTables, spaced


@dataclass(frozen=True, kw_only=True)
class StudyModel:
    """What a study asks and finds; ``fit`` is None without segments, ``classifier`` without scores."""

    anchor: str
    title: str
    label: str
    question: str
    origin: str
    notes: tuple[Sentence, ...]
    cards: tuple[SegmentCard, ...]
    segment_table: Table | None
    advice: tuple[str, ...]
    figures: tuple[ReportFigure, ...]
    fit: FitModel | None
    classifier: ClassifierModel | None
    skipped_reasons: tuple[str, ...]
    basis_note: str


def build_study(study: StudyTables, migrations: pd.DataFrame) -> StudyModel:
    """Build the view of a study from its tables and its rows of ``personas.migrations``."""
    cards = segment_cards(study)
    return StudyModel(
        anchor=study_anchor(study),
        title=study.title,
        label=study.label,
        question=study.question,
        origin=f"Published in: {study.published_in}. Data source: {spaced(study.source)}.",
        notes=tuple(
            paragraph
            for paragraph in paragraphs(study.notes)
            if "".join(span.text for span in paragraph) != study.title
        ),
        cards=cards,
        segment_table=segment_table(study, cards),
        advice=overall_advice(study),
        figures=figures_of(study.figures, figure_prefix(study.name)),
        fit=build_fit(study, migrations) if cards or len(study.k_scores) else None,
        classifier=build_classifier(study),
        skipped_reasons=tuple(study.skipped_reasons),
        basis_note=study.basis_note,
    )


def study_anchor(study: StudyTables) -> str:
    """Return the id of the section of a study."""
    return f"study-{study.name}"
