"""The stability of the segments of the studies on the real files, as the report gives it."""

from __future__ import annotations

import pytest

from tiktok_pipeline.analysis.run_study import Segments
from tiktok_pipeline_tests.studies.real import ACTIVITY, PROFILES, SPREADSHEET, Run

pytestmark = [pytest.mark.real_data, pytest.mark.slow]

FILES = {
    "influencer_segments": PROFILES,
    "user_segments": SPREADSHEET,
    "balanced_segments": PROFILES,
    "creator_archetypes": ACTIVITY,
    "top_influencers": PROFILES,
}
# study: persona -> bootstrap Jaccard, how near to it
JACCARDS: dict[str, dict[str, tuple[float, float]]] = {
    "influencer_segments": {
        "Mid-Tier Mainstream Influencers": (0.88, 0.08),
        "Celebrity Accounts": (0.77, 0.15),  # two accounts: one draw more or less moves it far
        "Niche Engagement Specialists": (0.78, 0.08),
        "Community Builders": (0.58, 0.08),
        "Verified Content Creators": (0.70, 0.08),
    },
    "user_segments": {
        "Active and Engaged Users": (0.99, 0.08),
        "Platform Giants": (1.0, 0.08),
        "Emerging Influencers": (0.98, 0.08),
        "Established Content Creators": (0.96, 0.08),
        "Highly Engaged Niche Creators": (0.69, 0.08),
    },
    "balanced_segments": {
        "Starters": (0.93, 0.08),
        "Everyday Posters": (0.92, 0.08),
        "Breakouts": (0.91, 0.08),
        "Established Reach": (0.96, 0.08),
    },
    "creator_archetypes": {
        "Steady Hobbyists": (0.99, 0.01),
        "Niche Experts": (1.0, 0.02),
        "The Power Stars": (1.0, 0.02),
        "Inactive/Casual": (1.0, 0.02),
        "Growth Engines": (1.0, 0.02),
    },
}
# Two personas of influencer_segments are left out: their figures lie too near to a bound.
VERDICTS = {
    "influencer_segments": {
        "Mid-Tier Mainstream Influencers": "stable",
        "Celebrity Accounts": "too small",
        "Verified Content Creators": "too small",
    },
    "user_segments": {
        "Active and Engaged Users": "stable",
        "Platform Giants": "too small",
        "Emerging Influencers": "too small",
        "Established Content Creators": "too small",
        "Highly Engaged Niche Creators": "too small",
    },
    "balanced_segments": dict.fromkeys(JACCARDS["balanced_segments"], "stable"),
    "creator_archetypes": dict.fromkeys(JACCARDS["creator_archetypes"], "stable"),
}
# study: feature -> eta squared of ranks
EXPLAINED = {
    "influencer_segments": (0.12, 0.10, 0.13, 0.54),
    "top_influencers": (0.14, 0.13, 0.28, 0.14),
    "user_segments": (0.06, 0.05, 0.05, 0.05),
    "balanced_segments": (0.78, 0.78, 0.68, 0.63),
}


def by_persona(segments: Segments, column: str) -> dict[str, float]:
    """Return a column of the stability by the name of the cluster."""
    names = segments.summaries.set_index("cluster")["persona"]
    return {names[row["cluster"]]: row[column] for row in segments.stability.to_dict("records")}


def by_k(segments: Segments, measure: str) -> dict[int, float]:
    """Return the values of a measure with one value for each k."""
    rows = segments.stability_runs.query("measure == @measure").to_dict("records")
    return {row["k"]: row["value"] for row in rows}


def agreement(segments: Segments) -> list[float]:
    """Return the adjusted Rand index of each seed with the kept fit."""
    found: list[float] = segments.stability_runs.query("measure == 'adjusted_rand_index'")["value"].tolist()
    return found


@pytest.mark.parametrize("study", JACCARDS)
def test_the_bootstrap_jaccard_of_each_persona(study: str, run: Run) -> None:
    found = by_persona(run(study, FILES[study]), "jaccard")
    assert found.keys() == JACCARDS[study].keys()
    for persona, (value, within) in JACCARDS[study].items():
        assert found[persona] == pytest.approx(value, abs=within), persona


def test_a_single_account_is_found_only_in_draws_that_have_it(run: Run) -> None:
    shares = by_persona(run("user_segments", SPREADSHEET), "share_of_draws")
    for persona in ("Platform Giants", "Emerging Influencers"):
        assert 0.25 <= 1.0 - shares[persona] <= 0.45
    assert {shares[persona] for persona in ("Active and Engaged Users", "Highly Engaged Niche Creators")} == {1.0}


@pytest.mark.parametrize("study", VERDICTS)
def test_the_verdict_of_each_persona(study: str, run: Run) -> None:
    found = run(study, FILES[study]).summaries.set_index("persona")["verdict"]
    assert found[list(VERDICTS[study])].to_dict() == VERDICTS[study]


def test_seeds_agree_on_stable_segments(run: Run) -> None:
    influencers = agreement(run("influencer_segments", PROFILES))
    assert len(influencers) == 20
    assert 0.805 - 0.07 <= sum(influencers) / 20 <= 0.87 + 0.07
    assert min(influencers) == pytest.approx(0.606, abs=0.05)
    balanced = agreement(run("balanced_segments", PROFILES))
    assert sum(balanced) / 20 == pytest.approx(0.998, abs=0.002)
    assert agreement(run("creator_archetypes", ACTIVITY)) == pytest.approx([1.0] * 20)


def test_ten_seeds_of_a_single_start_give_different_inertia(run: Run) -> None:
    """The kept inertia is 1998.39; with one start another seed can end a fifth above it."""
    runs = run("influencer_segments", PROFILES).stability_runs.query("measure == 'inertia'")["value"]
    assert len(runs) == 10
    assert runs.min() >= 1_998.0
    assert runs.max() > 1.2 * runs.min()
    stable = run("creator_archetypes", ACTIVITY).stability_runs.query("measure == 'inertia'")["value"]
    assert stable.tolist() == pytest.approx([364.9] * 10, abs=0.06)


def test_four_is_the_largest_k_with_stable_and_large_segments(run: Run) -> None:
    balanced = run("balanced_segments", PROFILES)
    assert by_k(balanced, "smallest_cluster") == {2: 441, 3: 225, 4: 146, 5: 141, 6: 111}
    worst = by_k(balanced, "worst_jaccard")
    assert list(worst) == [2, 3, 4, 5, 6]
    assert list(worst.values()) == pytest.approx(
        [0.99, 0.94, balanced.stability["jaccard_cold"].min(), 0.87, 0.58], abs=0.1
    )


@pytest.mark.parametrize("study", EXPLAINED)
def test_eta_squared_of_each_study(study: str, run: Run) -> None:
    fits = run(study, FILES[study]).fits.set_index("statistic")["value"]
    names = ("followers", "likes", "videos_count", "avg_engagement_rate")
    found = [fits[f"eta_squared_{name}"] for name in names]
    assert found == pytest.approx(list(EXPLAINED[study]), abs=0.01)


@pytest.mark.parametrize(
    ("feature", "skewness"), [("engagement_index", -0.405783), ("monetization_maturity", 0.549969)]
)
def test_the_features_of_creator_archetypes_pass_the_rule_of_skewness_but_are_not_normal(
    feature: str, skewness: float, activity_statistics: dict[tuple[str, str], float]
) -> None:
    assert activity_statistics[feature, "skewness"] == pytest.approx(skewness, abs=5e-7)
    assert activity_statistics[feature, "is_skewness_within_1"] == 1.0
    assert activity_statistics[feature, "normality_p"] < 1e-6
