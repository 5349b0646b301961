"""The steps of a segmentation on one `FitInputs`: fit, score every k, measure stability, assign, build personas.

The assets and `run_study` call the same functions. No Dagster and no database here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple

import narwhals as nw
import pandas as pd

from tiktok_pipeline.analysis.continuous_fit import fit_continuously
from tiktok_pipeline.analysis.earlier_fit import EarlierFit
from tiktok_pipeline.analysis.fit_inputs import FitInputs
from tiktok_pipeline.arrays import Matrix
from tiktok_pipeline.clusters.choose_k import score_k
from tiktok_pipeline.clusters.effect_size import eta_squared, fit_statistics
from tiktok_pipeline.clusters.fit_rows import count_by_step
from tiktok_pipeline.clusters.model import (
    MissingColumnsError,
    SegmentModel,
    TooFewRowsError,
    assign,
    assign_none,
    fit_scaler,
    to_frame,
)
from tiktok_pipeline.clusters.schema import STABILITY_RUNS_TABLE, STABILITY_TABLE
from tiktok_pipeline.clusters.silhouettes import mean_silhouettes
from tiktok_pipeline.clusters.stability import MAX_STABILITY_ROWS, FitSettings, StabilityResult, fingerprint, measure
from tiktok_pipeline.features.catalog import feature_label
from tiktok_pipeline.personas.name import Match
from tiktok_pipeline.personas.summarize import aggregate, match_personas, persona_features, summaries
from tiktok_pipeline.personas.verdict import Measured
from tiktok_pipeline.study import lacks
from tiktok_pipeline.warehouse.base import Engine

EXPLAINED_FEATURES = ("followers", "likes", "videos_count", "avg_engagement_rate")
"""Features whose eta squared every fit reports, beside that of its own features."""

NOTHING_DELIVERED = "the snapshot has no rows of the source that the study reads"
"""Why a study has no results for a snapshot without its source. Warehouses store this text as the note of a fit."""


@dataclass(frozen=True)
class PersonaTables:
    """The personas of a study in one snapshot.

    Parameters
    ----------
    summaries : DataFrame
        Rows of ``personas.summaries``, one for each segment.
    features : DataFrame
        Rows of ``personas.features``, one for each segment, base and feature.
    matches : mapping of int to Match
        The persona of each cluster.
    sample : LazyFrame
        A bounded sample of the profiles with their cluster and features, for plots.
    """

    summaries: pd.DataFrame
    features: pd.DataFrame
    matches: Mapping[int, Match]
    sample: nw.LazyFrame[Any]


class FitTables(NamedTuple):
    """Rows of ``clusters.models``, ``clusters.fits`` and ``clusters.continuity``."""

    models: pd.DataFrame
    fits: pd.DataFrame
    continuity: pd.DataFrame


def fit_study(inputs: FitInputs, engine: Engine, earlier: EarlierFit | None = None) -> FitTables:
    """Fit the study's model.

    Parameters
    ----------
    inputs : FitInputs
        The rows to fit.
    engine : Engine
        The engine that holds the sample.
    earlier : EarlierFit, optional
        The fit of an earlier snapshot to go on from.

    Raises
    ------
    TooFewRowsError
        If the snapshot has no rows of the study's source, or fewer distinct rows than clusters.
    """
    segmentation = inputs.segmentation
    counts = count_by_step(inputs.features.rows, inputs.fit_filter)
    if not counts["rows"]:
        raise TooFewRowsError(NOTHING_DELIVERED)
    explained = [name for name in (*EXPLAINED_FEATURES, segmentation.response) if name in inputs.columns]
    columns = list(dict.fromkeys((*segmentation.features, *explained)))
    with _missing_columns_named(inputs):
        rows = inputs.collect(columns, engine)
        scaled_by = fit_scaler(rows, features=segmentation.features, scaling=segmentation.scaling)
        continuous = fit_continuously(rows, scaled_by=scaled_by, segmentation=segmentation, earlier=earlier)
    fit = continuous.fit
    labels = pd.Series(fit.labels, index=rows.index)
    (silhouette,) = mean_silhouettes(fit.model.transform(rows), [fit.labels], random_state=segmentation.random_state)
    measured = {
        "rows_in_fit": float(len(rows)),
        "inertia": fit.inertia,
        "inertia_cold": continuous.inertia_cold,
        "inertia_warm": continuous.inertia_warm,
        "iterations": float(fit.iterations),
        "silhouette": silhouette,
        **{f"eta_squared_{name}": eta_squared(rows[name], labels) for name in columns},
    }
    fits = fit_statistics(counts | measured, basis=segmentation.basis or None)
    return FitTables(to_frame(fit.model), fits, continuous.continuity)


@contextmanager
def _missing_columns_named(inputs: FitInputs) -> Iterator[None]:
    """Raise `MissingColumnsError` where too few rows are left because columns have no value at all."""
    try:
        yield
    except TooFewRowsError as error:
        missing = inputs.missing_columns()
        if not missing:
            raise
        raise MissingColumnsError(lacks(missing)) from error


def score_study(inputs: FitInputs, engine: Engine) -> pd.DataFrame:
    """Score each k on a bounded sample of the fitted rows: rows of ``clusters.k_scores``.

    Raises
    ------
    TooFewRowsError
        If no row is left to fit.
    """
    segmentation = inputs.segmentation
    rows = inputs.collect(segmentation.features, engine, max_rows=segmentation.max_score_rows)
    with _missing_columns_named(inputs):
        scaled_by = fit_scaler(rows, features=segmentation.features, scaling=segmentation.scaling)
    return score_k(
        scaled_by.transform(rows),
        chosen=segmentation.k,
        k_range=segmentation.k_range,
        elbow_range=segmentation.elbow_range,
        n_init=segmentation.sweep_n_init,
        random_state=segmentation.sweep_random_state,
    )


def measure_stability(
    inputs: FitInputs,
    model: SegmentModel | None,
    engine: Engine,
    *,
    started_from: Matrix | None = None,
    known: StabilityResult | None = None,
    processes: int = 1,
) -> StabilityResult:
    """Measure the stability of each cluster on a bounded sample of the fitted rows.

    Parameters
    ----------
    inputs : FitInputs
        The rows that the model was fitted on.
    model : SegmentModel or None
        The fitted model; without one the result has no rows.
    engine : Engine
        The engine that holds the sample.
    started_from : ndarray of shape (k, n_features), optional
        The centroids that the model was fitted from, see `start_of`; none for k-means++ starts.
    known : StabilityResult, optional
        An earlier result. It is returned as it is if it was measured on the same model, rows and settings.
    processes : int, default 1
        Processes that share the fits, if they are running already.
    """
    if model is None:
        return StabilityResult(
            pd.DataFrame(columns=STABILITY_TABLE.frame_names), pd.DataFrame(columns=STABILITY_RUNS_TABLE.frame_names)
        )
    segmentation = inputs.segmentation
    matrix = model.transform(inputs.collect(segmentation.features, engine, max_rows=MAX_STABILITY_ROWS))
    settings = FitSettings(
        k=segmentation.k,
        n_init=segmentation.n_init,
        random_state=segmentation.random_state,
        k_range=segmentation.k_range,
        sweep_n_init=segmentation.sweep_n_init,
        draws=segmentation.draws,
    )
    if known is not None and set(known.stability["fingerprint"]) == {
        fingerprint(matrix, model, settings, started_from)
    }:
        return known
    return measure(matrix, model, settings, start=started_from, processes=processes)


def measured_clusters(stability: pd.DataFrame) -> dict[int, Measured]:
    """Return what the verdict of each cluster is made from: rows of ``clusters.stability``."""
    return {
        int(row["cluster"]): Measured(row["jaccard"], row["standard_error"], int(row["profiles"]))
        for row in stability.to_dict("records")
    }


def assign_study(inputs: FitInputs, model: SegmentModel | None, engine: Engine) -> nw.LazyFrame[Any]:
    """Assign every row of the snapshot: rows of ``clusters.assignments``, lazily.

    Without a model no row has a cluster.
    """
    return _assign(inputs.features.rows, inputs, model, engine)


def assign_with_features(
    inputs: FitInputs, model: SegmentModel | None, engine: Engine
) -> tuple[nw.LazyFrame[Any], nw.LazyFrame[Any]]:
    """Assign every row, and keep the columns that describe it.

    To assign again costs less than to join the features to the stored assignments.

    Returns
    -------
    everyone, representatives : LazyFrame
        Rows of ``clusters.assignments`` with ``inputs.columns`` beside them: of every row, lazily, and of the bounded
        sample of all rows, stored in the engine. Both are the same frame if the sample has every row.
    """
    representatives = engine.persist(_assign(inputs.representatives, inputs, model, engine, keep=inputs.columns))
    if inputs.features.largest_key is None:
        return representatives, representatives
    return _assign(inputs.features.rows, inputs, model, engine, keep=inputs.columns), representatives


def _assign(
    rows: nw.LazyFrame[Any],
    inputs: FitInputs,
    model: SegmentModel | None,
    engine: Engine,
    *,
    keep: Sequence[str] = (),
) -> nw.LazyFrame[Any]:
    if model is None:
        return assign_none(rows, keep)
    marked, in_fit = inputs.mark(rows, engine)
    return assign(marked, model, in_fit=in_fit, keep=keep)


def build_personas(
    inputs: FitInputs,
    model: SegmentModel | None,
    stability: pd.DataFrame,
    fits: pd.DataFrame,
    engine: Engine,
    *,
    carried: Mapping[int, str] | None = None,
) -> PersonaTables:
    """Describe the clusters, match them with the study's personas and judge them.

    Parameters
    ----------
    inputs : FitInputs
        The rows that the model was fitted on.
    model : SegmentModel or None
        The fitted model. Without one every profile belongs to "Not enough data".
    stability, fits : DataFrame
        Rows of ``clusters.stability`` and ``clusters.fits``. The note of the fit says why there is no model.
    engine : Engine
        The engine that holds the sample.
    carried : mapping of int to str, optional
        The names that clusters keep from an earlier snapshot, see `carried_names`.
    """
    everyone, representatives = assign_with_features(inputs, model, engine)
    aggregates = aggregate(everyone, representatives, inputs.described_features)
    matches = match_personas(aggregates, inputs.segmentation.personas, carried=carried or {})
    notes = fits["note"].dropna()
    segmentation = inputs.segmentation
    return PersonaTables(
        summaries=summaries(
            aggregates,
            matches,
            measured_clusters(stability),
            why_none=str(notes.iloc[0]) if len(notes) else None,
            lacking=_unknown_in_words(segmentation.features, aggregates.unknown),
            remark=f"Compared by {segmentation.basis}." if segmentation.basis_note and model else "",
        ),
        features=persona_features(aggregates, matches),
        matches=matches,
        sample=representatives,
    )


def _unknown_in_words(features: Sequence[str], unknown: Mapping[str, int]) -> str:
    """Return how many profiles lack which of the compared features."""
    counts = {feature_label(name).removesuffix(" (log scale)"): unknown.get(name, 0) for name in features}
    return ", ".join(f"{count:,} without {label}" for label, count in counts.items() if count)


def carried_names(continuity: pd.DataFrame, earlier: EarlierFit | None) -> dict[int, str]:
    """Return the names that clusters keep: those of the same segments in the earlier snapshot.

    Parameters
    ----------
    continuity : DataFrame
        Rows of ``clusters.continuity``.
    earlier : EarlierFit or None
        The fit that the model went on from.
    """
    if earlier is None:
        return {}
    same = continuity.dropna(subset=["earlier_cluster"]).to_dict("records")
    pairs = {int(row["cluster"]): int(row["earlier_cluster"]) for row in same}
    return {cluster: earlier.personas[before] for cluster, before in pairs.items() if before in earlier.personas}
