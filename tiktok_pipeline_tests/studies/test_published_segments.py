"""The published results of the other segmentations, on the real files: sizes, means, inertia and silhouette."""

from __future__ import annotations

import pandas as pd
import pytest

from tiktok_pipeline.analysis.run_study import Segments
from tiktok_pipeline_tests.studies.real import ACTIVITY, PROFILES, SPREADSHEET, Run

# study, file: cluster, persona, profiles, means of the study's features to the digits given
TABLES: dict[tuple[str, str], list[tuple[int, str, int, dict[str, float]]]] = {
    ("user_segments", SPREADSHEET): [
        (
            0,
            "Active and Engaged Users",
            973,
            {
                "followers": 62459.13,
                "comment_engagement_rate": 0.012377,
                "like_engagement_rate": 0.303972,
                "likes": 1223392,
                "videos_count": 262.73,
            },
        ),
        (
            1,
            "Platform Giants",
            1,
            {
                "followers": 14500000,
                "comment_engagement_rate": 0.000065,
                "like_engagement_rate": 0.008058,
                "likes": 863500000,
                "videos_count": 2333,
            },
        ),
        (
            2,
            "Emerging Influencers",
            1,
            {
                "followers": 10500000,
                "comment_engagement_rate": 0.000047,
                "like_engagement_rate": 0.010866,
                "likes": 347000000,
                "videos_count": 847,
            },
        ),
        (
            3,
            "Established Content Creators",
            10,
            {
                "followers": 2730000,
                "comment_engagement_rate": 0.000311,
                "like_engagement_rate": 0.043198,
                "likes": 97000000,
                "videos_count": 1306.7,
            },
        ),
        (
            4,
            "Highly Engaged Niche Creators",
            15,
            {
                "followers": 943.2,
                "comment_engagement_rate": 0.968161,
                "like_engagement_rate": 16.009867,
                "likes": 61686.47,
                "videos_count": 4.133,
            },
        ),
    ],
    ("creator_archetypes", ACTIVITY): [
        (0, "Steady Hobbyists", 312, {"engagement_index": 59.95, "monetization_maturity": 19.77}),
        (1, "Niche Experts", 398, {"engagement_index": 39.27, "monetization_maturity": 65.26}),
        (2, "The Power Stars", 600, {"engagement_index": 79.62, "monetization_maturity": 85.02}),
        (3, "Inactive/Casual", 499, {"engagement_index": 23.92, "monetization_maturity": 24.96}),
        (4, "Growth Engines", 791, {"engagement_index": 89.26, "monetization_maturity": 19.96}),
    ],
}
INERTIA_BY_K = {
    ("user_segments", PROFILES): [
        2090503.0, 1341043.0, 839096.6, 551388.7, 385574.2, 310071.6, 233021.5, 187482.1, 158473.0
    ],
    ("creator_archetypes", ACTIVITY): [2894.5, 1098.5, 593.6, 364.9, 326.9, 294.8, 270.1, 246.3, 225.1],
}  # fmt: skip
SILHOUETTES = {
    ("user_segments", PROFILES): 0.927,
    ("creator_archetypes", ACTIVITY): 0.6275,
    ("top_influencers", PROFILES): 0.59799,
    ("balanced_segments", PROFILES): 0.348,
}


def means_of(result: Segments) -> pd.DataFrame:
    return result.persona_features.query("base == 'fitted'").pivot_table(
        index="persona", columns="feature", values="mean"
    )


@pytest.mark.real_data
@pytest.mark.parametrize(("study", "file"), TABLES)
def test_numbers_names_and_sizes_are_as_published(study: str, file: str, run: Run) -> None:
    found = run(study, file).summaries.sort_values("cluster")[["cluster", "persona", "profiles"]]
    assert found.to_numpy().tolist() == [list(row[:3]) for row in TABLES[study, file]]


@pytest.mark.real_data
@pytest.mark.parametrize(("study", "file"), TABLES)
def test_means_are_as_published(study: str, file: str, run: Run) -> None:
    means = means_of(run(study, file))
    for _, persona, _, published in TABLES[study, file]:
        for name, value in published.items():
            assert means.loc[persona, name] == pytest.approx(value, rel=3e-4, abs=6e-7), (persona, name)


@pytest.mark.real_data
@pytest.mark.parametrize(("study", "file"), INERTIA_BY_K)
def test_inertia_by_k_is_as_published(study: str, file: str, run: Run) -> None:
    scores = run(study, file).k_scores
    assert scores["k"].tolist() == list(range(2, 11))
    assert scores["inertia"].tolist() == pytest.approx(INERTIA_BY_K[study, file], abs=0.06)


@pytest.mark.real_data
@pytest.mark.parametrize(("study", "file"), SILHOUETTES)
def test_silhouette_is_as_published(study: str, file: str, run: Run) -> None:
    fits = run(study, file).fits.set_index("statistic")["value"]
    digits = len(str(SILHOUETTES[study, file]).partition(".")[2])
    assert round(fits["silhouette"], digits) == SILHOUETTES[study, file]


@pytest.mark.real_data
def test_the_inferred_clustering_of_top_influencers_has_the_published_sizes(run: Run) -> None:
    assert run("top_influencers", PROFILES).summaries["profiles"].tolist() == [815, 92, 87, 4, 2]


@pytest.mark.real_data
def test_the_silhouette_of_creator_archetypes_is_best_at_four(run: Run) -> None:
    scores = run("creator_archetypes", ACTIVITY).k_scores.set_index("k")
    assert scores.index[scores["is_best_silhouette"]].tolist() == [4]
    assert scores.index[scores["is_chosen"]].tolist() == [5]
    assert "silhouette is highest at 4" in scores["reason"].iloc[0]


@pytest.mark.real_data
def test_balanced_segments_have_the_documented_sizes(run: Run) -> None:
    result = run("balanced_segments", PROFILES)
    medians = result.persona_features.query("base == 'fitted'").pivot_table(
        index="persona", columns="feature", values="median"
    )
    found = {row["persona"]: row["profiles"] for row in result.summaries.to_dict("records")}
    assert found == {"Starters": 183, "Everyday Posters": 313, "Breakouts": 146, "Established Reach": 358}
    assert medians["followers"].round().to_dict() == {
        "Starters": 82,
        "Everyday Posters": 1426,
        "Breakouts": 12050,
        "Established Reach": 61350,
    }
    fits = result.fits.set_index("statistic")["value"]
    names = ("log_followers", "log_likes", "log_videos_count", "log_engagement_percent")
    assert [round(fits[f"eta_squared_{name}"], 2) for name in names] == [0.78, 0.78, 0.68, 0.63]
