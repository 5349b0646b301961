"""Figures of the classifiers: the title states what the tables hold, and no rows break a figure."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from tiktok_pipeline.plots import classifiers as classifier_plots
from tiktok_pipeline.plots.render import png, svg

FOREST, LOGISTIC, NETWORK = "random_forest", "logistic_regression", "neural_network"
NAIVE, SCORED_BY = ["with_rates"], ("clean_set", LOGISTIC)
RUN = ["model", "protocol", "feature_set"]
PUBLISHED = (NETWORK, "published", "published")
MENDED = (NETWORK, "mended", "published")
LEAKING = (LOGISTIC, "honest", "with_rates")
SCORING = (LOGISTIC, "honest", "clean_set")
RICHER = (FOREST, "honest", "ratios")
DUMMY = ("dummy", "honest", "clean_set")
IMPORTANCES = pd.DataFrame(
    [
        ("", "published", "all", "likes", "mutual_information", 0.4, None),
        ("", "published", "all", "videos_count", "mutual_information", 0.001, None),
        (*PUBLISHED, "like_engagement_rate", "permutation", 0.3, 0.01),
        (*PUBLISHED, "followers", "permutation", 0.1, 0.01),
        (*PUBLISHED, "following", "impurity", 0.7, None),
        (*MENDED, "videos_count", "permutation", 0.5, 0.01),
        (*SCORING, "likes", "permutation", 0.2, 0.05),
        (*SCORING, "videos_count", "permutation", -0.01, 0.02),
    ],
    columns=[*RUN, "feature", "method", "importance", "std"],
)
CONFUSION = pd.DataFrame(
    [
        (*run, actual, predicted, count)
        for run, counts in (
            (RICHER, (70, 30, 20, 20)), (DUMMY, (0, 100, 0, 40)), (LEAKING, (99, 1, 1, 39)),
            (SCORING, (80, 20, 10, 30)), (MENDED, (96, 4, 4, 36)), (PUBLISHED, (95, 5, 2, 38)),
        )
        for (actual, predicted), count in zip(
            ((False, False), (False, True), (True, False), (True, True)), counts, strict=True
        )
    ],
    columns=[*RUN, "actual", "predicted", "profiles"],
)  # fmt: skip
STEPS = np.linspace(0, 1, 11)
CURVES = pd.DataFrame(
    [
        (*run, curve, None, x, y)
        for run, height in ((SCORING, 0.5), (RICHER, 0.7), (LEAKING, 1.0), (MENDED, 0.8), (PUBLISHED, 0.9))
        for x in STEPS
        for curve, y in (
            ("precision_recall", height * (1 - x / 4)), ("precision", height * (3 + x) / 4), ("recall", 1 - x),
            ("f1", height * (1 - abs(x - 0.3))), ("calibration", max(x - 0.1, 0)),
        )
    ],
    columns=[*RUN, "curve", "threshold", "x", "y"],
)  # fmt: skip
"""The points of the thresholds are on the precision-recall curve: precision h (3 + t) / 4 at recall 1 - t."""
METRICS = pd.DataFrame(
    [
        (*SCORING, "average_precision", 0.55, 0.05),
        (*PUBLISHED, "average_precision", 0.97, None),
        (*RICHER, "average_precision", 0.62, 0.05),
        (*LEAKING, "average_precision", 0.994, 0.01),
        (*MENDED, "average_precision", 0.96, 0.01),
        (*DUMMY, "average_precision", 0.1, 0.0),
        (*SCORING, "threshold", 0.5, None),
        (*PUBLISHED, "threshold", 0.3, None),
        (*SCORING, "f1", 0.4, None),
    ],
    columns=[*RUN, "metric", "value", "std"],
)
LIKE: dict[str, Any] = {"naive": NAIVE, "scored_by": SCORED_BY}
DRAWN: dict[str, Callable[..., Figure]] = {
    "mutual_information": classifier_plots.plot_mutual_information,
    "importances": partial(classifier_plots.plot_importances, scored_by=SCORED_BY),
    "confusions": partial(classifier_plots.plot_confusions, **LIKE),
    "precision_recall": partial(classifier_plots.plot_precision_recall, **LIKE),
    "thresholds": partial(classifier_plots.plot_thresholds, **LIKE),
    "calibration": partial(classifier_plots.plot_calibration, **LIKE),
    "average_precision": partial(
        classifier_plots.plot_average_precision, naive=NAIVE, headline=("ratios", "random_forest")
    ),
}
TABLES = {
    "mutual_information": [IMPORTANCES],
    "importances": [IMPORTANCES],
    "confusions": [CONFUSION],
    "precision_recall": [CURVES],
    "thresholds": [CURVES, METRICS],
    "calibration": [CURVES],
    "average_precision": [METRICS],
}


def every(frame: pd.DataFrame) -> pd.DataFrame:
    return frame


def of(*runs: tuple[str, str, str]) -> Callable[[pd.DataFrame], pd.DataFrame]:
    """Select the rows of these runs."""
    return lambda frame: frame[[run in runs for run in frame[RUN].itertuples(index=False, name=None)]]


def without(*runs: tuple[str, str, str]) -> Callable[[pd.DataFrame], pd.DataFrame]:
    return lambda frame: frame[[run not in runs for run in frame[RUN].itertuples(index=False, name=None)]]


def drawn(name: str, keep: Callable[[pd.DataFrame], pd.DataFrame] = every) -> Figure:
    return DRAWN[name](*(keep(table) for table in TABLES[name]))


def title(figure: Figure) -> str:
    """Return the title of a figure that can be rendered."""
    assert svg(figure, "x").startswith("<svg ")
    return str(figure.get_label())


def legend_texts(figure: Figure) -> list[str]:
    legends = [*figure.legends, *(legend for axes in figure.axes if (legend := axes.get_legend()))]
    return [text.get_text() for legend in legends for text in legend.get_texts()]


ONLY_PUBLISHED, ONLY_HONEST = of(PUBLISHED), of(SCORING, RICHER)
NOT_SCORING, ONLY_MENDED = without(SCORING), of(MENDED)


@pytest.mark.parametrize(
    ("name", "keep", "expected"),
    [
        ("mutual_information", every, "Most informative feature: likes (0.4 nats); 1 of 2 reveals nothing"),
        ("importances", every, "The published model relies most on like rate; the one that scores creators on likes"),
        ("importances", ONLY_PUBLISHED, "The published model relies most on like rate"),
        ("importances", of(SCORING), "The model that scores creators relies most on likes"),
        ("importances", ONLY_MENDED, "Neural network · published, mended relies most on videos"),
        (
            "confusions",
            every,
            (
                "Logistic regression (clean set) finds 75% of the positives, and 60% of its predictions are right; "
                "published: 95% and 88%"
            ),
        ),
        (
            "confusions",
            NOT_SCORING,
            (
                "Random forest (ratios) finds 50% of the positives, and 40% of its predictions are right; "
                "published: 95% and 88%"
            ),
        ),
        (
            "confusions",
            ONLY_PUBLISHED,
            (
                "Neural network (published) finds 95% of the positives, and 88% of its predictions are right, "
                "but with features that reveal the label"
            ),
        ),
        (
            "confusions",
            ONLY_HONEST,
            "Logistic regression (clean set) finds 75% of the positives, and 60% of its predictions are right",
        ),
        (
            "precision_recall",
            every,
            "At 80% recall, 40% of the predictions are right (logistic regression, clean set)",
        ),
        ("precision_recall", NOT_SCORING, "At 80% recall, 56% of the predictions are right (random forest, ratios)"),
        (
            "precision_recall",
            ONLY_PUBLISHED,
            (
                "At 80% recall, 72% of the predictions are right, but with features that reveal the label "
                "(neural network, published)"
            ),
        ),
        (
            "thresholds",
            every,
            (
                "The chosen threshold, 0.50, gives F1 0.40; the best would be 0.50, at 0.30 "
                "(logistic regression, clean set)"
            ),
        ),
        (
            "thresholds",
            ONLY_PUBLISHED,
            "The chosen threshold, 0.30, gives F1 0.90, as good as any (neural network, published)",
        ),
        ("thresholds", NOT_SCORING, "The best F1 is 0.70, at a threshold of 0.30 (random forest, ratios)"),
        (
            "calibration",
            every,
            "Scores are off by 9.1 percentage points on average, mostly too high (logistic regression, clean set)",
        ),
        (
            "calibration",
            NOT_SCORING,
            "Scores are off by 9.1 percentage points on average, mostly too high (random forest, ratios)",
        ),
        (
            "calibration",
            ONLY_PUBLISHED,
            "Nothing to show: no honest model has a calibration curve.",
        ),
        (
            "average_precision",
            every,
            "With leaks up to 0.99; without leaks random forest 0.62 (ratios), guessing 0.10",
        ),
        ("average_precision", ONLY_PUBLISHED, "With leaks up to 0.97; every set of features gives the label away"),
        ("average_precision", ONLY_HONEST, "Without leaks random forest 0.62 (ratios)"),
        ("average_precision", of(DUMMY), "Nothing to show: no model has an average precision."),
    ],
)
def test_the_title_states_what_the_table_holds(
    name: str, keep: Callable[[pd.DataFrame], pd.DataFrame], expected: str
) -> None:
    assert title(drawn(name, keep)) == expected


def test_only_the_given_sets_leak_whatever_their_names_are() -> None:
    renamed = METRICS.replace({"with_rates": "honest", "clean_set": "naive_with_leak"})
    expected = "With leaks up to 0.99; without leaks random forest 0.62 (ratios), guessing 0.10"
    assert (
        title(
            classifier_plots.plot_average_precision(renamed, naive=["honest"], headline=("ratios", "random_forest"))
        )
        == expected
    )
    expected = "With leaks up to 0.97, guessing 0.10"
    assert title(classifier_plots.plot_average_precision(renamed, naive=[])) == expected


def test_there_is_one_bar_per_run_leaking_ones_on_top_sorted_by_value() -> None:
    axes = drawn("average_precision").axes[0]
    ticks = sorted(zip(axes.get_yticks(), axes.get_yticklabels(), strict=True), key=lambda tick: -tick[0])
    assert [text.get_text() for _, text in ticks] == [
        "logistic regression · with rates",
        "neural network · published",
        "neural network · published, mended",
        "random forest · ratios",
        "logistic regression · clean set",
    ]
    bars = [bar for bar in axes.patches if isinstance(bar, Rectangle)]
    assert [round(bar.get_width(), 3) for bar in bars] == [0.994, 0.97, 0.96, 0.62, 0.55]
    assert len({bar.get_facecolor() for bar in bars[:3]}) == len({bar.get_facecolor() for bar in bars[3:]}) == 1
    assert bars[0].get_facecolor() != bars[3].get_facecolor()
    assert [text.get_text() for text in axes.texts] == ["0.99", "0.97", "0.96", "0.62", "0.55"]
    assert legend_texts(drawn("average_precision")) == [
        "guessing: 0.10",
        "with features that reveal the label",
        "without features that reveal the label",
    ]


def test_impurity_and_permutation_have_a_panel_each_also_of_the_scoring_model() -> None:
    figure = drawn("importances")
    assert [axes.get_title("left") for axes in figure.axes] == [
        "neural network\npublished",
        "neural network\npublished",
        "logistic regression\nclean set",
        "neural network\npublished, mended",
    ]
    units = [axes.get_xlabel() for axes in figure.axes]
    assert units == ["impurity (share)", *["loss of F1 when shuffled"] * 3]
    assert [text.get_text() for text in figure.axes[1].get_yticklabels()] == ["like rate", "followers"]


def test_published_mended_and_scoring_matrices_come_first_without_the_baseline() -> None:
    headings = [axes.get_title("left") for axes in drawn("confusions").axes if axes.get_visible()]
    assert headings == [
        "neural network\npublished",
        "neural network\npublished, mended",
        "logistic regression\nclean set",
        "random forest\nratios",
        "logistic regression\nwith rates",
    ]


def test_a_confusion_matrix_has_labels_down_and_predictions_across() -> None:
    cells = {text.get_position(): text.get_text() for text in drawn("confusions").axes[2].texts}
    assert cells == {(0, 0): "80", (1, 0): "20", (0, 1): "10", (1, 1): "30"}


def test_at_most_six_matrices_and_four_lines_with_the_best_of_each_set() -> None:
    squares = pd.concat([CONFUSION.assign(feature_set=f"set {number}") for number in range(9)])
    assert len([axes for axes in DRAWN["confusions"](squares).axes if axes.get_visible()]) == 6
    better = of(PUBLISHED)(CURVES).assign(protocol="honest", feature_set="clean_set")
    curves = [CURVES, *(better.assign(model=f"model {number}") for number in range(5))]
    lines = DRAWN["precision_recall"](pd.concat(curves)).axes[1].lines
    assert [line.get_label() for line in lines] == [
        "logistic regression · clean set",
        "random forest · ratios",
        "model 0 · clean set",
        "model 1 · clean set",
    ]
    assert len(DRAWN["calibration"](pd.concat(curves)).axes[0].lines) == 1 + 4


def test_the_scoring_model_is_the_thick_blue_line_in_both_figures_apart_from_leaks() -> None:
    leaking, honest = drawn("precision_recall").axes
    assert [line.get_label() for line in leaking.lines] == [
        "neural network · published",
        "neural network · published, mended",
        "logistic regression · with rates",
    ]
    calibration = drawn("calibration").axes[0].lines[1:]
    for lines in (honest.lines, calibration):
        assert [line.get_label() for line in lines] == ["logistic regression · clean set", "random forest · ratios"]
        assert lines[0].get_linewidth() > lines[1].get_linewidth()
        assert {line.get_marker() for line in lines} == {"None"}
    assert [line.get_color() for line in honest.lines] == [line.get_color() for line in calibration]
    assert not {line.get_color() for line in leaking.lines} & {line.get_color() for line in honest.lines}
    assert max(line.get_linewidth() for line in leaking.lines) < honest.lines[0].get_linewidth()


def test_a_coarse_curve_gets_the_points_of_the_thresholds_tried() -> None:
    """Its two points alone would give 50% at a recall of 0.8."""
    coarse = pd.DataFrame(
        [
            (*SCORING, curve, None, x, y)
            for curve, x, y in (
                ("precision_recall", 0.6, 0.6), ("precision_recall", 1.0, 0.4),
                ("precision", 0.5, 0.7), ("recall", 0.5, 0.8), ("precision", 0.9, 0.0), ("recall", 0.9, 0.0),
            )
        ],
        columns=CURVES.columns,
    )  # fmt: skip
    figure = DRAWN["precision_recall"](coarse)
    assert title(figure).startswith("At 80% recall, 70% of the predictions are right")
    assert list(np.asarray(figure.axes[0].lines[0].get_xdata())) == [0.6, 0.8, 1.0], (
        "without predictions there is no precision"
    )
    short_of_it = coarse[coarse["x"] < 0.6].assign(curve="precision_recall").head(1)
    assert title(DRAWN["precision_recall"](short_of_it)).startswith("At 50% recall, 70% of the predictions")


def test_thresholds_show_the_scoring_and_the_published_model_with_their_marks() -> None:
    scoring, published = drawn("thresholds").axes
    assert scoring.get_title("left") == "logistic regression · clean set\nchosen threshold 0.50"
    assert published.get_title("left") == "neural network · published\nchosen threshold 0.30"
    assert [np.asarray(line.get_xdata())[0] for axes in (scoring, published) for line in axes.lines[3:]] == [0.5, 0.3]
    assert legend_texts(drawn("thresholds")) == ["F1", "precision", "recall", "chosen threshold"]
    naive = drawn("thresholds", without(PUBLISHED, MENDED)).axes[1]
    assert naive.get_title("left") == "logistic regression · with rates\nno chosen threshold"


@pytest.mark.parametrize("name", DRAWN)
def test_without_rows_a_figure_says_so(name: str) -> None:
    assert title(drawn(name, lambda frame: frame.head(0))).startswith("Nothing to show: ")
    empty = [pd.DataFrame(columns=table.columns) for table in TABLES[name]]
    assert title(DRAWN[name](*empty)).startswith("Nothing to show: ")


@pytest.mark.parametrize("name", DRAWN)
def test_every_single_row_is_drawn(name: str) -> None:
    """One row of each run and curve, so that there are curves of one point."""
    first = TABLES[name][0]
    groups = [column for column in (*RUN, "curve", "method", "metric") if column in first.columns]
    for place in first.drop_duplicates(groups).index:
        assert title(DRAWN[name](first.loc[[place]], *TABLES[name][1:]))


@pytest.mark.parametrize("name", DRAWN)
@pytest.mark.parametrize("keep", [ONLY_PUBLISHED, ONLY_MENDED, ONLY_HONEST, NOT_SCORING, of(LEAKING)])
def test_some_runs_alone_are_drawn(name: str, keep: Callable[[pd.DataFrame], pd.DataFrame]) -> None:
    assert title(drawn(name, keep))


@pytest.mark.parametrize("name", ["$x_1$ <b> " * 9, "模特_\x1b[31m" * 9])
def test_no_name_breaks_a_figure(name: str) -> None:
    for plot, tables in TABLES.items():
        for changed in (["feature_set"], ["model"], ["feature_set", "model", "feature"]):
            named = [
                table.assign(**{column: name for column in changed if column in table.columns}) for table in tables
            ]
            figure = DRAWN[plot](*named)
            assert title(figure)
        assert png(figure).startswith(b"\x89PNG")  # all columns changed


def test_missing_numbers_are_left_out() -> None:
    assert "nothing" in title(DRAWN["average_precision"](METRICS.assign(value=None))).lower()
    holes = METRICS.assign(value=METRICS["value"].where(METRICS["model"] != FOREST))
    assert "random forest" not in title(DRAWN["average_precision"](holes))
