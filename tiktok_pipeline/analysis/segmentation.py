"""The steps of a segmentation on one frame: fit, score every k, measure stability, assign.

The assets and `run_study` call the same functions. No Dagster and no database here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import narwhals as nw
import pandas as pd

from tiktok_pipeline.clusters.choose_k import score_k
from tiktok_pipeline.clusters.effect_size import eta_squared, fit_statistics
from tiktok_pipeline.clusters.fit_rows import FitFilter, build_fit_filter, count_by_step, is_complete
from tiktok_pipeline.clusters.model import (
    SegmentModel,
    TooFewRowsError,
    assign,
    assign_none,
    fit_kmeans,
    fit_scaler,
    to_frame,
)
from tiktok_pipeline.clusters.schema import STABILITY_RUNS_TABLE, STABILITY_TABLE
from tiktok_pipeline.clusters.silhouettes import mean_silhouettes
from tiktok_pipeline.clusters.stability import MAX_STABILITY_ROWS, FitSettings, StabilityResult, fingerprint, measure
from tiktok_pipeline.features.sample import (
    MAX_SAMPLE_ROWS,
    SOURCE_ORDER,
    SampledFrame,
    collect_sample,
    key_limit,
    sample_frame,
)
from tiktok_pipeline.study import Segmentation, Study
from tiktok_pipeline.warehouse.base import Engine

PLOTTED_FEATURES = ("followers", "avg_engagement_rate")
"""What every picture of segments shows, whatever the study looks at."""

NOTHING_DELIVERED = "the snapshot has no rows of the kind that the study reads"
"""Why a study has nothing to say of a snapshot that was never meant for it."""


def fit_study(drawn: SampledFrame, segmentation: Segmentation, engine: Engine) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Fit the study's model: rows of ``clusters.models`` and of ``clusters.fits``."""
    whole = _complete(drawn, segmentation, engine)
    seen = _rows(whole, segmentation)
    counts = count_by_step(drawn.rows, seen)
    if not counts["rows"]:
        raise TooFewRowsError(NOTHING_DELIVERED)
    described = [
        name
        for name in ("followers", "likes", "videos_count", "avg_engagement_rate")
        if name in drawn.rows.collect_schema().names()
    ]
    columns = list(dict.fromkeys((*segmentation.features, *described)))
    rows = collect_sample(
        whole.sample.filter(seen.condition), columns, max_rows=segmentation.max_fit_rows, engine=engine
    )
    scaled_by = fit_scaler(rows, features=segmentation.features, scaling=segmentation.scaling)
    fit = fit_kmeans(
        rows,
        scaled_by=scaled_by,
        k=segmentation.k,
        n_init=segmentation.n_init,
        random_state=segmentation.random_state,
    )
    labels = pd.Series(fit.labels, index=rows.index)
    (silhouette,) = mean_silhouettes(fit.model.transform(rows), [fit.labels], random_state=segmentation.random_state)
    measured = {
        "rows_in_fit": float(len(rows)),
        "inertia": fit.inertia,
        "iterations": float(fit.iterations),
        "silhouette": silhouette,
        **{f"eta_squared_{name}": eta_squared(rows[name], labels) for name in columns},
    }
    return to_frame(fit.model), fit_statistics(counts | measured)


def score_study(drawn: SampledFrame, segmentation: Segmentation, engine: Engine) -> pd.DataFrame:
    """Score each k on the bounded sample of the fitted rows: rows of ``clusters.k_scores``."""
    rows = collect_sample(
        _fitted(drawn, segmentation, engine),
        segmentation.features,
        max_rows=segmentation.max_score_rows,
        engine=engine,
    )
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
    drawn: SampledFrame,
    model: SegmentModel | None,
    segmentation: Segmentation,
    engine: Engine,
    *,
    known: StabilityResult | None = None,
) -> StabilityResult:
    """Measure how far each cluster can be trusted, on a bounded sample of the fitted rows; no rows without a model.

    ``known`` is an earlier measurement: it is given back where it was made of the same model, rows and settings.
    """
    if model is None:
        return StabilityResult(
            pd.DataFrame(columns=STABILITY_TABLE.frame_names), pd.DataFrame(columns=STABILITY_RUNS_TABLE.frame_names)
        )
    rows = collect_sample(
        _fitted(drawn, segmentation, engine), segmentation.features, max_rows=MAX_STABILITY_ROWS, engine=engine
    )
    matrix = model.transform(rows)
    settings = FitSettings(
        k=segmentation.k,
        n_init=segmentation.n_init,
        random_state=segmentation.random_state,
        k_range=segmentation.k_range,
        sweep_n_init=segmentation.sweep_n_init,
        draws=segmentation.draws,
    )
    if known is not None and set(known.stability["fingerprint"]) == {fingerprint(matrix, model, settings)}:
        return known
    return measure(matrix, model, settings)


def jaccards(stability: pd.DataFrame) -> dict[int, float]:
    """The bootstrap Jaccard of each cluster that has one."""
    measured = stability.dropna(subset=["jaccard"])
    return {int(row["cluster"]): float(row["jaccard"]) for row in measured.to_dict("records")}


def assign_study(
    rows: nw.LazyFrame[Any],
    drawn: SampledFrame,
    model: SegmentModel | None,
    segmentation: Segmentation,
    engine: Engine,
    *,
    keep: Sequence[str] = (),
) -> nw.LazyFrame[Any]:
    """Assign ``rows`` (those of ``drawn``, or some of them): rows of ``clusters.assignments``, lazily, with the columns of ``keep``.

    To assign anew costs less than to join features to stored assignments.
    """
    if model is None:
        return assign_none(rows, keep)
    whole = _complete(drawn, segmentation, engine)
    in_fit = _rows(whole, segmentation).condition
    limit = key_limit(whole.sample.filter(in_fit), segmentation.max_fit_rows, engine) or whole.largest_key
    if limit is not None:
        # A key is made only of the rows that the rules leave.
        candidates = rows.with_columns(nw.when(in_fit).then(nw.col("account_id")).alias("candidate"))
        rows = engine.sample_key(candidates, "candidate")
        in_fit = (nw.col("sample_key") <= limit).fill_null(False)
    return assign(rows, model, in_fit=in_fit, keep=keep)


def assign_with_features(
    drawn: SampledFrame, model: SegmentModel | None, study: Study, engine: Engine
) -> tuple[nw.LazyFrame[Any], nw.LazyFrame[Any]]:
    """Every row with its cluster, whether it was in the fit, its place in the source, and the features that describe it.

    Gives all rows, and those of the sample, which are staged.
    """
    if study.segmentation is None:
        msg = f"study {study.name} has no segments"
        raise ValueError(msg)
    keep = dict.fromkeys((*SOURCE_ORDER, *study.described_features, *study.segmentation.features, *PLOTTED_FEATURES))
    there = set(drawn.rows.collect_schema().names())
    kept = [name for name in keep if name in there]
    whole = _complete(drawn, study.segmentation, engine)
    few = drawn.sample if whole is drawn else _with(whole.sample, drawn.sample, study.segmentation)
    sample = engine.persist(assign_study(few, drawn, model, study.segmentation, engine, keep=kept))
    if drawn.largest_key is None:
        return sample, sample
    return assign_study(drawn.rows, drawn, model, study.segmentation, engine, keep=kept), sample


def _complete(drawn: SampledFrame, segmentation: Segmentation, engine: Engine) -> SampledFrame:
    """What a fit is made from: ``drawn``, or where its sample holds few rows that the study can use, a draw from those alone.

    Scrapes of one kind may lack what the study needs, however many rows they bring.
    """
    if drawn.largest_key is None or segmentation.scaling.missing != "drop":
        return drawn
    has_all = is_complete(segmentation.features)
    usable = drawn.sample.filter(has_all).select(nw.len().alias("rows")).collect("pyarrow").item(0, "rows")
    return drawn if usable >= MAX_SAMPLE_ROWS // 4 else sample_frame(drawn.rows.filter(has_all), engine)


def _with(whole: nw.LazyFrame[Any], sample: nw.LazyFrame[Any], segmentation: Segmentation) -> nw.LazyFrame[Any]:
    """The rows of ``whole``, and of ``sample`` those that lack a feature."""
    lacking = sample.filter(~is_complete(segmentation.features))
    return nw.concat([whole, lacking.select(whole.collect_schema().names())], how="vertical")


def _fitted(drawn: SampledFrame, segmentation: Segmentation, engine: Engine) -> nw.LazyFrame[Any]:
    """The rows of the sample that the fit may see."""
    whole = _complete(drawn, segmentation, engine)
    return whole.sample.filter(_rows(whole, segmentation).condition)


def _rows(drawn: SampledFrame, segmentation: Segmentation) -> FitFilter:
    return build_fit_filter(
        drawn.sample,
        features=segmentation.features,
        drop_missing=segmentation.scaling.missing == "drop",
        rule=segmentation.outliers,
    )
