"""The quality of a snapshot's data: its files, its rows and the statistics of its features."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from tiktok_pipeline.features.catalog import feature_label
from tiktok_pipeline.output.number_format import UNDEFINED, format_count, format_percent
from tiktok_pipeline.reports.feature_text import format_feature
from tiktok_pipeline.reports.page_elements import (
    MAX_FILE_NAME,
    MAX_REASON,
    Cell,
    ReportFigure,
    Table,
    creator_text,
    figures_of,
    heading,
    number_cell,
    number_heading,
    row_heading,
    simple_table,
    text_cell,
)
from tiktok_pipeline.reports.snapshot_tables import Row, RowCounts, SnapshotTables, spaced, to_records

_HASH_CHARACTERS = 15
_STATISTICS = {"q05": "5% are below", "median": "Median", "mean": "Mean", "q95": "5% are above"}


@dataclass(frozen=True, kw_only=True)
class QualityModel:
    """The tables and figures about the data; a table is None if it has no rows."""

    files_table: Table | None
    rows_table: Table | None
    reasons_table: Table | None
    unread_table: Table | None
    figures: tuple[ReportFigure, ...]
    statistics_table: Table | None


def build_quality(tables: SnapshotTables) -> QualityModel:
    """Build the section about the data."""
    return QualityModel(
        files_table=_files_table(tables.files),
        rows_table=simple_table(
            "Every delivered row is either valid or rejected",
            [
                heading("Source"),
                number_heading("Delivered"),
                number_heading("Valid"),
                number_heading("Rejected"),
                number_heading("Share rejected"),
                heading("Adds up"),
            ],
            [_rows_row(source, counts) for source, counts in tables.row_counts.items()],
        ),
        reasons_table=_reasons_table(tables.rejected_reasons),
        unread_table=_unread_table(tables.unread_cells),
        figures=figures_of(tables.figures, "shared"),
        statistics_table=_statistics_table(tables.statistics),
    )


def _files_table(files: pd.DataFrame) -> Table | None:
    header = [
        heading("File"),
        heading("Source"),
        heading("Dialect"),
        number_heading("Rows"),
        heading("SHA-256 as delivered"),
    ]
    rows = []
    for row in to_records(files, "file", "source", "dialect", "rows", "delivered_sha256"):
        sha256 = row["delivered_sha256"]
        rows.append(
            [
                Cell(text=creator_text(row["file"], MAX_FILE_NAME), is_header=True, is_creator_text=True),
                text_cell(spaced(row["source"] or "")),
                text_cell(row["dialect"] or UNDEFINED),
                number_cell(format_count(row["rows"])),
                Cell(text=f"{sha256[:_HASH_CHARACTERS]}\u2026" if sha256 else UNDEFINED, is_code=True),
            ]
        )
    return simple_table("Files of the snapshot", header, rows)


def _rows_row(source: str, counts: RowCounts) -> list[Cell]:
    adds_up = counts.delivered == counts.valid + counts.rejected
    return [
        row_heading(spaced(source)),
        number_cell(format_count(counts.delivered)),
        number_cell(format_count(counts.valid)),
        number_cell(format_count(counts.rejected)),
        number_cell(format_percent(counts.rejected / counts.delivered if counts.delivered else None)),
        text_cell("yes" if adds_up else "no: rows are lost or duplicated"),
    ]


def _reasons_table(reasons: pd.DataFrame) -> Table | None:
    return simple_table(
        "Why rows were rejected: each row counts once, by its first reason",
        [heading("Source"), heading("Reason"), number_heading("Rows")],
        [
            [
                text_cell(spaced(row["source"])),
                Cell(
                    text=creator_text(row["reason"], MAX_REASON),
                    css_class="plain",
                    is_header=True,
                    is_creator_text=True,
                ),
                number_cell(format_count(row["rows"])),
            ]
            for row in to_records(reasons)
        ],
    )


def _unread_table(unread: pd.DataFrame) -> Table | None:
    rows = sorted(to_records(unread), key=lambda row: (-row["cells"], row["column_name"], row["source_file"]))
    return simple_table(
        "Cells that could not be read: they are missing, and their rows are kept",
        [heading("Column"), heading("File"), heading("Expected"), number_heading("Cells")],
        [
            [
                row_heading(spaced(row["column_name"])),
                Cell(text=creator_text(row["source_file"], MAX_FILE_NAME), is_creator_text=True),
                text_cell(row["expected"]),
                number_cell(format_count(row["cells"])),
            ]
            for row in rows
        ],
    )


def _statistics_table(statistics: pd.DataFrame) -> Table | None:
    by_feature: dict[tuple[str, str], Row] = {}
    for row in to_records(statistics, "other_feature"):
        if not row["other_feature"]:
            by_feature.setdefault((row["source"], row["feature"]), {})[row["statistic"]] = row["value"]
    header = [heading("Feature"), heading("Source"), number_heading("Rows"), number_heading("Missing")]
    header += [number_heading(label) for label in _STATISTICS.values()]
    rows = [
        [
            row_heading(feature_label(feature)),
            text_cell(spaced(source)),
            number_cell(format_count(values.get("rows"))),
            number_cell(format_count(values.get("missing"))),
            *(number_cell(format_feature(values.get(name), feature)) for name in _STATISTICS),
        ]
        for (source, feature), values in by_feature.items()
    ]
    return simple_table("Each feature: missing values and distribution", header, rows)
