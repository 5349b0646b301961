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
from tiktok_pipeline.frames import count_rows, fetch_row
from tiktok_pipeline.recipes.segmentation import Segmentation
from tiktok_pipeline.study import Study, needed_columns
from tiktok_pipeline.warehouse.base import Engine

PLOTTED_FEATURES = ("followers", "avg_engagement_rate")
"""Features that every plot of segments shows, unless the segmentation has a response of its own."""


@dataclass(frozen=True)
class FitInputs:
    """What the steps of a segmentation share: the features, the rules for the fit, and the rows that they keep.

    Parameters
    ----------
    study : Study
        The study.
    segmentation : Segmentation
        The settings that the rows were chosen by: the study's segmentation or its fallback.
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

    study: Study
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

    def missing_columns(self) -> tuple[str, ...]:
        """Return the columns without any value that the study's closest basis needs; one query."""
        bases = self.study.segmentation.bases if self.study.segmentation else ()
        names = [name for basis in bases for name in basis.features]
        unknown = columns_without_values(self.features.sample, names)
        available = set(needed_columns(names)) - set(unknown)
        fewest = min(bases, key=lambda basis: len(set(needed_columns(basis.features)) - available))
        return tuple(name for name in needed_columns(fewest.features) if name in unknown)

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
    if study.segmentation is None:
        msg = f"study {study.name} has no segments"
        raise ValueError(msg)
    segmentation = choose_basis(features.sample, study.segmentation)
    described = study.described_by(segmentation)
    wanted = dict.fromkeys((*SOURCE_ORDER, *described, *segmentation.features, *PLOTTED_FEATURES))
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
        study=study,
        segmentation=segmentation,
        described_features=described,
        features=features,
        columns=columns,
        complete=complete,
        fit_filter=fit_filter,
        fitted=sample_frame(kept, engine, max_rows=segmentation.max_fit_rows, keep_until_close=True),
    )


def columns_without_values(frame: nw.LazyFrame[Any], features: Sequence[str]) -> tuple[str, ...]:
    """Return the columns of ``validated.<source>`` that make features unknown for every row; one query.

    Parameters
    ----------
    frame : LazyFrame
        Rows of ``features.<source>``.
    features : sequence of str
        The features of interest.

    Returns
    -------
    tuple of str
        Columns of the features without any value. A column that is no feature itself is among them if no feature
        that is computed from it has a value.
    """
    existing = set(frame.collect_schema().names())
    counted = dict.fromkeys(name for name in (*needed_columns(features), *features) if name in existing)
    counts = fetch_row(frame.select(**{name: nw.col(name).count() for name in counted}))
    unknown = needed_columns(name for name in features if not counts[name])
    known = set(needed_columns(name for name in features if counts[name]))
    return tuple(name for name in unknown if not counts.get(name, name in known))


def choose_basis(sample: nw.LazyFrame[Any], segmentation: Segmentation) -> Segmentation:
    """Return the segmentation, or the fallback that a snapshot needs; all its rows are compared by the same features.

    Parameters
    ----------
    sample : LazyFrame
        The features of the snapshot, or a sample of them.
    segmentation : Segmentation
        The settings of the study.

    Returns
    -------
    Segmentation
        The first basis whose features at least ``min_share`` of the creators have, among those with the features of
        that basis or of a later one. Without any such creator it is the segmentation.
    """
    bases = segmentation.bases
    if len(bases) == 1:
        return segmentation
    counts = {str(place): is_complete(basis.features).cast(nw.Int64).sum() for place, basis in enumerate(bases)}
    complete = [
        int(count or 0) for count in fetch_row(sample.select(**counts)).values()
    ]  # a sum over no rows is NULL
    return next(
        basis
        for place, basis in enumerate(bases)
        if basis.fallback is None or complete[place] >= basis.min_share * max(complete[place:])
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
