"""Put creators into the segments of a stored model: the numbers are those of a refresh, and nothing is fitted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import narwhals as nw

from tiktok_pipeline.classifiers.schema import SCORES_TABLE
from tiktok_pipeline.classifiers.scoring_model import ScoringModel, score
from tiktok_pipeline.clusters.model import SegmentModel, assign
from tiktok_pipeline.clusters.schema import ASSIGNMENTS_TABLE
from tiktok_pipeline.features.build import build_features
from tiktok_pipeline.features.catalog import feature_label
from tiktok_pipeline.personas.verdict import NOT_ENOUGH_DATA
from tiktok_pipeline.study import Study
from tiktok_pipeline.warehouse.base import Slice, Warehouse

NOT_SHOWN = ("account_id", "biography", "has_biography", "has_bio_link", "source_file")
"""The validated columns that the result does not repeat after the segment."""


@dataclass(frozen=True, kw_only=True)
class StoredResults:
    """What a snapshot has of a study: the models that score other creators.

    Attributes
    ----------
    study, snapshot : Study, str
        The study, and the snapshot that the models were fitted on.
    segments : SegmentModel or None
        The model of the segments.
    personas : mapping of int to str
        The name of each cluster.
    scores : ScoringModel or None
        The model that scores creators.
    """

    study: Study
    snapshot: str
    segments: SegmentModel | None
    personas: Mapping[int, str]
    scores: ScoringModel | None


def score_rows(
    validated: nw.LazyFrame[Any], results: StoredResults, warehouse: Warehouse, *, slice_: Slice
) -> nw.LazyFrame[Any]:
    """Return the segment and the score of each creator beside the columns of the profile, in source order.

    Parameters
    ----------
    validated : LazyFrame
        Rows of ``validated.<source>``.
    results : StoredResults
        The models.
    warehouse : Warehouse
        A warehouse in memory; it rounds the numbers as a refresh does.
    slice_ : Slice
        A snapshot and a study, under which the warehouse keeps the numbers.
    """
    features = build_features(validated, results.study.source)
    shown = [name for name in validated.collect_schema().names() if name not in NOT_SHOWN]
    rows, columns = validated.select("account_id", *shown), ["account_id"]
    if results.segments is not None:
        segments = _segments(features, results.segments, results.personas, warehouse, slice_)
        rows = rows.join(segments, on="account_id", how="left")
        columns += ["persona", "margin", "runner_up", "missing", "cluster", "distance"]
    if results.scores is not None:
        scores = score(features, results.scores).select(*SCORES_TABLE.frame_names)
        warehouse.replace_slice(SCORES_TABLE, slice_, scores)
        stored = warehouse.read_slice(SCORES_TABLE, slice_).select("account_id", "score", "predicted")
        rows = rows.join(stored, on="account_id", how="left")
        columns += ["score", "predicted"]
    model_of = nw.lit(results.snapshot).alias("model_of")
    return rows.sort("source_row").with_columns(model_of).select(*columns, "model_of", *shown)


def missing_features(model: SegmentModel) -> list[str]:
    """Return the features without which a row has no segment."""
    return [name for name, fill in zip(model.features, model.fills, strict=True) if fill is None]


def _segments(
    features: nw.LazyFrame[Any],
    model: SegmentModel,
    personas: Mapping[int, str],
    warehouse: Warehouse,
    slice_: Slice,
) -> nw.LazyFrame[Any]:
    warehouse.replace_slice(ASSIGNMENTS_TABLE, slice_, assign(features, model, in_fit=nw.lit(False)))
    others = warehouse.persist(features.select("account_id", _missing(missing_features(model)).alias("missing")))
    assigned = warehouse.read_slice(ASSIGNMENTS_TABLE, slice_).join(others, on="account_id", how="left")
    return assigned.select(
        "account_id",
        _name_of("cluster", personas).alias("persona"),
        "margin",
        _name_of("runner_up", personas, otherwise=None).alias("runner_up"),
        "missing",
        "cluster",
        "distance",
    )


def _missing(names: Sequence[str]) -> nw.Expr:
    """Return the labels of the features without a value; NULL if none is missing."""
    labels = [
        nw.when(nw.col(name).is_null()).then(nw.lit(feature_label(name).removesuffix(" (log scale)")))
        for name in names
    ]
    text = nw.concat_str(labels, separator=", ", ignore_nulls=True) if labels else nw.lit("")
    return nw.when(text != "").then(text)


def _name_of(cluster: str, personas: Mapping[int, str], *, otherwise: str | None = NOT_ENOUGH_DATA) -> nw.Expr:
    name: nw.Expr = nw.lit(otherwise).cast(nw.String)
    for number, persona in personas.items():
        name = nw.when(nw.col(cluster) == number).then(nw.lit(persona)).otherwise(name)
    return name
