"""The content of the report: numbers, sentences and choices computed from the tables."""

from __future__ import annotations

import pandas as pd
import pytest

from tiktok_pipeline.reports.classifier_model import (
    HeadlineScores,
    build_classifier,
    headline_scores,
    metric_rows,
    score_sentence,
)
from tiktok_pipeline.reports.comparison_model import study_numbers
from tiktok_pipeline.reports.feature_text import compare_with_all, format_feature
from tiktok_pipeline.reports.fit_model import build_fit, continuity_sentence, explained_features, separation
from tiktok_pipeline.reports.report_model import build_report, recommended_study, verdict_counts
from tiktok_pipeline.reports.segment_model import outside_sentence, overall_advice, segment_traits
from tiktok_pipeline.reports.snapshot_tables import StudyTables
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
        ("followers", 3.2, "followers 4.2 times the median"),
        ("followers", 1.0, "followers 2.0 times the median"),
        ("likes", 126.4, "likes received 127 times the median"),
        ("likes", 12_345.0, "likes received 12,346 times the median"),
        ("avg_engagement_rate", 0.44, "engagement rate 44% above the median"),
        ("avg_engagement_rate", -0.7, "engagement rate 70% below the median"),
        ("videos_count", 0.049, "videos about the median"),
        ("videos_count", -0.991, "videos under 1% of the median"),
        ("videos_count", -1.0, "videos: none"),
        ("is_verified", -1.0, "no verified accounts"),
        ("is_verified", 2.0, "verified accounts 3.0 times the share of all"),
        ("some_new_feature", 1.5, "some new feature 2.5 times the median"),
        ("log_likes", 0.5, "likes received (log scale) 50% above the median"),
    ],
)
def test_compare_with_all(feature: str, relative: float, text: str) -> None:
    assert compare_with_all(feature, relative) == text


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
    # Not the logarithm, not the like rate beside the average rate, and the missing badge last. The mean of the
    # followers is below that of all, as a few large accounts make it; the medians tell.
    assert segment_traits(persona_features(), "Large & Loud", 9) == (
        "followers 4.2 times the median",
        "engagement rate 70% below the median",
        "videos 44% above the median",
        "no verified accounts",
    )
    assert len(segment_traits(persona_features(), "Large & Loud")) == 3
    assert segment_traits(persona_features(), "Quiet") == ()


@pytest.mark.parametrize(
    ("relative", "share", "first"), [(-0.9, 0.01, "videos"), (3.0, 0.09, "videos"), (1.5, 0.1, "verified")]
)
def test_few_badges_come_last_and_many_by_their_factor(relative: float, share: float, first: str) -> None:
    row = {"persona": "a", "base": "fitted"}
    features = pd.DataFrame(
        [
            {**row, "feature": "videos_count", "mean": 50.0, "relative_median": 0.44},
            {**row, "feature": "is_verified", "mean": share, "relative_median": relative},
        ]
    )
    assert segment_traits(features, "a")[0].startswith(first)


@pytest.mark.parametrize(
    ("changes", "advice"),
    [
        ({}, ("Whole.", "Of Loud.")),
        ({"verdict": "unstable"}, ("Whole.",)),
        ({"persona": "Unnamed segment 1"}, ("Whole.",)),
        ({"cluster": None, "verdict": "no segment"}, ()),
    ],
    ids=["the segment is stable", "unstable", "not there", "no segments"],
)
def test_advice_names_only_segments_that_can_be_planned_with(
    changes: dict[str, object], advice: tuple[str, ...]
) -> None:
    summaries = pd.DataFrame([{"persona": "The Loud", "cluster": 0, "verdict": "stable", **changes}])
    recommendations = pd.DataFrame(
        {"persona": ["", "", "The Loud"], "recommendation": ["Whole.", "Of Loud.", "Ask them."]}
    )
    study = StudyTables(
        name="a", question="?", published_in="-", notes="", source="profiles",
        summaries=summaries, recommendations=recommendations,
    )  # fmt: skip
    assert overall_advice(study) == advice


def test_the_fit_gives_its_reason_size_and_explained_features() -> None:
    study = study_tables()
    fit = build_fit(study, pd.DataFrame())
    assert fit.reason == "The study takes k = 4; the others ask different questions."
    assert fit.fit_summary == (
        "The model was fitted on 11,000 of 12,000 creators. "
        "Its silhouette is 0.31: the segments divide a continuum and are not separate islands."
    )
    assert explained_features(study) == [("followers", 0.755), ("avg_engagement_rate", 0.63)]


def test_the_table_of_k_marks_the_choice_the_elbow_and_the_highest_silhouette() -> None:
    table = build_fit(study_tables(), pd.DataFrame()).k_table
    assert table is not None
    rows = table.groups[0].rows
    assert [row.cells[-1].text for row in rows] == ["highest silhouette", "elbow", "used by the study"]
    assert [row.css_class for row in rows] == ["", "", "chosen"]


@pytest.mark.parametrize(
    ("silhouette", "meaning"),
    [
        (0.2, "0.20: the segments overlap."),
        (0.3, "0.30: the segments divide"),
        (0.7, "but other samples do not give every segment again"),
    ],
)
def test_the_meaning_of_a_silhouette(silhouette: float, meaning: str) -> None:
    fits = pd.DataFrame({"statistic": ["silhouette"], "value": [silhouette]})
    assert meaning in build_fit(study_tables(fits=fits), pd.DataFrame()).fit_summary


@pytest.mark.parametrize(
    ("silhouette", "smallest", "largest", "bound", "words"),
    [
        (0.2499, 0.5, 0.5, 1.0, "the segments overlap"),
        (0.25, 0.5, 0.5, 1.0, "the segments divide a continuum"),
        (0.4999, 0.5, 0.5, 1.0, "the segments divide a continuum"),
        (0.5, 0.05, 0.8999, 0.75, "the segments stand apart"),
        (0.5, 0.05, 0.9, 0.75, "nearly all creators (90%) are in one segment"),
        (0.9, 0.0499, 0.5, 0.9, "the smallest segment has only 5.0% of the creators"),
        (0.9, 0.05, 0.5, 0.7499, "other samples do not give every segment again"),
        (0.9, 0.05, 0.5, None, "not measured"),
    ],
)
def test_segments_stand_apart_only_if_none_is_tiny_and_all_are_stable(
    silhouette: float, smallest: float, largest: float, bound: float | None, words: str
) -> None:
    assert words in separation(silhouette, smallest=smallest, largest=largest, worst_bound=bound)


def moved(share: float | None) -> pd.DataFrame:
    """Return migrations in which the model moved a share of 1,000 creators; None: nobody was there before."""
    kind, before = ("arrival", None) if share is None else ("both", "a")
    row = {"kind": kind, "persona_before": before, "persona": "a", "creators": 1_000, "creator_moved": 0}
    return pd.DataFrame([row | {"model_moved": round(1_000 * (share or 0.0))}])


@pytest.mark.parametrize(
    ("migrations", "words"),
    [
        (pd.DataFrame(), "those of 2024-01."),
        (moved(None), "but no creator has a segment in both snapshots, so their sizes cannot be compared."),
        (moved(0.05), "so their sizes can be compared."),
        (moved(0.051), "but the model moved 5.1% of the creators, so their sizes cannot be compared."),
    ],
    ids=["not computed", "nobody in both", "hardly moved", "moved"],
)
def test_sizes_are_compared_only_if_the_model_held_still(migrations: pd.DataFrame, words: str) -> None:
    row = {"earlier_snapshot": "2024-01", "is_regime_change": False, "earlier_cluster": 0}
    assert continuity_sentence(pd.DataFrame([row]), migrations).endswith(words)


@pytest.mark.parametrize(
    ("earlier", "is_change", "clusters", "words"),
    [
        (None, False, [None, None], ""),
        ("2024-01", False, [0, 1], "The segments continue those of 2024-01, so their sizes can be compared."),
        ("2024-01", True, [0, None], "1 of 2 segments are new, so their sizes cannot be compared"),
        ("2024-01", True, [1, 0], "each segment was found again by the creators that it shares"),
    ],
)
def test_how_segments_go_on(earlier: str | None, is_change: bool, clusters: list[int | None], words: str) -> None:
    rows = pd.DataFrame(
        {
            "earlier_snapshot": earlier,
            "is_regime_change": is_change,
            "earlier_cluster": pd.Series(clusters, dtype="Int64"),
        }
    )
    found = continuity_sentence(rows, moved(0.05))
    assert words in found if words else not found
    assert found.startswith("Regime change: ") == is_change


@pytest.mark.parametrize(
    ("profiles", "outside", "beyond", "words"),
    [
        (486, 0, 0, ""),
        (486, 316, 290, "316 of its 486 creators, which were not in the fit; 290 lie beyond its farthest member."),
        (486, 316, 0, "316 of its 486 creators, which were not in the fit."),
        (2, 1, 1, "1 of its 2 creators, which was not in the fit; 1 lies beyond its farthest member."),
        (9, 3, None, "3 of its 9 creators, which were not in the fit."),
    ],
)
def test_of_whom_a_verdict_does_not_speak(profiles: int, outside: int, beyond: int | None, words: str) -> None:
    found = outside_sentence(profiles, outside, beyond)
    assert found == (f"The verdict does not speak of {words}" if words else "")


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


def test_the_headline_is_that_of_the_chosen_set_however_good_the_others_look() -> None:
    assert headline_scores(study_tables()) is None
    found = headline_scores(study_tables(**classifier()))
    assert found == HeadlineScores(0.981, 0.421, 0.004, "logistic_regression", "without_leaks", 0.052)
    assert score_sentence(found) == (
        "average precision 0.981 as published; 0.421 (\u00b1 0.004 over repeats) on creators that the model has not "
        "seen, without features that reveal the label (logistic regression, without leaks); guessing reaches 0.052."
    )
    flagged = classifier()["feature_sets"].assign(gives_label_away=True, headline_model=None)
    every_set = study_tables(**(classifier() | {"feature_sets": flagged}))
    assert headline_scores(every_set) is None
    shown = build_classifier(every_set)
    assert shown is not None
    assert shown.headline == "Every set of features gives the label away in this snapshot."


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
