"""What a study's model is fitted on: computed once for a snapshot and a study, and shared by every step.

The fit, the scores of k, the stability, the assignments and the personas all read the same `FitInputs`. So ``in_fit``
of an assignment is what the fit kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import narwhals as nw
import pandas as pd

from tiktok_pipeline.clusters.fit_rows import FitFilter, build_fit_filter, is_complete
from tiktok_pipeline.features.sample import MAX_SAMPLE_ROWS, SOURCE_ORDER, SampledFrame, collect_sample, sample_frame
from tiktok_pipeline.frames import count_rows
from tiktok_pipeline.recipes.segmentation import Segmentation
from tiktok_pipeline.study import Study
from tiktok_pipeline.warehouse.base import Engine

PLOTTED_FEATURES = ("followers", "avg_engagement_rate")
"""Features that every plot of segments shows, whatever the study compares."""


@dataclass(frozen=True)
class FitInputs:
    """What the steps of a segmentation share: the features, the rules for the fit, and the rows that they keep.

    Parameters
    ----------
    segmentation : Segmentation
        The settings that the rows were chosen by.
    described_features : tuple of str
        The features that describe a segment.
    features : SampledFrame
        All features of the source, with the bounded sample that represents them.
    columns : tuple of str
        The columns that any step reads: source order, described features, compared features, plotted features.
    complete : SampledFrame
        The rows that the fences are computed on: ``features``, or only the rows that lack no feature.
    fit_filter : FitFilter
        The rules for missing values and outliers, with the fences.
    fitted : SampledFrame
        The rows that the rules keep, and of these the sample that the model is fitted on.
    """

    segmentation: Segmentation
    described_features: tuple[str, ...]
    features: SampledFrame
    columns: tuple[str, ...]
    complete: SampledFrame
    fit_filter: FitFilter
    fitted: SampledFrame

    @property
    def largest_key(self) -> str | None:
        """The largest ``sample_key`` of a fitted row; None if the fit sees every row that the rules keep."""
        return self.fitted.largest_key or self.complete.largest_key

    @property
    def representatives(self) -> nw.LazyFrame[Any]:
        """The sample of all rows: ``complete.sample``, and the sampled rows that lack a feature."""
        if self.complete is self.features:
            return self.features.sample
        lacking = self.features.sample.filter(~is_complete(self.segmentation.features))
        names = self.complete.sample.collect_schema().names()
        return nw.concat([self.complete.sample, lacking.select(names)], how="vertical")

    def collect(self, columns: Sequence[str], engine: Engine, *, max_rows: int | None = None) -> pd.DataFrame:
        """Return fitted rows as pandas: ``account_id`` and ``columns``, in source order.

        ``max_rows`` bounds them; by default all fitted rows are returned.
        """
        bound = self.segmentation.max_fit_rows if max_rows is None else max_rows
        return collect_sample(self.fitted.sample, columns, max_rows=bound, engine=engine)

    def mark(self, rows: nw.LazyFrame[Any], engine: Engine) -> tuple[nw.LazyFrame[Any], nw.Expr]:
        """Return ``rows`` and the condition that holds for the fitted ones; ``rows`` may gain a column."""
        in_fit = self.fit_filter.condition
        if self.largest_key is None:
            return rows, in_fit
        # A key is made only of the rows that the rules keep.
        candidates = rows.with_columns(nw.when(in_fit).then(nw.col("account_id")).alias("candidate"))
        return engine.sample_key(candidates, "candidate"), (nw.col("sample_key") <= self.largest_key).fill_null(False)


def build_fit_inputs(features: SampledFrame, study: Study, engine: Engine) -> FitInputs:
    """Apply the study's rules to the features of a snapshot: completeness, outliers, and the bound on rows.

    Parameters
    ----------
    features : SampledFrame
        All features of the study's source.
    study : Study
        A study with a segmentation.
    engine : Engine
        The engine that holds the frames. Its temporary tables live until the engine is closed.

    Returns
    -------
    FitInputs
        The features, the rules, and the rows that the rules keep; possibly none.

    Raises
    ------
    ValueError
        If the study has no segmentation.
    """
    segmentation = study.segmentation
    if segmentation is None:
        msg = f"study {study.name} has no segments"
        raise ValueError(msg)
    wanted = dict.fromkeys((*SOURCE_ORDER, *study.described_features, *segmentation.features, *PLOTTED_FEATURES))
    existing = set(features.rows.collect_schema().names())
    columns = tuple(name for name in wanted if name in existing)
    complete = _complete_rows(features, columns, segmentation, engine)
    fit_filter = build_fit_filter(
        complete.sample,
        features=segmentation.features,
        drop_missing=segmentation.scaling.missing == "drop",
        rule=segmentation.outliers,
    )
    kept = complete.sample.filter(fit_filter.condition)
    return FitInputs(
        segmentation=segmentation,
        described_features=study.described_features,
        features=features,
        columns=columns,
        complete=complete,
        fit_filter=fit_filter,
        fitted=sample_frame(kept, engine, max_rows=segmentation.max_fit_rows, keep_until_close=True),
    )


def _complete_rows(
    features: SampledFrame, columns: Sequence[str], segmentation: Segmentation, engine: Engine
) -> SampledFrame:
    """Return ``features``, or a sample of the complete rows alone if too few of the sampled rows are complete.

    One source of a snapshot may lack what the study needs, however many rows it has.
    """
    if features.largest_key is None or segmentation.scaling.missing != "drop":
        return features
    has_all = is_complete(segmentation.features)
    if count_rows(features.sample.filter(has_all)) >= MAX_SAMPLE_ROWS // 4:
        return features
    # It lasts as long as the run: only the columns that some step reads are stored.
    filtered_by = segmentation.outliers.columns if segmentation.outliers else ()
    names = dict.fromkeys(("account_id", *columns, *filtered_by))
    return sample_frame(features.rows.filter(has_all).select(*names), engine, keep_until_close=True)
