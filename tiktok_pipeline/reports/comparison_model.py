"""The segmentations of a snapshot side by side."""

from __future__ import annotations

from collections.abc import Sequence

from tiktok_pipeline.features.catalog import feature_label
from tiktok_pipeline.output.number_format import format_count, format_number
from tiktok_pipeline.reports.page_elements import (
    HeaderCell,
    RowGroup,
    Table,
    TableRow,
    number_cell,
    number_heading,
    row_heading,
)
from tiktok_pipeline.reports.segment_model import EXPLAINED_FEATURES
from tiktok_pipeline.reports.snapshot_tables import Row, StudyTables, to_records
from tiktok_pipeline.reports.study_model import study_anchor


def comparison_table(studies: Sequence[StudyTables], recommended: StudyTables | None) -> Table | None:
    """Return one row for each study with segments, the recommended one marked; None if no study has any."""
    header = (
        HeaderCell("Study", rowspan=2),
        HeaderCell("Segments", is_number=True, rowspan=2),
        HeaderCell("Creators in the fit", is_number=True, rowspan=2),
        HeaderCell("Smallest segment", "creators in the fit", is_number=True, rowspan=2),
        HeaderCell("Worst Jaccard", "0 to 1", is_number=True, rowspan=2),
        HeaderCell("Silhouette", "\u22121 to 1", is_number=True, rowspan=2),
        HeaderCell("Explained (eta squared of ranks, 0 to 1)", colspan=len(EXPLAINED_FEATURES)),
    )
    second_header = tuple(number_heading(feature_label(name)) for name in EXPLAINED_FEATURES)
    rows = tuple(
        TableRow(
            (
                row_heading(study.label, href=f"#{study_anchor(study)}"),
                number_cell(str(numbers["segments"])),
                number_cell(format_count(numbers["rows_in_fit"])),
                number_cell(format_count(numbers["smallest"])),
                *(number_cell(format_number(numbers[name], 2)) for name in ("worst_jaccard", "silhouette")),
                *(number_cell(format_number(numbers[name], 2)) for name in EXPLAINED_FEATURES),
            ),
            css_class="chosen" if study is recommended else "",
        )
        for study in studies
        if (numbers := study_numbers(study)) is not None
    )
    caption = "All segmentations of the snapshot"
    return Table(caption, (header, second_header), (RowGroup(rows),)) if rows else None


def study_numbers(study: StudyTables) -> Row | None:
    """Return the sizes, stability, separation and explained features of a study; None if it has no segments."""
    segments = [row for row in to_records(study.summaries, "cluster") if row["cluster"] is not None]
    if not segments:
        return None
    statistics = study.fit_statistics
    jaccards = [row["jaccard"] for row in to_records(study.stability, "jaccard") if row["jaccard"] is not None]
    return {
        "segments": len(segments),
        "rows_in_fit": statistics.get("rows_in_fit"),
        "smallest": min(int(row["profiles_in_fit"]) for row in segments),
        "worst_jaccard": min(jaccards, default=None),
        "silhouette": statistics.get("silhouette"),
        **{name: statistics.get(f"eta_squared_{name}") for name in EXPLAINED_FEATURES},
    }
