"""Figures of the profiles: the title states what is in the rows, and no rows break a figure."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from tiktok_pipeline.plots import distributions
from tiktok_pipeline.plots.render import svg

RANDOM = np.random.default_rng(4)
COUNT = 400
FOLLOWERS = np.exp(RANDOM.normal(8, 2, COUNT))
VIDEOS = np.exp(RANDOM.uniform(0, 7, COUNT)).round()
RATE = RANDOM.uniform(0.01, 0.2, COUNT)
SAMPLE = pd.DataFrame(
    {
        "followers": FOLLOWERS.round(),
        "following": RANDOM.integers(0, 50, COUNT),
        "likes": (FOLLOWERS * VIDEOS * 0.1).round(),
        "videos_count": VIDEOS,
        "avg_engagement_rate": RATE,
        "like_engagement_rate": RATE * 0.9,
        "comment_engagement_rate": RATE * 0.1,
    }
)
ACTIVITY = pd.DataFrame({"engagement_index": RANDOM.normal(60, 10, COUNT), "monetization_maturity": np.arange(COUNT)})
FEATURES = ["followers", "likes", "avg_engagement_rate"]


def statistics(sample: pd.DataFrame) -> pd.DataFrame:
    names = list(sample.columns)
    rows = [
        (
            name,
            other,
            statistic,
            sample[name].corr(sample[other])
            if statistic == "pearson"
            else sample[name].rank().corr(sample[other].rank()),
        )
        for statistic in ("pearson", "spearman")
        for place, name in enumerate(names)
        for other in names[place + 1 :]
    ]
    return pd.DataFrame(
        [*rows, ("likes", "", "mean", 3.0)], columns=["feature", "other_feature", "statistic", "value"]
    )


def title(figure: Figure) -> str:
    """Return the title of a figure that can be rendered."""
    assert svg(figure, "x").startswith("<svg ")
    return str(figure.get_label())


def headings(figure: Figure) -> list[str]:
    return [axes.get_title(loc="left") for axes in figure.axes]


def test_the_title_has_the_median_and_the_headings_the_zeros() -> None:
    sample = pd.DataFrame({"followers": [0, 10, 1_500, 2_000, 9e6], "following": [1, 2, 3, 4, None], "likes": 7})
    figure = distributions.plot_distributions(sample, "profiles")
    assert "at most 1,500 followers" in title(figure)
    assert headings(figure) == ["5 profiles, 1 zero", "4 profiles, 1 unknown", "5 profiles"]
    assert {axes.get_xscale() for axes in figure.axes} == {"log"}


def test_activity_is_drawn_on_linear_axes() -> None:
    figure = distributions.plot_distributions(ACTIVITY, "creator_activity")
    assert "Medians in points: engagement index 61.1, monetization 200" in title(figure)
    assert {axes.get_xscale() for axes in figure.axes} == {"linear"}


def test_engagement_is_in_percent() -> None:
    sample = SAMPLE.assign(avg_engagement_rate=0.08, like_engagement_rate=0.075, comment_engagement_rate=0.005)
    assert (
        title(distributions.plot_engagement(sample)) == "The median engagement rate is 8%: likes 7.5%, comments 0.5%"
    )


def test_the_strongest_pair_is_named_but_not_a_rate_with_its_parts() -> None:
    sample = SAMPLE.assign(likes=SAMPLE["followers"] * 10)
    assert (
        title(distributions.plot_correlations(statistics(sample)))
        == "Followers and likes rise together (Spearman 1.00)"
    )
    opposite = SAMPLE[["followers", "following"]].assign(following=-SAMPLE["followers"])
    assert "run against each other (Spearman \u22121.00)" in title(
        distributions.plot_correlations(statistics(opposite))
    )
    apart = SAMPLE[["followers", "following"]]
    assert title(distributions.plot_correlations(statistics(apart))).startswith("No features are clearly correlated")


def test_few_features_have_numbers_in_their_cells_and_constants_are_left_out() -> None:
    few = distributions.plot_correlations(statistics(SAMPLE))
    assert sum(len(axes.texts) for axes in few.axes) == 2 * 7 * 7
    rows = statistics(SAMPLE)
    rows.loc[(rows["feature"] == "likes") | (rows["other_feature"] == "likes"), "value"] = np.nan
    assert sum(len(axes.texts) for axes in distributions.plot_correlations(rows).axes) == 2 * 6 * 6
    many = pd.DataFrame(RANDOM.normal(size=(9, 17)), columns=[f"feature_{place}" for place in range(17)])
    figure = distributions.plot_correlations(statistics(many))
    assert not any(axes.texts for axes in figure.axes)
    assert np.asarray(figure.axes[0].images[0].get_array()).shape == (14, 14)


def test_features_that_look_normal_after_the_logarithm_are_named() -> None:
    logs = {"followers": "log1p", "likes": "log1p"}
    figure = distributions.plot_qq(SAMPLE, FEATURES[:2], logs, dict.fromkeys(FEATURES, 0.05))
    assert title(figure) == "After the logarithm, 2 of 2 features look normal"
    one_rejected = distributions.plot_qq(SAMPLE, FEATURES[:2], logs, {"followers": 0.049, "likes": 0.3})
    assert title(one_rejected) == "After the logarithm, 1 of 2 features look normal: likes"
    assert title(distributions.plot_qq(SAMPLE, FEATURES[:2], {})) == "Only scaled, none of 2 features looks normal"
    mixed = distributions.plot_qq(
        ACTIVITY.assign(likes=SAMPLE["likes"]), ["engagement_index", "likes"], {}, {"engagement_index": 0.5}
    )
    assert title(mixed) == "Only scaled, 1 of 2 features look normal: engagement index"


def test_a_symmetric_distribution_with_two_peaks_is_not_normal() -> None:
    humps = pd.DataFrame({"engagement_index": [*RANDOM.normal(-9, 1, 300), *RANDOM.normal(9, 1, 300)]})
    assert "none of 1" in title(distributions.plot_qq(humps, ["engagement_index"], {}))


@pytest.mark.parametrize(
    ("power", "text"), [(2.0, "the more likes per video"), (0.0, "hardly correlated"), (-1.0, "the fewer likes")]
)
def test_the_title_of_likes_per_video_follows_the_correlation(power: float, text: str) -> None:
    noise = np.exp(RANDOM.normal(0, 0.1, COUNT))
    likes = 1e6 * VIDEOS * (noise if power == 0 else FOLLOWERS**power)
    assert text in title(distributions.plot_likes_per_video(SAMPLE.assign(likes=likes)))


def test_points_are_capped_and_rasterized() -> None:
    many = pd.DataFrame({"followers": np.arange(1, 9_001), "likes": np.arange(1, 9_001), "videos_count": 1})
    dots = distributions.plot_likes_per_video(many).axes[0].collections[0]
    assert len(np.asarray(dots.get_offsets())) == 3_000
    assert dots.get_rasterized()


def test_the_peak_of_likes_is_named() -> None:
    sample = pd.DataFrame(
        {"videos_count": [1] * 20 + [40] * 20 + [900] * 20, "likes": [5] * 20 + [70_000] * 20 + [300] * 20}
    )
    assert title(distributions.plot_likes_by_videos(sample)) == "Median likes are highest at 32 to 63 videos: 70,000"


DRAWN: dict[str, Callable[[pd.DataFrame], Figure]] = {
    "distributions": lambda sample: distributions.plot_distributions(sample, "profiles"),
    "engagement": distributions.plot_engagement,
    "qq": lambda sample: distributions.plot_qq(sample, FEATURES, {"likes": "log1p"}),
    "likes_per_video": distributions.plot_likes_per_video,
    "likes_by_videos": distributions.plot_likes_by_videos,
    "correlations": lambda sample: distributions.plot_correlations(statistics(sample).assign(value=np.nan)),
}


@pytest.mark.parametrize("name", DRAWN)
def test_without_rows_a_figure_says_so(name: str) -> None:
    assert title(DRAWN[name](SAMPLE.iloc[:0])).startswith("Nothing to show: ")
    assert title(DRAWN[name](SAMPLE.astype(object).assign(**dict.fromkeys(map(str, SAMPLE), None)))).startswith(
        "Nothing to show: "
    )


@pytest.mark.parametrize("name", DRAWN)
@pytest.mark.parametrize(
    "sample", [SAMPLE.head(1), SAMPLE.head(2), SAMPLE.assign(**dict.fromkeys(map(str, SAMPLE), 3)), SAMPLE * 0]
)
def test_few_and_constant_rows_are_drawn(name: str, sample: pd.DataFrame) -> None:
    assert title(DRAWN[name](sample))
