"""A wrong classification raises an error that names the file and the field."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest

from tiktok_pipeline.recipes.classification import Classification, Label
from tiktok_pipeline.study import Study, StudyError
from tiktok_pipeline_tests.classifiers.invented import FOREST, HONEST, NAIVE, NETWORK, classification


def study(**changes: Any) -> Study:
    """Return a study with some fields of its classification changed."""
    return Study(
        name="invented",
        question="Who?",
        published_in="nowhere",
        classification=classification(**changes),
        file="studies/invented.py",
    )


def label(feature: str) -> Label:
    return Label(name="some", feature=feature, above=1.0)


def test_a_valid_classification_is_accepted() -> None:
    assert study().classification == classification()
    assert study(published=NETWORK).classification is not None


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        (
            {"label": label("fans")},
            r"classification\.label\.feature: unknown features \['fans'\]; profiles has \['fo",
        ),
        ({"label": label("follower_tier")}, r"classification\.label\.feature: unknown features \['follower_tier'\]"),
        (
            {"published": replace(FOREST, features=("likes", "fans"))},
            r"classification\.published\.features: unknown features \['fans'\]",
        ),
        (
            {"published": replace(NETWORK, principal_components=("fans",))},
            r"classification\.published\.principal_components: unknown features \['fans'\]",
        ),
        ({"audited": ("likes", "fans")}, r"classification\.audited: unknown features \['fans'\]"),
        (
            {"sets": (NAIVE, replace(HONEST, features=("fans",)))},
            r"classification\.sets 'leakage_free' features: unknown features \['fans'\]",
        ),
        ({"sets": (HONEST, HONEST)}, r"classification\.sets: two sets have the same name"),
        (
            {"sets": (HONEST, replace(NAIVE, features=()))},
            r"classification\.sets: \['with_followers'\] have no features or no models",
        ),
        (
            {"sets": (HONEST, replace(NAIVE, models=()))},
            r"classification\.sets: \['with_followers'\] have no features or no models",
        ),
        ({"sets": ()}, r"classification\.scored_by: no set 'leakage_free'"),
        (
            {"scored_by": ("best", "logistic_regression")},
            r"classification\.scored_by: no set 'best' with model 'logistic_regression' among \['leakage_free'",
        ),
        (
            {"scored_by": ("with_followers", "logistic_regression")},
            r"classification\.scored_by: no set 'with_followers' with model",
        ),
        (
            {"sets": (replace(HONEST, leaks=True),)},
            r"classification\.scored_by: set 'leakage_free' leaks the label; score with an honest set",
        ),
        ({"folds": 1}, r"classification\.folds: expected at least 2 folds"),
        ({"repeats": 0}, r"classification\.folds: expected at least 2 folds and 1 repeat"),
        ({"network_repeats": 0}, r"classification\.folds: expected at least 2 folds and 1 repeat"),
    ],
)
def test_a_wrong_field_is_refused(changes: dict[str, Any], field: str) -> None:
    with pytest.raises(StudyError, match=rf"^studies/invented\.py: {field}"):
        study(**changes)


def test_an_error_without_a_file_names_the_study() -> None:
    with pytest.raises(StudyError, match=r"^study invented: classification\.audited: "):
        replace(study(), file="", classification=classification(audited=("fans",)))


def test_features_of_another_source_are_unknown() -> None:
    with pytest.raises(StudyError, match=r"unknown features \['followers'\]; creator_activity has \['engagement"):
        replace(study(), source="creator_activity")


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({}, "set exactly one of above and top_share"),
        ({"above": 1.0, "top_share": 0.5}, "set exactly one of above and top_share"),
        ({"top_share": 0.0}, r"top_share is 0\.0, expected a fraction between 0 and 1"),
        ({"top_share": 5.0}, r"top_share is 5\.0, expected a fraction between 0 and 1"),
        ({"top_share": 1.0}, r"top_share is 1\.0, expected"),
        ({"top_share": math.nan}, "top_share is nan, expected"),
        ({"above": math.nan}, "above is nan, expected a number"),
        ({"above": math.inf}, "above is inf, expected a number"),
    ],
)
def test_a_label_needs_one_rule(fields: dict[str, float], text: str) -> None:
    with pytest.raises(ValueError, match=f"^label 'some': {text}"):
        Label(name="some", feature="followers", **fields)


def test_a_label_above_zero_is_valid() -> None:
    assert Label(name="some", feature="likes", above=0.0).above == 0.0


def test_every_feature_lists_each_feature_once() -> None:
    forest: Classification = classification()
    assert forest.every_feature == ("followers", "likes", "videos_count", "avg_engagement_rate", "following")
    recipe = replace(NETWORK, principal_components=("log_likes", "followers"))
    of_network = classification(published=recipe, audited=("account_age_days",)).every_feature
    assert of_network == (
        "followers",
        "is_verified",
        "videos_count",
        "comment_engagement_rate",
        "log_likes",
        "likes",
        "avg_engagement_rate",
        "account_age_days",
    )


def test_scoring_set_is_the_set_of_scored_by() -> None:
    assert classification().scoring_set is HONEST


def test_the_version_changes_with_a_setting_of_the_classification() -> None:
    assert study().version == study().version
    assert len({changed.version for changed in (study(), study(folds=3), study(published=NETWORK))}) == 3
