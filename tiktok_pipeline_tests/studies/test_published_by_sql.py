"""Every published number with one SQL query, on the published file of the real scrape, refreshed through Dagster."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tiktok_pipeline_tests.homes import Home, reasons_of

pytestmark = [pytest.mark.real_data, pytest.mark.slow]

SNAPSHOT = "2023-08-12"

INERTIA = {
    "influencer_segments": [4182.87, 3168.68, 2533.30, 1998.32, 1730.92, 1447.39, 1314.20, 1157.78, 1052.97],
    "user_segments": [2090503.0, 1341043.0, 839096.6, 551388.7, 385574.2, 310071.6, 233021.5, 187482.1, 158473.0],
    "creator_archetypes": [2894.5, 1098.5, 593.6, 364.9, 326.9, 294.8, 270.1, 246.3, 225.1],
}
SILHOUETTE = {
    "creator_archetypes": [0.4687, 0.6022, 0.6456, 0.6275, 0.5365, 0.4464, 0.3842, 0.3903, 0.3475],
    "balanced_segments": [0.421, 0.324, 0.348, 0.306, 0.264],
}
SIZES = {
    "influencer_segments": [428, 170, 67, 16, 2],
    "user_segments": [973, 15, 10, 1, 1],
    "top_influencers": [815, 92, 87, 4, 2],
    "creator_archetypes": [791, 600, 499, 398, 312],
    "balanced_segments": [358, 313, 183, 146],
}
FITS = {
    ("influencer_segments", "rows_after_like_engagement_rate"): 683,
    ("influencer_segments", "inertia"): 1998.39,
    ("influencer_segments", "silhouette"): 0.4343,
    ("user_segments", "inertia"): 551388.7,
    ("user_segments", "silhouette"): 0.927,
    ("top_influencers", "silhouette"): 0.59799,
    ("balanced_segments", "silhouette"): 0.348,
}
MEANS = {
    ("influencer_segments", "Community Builders", "following"): 7482.75,
    ("influencer_segments", "Verified Content Creators", "followers"): 1452662,
    ("influencer_segments", "Niche Engagement Specialists", "avg_engagement_rate"): 0.1020,
    ("user_segments", "Active and Engaged Users", "followers"): 62459.13,
    ("user_segments", "Active and Engaged Users", "comment_engagement_rate"): 0.012377,
    ("user_segments", "Highly Engaged Niche Creators", "like_engagement_rate"): 16.009867,
    ("user_segments", "Established Content Creators", "videos_count"): 1306.7,
    ("user_segments", "Platform Giants", "likes"): 863500000,
    ("creator_archetypes", "The Power Stars", "engagement_index"): 79.62,
    ("creator_archetypes", "Growth Engines", "monetization_maturity"): 19.96,
    ("creator_archetypes", "Inactive/Casual", "engagement_index"): 23.92,
}


def digits(expected: float) -> float:
    """Return half a unit of the last given digit."""
    text = repr(expected)
    return 0.5 if text.endswith(".0") or "." not in text else 0.5 * 10 ** -len(text.partition(".")[2])


@pytest.fixture(scope="module")
def home(real_data: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Home:
    made = Home(tmp_path_factory.mktemp("published") / "home", studies=None)
    made.deliver(real_data("profiles_2023-08-12.csv"), real_data("creator_activity.csv"), snapshot=SNAPSHOT)
    result = made.refresh(SNAPSHOT)
    assert result.success, reasons_of(result)
    return made


@pytest.mark.parametrize("study", INERTIA)
def test_inertia_by_k(home: Home, study: str) -> None:
    rows = home.sql(f"select inertia from clusters.k_scores where study = '{study}' order by k", published=True)
    found = [one for (one,) in rows][: len(INERTIA[study])]
    assert all(abs(a - b) <= digits(b) * 1.01 for a, b in zip(found, INERTIA[study], strict=True)), found


@pytest.mark.parametrize("study", SILHOUETTE)
def test_silhouette_by_k(home: Home, study: str) -> None:
    rows = home.sql(f"select silhouette from clusters.k_scores where study = '{study}' order by k", published=True)
    found = [one for (one,) in rows][: len(SILHOUETTE[study])]
    assert all(abs(a - b) <= digits(b) * 1.01 for a, b in zip(found, SILHOUETTE[study], strict=True)), found


@pytest.mark.parametrize("study", SIZES)
def test_sizes_of_the_segments(home: Home, study: str) -> None:
    rows = home.sql(
        f"select profiles_in_fit from personas.summaries where study = '{study}' order by 1 desc", published=True
    )
    assert [one for (one,) in rows] == SIZES[study]


@pytest.mark.parametrize(("study", "statistic"), FITS)
def test_figures_of_the_fit(home: Home, study: str, statistic: str) -> None:
    found = home.value(
        f"select value from clusters.fits where study = '{study}' and statistic = '{statistic}'", published=True
    )
    assert abs(found - FITS[study, statistic]) <= digits(FITS[study, statistic]) * 1.01


@pytest.mark.parametrize(("study", "persona", "feature"), MEANS)
def test_means_of_a_persona(home: Home, study: str, persona: str, feature: str) -> None:
    found = home.value(
        f"select mean from personas.features where study = '{study}' and persona = '{persona}' "
        f"and feature = '{feature}' and base = 'fitted'",
        published=True,
    )
    expected = MEANS[study, persona, feature]
    assert abs(found - expected) <= digits(expected) * 1.01


@pytest.mark.parametrize(
    ("feature", "expected"), [("engagement_index", -0.405783), ("monetization_maturity", 0.549969)]
)
def test_skewness(home: Home, feature: str, expected: float) -> None:
    query = f"select value from features.statistics where feature = '{feature}' and statistic = 'skewness'"
    assert abs(home.value(query, published=True) - expected) < 1e-6


def test_the_published_forest(home: Home) -> None:
    assert home.sql(
        "select actual, predicted, profiles from classifiers.confusion "
        "where study = 'top_influencers' and protocol = 'published' order by all",
        published=True,
    ) == [(False, False, 189), (False, True, 0), (True, False, 0), (True, True, 11)]
    found = home.sql(
        "select feature, round(importance, 3) from classifiers.importances where study = 'top_influencers' "
        "and protocol = 'published' and method = 'impurity' order by 2 desc",
        published=True,
    )
    assert found == [("followers", 0.695), ("likes", 0.271), ("videos_count", 0.020), ("avg_engagement_rate", 0.014)]


def test_the_labels_have_the_published_counts(home: Home) -> None:
    found = home.sql(
        "select study, value from classifiers.cards where item = 'positives' order by study", published=True
    )
    assert found == [("active_creators", "510"), ("top_influencers", "50")]


def test_the_published_network(home: Home) -> None:
    pytest.importorskip("torch", reason="the network is an extra")
    f1 = home.value(
        "select value from classifiers.metrics where study = 'active_creators' and protocol = 'published' "
        "and model = 'neural_network' and metric = 'f1'",
        published=True,
    )
    assert 0.88 <= f1 <= 0.95


def test_the_audit_names_the_leaking_features(home: Home) -> None:
    found = home.sql(
        "select study, feature from classifiers.leakage where kind = 'leak' and other_feature = '' order by all",
        published=True,
    )
    assert found == [
        ("active_creators", "comment_engagement_rate"),
        ("active_creators", "like_engagement_rate"),
        ("top_influencers", "followers"),
    ]


def test_a_segment_of_one_account_is_too_small(home: Home) -> None:
    found = home.sql(
        "select persona, verdict from personas.summaries where study = 'user_segments' and profiles = 1 order by all",
        published=True,
    )
    assert found == [("Emerging Influencers", "too small"), ("Platform Giants", "too small")]


def test_balanced_segments_are_stable_unlike_the_published_segments(home: Home) -> None:
    worst = dict(
        home.sql("select study, min(jaccard) from clusters.stability group by study order by study", published=True)
    )
    smallest = dict(
        home.sql("select study, min(profiles) from clusters.stability group by study order by study", published=True)
    )
    seeds = ("influencer_segments", "top_influencers", "user_segments")
    assert all(worst["balanced_segments"] > worst[study] for study in seeds)
    assert all(smallest["balanced_segments"] > smallest[study] for study in seeds)
    for feature in ("followers", "likes", "videos_count", "avg_engagement_rate"):
        eta = dict(
            home.sql(
                f"select study, value from clusters.fits where statistic = 'eta_squared_{feature}'", published=True
            )
        )
        assert all(eta["balanced_segments"] > eta[study] for study in seeds)
