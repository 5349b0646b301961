"""Summaries of a snapshot of eight creators against values by hand."""

from __future__ import annotations

from typing import Any

import narwhals as nw
import pandas as pd
import pytest

from tiktok_pipeline.clusters.schema import ASSIGNMENTS_TABLE
from tiktok_pipeline.personas.name import Match
from tiktok_pipeline.personas.schema import FEATURES_SCHEMA, RECOMMENDATIONS_SCHEMA, SUMMARIES_SCHEMA
from tiktok_pipeline.personas.summarize import (
    Aggregates,
    aggregate,
    match_personas,
    persona_features,
    recommendations,
    summaries,
)
from tiktok_pipeline.personas.verdict import Measured
from tiktok_pipeline.recipes.personas import Persona, PersonaCatalog
from tiktok_pipeline.warehouse.duckdb.warehouse import DuckDBWarehouse
from tiktok_pipeline_tests.features.frames import features, stored

NAMES = ("followers", "is_verified")
# account, cluster, in the fit, followers, verified
CREATORS: list[tuple[str, int | None, bool, float, float | None]] = [
    ("a", 0, True, 100.0, 0.0),
    ("b", 0, True, 200.0, 0.0),
    ("c", 0, True, 600.0, 0.0),
    ("d", 0, False, 5_100.0, 0.0),
    ("e", 1, True, 20_000.0, 0.0),
    ("f", 1, True, 40_000.0, 0.0),
    ("g", 1, False, 60_000.0, None),
    ("h", None, False, 1_000.0, None),
]


def persona(name: str, profiles: int, followers: float) -> Persona:
    return Persona(
        name=name,
        description=f"who {name} are",
        strategic_value=f"what {name} are worth",
        recommendation=f"what to do with {name}",
        profiles=profiles,
        typical={"followers": followers},
    )


CATALOG = PersonaCatalog(personas=(persona("large", 2, 30_000.0), persona("small", 3, 300.0)))


@pytest.fixture
def aggregates(engine: DuckDBWarehouse) -> Aggregates:
    rows = [
        {"account_id": account, "followers": count, "is_verified": badge} for account, _, _, count, badge in CREATORS
    ]
    frame = assigned(engine, rows, assignments(engine))
    return aggregate(frame, frame, NAMES)


def assigned(
    engine: DuckDBWarehouse, rows: list[dict[str, Any]], assignments: nw.LazyFrame[Any]
) -> nw.LazyFrame[Any]:
    """Join features and assignments, as `aggregate` expects them."""
    return features(engine, rows).join(assignments, on="account_id", how="inner")


def assignments(engine: DuckDBWarehouse) -> nw.LazyFrame[Any]:
    rows = [
        {"account_id": account, "cluster": cluster, "in_fit": in_fit, "distance": 0.5, "margin": 0.5}
        | {"runner_up": None, "runner_up_margin": None}
        for account, cluster, in_fit, _, _ in CREATORS
    ]
    return stored(engine, ASSIGNMENTS_TABLE, rows)


def test_sizes_and_means_of_both_bases(aggregates: Aggregates) -> None:
    assert aggregates.sizes[["cluster", "profiles", "profiles_in_fit"]].to_dict("list") == {
        "cluster": [-1, 0, 1],
        "profiles": [1, 4, 3],
        "profiles_in_fit": [0, 3, 2],
    }
    assert aggregates.totals["fitted", "followers"] == pytest.approx(60_900 / 5)
    assert aggregates.totals["all", "followers"] == pytest.approx(127_000 / 8)


def test_a_summary_has_the_numbers_and_the_texts(aggregates: Aggregates) -> None:
    found = SUMMARIES_SCHEMA.validate(summaries(aggregates, match_personas(aggregates, CATALOG), {}))
    assert found[["persona", "profiles", "profiles_in_fit", "share", "verdict"]].to_numpy().tolist() == [
        ["small", 4, 3, 0.5, "too small"],
        ["large", 3, 2, 0.375, "too small"],
        ["Not enough data", 1, 0, 0.125, "no segment"],
    ]
    assert found["cluster"].tolist()[:2] == [0, 1]
    assert found["cluster"].isna().tolist() == [False, False, True]
    assert list(found.loc[0, ["description", "strategic_value", "recommendation"]]) == [
        "who small are",
        "what small are worth",
        "what to do with small",
    ]
    assert found["match_distance"].isna().tolist() == [False, False, True]


def test_persona_features_of_both_bases(aggregates: Aggregates) -> None:
    found = FEATURES_SCHEMA.validate(persona_features(aggregates, match_personas(aggregates, CATALOG)))
    followers = found[found["feature"] == "followers"].set_index(["base", "persona"])
    expected = {
        ("fitted", "small"): (300.0, 200.0, 300 / 12_180 - 1),
        ("fitted", "large"): (30_000.0, 30_000.0, 30_000 / 12_180 - 1),
        ("all", "small"): (1_500.0, 400.0, 1_500 / 15_875 - 1),
        ("all", "large"): (40_000.0, 40_000.0, 40_000 / 15_875 - 1),
        ("all", "Not enough data"): (1_000.0, 1_000.0, 1_000 / 15_875 - 1),
    }
    assert set(followers.index) == set(expected)
    for key, values in expected.items():
        assert tuple(followers.loc[key, ["mean", "median", "relative_importance"]]) == pytest.approx(values)


def test_relative_importance_is_missing_if_the_base_is_zero(aggregates: Aggregates) -> None:
    found = persona_features(aggregates, match_personas(aggregates, CATALOG))
    badge = found[found["feature"] == "is_verified"]
    assert badge["relative_importance"].isna().all()
    assert badge.loc[badge["persona"] == "Not enough data", "mean"].isna().all()
    assert set(badge.loc[badge["persona"] != "Not enough data", "mean"]) == {0.0}


def test_names_depend_on_the_means_of_the_fitted_rows(aggregates: Aggregates) -> None:
    matches = match_personas(aggregates, CATALOG)
    assert {cluster: match.name for cluster, match in matches.items()} == {0: "small", 1: "large"}
    assert [matches[cluster].distance for cluster in (0, 1)] == pytest.approx([0.0, 0.0], abs=1e-9)


def test_a_cluster_without_fitted_rows_is_unnamed(engine: DuckDBWarehouse) -> None:
    """An older model that is applied to newer rows can have such a cluster."""
    rows = [{"account_id": account, "followers": count} for account, _, _, count, _ in CREATORS]
    seen = assignments(engine).with_columns((nw.col("in_fit") & (nw.col("cluster") != 1)).alias("in_fit"))
    frame = assigned(engine, rows, seen)
    found = aggregate(frame, frame, ("followers",))
    matches = match_personas(found, CATALOG)
    assert matches[1] == Match("Unnamed segment 2", None, None)
    summary = SUMMARIES_SCHEMA.validate(summaries(found, matches, {})).set_index("persona")
    assert list(summary.loc["Unnamed segment 2", ["profiles", "profiles_in_fit", "verdict"]]) == [
        3,
        0,
        "too small",
    ]
    assert "fits none of the study's personas" in str(summary.loc["Unnamed segment 2", "description"])
    assert "Unnamed segment 2" in set(persona_features(found, matches)["persona"])


def sized(**sizes: list[int]) -> Aggregates:
    nothing = pd.DataFrame(columns=["base", "cluster", "feature", "mean", "median"])
    return Aggregates(pd.DataFrame(sizes), nothing, {})


def test_the_verdict_depends_on_the_measured_rows_and_the_jaccard_of_the_cluster() -> None:
    """At 60,000 profiles, a segment of 400 fitted profiles can have 6 among the measured ones."""
    clusters = range(6)
    found = summaries(
        sized(
            cluster=[-1, *clusters],
            profiles=[900, 800, 700, 600, 500, 400, 300],
            profiles_in_fit=[0, 30, 30, 30, 30, 400, 29],
        ),
        {cluster: Match(f"Unnamed segment {cluster + 1}", None, None) for cluster in clusters},
        {
            0: Measured(0.9, 0.01, 30),
            1: Measured(0.7, 0.01, 30),
            2: Measured(0.5, 0.01, 30),
            4: Measured(0.9, 0.01, 6),
            -1: Measured(0.9, 0.01, 30),
        },
    )
    assert found["verdict"].tolist() == [
        "no segment",
        "stable",
        "pattern",
        "unstable",
        "not measured",
        "too small",
        "too small",
    ]
    assert SUMMARIES_SCHEMA.validate(found)["share"].sum() == pytest.approx(1.0)


def test_summaries_give_the_reason_if_a_study_has_no_model() -> None:
    sizes = sized(cluster=[-1], profiles=[7], profiles_in_fit=[0])
    found = SUMMARIES_SCHEMA.validate(
        summaries(sizes, {}, {}, why_none="3 distinct rows to fit, 4 clusters asked for")
    )
    assert found[["persona", "profiles", "share", "verdict"]].to_numpy().tolist() == [
        ["Not enough data", 7, 1.0, "no segment"]
    ]
    assert found["description"].tolist() == [
        "The study could not be run on this snapshot: 3 distinct rows to fit, 4 clusters asked for."
    ]
    assert found["recommendation"].tolist() == ["Use a snapshot that has what the study needs, or another study."]
    plain = summaries(sizes, {}, {})
    assert plain["recommendation"].tolist() == ["Scrape them again."]
    assert "could not be run" not in plain["description"].iloc[0]


def test_an_empty_snapshot_has_no_segments(engine: DuckDBWarehouse) -> None:
    frame = assigned(engine, [], stored(engine, ASSIGNMENTS_TABLE, []))
    found = aggregate(frame, frame, NAMES)
    matches = match_personas(found, CATALOG)
    assert matches == {}
    assert summaries(found, matches, {}).empty
    assert persona_features(found, matches).empty


def test_advice_for_each_persona_and_for_the_study() -> None:
    found = RECOMMENDATIONS_SCHEMA.validate(recommendations(CATALOG, ["look twice"]))
    assert found.to_numpy().tolist() == [
        ["large", "what to do with large"],
        ["small", "what to do with small"],
        ["", "look twice"],
    ]


def test_a_study_without_personas_has_advice_for_the_study_only() -> None:
    found = RECOMMENDATIONS_SCHEMA.validate(recommendations(None, ["look twice", "wait"]))
    assert found.to_numpy().tolist() == [["", "look twice"], ["", "wait"]]
    assert recommendations(None, []).empty


def test_who_lies_beyond_the_farthest_fitted_profile_is_counted(engine: DuckDBWarehouse) -> None:
    """The farthest fitted profiles are at 1.5 and 0.9; of the others, one of three is beyond."""
    rows = [
        {"account_id": account, "cluster": cluster, "in_fit": in_fit, "distance": distance, "margin": 0.5}
        for account, cluster, in_fit, distance in (
            ("a", 0, True, 0.5),
            ("b", 0, True, 1.5),
            ("c", 0, False, 1.5),
            ("d", 0, False, 1.6),
            ("e", 1, True, 0.9),
            ("f", 1, False, 0.1),
            ("h", None, False, None),
        )
    ]
    creators = [{"account_id": account, "followers": count} for account, _, _, count, _ in CREATORS]
    frame = assigned(engine, creators, stored(engine, ASSIGNMENTS_TABLE, rows))
    found = aggregate(frame, frame, ("followers",)).sizes.set_index("cluster")
    assert found.loc[[0, 1], "farthest_in_fit"].tolist() == [1.5, 0.9]
    assert found.loc[[0, 1], "profiles_beyond_fit"].tolist() == [1, 0]
    assert found.loc[-1, ["farthest_in_fit", "profiles_beyond_fit"]].isna().all()


def test_medians_are_compared_with_the_median_of_all_and_flags_by_their_shares(engine: DuckDBWarehouse) -> None:
    """Fitted followers: 100, 200, 600 | 20,000, 40,000: the medians are 200, 30,000 and 600 of all."""
    rows = [
        {"account_id": account, "followers": count, "is_verified": account in "ef"}
        for account, _, _, count, _ in CREATORS
    ]
    frame = assigned(engine, rows, assignments(engine))
    aggregates = aggregate(frame, frame, NAMES)
    found = persona_features(aggregates, match_personas(aggregates, CATALOG))
    fitted = found[found["base"] == "fitted"].set_index(["persona", "feature"])["relative_median"]
    assert fitted["small", "followers"] == pytest.approx(200 / 600 - 1)
    assert fitted["large", "followers"] == pytest.approx(30_000 / 600 - 1)
    assert fitted["large", "is_verified"] == pytest.approx(1.0 / 0.4 - 1)
    assert fitted["small", "is_verified"] == -1.0
