"""What changed since the last snapshot: the section about growth, arrivals, departures and moves."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pandas as pd

from tiktok_pipeline.creators.figures import SMALLEST_GAIN
from tiktok_pipeline.features.catalog import feature_label
from tiktok_pipeline.features.drift import MODERATE
from tiktok_pipeline.output.number_format import format_count, format_number, format_percent
from tiktok_pipeline.personas.transitions import moved_shares
from tiktok_pipeline.personas.verdict import NOT_ENOUGH_DATA
from tiktok_pipeline.reports.creator_table import creator_cell
from tiktok_pipeline.reports.page_elements import (
    MAX_HANDLE,
    Cell,
    Sentence,
    Span,
    Table,
    creator_text,
    figure_prefix,
    figures_of,
    heading,
    number_cell,
    number_heading,
    row_heading,
    simple_table,
    text_cell,
)
from tiktok_pipeline.reports.snapshot_tables import ChangesTables, StudyTables, spaced, to_records

ANCHOR = "changes"

FIGURE = "migration"
"""The name of the figure of the moves among those of a study."""

_MOST_MOVES = 6


@dataclass(frozen=True, kw_only=True)
class ChangesModel:
    """The sentences and the table of the section, and the tables of creators behind its fold.

    ``picture`` is the id of the figure of the moves, "" if there is none.
    """

    sentences: tuple[Sentence, ...]
    moves_table: Table | None
    tables: tuple[Table, ...]
    picture: str = ""


def build_changes_section(tables: ChangesTables, planned: StudyTables | None) -> ChangesModel | None:
    """Build the section; None without a row of ``creators.comparisons``.

    Parameters
    ----------
    tables : ChangesTables
        What changed.
    planned : StudyTables, optional
        The study to plan with; its moves are listed.
    """
    row = _comparison(tables)
    if row is None:
        return None
    if row["note"]:
        return ChangesModel(
            sentences=((Span(f"Nothing can be compared: {row['note']}."),),), moves_table=None, tables=()
        )
    listed = (
        _fastest_table(tables),
        _unusual_table(tables),
        _shares_table(tables),
        _creators_table("Largest arrivals: not in the snapshot before", tables.arrivals),
        _creators_table("Largest departures: not in this snapshot", tables.departures),
        _renamed_table(tables),
    )
    sentences = (*_sentences(row), *_moved(tables, planned), _drift(tables))
    return ChangesModel(
        sentences=sentences,
        moves_table=_moves_table(tables, planned),
        tables=tuple(table for table in listed if table),
        picture=_picture(planned),
    )


def _picture(planned: StudyTables | None) -> str:
    if planned is None:
        return ""
    figures = figures_of(planned.figures, figure_prefix(planned.name))
    return next((figure.anchor for name, figure in zip(planned.figures, figures, strict=True) if name == FIGURE), "")


def changes_summary(tables: ChangesTables) -> Sentence | None:
    """Return the sentence of the section "In one minute"; None if there is nothing to compare with."""
    row = _comparison(tables)
    if row is None or row["note"]:
        return None
    return (
        Span("Since "),
        Span(str(row["previous_snapshot"])),
        Span(", "),
        Span(format_count(row["arrivals"] + row["returned"]), is_strong=True),
        Span(" creators came and "),
        Span(format_count(row["departures"]), is_strong=True),
        Span(" left ("),
        Span("what changed", href=f"#{ANCHOR}"),
        Span(")."),
    )


def _comparison(tables: ChangesTables) -> dict[str, Any] | None:
    return next(iter(to_records(tables.comparison)), None)


def _sentences(row: dict[str, Any]) -> Iterator[Sentence]:
    days = format_number(row["days"], 0 if float(row["days"]).is_integer() else 1)
    yield (
        Span(format_count(row["in_both"]), is_strong=True),
        Span(
            f" of {format_count(row['creators'])} creators were in the snapshot of {row['previous_snapshot']}, "
            f"{days} days before. {format_count(row['arrivals'])} are new, {format_count(row['returned'])} were seen "
            f"earlier, {format_count(row['departures'])} are gone, {format_count(row['renamed'])} were renamed."
        ),
    )
    if row["without_id"]:
        yield (
            Span(
                f"{format_count(row['without_id'])} rows have no usable account number. They are followed by their "
                "handle: one that changed it counts as gone and new."
            ),
        )


def _moved(tables: ChangesTables, planned: StudyTables | None) -> Iterator[Sentence]:
    rows = of_study(tables.migrations, planned)
    if rows.empty:
        return
    shares = moved_shares(rows)
    if shares["creator_moved_share"] is None or shares["model_moved_share"] is None:
        return
    yield (
        Span("Of the creators with a segment in both snapshots, "),
        Span(format_percent(shares["creator_moved_share"]), is_strong=True),
        Span(" moved to another segment because their figures changed. For "),
        Span(format_percent(shares["model_moved_share"]), is_strong=True),
        Span(" it was the model that moved: with the earlier model, their new figures give another segment."),
    )


def _drift(tables: ChangesTables) -> Sentence:
    moved = [row for row in to_records(tables.drift) if row["psi"] is not None and row["psi"] >= MODERATE]
    if not moved:
        return (
            Span(f"The mix of creators is the same: no figure moved (population stability index below {MODERATE})."),
        )
    names = ", ".join(
        f"{feature_label(row['feature'])} ({format_number(row['psi'], 2)})"
        for row in sorted(moved, key=lambda row: (-row["psi"], row["feature"]))
    )
    return (
        Span(f"The mix of creators changed: {names}, by the population stability index, counted from {MODERATE}."),
    )


def of_study(rows: pd.DataFrame, study: StudyTables | None) -> pd.DataFrame:
    """Return the rows of a study; none without a study."""
    if study is None or rows.empty:
        return rows.head(0)
    return rows[rows["study"] == study.name]


def _moves_table(tables: ChangesTables, planned: StudyTables | None) -> Table | None:
    rows = of_study(tables.migrations, planned)
    if rows.empty:
        return None
    has_segments = (rows[["persona_before", "persona"]] != NOT_ENOUGH_DATA).all(axis=1)
    changed = rows[has_segments & (rows["kind"] == "both") & (rows["persona_before"] != rows["persona"])]
    ordered = changed.sort_values(["creators", "persona_before", "persona"], ascending=[False, True, True])
    header = [
        heading("From"),
        heading("To"),
        number_heading("Creators"),
        number_heading("Creator moved"),
        number_heading("Model moved"),
    ]
    return simple_table(
        f"Creators that changed segment, {spaced(planned.name) if planned else ''}",
        header,
        [
            [
                row_heading(row["persona_before"]),
                text_cell(row["persona"]),
                *(number_cell(format_count(row[name])) for name in ("creators", "creator_moved", "model_moved")),
            ]
            for row in to_records(ordered.head(_MOST_MOVES))
        ],
    )


def _shares_table(tables: ChangesTables) -> Table | None:
    if tables.shares.empty or tables.shares["snapshot"].nunique() < 2:
        return None
    shares = tables.shares.pivot_table(index="persona", columns="snapshot", values="share")
    newest = shares.columns[-1]
    ordered = shares.sort_values([newest], ascending=False)
    return simple_table(
        "Share of each segment over time",
        [heading("Segment"), *(number_heading(str(key)) for key in shares.columns)],
        [
            [row_heading(str(persona)), *(number_cell(_percent_or_dash(value)) for value in values)]
            for persona, values in zip(ordered.index, ordered.to_numpy().tolist(), strict=True)
        ],
    )


def _percent_or_dash(value: float) -> str:
    return "-" if pd.isna(value) else format_percent(value)


def _fastest_table(tables: ChangesTables) -> Table | None:
    header = [
        heading("Size before"),
        heading("Creator"),
        number_heading("Followers"),
        number_heading("Gained"),
        number_heading("Growth", "in 30 days"),
    ]
    return simple_table(
        f"Fastest growing creators of each size, from {SMALLEST_GAIN} new followers",
        header,
        [
            [
                text_cell(row["previous_tier"]),
                creator_cell(row),
                number_cell(format_count(row["followers"])),
                number_cell(format_count(row["followers_gained"])),
                number_cell(format_percent(row["growth_30_days"])),
            ]
            for row in to_records(tables.fastest)
        ],
    )


def _unusual_table(tables: ChangesTables) -> Table | None:
    return simple_table(
        "Largest creators that changed in an unusual way",
        [heading("Creator"), number_heading("Followers"), heading("What is unusual")],
        [
            [creator_cell(row), number_cell(format_count(row["followers"])), text_cell(row["flags"])]
            for row in to_records(tables.unusual)
        ],
    )


def _creators_table(caption: str, creators: pd.DataFrame) -> Table | None:
    return simple_table(
        caption,
        [heading("Creator"), number_heading("Followers")],
        [[creator_cell(row), number_cell(format_count(row["followers"]))] for row in to_records(creators)],
    )


def _renamed_table(tables: ChangesTables) -> Table | None:
    return simple_table(
        "Largest creators with another handle",
        [heading("Handle before"), heading("Creator"), number_heading("Followers")],
        [
            [
                Cell(text=creator_text(row["previous_account_id"], MAX_HANDLE), is_creator_text=True),
                creator_cell(row),
                number_cell(format_count(row["followers"])),
            ]
            for row in to_records(tables.renamed)
        ],
    )
