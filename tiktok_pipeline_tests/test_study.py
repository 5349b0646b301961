"""A study that is written down wrongly is refused, and the text names the file and the field."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import tiktok_pipeline.studies
from tiktok_pipeline.recipes.classification import (
    Classification,
    FeatureSet,
    Label,
    PublishedForest,
    PublishedNetwork,
)
from tiktok_pipeline.recipes.personas import Persona, PersonaCatalog
from tiktok_pipeline.recipes.segmentation import InterquartileRule, Scaling, Segmentation
from tiktok_pipeline.study import Study, StudyError, availability, check_studies, load_studies, missing_columns

GOOD = '''\
"""Who is large? Source: invented."""

from tiktok_pipeline.recipes.personas import Persona, PersonaCatalog
from tiktok_pipeline.recipes.segmentation import Scaling, Segmentation
from tiktok_pipeline.study import Study

_WORDS = {"description": "Some.", "strategic_value": "Some.", "recommendation": "Some.", "profiles": 1}

STUDY = Study(
    name="invented",
    question="Who is large?",
    published_in="nowhere",
    segmentation=Segmentation(
        features=("followers",),
        scaling=Scaling(),
        k=2,
        personas=PersonaCatalog(
            personas=(
                Persona(name="small", typical={"followers": 1.0}, **_WORDS),
                Persona(name="large", typical={"followers": 9.0}, **_WORDS),
            )
        ),
    ),
)
'''

Package = Callable[..., ModuleType]


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Package]:
    """Makes a package `invented_studies` of the given files, and forgets it afterwards."""

    def make(**sources: str) -> ModuleType:
        folder = tmp_path / "invented_studies"
        folder.mkdir()
        (folder / "__init__.py").write_text('"""Studies."""\n', encoding="utf-8")
        for name, source in sources.items():
            (folder / f"{name}.py").write_text(source, encoding="utf-8")
        monkeypatch.syspath_prepend(tmp_path)
        importlib.invalidate_caches()
        return importlib.import_module("invented_studies")

    yield make
    for name in [name for name in sys.modules if name.partition(".")[0] == "invented_studies"]:
        del sys.modules[name]


def test_load_studies_finds_every_file(package: Package) -> None:
    other = GOOD.replace('name="invented"', 'name="another"')
    studies = load_studies(package(invented=GOOD, another=other))
    assert [(study.name, study.file) for study in studies] == [
        ("another", "invented_studies/another.py"),
        ("invented", "invented_studies/invented.py"),
    ]


def test_load_studies_of_an_empty_package_is_empty(package: Package) -> None:
    assert load_studies(package()) == ()


@pytest.mark.parametrize(
    ("right", "wrong", "field"),
    [
        (
            'features=("followers",)',
            'features=("folowers",)',
            r"segmentation\.features: unknown features \['folowers'\]",
        ),
        ('"followers": 9.0', '"likes": 9.0', "persona 'large': described by"),
        ('typical={"followers"', 'typical={"fans"', r"segmentation\.personas: unknown features \['fans'\]"),
        ("scaling=Scaling()", 'scaling=Scaling(log1p=("fans",))', r"segmentation\.scaling\.log1p: unknown features"),
        ("scaling=Scaling()", 'scaling=Scaling(scaler="maxabs")', "scaler 'maxabs'"),
        ("k=2", "k=3", r"segmentation\.personas: 2 personas for k = 3"),
        ("k=2", "k=1", r"segmentation\.k: 1, expected at least 2"),
        ('name="large"', 'name="small"', "each with a name of its own"),
        ('name="invented"', 'name="My Study"', "name: 'My Study' is not lower-case"),
        ('question="Who is large?",', "", "question"),
        ('question="Who is large?",', 'source="tweets", question="?",', "source: 'tweets' is none of"),
        ("STUDY = Study(", "OTHER = Study(", "STUDY: expected"),
        ("STUDY = Study(", "STUDY = dict(", "STUDY: expected"),
    ],
)
def test_an_error_names_the_file_and_the_field(package: Package, right: str, wrong: str, field: str) -> None:
    assert right in GOOD
    with pytest.raises(StudyError, match=rf"^invented_studies/wrong\.py: .*{field}"):
        load_studies(package(wrong=GOOD.replace(right, wrong)))


def test_an_error_names_a_module_without_a_study(package: Package) -> None:
    with pytest.raises(StudyError, match=r"^invented_studies/empty\.py: STUDY: expected `STUDY = Study\(\.\.\.\)`$"):
        load_studies(package(empty='"""Nothing."""\n', invented=GOOD))


def test_two_studies_with_the_same_name_raise_with_both_files(package: Package) -> None:
    with pytest.raises(StudyError) as refused:
        load_studies(package(first=GOOD, second=GOOD))
    assert str(refused.value) == (
        "invented_studies/second.py: name: 'invented' is already the name of invented_studies/first.py"
    )


def study(**changes: Any) -> Study:
    """Return an invented study with some fields of its segmentation changed."""
    words: dict[str, Any] = {
        "description": "Some.",
        "strategic_value": "Some.",
        "recommendation": "Some.",
        "profiles": 1,
    }
    personas = PersonaCatalog(
        personas=tuple(
            Persona(name=name, typical={"followers": typical}, **words) for name, typical in (("a", 1.0), ("b", 2.0))
        )
    )
    fields: dict[str, Any] = {"features": ("followers",), "k": 2, "personas": personas}
    return Study(name="x", question="?", published_in="-", segmentation=Segmentation(**(fields | changes)))


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"features": ()}, r"segmentation\.features: expected at least one"),
        ({"features": ("likes", "likes")}, r"segmentation\.features: .* none of them twice"),
        ({"features": ("follower_tier",)}, r"segmentation\.features: unknown features \['follower_tier'\]"),
        ({"outliers": InterquartileRule(columns=("fans",))}, r"segmentation\.outliers\.columns: unknown"),
        ({"scaling": Scaling(log1p=("likes",))}, r"segmentation\.scaling\.log1p: \['likes'\] are not among"),
        ({"k_range": (1, 10)}, r"segmentation\.k_range: \(1, 10\)"),
        ({"k_range": (9, 3)}, r"segmentation\.k_range: \(9, 3\)"),
        ({"draws": 0}, r"segmentation\.draws: 0, expected at least 1"),
    ],
)
def test_a_wrong_field_of_a_segmentation_raises(changes: dict[str, Any], field: str) -> None:
    with pytest.raises(StudyError, match=f"^study x: {field}"):
        study(**changes)


@pytest.mark.parametrize("name", ["", "9lives", "a b", "a'; drop table x", "Übung", "a\n", "a" * 62])
def test_a_name_that_is_not_a_plain_identifier_raises(name: str) -> None:
    with pytest.raises(StudyError, match="name: "):
        replace(study(), name=name)


def test_a_study_without_settings_raises() -> None:
    with pytest.raises(StudyError, match=r"segmentation: .* neither a segmentation nor a classification"):
        replace(study(), segmentation=None)


def classification(**changes: Any) -> Classification:
    """Return an invented classification with two feature sets; one of them leaks."""
    fields: dict[str, Any] = {
        "label": Label(name="loud", feature="avg_engagement_rate", above=0.05),
        "published": PublishedForest(features=("likes",)),
        "sets": (
            FeatureSet(name="few", features=("likes",), models=("logistic_regression", "dummy"), why="-"),
            FeatureSet(name="all", features=("likes",), models=("logistic_regression",), why="-", leaks=True),
        ),
        "scored_by": ("few", "logistic_regression"),
    }
    return Classification(**(fields | changes))


def one_set(**changes: Any) -> FeatureSet:
    fields: dict[str, Any] = {"name": "few", "features": ("likes",), "models": ("logistic_regression",), "why": "-"}
    return FeatureSet(**(fields | changes))


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"label": Label(name="x", feature="fans", above=1.0)}, r"label\.feature: unknown features \['fans'\]"),
        ({"published": PublishedForest(features=("fans",))}, r"published\.features: unknown features \['fans'\]"),
        (
            {"published": PublishedNetwork(features=("likes",), principal_components=("fans",))},
            r"published\.principal_components: unknown features \['fans'\]",
        ),
        ({"audited": ("likes", "fans")}, r"audited: unknown features \['fans'\]"),
        ({"sets": (one_set(features=("fans", "follower_tier")),)}, r"sets 'few' features: unknown .*'follower_tier'"),
        ({"sets": (one_set(), one_set())}, "sets: two sets have the same name"),
        ({"sets": (one_set(), one_set(name="none", features=()))}, r"sets: \['none'\] have no features or no models"),
        ({"sets": (one_set(), one_set(name="none", models=()))}, r"sets: \['none'\] have no features or no models"),
        ({"scored_by": ("other", "logistic_regression")}, "scored_by: no set 'other'"),
        ({"sets": (one_set(models=("dummy",)),)}, "scored_by: no set 'few' with model 'logistic_regression'"),
        ({"scored_by": ("all", "logistic_regression")}, "scored_by: set 'all' leaks the label"),
        ({"folds": 1}, "folds: expected at least 2 folds"),
        ({"repeats": 0}, "folds: expected .* 1 repeat"),
        ({"network_repeats": 0}, "folds: expected .* 1 repeat"),
    ],
)
def test_a_wrong_field_of_a_classification_raises(changes: dict[str, Any], field: str) -> None:
    with pytest.raises(StudyError, match=rf"^study x: classification\.{field}"):
        replace(study(), classification=classification(**changes))


def test_a_study_may_have_segments_or_classifiers_or_both() -> None:
    both = replace(study(), classification=classification())
    only = replace(both, segmentation=None)
    assert len({study().version, both.version, only.version}) == 3
    own = study(features=("log_likes",), personas=study().segmentation.personas)  # type: ignore[union-attr]
    assert own.described_features == ("log_likes", *only.described_features)
    assert "avg_engagement_rate" in only.described_features


def test_the_notes_are_the_docstring_of_the_file(package: Package) -> None:
    loaded = load_studies(package(invented=GOOD, silent=GOOD.partition("\n")[2].replace('"invented"', '"silent"')))
    assert [study.notes for study in loaded] == ["Who is large? Source: invented.", ""]
    assert loaded[0].version == replace(loaded[0], notes="Other words.").version


def test_check_studies_returns_the_studies() -> None:
    assert check_studies([study()]) == (study(),)
    with pytest.raises(StudyError, match="'x' is already the name of another study"):
        check_studies([study(), study()])


RATES = ("avg_engagement_rate", "comment_engagement_rate", "like_engagement_rate")
COUNTS = ("account_id", "followers", "following", "likes", "videos_count")
BALANCED, INFLUENCERS, TOP, ACTIVE, ARCHETYPES = (
    next(study for study in load_studies(tiktok_pipeline.studies) if study.name == name)
    for name in (
        "balanced_segments",
        "influencer_segments",
        "top_influencers",
        "active_creators",
        "creator_archetypes",
    )
)


@pytest.mark.parametrize(
    ("case", "available", "missing"),
    [
        (BALANCED, (*COUNTS, *RATES), ()),
        (BALANCED, COUNTS, ()),
        (BALANCED, ("account_id", "followers", "likes", "videos_count"), ()),
        (BALANCED, ("account_id", "followers", "likes"), ("videos_count",)),
        (BALANCED, ("account_id", "followers", "avg_engagement_rate", "likes"), ("videos_count",)),
        (INFLUENCERS, (*COUNTS, "is_verified"), RATES),
        (INFLUENCERS, (*COUNTS, *RATES, "is_verified"), ()),
        (TOP, (*COUNTS, *RATES), ()),
        (ACTIVE, COUNTS, ("avg_engagement_rate",)),
        (ARCHETYPES, COUNTS, ("engagement_index", "monetization_maturity")),
    ],
)
def test_missing_columns_are_those_that_no_basis_can_do_without(
    case: Study, available: tuple[str, ...], missing: tuple[str, ...]
) -> None:
    assert set(missing_columns(case, available)) == set(missing)


def test_availability_names_the_basis_or_the_missing_columns() -> None:
    assert availability(BALANCED, COUNTS) == "balanced_segments: segments by lifetime engagement"
    assert availability(BALANCED, (*COUNTS, *RATES)) == "balanced_segments: segments by engagement rates"
    assert availability(BALANCED, ("followers",)) == (
        "balanced_segments: no segments: likes and videos_count are missing"
    )
    assert availability(ACTIVE, COUNTS) == "active_creators: no scores: avg_engagement_rate is missing"


def test_a_fallback_is_checked_like_the_segmentation() -> None:
    segmentation = BALANCED.segmentation
    assert segmentation is not None
    assert segmentation.fallback is not None
    for fallback, field in (
        (replace(segmentation.fallback, features=("fans",)), "features: unknown"),
        (replace(segmentation.fallback, k=5), "personas: 4 personas for k = 5"),
        (replace(segmentation.fallback, basis=""), "basis: "),
    ):
        with pytest.raises(StudyError, match=rf"segmentation\.{field}"):
            replace(BALANCED, segmentation=replace(segmentation, fallback=fallback))
    with pytest.raises(StudyError, match=r"segmentation\.min_share: 0"):
        replace(BALANCED, segmentation=replace(segmentation, min_share=0.0))
