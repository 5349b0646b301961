"""Why a study has its number of segments, what they explain, and how stable they are."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import pandas as pd

from tiktok_pipeline.features.catalog import feature_label
from tiktok_pipeline.output.number_format import format_count, format_number, format_percent
from tiktok_pipeline.personas.transitions import MOST_MODEL_MOVED, moved_shares
from tiktok_pipeline.personas.verdict import STABLE_JACCARD, Measured
from tiktok_pipeline.reports.page_elements import (
    Cell,
    HeaderCell,
    RowGroup,
    Table,
    TableRow,
    badge_cell,
    heading,
    number_cell,
    number_heading,
    row_heading,
    simple_table,
    text_cell,
)
from tiktok_pipeline.reports.snapshot_tables import Row, StudyTables, spaced, to_records

_ETA_SQUARED = "eta_squared_"
_MEASURES = {
    "inertia": ("inertia", 1),
    "adjusted_rand_index": ("adjusted Rand index, the study's starts", 3),
    "single_start_rand_index": ("adjusted Rand index, one start", 3),
    "worst_jaccard": ("worst Jaccard", 3),
    "smallest_cluster": ("creators in the smallest segment", 0),
}
"""Each measure of ``clusters.stability_runs`` in words, with the decimals to show."""

_OPTIONAL = ("standard_error", "share_dissolved", "share_recovered", "jaccard_cold")
"""Columns that an older warehouse has no values of."""

OVERLAPPING, CONTINUOUS = 0.25, 0.5
"""Silhouettes below which segments overlap, and divide a continuum (Kaufman and Rousseeuw 1990)."""
NEARLY_ALL, TOO_FEW = 0.9, 0.05
"""From the one share of the fitted creators on, one segment has nearly all; below the other, a segment is small."""


def separation(silhouette: float, *, smallest: float, largest: float, worst_bound: float | None) -> str:
    """Return in words how far the segments are apart.

    They stand apart only if the silhouette is high, none is tiny or has nearly everybody, and all are stable.

    Parameters
    ----------
    silhouette : float
        The mean silhouette, -1 to 1.
    smallest, largest : float
        Shares of the fitted creators in the smallest and in the largest segment, 0 to 1.
    worst_bound : float or None
        The smallest lower bound of a Jaccard coefficient; None if one was not measured.

    Examples
    --------
    >>> separation(0.7, smallest=0.1, largest=0.4, worst_bound=0.8)
    'the segments stand apart'
    >>> separation(0.93, smallest=0.001, largest=0.97, worst_bound=0.6)
    'nearly all creators (97%) are in one segment'
    """
    if silhouette < OVERLAPPING:
        return "the segments overlap"
    if silhouette < CONTINUOUS:
        return "the segments divide a continuum and are not separate islands"
    if largest >= NEARLY_ALL:
        return f"nearly all creators ({format_percent(largest, 0)}) are in one segment"
    if smallest < TOO_FEW:
        but = f"the smallest segment has only {format_percent(smallest)} of the creators"
    elif worst_bound is None:
        but = "the stability of a segment is not measured"
    elif worst_bound < STABLE_JACCARD:
        but = "other samples do not give every segment again"
    else:
        return "the segments stand apart"
    return f"centers are far apart, but {but}"


def continuity_sentence(continuity: pd.DataFrame, migrations: pd.DataFrame) -> str:
    """Return how the segments go on from the earlier snapshot; empty if they do not.

    Sizes can be compared only if the model hardly moved a creator, see `MOST_MODEL_MOVED`.

    Parameters
    ----------
    continuity : DataFrame
        Rows of ``clusters.continuity``.
    migrations : DataFrame
        Rows of ``personas.migrations`` of the study; none if they were not computed.
    """
    rows = to_records(continuity, "earlier_snapshot", "earlier_cluster")
    if not rows or rows[0]["earlier_snapshot"] is None:
        return ""
    earlier = rows[0]["earlier_snapshot"]
    if not rows[0]["is_regime_change"]:
        return f"The segments continue those of {earlier}{_comparability(migrations)}."
    new = sum(row["earlier_cluster"] is None for row in rows)
    found_again = (
        f"{new} of {len(rows)} segments are new, so their sizes cannot be compared with the earlier ones"
        if new
        else "each segment was found again by the creators that it shares with an earlier one"
    )
    changed = f"Regime change: the segments of {earlier} no longer fit, so the model was fitted from nothing"
    return f"{changed}; {found_again}."


def _comparability(migrations: pd.DataFrame) -> str:
    if migrations.empty:
        return ""
    moved = moved_shares(migrations)["model_moved_share"]
    if moved is None:
        return ", but no creator has a segment in both snapshots, so their sizes cannot be compared"
    if moved > MOST_MODEL_MOVED:
        return f", but the model moved {format_percent(moved)} of the creators, so their sizes cannot be compared"
    return ", so their sizes can be compared"


@dataclass(frozen=True, kw_only=True)
class FitModel:
    """How the segments of a study were found, and how far to rely on them; tables are None if they have no rows."""

    reason: str
    continuity: str
    k_table: Table | None
    fit_summary: str
    explained_table: Table | None
    stability_table: Table | None
    runs_table: Table | None
    rules_table: Table | None


def build_fit(study: StudyTables, migrations: pd.DataFrame) -> FitModel:
    """Build the part of a study about its fit; ``migrations`` are its rows of ``personas.migrations``."""
    rows = to_records(study.k_scores, "is_chosen", "is_elbow", "is_best_silhouette", "reason")
    return FitModel(
        reason=str(rows[0]["reason"]) if rows else "",
        continuity=continuity_sentence(study.continuity, migrations),
        k_table=_k_table(rows),
        fit_summary=_fit_summary(study),
        explained_table=_explained_table(study),
        stability_table=_stability_table(study),
        runs_table=_runs_table(study),
        rules_table=_rules_table(study),
    )


def _k_table(rows: list[Row]) -> Table | None:
    header = (
        number_heading("k"),
        number_heading("Inertia", "lower is tighter"),
        number_heading("Silhouette", "\u22121 to 1"),
        number_heading("Calinski-Harabasz", "higher is better"),
        number_heading("Davies-Bouldin", "lower is better"),
        heading("Remark"),
    )
    remarks = {"is_chosen": "used by the study", "is_elbow": "elbow", "is_best_silhouette": "highest silhouette"}
    table_rows = tuple(
        TableRow(
            (
                Cell(text=str(row["k"]), css_class="n", is_header=True),
                number_cell(format_number(row["inertia"], 1)),
                number_cell(format_number(row["silhouette"], 3)),
                number_cell(format_number(row["calinski_harabasz"], 1)),
                number_cell(format_number(row["davies_bouldin"], 3)),
                text_cell(", ".join(remark for column, remark in remarks.items() if row[column])),
            ),
            css_class="chosen" if row["is_chosen"] else "",
        )
        for row in rows
    )
    return Table("Numbers of segments (k) and their scores", (header,), (RowGroup(table_rows),)) if rows else None


def _fit_summary(study: StudyTables) -> str:
    statistics = study.fit_statistics
    if not statistics:
        return ""
    silhouette = statistics.get("silhouette")
    fitted = (
        f"The model was fitted on {format_count(statistics.get('rows_in_fit'))} of "
        f"{format_count(statistics.get('rows'))} creators."
    )
    if silhouette is None:
        return f"{fitted} Its silhouette is not defined."
    sizes = [
        int(row["profiles_in_fit"]) for row in to_records(study.summaries, "cluster") if row["cluster"] is not None
    ]
    total = sum(sizes)
    if not total:
        return f"{fitted} Its silhouette is {format_number(silhouette, 2)}."
    bounds = [
        Measured(row["jaccard"], row["standard_error"], row["profiles"]).lower_bound
        for row in to_records(study.stability, "standard_error")
    ]
    known = [bound for bound in bounds if bound is not None]
    meaning = separation(
        silhouette,
        smallest=min(sizes) / total,
        largest=max(sizes) / total,
        worst_bound=min(known) if known and len(known) == len(bounds) else None,
    )
    return f"{fitted} Its silhouette is {format_number(silhouette, 2)}: {meaning}."


def explained_features(study: StudyTables) -> list[tuple[str, float]]:
    """Return (feature, eta squared of ranks), the highest first, without logarithms of features that are listed.

    A logarithm has the same ranks as its feature, so its value would be a repetition.
    """
    explained = {
        name.removeprefix(_ETA_SQUARED): value
        for name, value in study.fit_statistics.items()
        if name.startswith(_ETA_SQUARED)
    }
    return sorted(
        ((name, value) for name, value in explained.items() if not _repeats(name, explained)),
        key=lambda entry: -entry[1],
    )


def _repeats(name: str, others: Collection[str]) -> bool:
    rates = {
        "log_engagement_percent": "avg_engagement_rate",
        "log_lifetime_engagement_percent": "lifetime_engagement_rate",
    }
    feature = rates.get(name, name.removeprefix("log_"))
    return feature != name and feature in others


def _explained_table(study: StudyTables) -> Table | None:
    return simple_table(
        "How much of each feature the segments explain",
        [heading("Feature"), number_heading("Eta squared of ranks", "0: nothing, 1: everything")],
        [
            [row_heading(feature_label(name)), number_cell(format_number(value, 2))]
            for name, value in explained_features(study)
        ],
    )


def _stability_table(study: StudyTables) -> Table | None:
    personas = {row["cluster"]: row["persona"] for row in to_records(study.summaries, "cluster", "persona")}
    header = [
        heading("Segment"),
        number_heading("Jaccard", "0 to 1"),
        number_heading("Standard error"),
        number_heading("Dissolved", "share of samples"),
        number_heading("Recovered", "share of samples"),
        number_heading("Jaccard", "cold starts"),
        number_heading("Share of samples", "with a member of it"),
        number_heading("Silhouette", "\u22121 to 1"),
        number_heading("Creators measured"),
        heading("Verdict"),
    ]
    rows = [
        [
            row_heading(personas.get(row["cluster"], f"cluster {row['cluster']}")),
            number_cell(format_number(row["jaccard"], 2)),
            number_cell(format_number(row["standard_error"], 3)),
            number_cell(format_percent(row["share_dissolved"], 0)),
            number_cell(format_percent(row["share_recovered"], 0)),
            number_cell(format_number(row["jaccard_cold"], 2)),
            number_cell(format_percent(row["share_of_draws"])),
            number_cell(format_number(row["silhouette"], 2)),
            number_cell(format_count(row["profiles"])),
            badge_cell(str(row["verdict"])),
        ]
        for row in to_records(study.stability, "verdict", *_OPTIONAL)
    ]
    return simple_table("How reliably other samples of the same creators give each segment", header, rows)


def _rules_table(study: StudyTables) -> Table | None:
    """Return the segments as rules, with the fidelity that they are worth in the caption."""
    rows = to_records(study.rules)
    if not rows:
        return None
    caption = (
        f"The segments as rules: together they give {format_percent(rows[0]['fidelity'], 0)} of the creators their "
        f"segment, and {format_percent(rows[0]['fidelity_uncertain'], 0)} of the quarter that is least certain"
    )
    header = [heading("Rule"), heading("Segment"), number_heading("Creators"), number_heading("In that segment")]
    cells = [
        [
            row_heading(row["rule"]),
            text_cell(row["persona"]),
            number_cell(format_count(row["profiles"])),
            number_cell(format_percent(row["share_right"], 0)),
        ]
        for row in sorted(rows, key=lambda row: (row["persona"], -row["profiles"]))
    ]
    return simple_table(caption, header, cells)


def _runs_table(study: StudyTables) -> Table | None:
    if study.stability_runs.empty:
        return None
    runs = study.stability_runs.groupby(["measure", "k"], sort=True)["value"]
    header: list[HeaderCell] = [heading("Measure")]
    header += [number_heading(name) for name in ("k", "Runs", "Mean", "Lowest", "Highest")]
    rows = []
    for row in to_records(runs.agg(runs="count", mean="mean", lowest="min", highest="max").reset_index()):
        label, decimals = _MEASURES.get(row["measure"], (spaced(row["measure"]), 3))
        numbers = (format_number(row[name], decimals) for name in ("mean", "lowest", "highest"))
        rows.append([row_heading(label), *map(number_cell, (str(row["k"]), str(row["runs"]), *numbers))])
    return simple_table(
        "Runs with other seeds for the study's number of segments, and with other samples for other numbers",
        header,
        rows,
    )
