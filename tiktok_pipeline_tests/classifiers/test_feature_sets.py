"""Which sets give the label away, and that the result that stands for a study is chosen before any test fold."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tiktok_pipeline.classifiers.feature_sets import judge_feature_sets, r_squared
from tiktok_pipeline.classifiers.schema import FEATURE_SETS_SCHEMA
from tiktok_pipeline.recipes.classification import Classification, FeatureSet, Label
from tiktok_pipeline_tests.classifiers.invented import FOREST, creators

SETS = {
    "declared": ("followers",),
    "holds": ("like_engagement_rate", "videos_count"),
    "rebuilds": ("likes", "videos_count", "followers"),
    "clean": ("following", "is_verified"),
}


def a_classification(*names: str) -> Classification:
    sets = tuple(
        FeatureSet(
            name=name,
            features=SETS[name],
            models=("random_forest", "logistic_regression", "dummy"),
            why="has what defines the label",
            leaks=name == "declared",
        )
        for name in names
    )
    return Classification(
        label=Label(name="active", feature="avg_engagement_rate", above=0.05),
        published=FOREST,
        sets=sets,
        scored_by=(names[-1], "logistic_regression"),
        audited=("lifetime_engagement_rate",),
    )


def rows() -> pd.DataFrame:
    found, _ = creators(300)
    lifetime = found["likes"] / found["videos_count"] / found["followers"]
    return found.assign(lifetime_engagement_rate=lifetime)


def leakage(*flagged: str, pair: tuple[str, str] | None = None) -> pd.DataFrame:
    records = [(name, "", "quasi_label") for name in flagged] + [("likes", "", "clear")]
    records += [(*pair, "quasi_label")] if pair else []
    return pd.DataFrame(records, columns=["feature", "other_feature", "kind"])


def metrics(*runs: tuple[str, str]) -> pd.DataFrame:
    frame = pd.DataFrame(runs, columns=["feature_set", "model"])
    return frame.assign(protocol="honest", metric="average_precision", value=np.arange(len(frame)) / 10)


EVERY_RUN = metrics(*((name, model) for name in SETS for model in ("random_forest", "logistic_regression", "dummy")))


def judged(names: tuple[str, ...], flagged: pd.DataFrame, of: pd.DataFrame = EVERY_RUN) -> pd.DataFrame:
    return FEATURE_SETS_SCHEMA.validate(judge_feature_sets(rows(), flagged, of, a_classification(*names)))


def test_a_set_that_holds_or_rebuilds_what_the_audit_flagged_gives_the_label_away() -> None:
    found = judged(tuple(SETS), leakage("like_engagement_rate", "lifetime_engagement_rate"))
    assert found["gives_label_away"].tolist() == [True, True, True, False]
    assert found["why"].tolist()[:2] == ["It has what defines the label.", "It holds like_engagement_rate."]
    # ln(likes / videos / followers) is a sum of three logarithms
    assert found["why"][2].startswith("It rebuilds lifetime_engagement_rate (R\u00b2 ")


def test_a_pair_gives_the_label_away_only_where_both_are() -> None:
    together = leakage(pair=("likes", "videos_count"))
    assert judged(("rebuilds",), together)["why"].tolist() == ["It holds likes and videos_count."]
    assert not judged(("clean",), leakage(pair=("likes", "following")))["gives_label_away"].any()


@pytest.mark.parametrize(
    ("names", "flagged", "expected"),
    [
        # the first clean set in the order of the study, whatever its figures are
        (("declared", "clean", "holds"), (), [None, "random_forest", None]),
        (("holds", "clean"), (), ["random_forest", None]),
        (("holds", "clean"), ("like_engagement_rate",), [None, "random_forest"]),
        (("declared", "holds"), ("like_engagement_rate",), [None, None]),
    ],
)
def test_the_headline_is_the_first_clean_set_with_its_first_model(
    names: tuple[str, ...], flagged: tuple[str, ...], expected: list[str | None]
) -> None:
    found = judged(names, leakage(*flagged))["headline_model"]
    assert [None if pd.isna(model) else model for model in found] == expected


def test_a_model_that_was_not_judged_cannot_stand_for_the_study() -> None:
    without_torch = metrics(("clean", "logistic_regression"), ("clean", "dummy"))
    assert judged(("clean",), leakage(), without_torch)["headline_model"].tolist() == ["logistic_regression"]


def test_a_constant_or_zero_feature_is_rebuilt_by_nothing() -> None:
    likes = np.array([1.0, 2.0, 3.0])
    assert r_squared([likes], np.ones(3)) == 0.0
    assert r_squared([likes], np.zeros(3)) == 0.0
    assert r_squared([likes], likes + 1.0) == pytest.approx(1.0)
