"""Figures of the segments and their stability: true titles, steady colors, no rows or names break a figure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import PathCollection
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from tiktok_pipeline.plots import persona_profiles, segments, stability
from tiktok_pipeline.plots.render import png, svg
from tiktok_pipeline.plots.style import COLORS

RANDOM = np.random.default_rng(4)
KNOWN = ["small", "large", "famous"]
NAMES = {0: "famous", 1: "small", 2: "large"}
SCORES = pd.DataFrame(
    {
        "k": [2, 3, 4, 5],
        "inertia": [9.0, 5.0, 4.0, 3.9],
        "silhouette": [0.3, 0.5, 0.6, None],
        "is_elbow": [False, True, False, False],
        "is_best_silhouette": [False, False, True, False],
        "is_chosen": [False, False, False, True],
        "reason": "",
    }
)
POINTS = pd.DataFrame(
    {
        "followers": np.tile([1e6, 100.0, 9e3], 20) * RANDOM.uniform(0.9, 1.1, 60),
        "avg_engagement_rate": np.tile([0.01, 0.2, 0.05], 20),
        "cluster": np.tile([0, 1, 2], 20),
    }
)
SILHOUETTES = pd.DataFrame({"cluster": np.tile([0, 1, 2], 20), "silhouette": np.tile([0.9, 0.5, -0.1], 20)})
STABILITY = pd.DataFrame(
    {
        "cluster": [0, 1, 2],
        "jaccard": [0.9, 0.5, None],
        "standard_error": [0.01, 0.02, None],
        "profiles": [20, 30, 1],
        "verdict": ["stable", "unstable", "too small"],
    }
)
FEATURES = pd.DataFrame(
    [
        (name, base, feature, value)
        for base, factor in (("fitted", 1.0), ("all", 99.0))
        for name, values in (("small", (-0.9, 0.1)), ("large", (0.5, -0.2)), ("famous", (8.0, None)))
        for feature, value in zip(
            ("likes", "videos_count"), [value and value * factor for value in values], strict=True
        )
    ],
    columns=["persona", "base", "feature", "relative_median"],
)
CENTROIDS = pd.DataFrame(
    {"cluster": [0, 1, 2], "followers": [1e6, 100.0, 9e3], "avg_engagement_rate": [0.01, 0.2, 0.05]}
)


def runs(measure: str, values: dict[int, list[float]]) -> pd.DataFrame:
    rows = [(measure, k, seed, value) for k, each in values.items() for seed, value in enumerate(each)]
    return pd.DataFrame(rows, columns=["measure", "k", "seed", "value"])


RUNS = pd.concat(
    [
        runs("worst_jaccard", {2: [0.9, 0.9], 3: [0.5, 0.7]}),
        runs("smallest_cluster", {2: [40, 44], 3: [9, 7]}),
        runs("single_start_rand_index", {3: [1.0, 0.95]}),
        runs("inertia", {3: [100.0, 102.0]}),
    ]
)


def title(figure: Figure) -> str:
    """Return the title of a figure that can be rendered."""
    assert svg(figure, "x").startswith("<svg ")
    return str(figure.get_label())


def colors(figure: Figure) -> dict[str, str]:
    """Return the color of each text of the legends, without its count."""
    by_text = {}
    for legend in figure.legends:
        for text, handle in zip(legend.get_texts(), legend.legend_handles, strict=True):
            assert isinstance(handle, Line2D | PathCollection)
            color: Any = handle.get_color() if isinstance(handle, Line2D) else handle.get_facecolor()
            if isinstance(handle, PathCollection):
                color = color[0][:3]
            by_text[text.get_text().partition(" (")[0]] = to_hex(color).upper()
    return by_text


def test_k_scores_name_the_choice_of_the_study_and_the_best() -> None:
    figure = stability.plot_k_scores(SCORES, "user_segments")
    assert title(figure) == "User segments: highest silhouette at k = 4, elbow at 3, the study uses 5"
    unmarked = SCORES.assign(is_elbow=False, is_best_silhouette=False, is_chosen=False, silhouette=None)
    assert title(stability.plot_k_scores(unmarked, "s")) == "S: no k is marked"


def test_stability_by_k_names_the_chosen_and_the_best_k() -> None:
    words = title(stability.plot_stability_by_k(RUNS, 3))
    assert words == "At k = 3 the least stable segment has a Jaccard of 0.60; highest at k = 2 (0.90)"


def test_seeds_agree_or_not() -> None:
    same = title(stability.plot_seeds(RUNS))
    assert same == (
        "Other seeds find the same segments, each with one start: adjusted Rand index at least 0.95; "
        "inertia with the study's starts differs by up to 2%"
    )
    apart = title(stability.plot_seeds(runs("single_start_rand_index", {3: [1.0, 0.3]})))
    assert apart.startswith("Some seeds find other segments with one start: 1 of 2 has an adjusted Rand index below")
    # What the study's ten starts agree on says nothing about a single one.
    assert "seeds" not in title(stability.plot_seeds(RUNS[RUNS["measure"] == "inertia"]))


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ([1.0, 1.0], "adjusted Rand index 1 for each"),
        ([1.0, 1.0 - 1e-12], "adjusted Rand index 1 for each"),
        ([1.0, 0.9999], "adjusted Rand index at least 0.99"),
        ([0.9, 1.0], "adjusted Rand index at least 0.90"),
        ([0.8999, 1.0], "1 of 2 has an adjusted Rand index below 0.9 (lowest 0.89)"),
        ([0.1, 0.2, 1.0], "2 of 3 have an adjusted Rand index below 0.9 (lowest 0.10)"),
    ],
)
def test_an_index_is_never_rounded_up(values: list[float], words: str) -> None:
    assert stability.seeds_finding(pd.Series(values)).endswith(words)


def test_plot_trust_counts_only_the_verdict_stable() -> None:
    figure = stability.plot_trust(STABILITY, NAMES, KNOWN)
    words = "1 of 3 segments is stable; not small (unstable), large (too small)"
    assert title(figure) == words
    bars = [to_hex(bar.get_facecolor()).upper() for bar in figure.axes[0].patches]
    assert bars == [COLORS[2], COLORS[0], COLORS[1]]
    assert any("too small, 1 profile" in text.get_text() for text in figure.axes[0].texts)


def test_plot_trust_does_not_count_a_segment_that_is_too_small_however_stable_it_is() -> None:
    # The verdicts of user_segments in a snapshot of the sample: four Jaccards reach 0.75, one segment is stable.
    rows = pd.DataFrame({"cluster": range(5), "jaccard": [1.0, 1.0, 0.98, 0.94, 0.69], "profiles": 100})
    rows["standard_error"] = 0.01
    rows["verdict"] = ["stable", *["too small"] * 4]
    assert title(stability.plot_trust(rows, {})).startswith("1 of 5 segments is stable; not cluster 1 (too small)")


def test_silhouettes_name_the_tightest_and_count_misplaced_profiles() -> None:
    words = title(segments.plot_silhouette(SILHOUETTES, NAMES, KNOWN))
    assert words.startswith("33% of the profiles are closer to another segment")
    assert words.endswith("tightest: famous (0.90), loosest: large (\u22120.10)")


def test_a_biplot_names_the_variance_and_the_components() -> None:
    wide, narrow = RANDOM.normal(0, 9, 60), RANDOM.normal(0, 1, 60)
    values = pd.DataFrame({"likes": wide, "followers": wide * 0.5, "videos_count": narrow, "following": 1.0})
    figure = segments.plot_biplot(values, POINTS["cluster"], NAMES, KNOWN)
    assert (
        title(figure) == "Two components explain 100% of the variance; the first is mostly likes, the second videos"
    )
    words = {text.get_text() for text in figure.axes[0].texts}
    assert {"likes", "followers", "videos"} <= words
    assert "following" not in words


def test_archetypes_are_named_at_their_centers() -> None:
    figure = segments.plot_archetypes(POINTS.drop(index=[0, 3]), CENTROIDS, NAMES, KNOWN)
    assert title(figure) == "Largest segment: large (34% of 58); highest engagement rate: small (0.2)"
    assert {text.get_text() for text in figure.axes[0].texts} == set(KNOWN)


def test_personas_name_the_widest_reach_and_the_highest_engagement() -> None:
    points = POINTS.assign(followers=POINTS["followers"].round(-1))
    words = title(segments.plot_personas(points, NAMES, "s", KNOWN))
    assert words.startswith("Widest reach: famous (median ")
    assert words.endswith("highest engagement rate: small (20%)")
    zeros = pd.concat([points, points.head(4).assign(followers=0)])
    assert "without 4 that have a zero" in segments.plot_personas(zeros, NAMES, "s", KNOWN).axes[0].get_xlabel()


def test_at_most_three_thousand_profiles_are_drawn() -> None:
    many = pd.concat([POINTS] * 200)
    figure = segments.plot_personas(many, NAMES, "s", KNOWN)
    dots = figure.axes[0].collections
    assert sum(len(np.asarray(layer.get_offsets())) for layer in dots) == 3_000
    assert all(layer.get_rasterized() for layer in dots)
    assert [text.get_text() for text in figure.legends[0].get_texts()] == [
        f"{name} (4,000)" for name in sorted(KNOWN)
    ]


def test_snake_and_heat_map_name_who_stands_out_among_the_fitted() -> None:
    for draw in (persona_profiles.plot_snake, persona_profiles.plot_relative_importance):
        assert title(draw(FEATURES, KNOWN)) == "Largest difference: small, likes 90% below the median"
        assert title(draw(FEATURES[FEATURES["persona"] == "small"], KNOWN)).endswith("likes 90% below the median")
    cells = {text.get_text() for text in persona_profiles.plot_relative_importance(FEATURES, KNOWN).axes[0].texts}
    assert {"+800", "\u221290", "+10", ""} <= cells


@pytest.mark.parametrize(
    ("relative", "expected"),
    [
        ({"likes": -0.4, "is_verified": -1.0}, "small, likes 40% below the median"),
        ({"likes": -0.4, "is_verified": 2.0}, "small, verified 3 times the share of all"),
        ({"likes": 0.001, "is_verified": -0.5}, "No persona stands out"),
    ],
)
def test_a_segment_without_badges_stands_out_last(relative: dict[str, float], expected: str) -> None:
    rows = {"persona": "small", "base": "fitted", "feature": list(relative), "relative_median": relative.values()}
    assert expected in title(persona_profiles.plot_snake(pd.DataFrame(rows)))


def test_a_persona_has_one_color_in_all_figures() -> None:
    wanted = dict(zip(KNOWN, COLORS, strict=False))
    values = POINTS[["followers", "avg_engagement_rate"]]
    assert colors(segments.plot_personas(POINTS, NAMES, "s", KNOWN)) == wanted
    assert colors(segments.plot_archetypes(POINTS, CENTROIDS, NAMES, KNOWN)) == wanted
    assert colors(segments.plot_biplot(values, POINTS["cluster"], NAMES, KNOWN)) == wanted
    assert colors(persona_profiles.plot_snake(FEATURES, KNOWN)) == wanted
    alone = segments.plot_personas(POINTS[POINTS["cluster"] == 2], {2: "large"}, "s", KNOWN)
    assert colors(alone) == {"large": COLORS[1]}


def drawn(names: dict[int, str], rows: Callable[[pd.DataFrame], pd.DataFrame]) -> dict[str, Callable[[], Figure]]:
    """Return every figure of these names, its rows passed through ``rows`` first."""
    renamed = {NAMES[key]: name for key, name in names.items() if key in NAMES}
    cut: dict[str, Any] = {
        "points": rows(POINTS), "silhouettes": rows(SILHOUETTES), "stability": rows(STABILITY),
        "features": rows(FEATURES.replace({"persona": renamed})),
    }  # fmt: skip
    known = list(names.values())
    return {
        "k_scores": lambda: stability.plot_k_scores(rows(SCORES), known[0]),
        "stability_by_k": lambda: stability.plot_stability_by_k(rows(RUNS), 3),
        "seeds": lambda: stability.plot_seeds(rows(RUNS[RUNS["measure"] == "inertia"])),
        "trust": lambda: stability.plot_trust(cut["stability"], names, known),
        "silhouettes": lambda: segments.plot_silhouette(cut["silhouettes"], names, known),
        "biplot": lambda: segments.plot_biplot(
            cut["points"].drop(columns="cluster"), cut["points"]["cluster"], names
        ),
        "archetypes": lambda: segments.plot_archetypes(cut["points"], rows(CENTROIDS), names, known),
        "personas": lambda: segments.plot_personas(cut["points"], names, known[0], known),
        "snake": lambda: persona_profiles.plot_snake(cut["features"], known),
        "relative_importance": lambda: persona_profiles.plot_relative_importance(cut["features"], known),
    }


FIGURES = list(drawn(NAMES, lambda rows: rows))
HOSTILE = {0: "$\\frac$ <b>_x_</b> " * 5, 1: "模特 создатель 😀" * 6, 2: "\x1b[31m\u202e$$\n\t"}


@pytest.mark.parametrize("name", FIGURES)
def test_without_rows_a_figure_says_so(name: str) -> None:
    assert title(drawn(NAMES, lambda rows: rows.iloc[:0])[name]()).startswith("Nothing to show: ")


@pytest.mark.parametrize("name", FIGURES)
def test_one_row_and_missing_numbers_are_drawn(name: str) -> None:
    assert title(drawn(NAMES, lambda rows: rows.head(1))[name]())
    assert title(
        drawn(NAMES, lambda rows: rows.astype(object).mask(rows.map(lambda value: isinstance(value, float))))[name]()
    )


@pytest.mark.parametrize("name", FIGURES)
def test_no_name_breaks_a_figure(name: str) -> None:
    figure = drawn(HOSTILE, lambda rows: rows)[name]()
    assert png(figure).startswith(b"\x89PNG")
    assert title(figure)
    assert "<b>" not in svg(figure, "x")


def test_twelve_personas_and_one_are_drawn() -> None:
    names = {number: f"A persona with a rather long name, number {number}" for number in range(12)}
    many = POINTS.assign(cluster=np.arange(60) % 12)
    features = pd.DataFrame({"persona": names.values(), "base": "fitted", "feature": "likes", "relative_median": 0.0})
    trust = pd.DataFrame({"cluster": range(12), "jaccard": 0.8, "profiles": 5, "verdict": "stable"})
    trust["standard_error"] = 0.01
    assert title(segments.plot_personas(many, names, "s"))
    assert title(segments.plot_silhouette(SILHOUETTES.assign(cluster=many["cluster"]), names))
    assert title(persona_profiles.plot_snake(features)) == "No persona stands out from the median"
    assert title(stability.plot_trust(trust, names)) == "12 of 12 segments are stable"
    alone = title(segments.plot_personas(POINTS.assign(cluster=0), {0: "all"}, "s"))
    assert alone.startswith("Widest reach and highest engagement rate: all")
