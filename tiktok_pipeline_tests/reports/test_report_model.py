"""The content of the report: numbers, sentences and choices computed from the tables."""

from __future__ import annotations

import pandas as pd
import pytest

from tiktok_pipeline.reports.classifier_model import BestScores, best_scores, metric_rows
from tiktok_pipeline.reports.comparison_model import study_numbers
from tiktok_pipeline.reports.feature_text import compare_with_average, format_feature
from tiktok_pipeline.reports.fit_model import build_fit, explained_features
from tiktok_pipeline.reports.report_model import build_report, recommended_study, verdict_counts
from tiktok_pipeline.reports.segment_model import segment_traits
from tiktok_pipeline_tests.reports.sample_tables import (
    classifier,
    metrics,
    persona_features,
    snapshot_tables,
    study_tables,
)


@pytest.mark.parametrize(
    ("feature", "relative", "text"),
    [
        ("followers", 3.2, "followers 4.2 times the average"),
        ("followers", 1.0, "followers 2.0 times the average"),
        ("likes", 126.4, "likes received 127 times the average"),
        ("likes", 12_345.0, "likes received 12,346 times the average"),
        ("avg_engagement_rate", 0.44, "engagement rate 44% above the average"),
        ("avg_engagement_rate", -0.7, "engagement rate 70% below the average"),
        ("videos_count", 0.049, "videos about the average"),
        ("videos_count", -0.991, "videos under 1% of the average"),
        ("videos_count", -1.0, "videos: none"),
        ("is_verified", -1.0, "no verified accounts"),
        ("some_new_feature", 1.5, "some new feature 2.5 times the average"),
        ("log_likes", 0.5, "likes received (log scale) 50% above the average"),
    ],
)
def test_compare_with_average(feature: str, relative: float, text: str) -> None:
    assert compare_with_average(feature, relative) == text


@pytest.mark.parametrize(
    ("value", "feature", "text"),
    [
        (None, "likes", "\u2013"),
        (0.021, "avg_engagement_rate", "2.1%"),
        (670.0, "likes", "670"),
        (39.42, "new", "39.4"),
        (0.5, "new", "0.50"),
    ],
)
def test_format_feature(value: float | None, feature: str, text: str) -> None:
    assert format_feature(value, feature) == text


def test_segment_traits_leave_out_logarithms_and_repetitions() -> None:
    # Not the logarithm, not the like rate beside the average rate, and the missing badge last.
    assert segment_traits(persona_features(), "Large & Loud", 9) == (
        "followers 4.2 times the average",
        "engagement rate 70% below the average",
        "videos 44% above the average",
        "no verified accounts",
    )
    assert len(segment_traits(persona_features(), "Large & Loud")) == 3
    assert segment_traits(persona_features(), "Quiet") == ()


def test_the_fit_gives_its_reason_size_and_explained_features() -> None:
    study = study_tables()
    fit = build_fit(study)
    assert fit.reason == "The study takes k = 4; the others ask different questions."
    assert fit.fit_summary == (
        "The model was fitted on 11,000 of 12,000 creators. "
        "Its silhouette is 0.31: the segments divide a continuum and are not separate islands."
    )
    assert explained_features(study) == [("followers", 0.755), ("avg_engagement_rate", 0.63)]


def test_the_table_of_k_marks_the_choice_the_elbow_and_the_highest_silhouette() -> None:
    table = build_fit(study_tables()).k_table
    assert table is not None
    rows = table.groups[0].rows
    assert [row.cells[-1].text for row in rows] == ["highest silhouette", "elbow", "used by the study"]
    assert [row.css_class for row in rows] == ["", "", "chosen"]


@pytest.mark.parametrize(
    ("silhouette", "meaning"),
    [(0.2, "0.20: the segments overlap."), (0.69, "well separated."), (0.7, "0.70: the segments are far apart, or")],
)
def test_the_meaning_of_a_silhouette(silhouette: float, meaning: str) -> None:
    fits = pd.DataFrame({"statistic": ["silhouette"], "value": [silhouette]})
    assert meaning in build_fit(study_tables(fits=fits)).fit_summary


def test_study_numbers_are_those_of_the_segments() -> None:
    assert study_numbers(study_tables()) == {
        "segments": 3,
        "rows_in_fit": 11_000.0,
        "smallest": 5_000,
        "worst_jaccard": 0.63,
        "silhouette": 0.31,
        "followers": 0.755,
        "likes": None,
        "videos_count": None,
        "avg_engagement_rate": 0.63,
    }
    assert study_numbers(study_tables(summaries=pd.DataFrame())) is None


def test_metric_rows_follow_the_protocols_with_the_baseline_last() -> None:
    renamed = metrics().assign(feature_set=metrics()["feature_set"].replace("everything", "z"))
    rows = metric_rows(study_tables(metrics=renamed))
    assert list(rows) == ["published", "mended", "honest"]
    assert [row["model"] for row in rows["honest"]] == ["logistic_regression", "random_forest", "dummy"]


def test_best_scores_leave_out_leaking_sets() -> None:
    assert best_scores(study_tables()) is None
    study = study_tables(**classifier())
    assert best_scores(study) == BestScores(published=0.981, honest=0.961, baseline=0.052)
    leaking = study_tables(**classifier(), leaking_sets=["published", "everything"])
    assert best_scores(leaking) == BestScores(published=0.981, honest=0.421, baseline=0.052)


def test_verdicts_are_counted_by_verdict_not_by_jaccard() -> None:
    study = study_tables(stability=study_tables().stability.assign(jaccard=1.0))
    assert verdict_counts([study]) == {"stable": 1, "pattern": 1, "too small": 1, "no segment": 1}


def test_the_recommended_study_is_ours_else_the_first_with_segments() -> None:
    bare = study_tables("bare", summaries=pd.DataFrame())
    ours, other = study_tables(), study_tables("a")
    assert recommended_study([bare, other, ours]) is ours
    assert recommended_study([bare, other]) is other
    assert recommended_study([bare]) is bare
    assert recommended_study([]) is None


def test_equal_tables_give_an_equal_model() -> None:
    assert build_report(snapshot_tables()) == build_report(snapshot_tables())
