"""What a segmentation compares creators by, where a delivery lacks what it prefers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import narwhals as nw
import pandas as pd
import pytest

import tiktok_pipeline.studies
from tiktok_pipeline.analysis.classification import labeled_rows
from tiktok_pipeline.analysis.fit_inputs import build_fit_inputs, columns_without_values
from tiktok_pipeline.analysis.run_study import Segments, run_study
from tiktok_pipeline.analysis.segmentation import fit_study, score_study
from tiktok_pipeline.classifiers.labels import NotEnoughRowsError
from tiktok_pipeline.clusters.model import MissingColumnsError
from tiktok_pipeline.features.build import build_features
from tiktok_pipeline.features.sample import sample_frame
from tiktok_pipeline.raw.dialects import recognize
from tiktok_pipeline.raw.read import read_file
from tiktok_pipeline.study import load_studies
from tiktok_pipeline.validated.validate import validate_source
from tiktok_pipeline.warehouse.duckdb.warehouse import DuckDBWarehouse
from tiktok_pipeline_tests.features.frames import creators, pandas, validated
from tiktok_pipeline_tests.homes import with_few_draws

STUDIES = {study.name: with_few_draws(study) for study in load_studies(tiktok_pipeline.studies)}
BALANCED = STUDIES["balanced_segments"]
RATES = ("avg_engagement_rate", "comment_engagement_rate", "like_engagement_rate")


@pytest.fixture(scope="module")
def engine() -> Iterator[DuckDBWarehouse]:
    with DuckDBWarehouse(None) as warehouse:
        yield warehouse


def without_rates(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [row | dict.fromkeys(RATES) for row in rows]


def segments_of(frame: nw.LazyFrame[Any], name: str, engine: DuckDBWarehouse) -> Segments:
    segments = run_study(frame, STUDIES[name], engine=engine).segments
    assert segments is not None
    return segments


def persona_of(segments: Segments) -> pd.Series[str]:
    names = segments.summaries.set_index("cluster")["persona"].to_dict()
    return pandas(segments.assignments, "account_id")["cluster"].map(names)


@pytest.mark.parametrize(
    ("with_rates", "basis", "without_segment"),
    [
        (120, "engagement rates", 0),
        (60, "engagement rates", 60),
        (59, "lifetime engagement", 0),
        (0, "lifetime engagement", 0),
    ],
)
def test_the_basis_is_lifetime_engagement_if_fewer_than_half_have_rates(
    engine: DuckDBWarehouse, with_rates: int, basis: str, without_segment: int
) -> None:
    rows = creators(120)
    frame = validated(engine, rows[:with_rates] + without_rates(rows[with_rates:]))
    segments = segments_of(frame, "balanced_segments", engine)
    is_lifetime = basis == "lifetime engagement"
    assert set(segments.fits["basis"]) == {basis}
    assert int(pandas(segments.assignments, "account_id")["cluster"].isna().sum()) == without_segment
    descriptions = segments.summaries["description"]
    assert descriptions.str.endswith("Compared by lifetime engagement.").all() == is_lifetime
    assert descriptions.str.contains(f"{without_segment} without engagement rate").any() == bool(without_segment)
    assert ("lifetime_engagement_rate" in set(segments.persona_features["feature"])) == is_lifetime


def test_creators_without_videos_have_no_lifetime_engagement(engine: DuckDBWarehouse) -> None:
    rows = without_rates(creators(80))
    for row in rows[:30]:
        row["videos_count"] = 0
    segments = segments_of(validated(engine, rows), "balanced_segments", engine)
    outside = segments.summaries[segments.summaries["persona"] == "Not enough data"]
    assert outside["profiles"].tolist() == [30]
    assert "30 without lifetime engagement" in outside["description"].iloc[0]


def test_a_study_with_one_basis_has_none_to_name(engine: DuckDBWarehouse) -> None:
    assert segments_of(validated(engine, creators(60)), "user_segments", engine).fits["basis"].isna().all()


def test_a_segmentation_names_the_columns_that_a_snapshot_lacks(engine: DuckDBWarehouse) -> None:
    features = build_features(validated(engine, without_rates(creators(60))), "profiles")
    inputs = build_fit_inputs(sample_frame(features, engine), STUDIES["influencer_segments"], engine)
    for step in (fit_study, score_study):
        with pytest.raises(MissingColumnsError, match=r"^avg_engagement_rate, comment_engagement_rate and like_"):
            step(inputs, engine)


def test_a_classification_names_the_columns_that_a_snapshot_lacks(engine: DuckDBWarehouse) -> None:
    classification = STUDIES["active_creators"].classification
    assert classification is not None
    features = build_features(validated(engine, without_rates(creators(60))), "profiles")
    with pytest.raises(NotEnoughRowsError, match=r"^avg_engagement_rate is missing$"):
        labeled_rows(features, classification, engine)


def test_columns_without_values_of_a_ratio_are_those_without_any_value(engine: DuckDBWarehouse) -> None:
    rows = [row | {"avg_engagement_rate": None, "tiktok_id": None} for row in creators(3)]
    features = build_features(validated(engine, rows), "profiles")
    assert columns_without_values(features, ["comment_share", "likes_per_video"]) == ("avg_engagement_rate",)
    assert columns_without_values(features, ["account_age_days"]) == ("tiktok_id", "observed_on")
    assert columns_without_values(features, ["followers"]) == ()


@pytest.mark.real_data
def test_lifetime_engagement_gives_the_segments_of_the_rates(real_data: Callable[[str], Path]) -> None:
    """Both bases have the same personas, and nine of ten creators of the public file have the same one."""
    name = "profiles_2023-08-12.csv"
    with DuckDBWarehouse(None) as warehouse:
        scan = warehouse.scan(real_data(name), "csv")
        dialect = recognize(scan.header, file=name)
        raw = read_file(scan, dialect, source_file=name, engine=warehouse)
        frame = warehouse.persist(validate_source(raw, dialect.source, warehouse).valid, keep_until_close=True)
        unknown = frame.with_columns(*(nw.lit(None).cast(nw.Float64).alias(rate) for rate in RATES))
        by_rates, by_lifetime = (segments_of(rows, "balanced_segments", warehouse) for rows in (frame, unknown))
        assert by_lifetime.summaries.set_index("persona")["profiles"].to_dict() == {
            "Established Reach": 362,
            "Everyday Posters": 307,
            "Starters": 182,
            "Breakouts": 149,
        }
        assert int((persona_of(by_rates) == persona_of(by_lifetime)).sum()) == 913
