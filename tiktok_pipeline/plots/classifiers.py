"""Figures of the classifiers: what reveals the label, what a model relies on, and how well each one does.

Frames are slices of the tables of stage ``classifiers``; `model_runs` explains ``naive`` and ``scored_by``. Where
models are compared, warm colors leak and blue is the scoring model.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from tiktok_pipeline.output.number_format import format_count, format_percent, format_short
from tiktok_pipeline.plots import style
from tiktok_pipeline.plots.model_runs import (
    HONEST,
    PUBLISHED,
    ModelRun,
    areas_below,
    confusion_cells,
    curve_points,
    f1_of,
    group_runs,
    precision_recall_points,
    split_runs,
    with_numbers,
    words,
)
from tiktok_pipeline.plots.style import (
    COLORS,
    capitalized,
    empty_figure,
    new_figure,
    set_title,
    short_label,
    shorten,
    style_axes,
    to_float_array,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_BUT_WITH_LEAKS = ", but with features that reveal the label"
_LEAKS, _HONEST_LABEL = "with features that reveal the label", "without features that reveal the label"
_LEAKING_COLORS = (COLORS[1], COLORS[4], COLORS[3], COLORS[7])
_HONEST_COLORS = (COLORS[0], COLORS[2], COLORS[7], COLORS[5])
_DASHES = ("-", "--", ":", "-.")
_BY_THRESHOLD = {"f1": (COLORS[2], "-"), "precision": (COLORS[0], "--"), "recall": (COLORS[1], ":")}
_MAX_FEATURES, _MAX_PANELS, _MAX_CONFUSIONS, _MAX_LINES = 12, 4, 6, 4
_TITLE_RECALL = 0.8
"""The title gives the precision at this recall."""


def plot_mutual_information(importances: pd.DataFrame) -> Figure:
    """Plot how much each feature alone reveals about the label, in nats.

    Parameters
    ----------
    importances : DataFrame
        A slice of ``classifiers.importances``; only rows with method ``mutual_information`` count.
    """
    rows = with_numbers(importances[importances["method"] == "mutual_information"], "importance")
    if rows.empty:
        return empty_figure("no feature was compared with the label.")
    # A feature may be in several sets; its value differs only by the rows that a set has.
    highest = (
        rows.groupby("feature")["number"].max().sort_index().sort_values(ascending=False, kind="stable").head(20)
    )
    figure = new_figure(height=1.1 + 0.22 * len(highest))
    axes = figure.subplots()
    _bars(axes, list(highest.index), highest.to_numpy(dtype=float), COLORS[0])
    style_axes(axes, "mutual information with the label (nats; 0: none)")
    axes.grid(visible=False, axis="y")
    uninformative = int((highest < 0.005).sum())
    title = f"Most informative feature: {short_label(str(highest.index[0]))} ({highest.iloc[0]:.2g} nats)"
    if uninformative:
        title += f"; {uninformative} of {len(highest)} reveal{'s' if uninformative == 1 else ''} nothing"
    return set_title(figure, title)


def plot_importances(importances: pd.DataFrame, *, scored_by: tuple[str, str]) -> Figure:
    """Plot what each model relies on: at most four panels of twelve features, one per run and method.

    Parameters
    ----------
    importances : DataFrame
        A slice of ``classifiers.importances`` with the methods ``impurity`` (a share) and ``permutation`` (the loss
        of F1 when the feature is shuffled, with its standard deviation).
    scored_by : tuple of str
        The (feature set, model) that scores creators. Its panels follow those of the published model.
    """
    rows = with_numbers(importances[importances["method"].isin(["impurity", "permutation"])], "importance")
    groups = [
        (method, run, group) for method, part in rows.groupby("method") for run, group in group_runs(part).items()
    ]
    if not groups:
        return empty_figure("no model has feature importances.")
    rank = {PUBLISHED: 0, "mended": 2}
    groups.sort(
        key=lambda entry: (1 if entry[1].scores(scored_by) else rank.get(entry[1].protocol, 3), entry[1], entry[0])
    )
    panels = groups[:_MAX_PANELS]
    longest = max(min(len(group), _MAX_FEATURES) for _, _, group in panels)
    down = -(-len(panels) // 2)
    figure = new_figure(height=0.6 + down * (0.9 + 0.17 * longest))
    grid = figure.subplots(down, min(2, len(panels)), squeeze=False).ravel()
    top_features: dict[ModelRun, str] = {}
    for axes, (method, run, group) in zip(grid, panels, strict=False):
        top = group.sort_values("number", ascending=False, kind="stable").head(_MAX_FEATURES)
        color = COLORS[0] if run.protocol == HONEST else COLORS[1]
        _bars(axes, list(top["feature"]), top["number"].to_numpy(dtype=float), color, to_float_array(top, "std"))
        unit = "impurity (share)" if method == "impurity" else "loss of F1 when shuffled"
        style_axes(axes, unit, "", f"{words(run.model)}\n{run.set_label}")
        axes.grid(visible=False, axis="y")
        # The permutation of a run follows its impurity, so it is the one that stays.
        top_features[run] = short_label(str(top["feature"].iloc[0])) if top["number"].iloc[0] > 0 else "nothing"
    for axes in grid[len(panels) :]:
        axes.set_visible(False)
    return set_title(figure, _importance_title(top_features, scored_by))


def _importance_title(top_features: dict[ModelRun, str], scored_by: tuple[str, str]) -> str:
    published = [feature for run, feature in top_features.items() if run.protocol == PUBLISHED]
    scoring = [feature for run, feature in top_features.items() if run.scores(scored_by)]
    if published and scoring:
        return f"The published model relies most on {published[-1]}; the one that scores creators on {scoring[-1]}"
    if published:
        return f"The published model relies most on {published[-1]}"
    if scoring:
        return f"The model that scores creators relies most on {scoring[-1]}"
    run, feature = next(iter(top_features.items()))
    return f"{capitalized(run.label)} relies most on {feature}"


def plot_confusions(confusion: pd.DataFrame, *, naive: Collection[str], scored_by: tuple[str, str]) -> Figure:
    """Plot the confusion matrix of at most six runs; the color of a cell is its share of the row.

    Parameters
    ----------
    confusion : DataFrame
        A slice of ``classifiers.confusion``; several rows of a cell are summed.
    naive : collection of str
        The feature sets that reveal the label.
    scored_by : tuple of str
        The (feature set, model) that scores creators. After the published runs come this one, the other honest ones,
        and last the other leaking ones.
    """
    matrices = {run: confusion_cells(group) for run, group in group_runs(with_numbers(confusion, "profiles")).items()}
    if not matrices:
        return empty_figure("no model has predictions.")
    leaking, honest = split_runs({run: f1_of(cells) for run, cells in matrices.items()}, naive, scored_by)
    published = [run for run in leaking if run.protocol != HONEST]
    shown = [*published, *honest, *(run for run in leaking if run not in published)][:_MAX_CONFUSIONS]
    across = 2 if len(shown) == 4 else min(3, len(shown))
    down = -(-len(shown) // across)
    figure = new_figure(height=0.75 + 1.85 * down)
    grid = figure.subplots(down, across, squeeze=False).ravel()
    for axes, run in zip(grid, shown, strict=False):
        cells = matrices[run]
        shares = cells / np.maximum(cells.sum(axis=1, keepdims=True), 1)
        counts = [[format_count(count) for count in line] for line in cells]
        style.heat_map(axes, shares, style.sequential_cmap(), (0.0, 1.0), counts)
        axes.set_xticks([0, 1], ["no", "yes"])
        axes.set_yticks([0, 1], ["no", "yes"])
        weight = "bold" if run.scores(scored_by) else "normal"
        heading = f"{words(run.model)}\n{shorten(run.set_label, 32)}"
        axes.set_title(heading, fontsize=style.SMALL, loc="left", y=1.0, weight=weight, parse_math=False)
    for axes in grid[len(shown) :]:
        axes.set_visible(False)
    figure.supxlabel("prediction", fontsize=9)
    figure.supylabel("label", fontsize=9)
    best = (honest or shown)[0]
    recall, precision = _recall_and_precision(matrices[best])
    model = f"{capitalized(words(best.model))} ({best.set_label})"
    leak = "" if honest else _BUT_WITH_LEAKS
    title = f"{model} finds {recall} of the positives, and {precision} of its predictions are right{leak}"
    if honest and published:
        title += f"; published: {' and '.join(_recall_and_precision(matrices[published[0]]))}"
    return set_title(figure, title)


def plot_precision_recall(curves: pd.DataFrame, *, naive: Collection[str], scored_by: tuple[str, str]) -> Figure:
    """Plot precision against recall: leaking runs on the left, honest ones on the right, at most four lines each.

    Parameters
    ----------
    curves : DataFrame
        A slice of ``classifiers.curves`` with the curves ``precision_recall``, ``precision`` and ``recall``.
    naive : collection of str
        The feature sets that reveal the label.
    scored_by : tuple of str
        The (feature set, model) that scores creators; its line is thick.
    """
    lines = group_runs(precision_recall_points(curves))
    if not lines:
        return empty_figure("no model has a precision-recall curve.")
    leaking, honest = split_runs(areas_below(lines), naive, scored_by)
    both = ((_LEAKS, leaking, _LEAKING_COLORS), (_HONEST_LABEL, honest, _HONEST_COLORS))
    sides = [(heading, runs[:_MAX_LINES], colors) for heading, runs, colors in both if runs]
    figure = new_figure(height=3.1 + 0.185 * max(len(runs) for _, runs, _ in sides))
    panels = figure.subplots(1, len(sides), sharey=True, squeeze=False)[0]
    for axes, (heading, runs, colors) in zip(panels, sides, strict=True):
        for place, run in enumerate(runs):
            _line(axes, lines[run], run, colors[place], _DASHES[place], is_thick=run.scores(scored_by))
        axes.set(xlim=(-0.02, 1.02), ylim=(0, 1.04))
        style_axes(axes, "recall (share of the positives found)", "", heading)
        # Each side has its own lines, so each has its own legend below its axis label.
        axes.legend(loc="upper left", bbox_to_anchor=(-0.03, -0.17), fontsize=style.SMALL, frameon=False)
    panels[0].set_ylabel("precision (share of predictions right)", fontsize=9)
    best = (honest or leaking)[0]
    recall, precision = (format_percent(value, 0) for value in _nearest_to_title_recall(lines[best]))
    leak = "" if honest else _BUT_WITH_LEAKS
    return set_title(figure, f"At {recall} recall, {precision} of the predictions are right{leak} {best.in_brackets}")


def plot_thresholds(
    curves: pd.DataFrame, metrics: pd.DataFrame, *, naive: Collection[str], scored_by: tuple[str, str]
) -> Figure:
    """Plot precision, recall and F1 by threshold with the chosen one marked: the scoring and the published model.

    Parameters
    ----------
    curves : DataFrame
        A slice of ``classifiers.curves`` with the curves ``precision``, ``recall`` and ``f1``.
    metrics : DataFrame
        A slice of ``classifiers.metrics``; only the metric ``threshold`` counts.
    naive : collection of str
        The feature sets that reveal the label.
    scored_by : tuple of str
        The (feature set, model) that scores creators.
    """
    groups = group_runs(curve_points(curves, *_BY_THRESHOLD))
    if not groups:
        return empty_figure("no model was tried at several thresholds.")
    best_f1 = {run: float(group["y"].where(group["curve"] == "f1", 0.0).max()) for run, group in groups.items()}
    leaking, honest = split_runs(best_f1, naive, scored_by)
    shown = [*honest[:1], *leaking[:1]]
    figure = new_figure(height=3.1)
    panels = figure.subplots(1, len(shown), squeeze=False, sharex=True, sharey=True)[0]
    thresholds = with_numbers(metrics[metrics["metric"] == "threshold"], "value")
    chosen = {run: float(group["number"].iloc[0]) for run, group in group_runs(thresholds).items()}
    for axes, run in zip(panels, shown, strict=True):
        for curve, (color, dash) in _BY_THRESHOLD.items():
            line = groups[run][groups[run]["curve"] == curve]
            label, width = ("F1", 2.4) if curve == "f1" else (curve, 1.5)
            axes.plot(line["x"], line["y"], color=color, label=label, linestyle=dash, linewidth=width)
        if run in chosen:
            axes.axvline(chosen[run], color=COLORS[4], linewidth=1.4, label="chosen threshold")
        axes.set(xlim=(-0.02, 1.02), ylim=(0, 1.04))
        marked = f"chosen threshold {chosen[run]:.2f}" if run in chosen else "no chosen threshold"
        style_axes(axes, "threshold (score)", "", f"{shorten(run.label, 44)}\n{marked}")
    style.legend_below(figure, max(panels, key=lambda axes: len(axes.lines)))
    return set_title(figure, f"{_threshold_title(groups[shown[0]], chosen.get(shown[0]))} {shown[0].in_brackets}")


def _threshold_title(group: pd.DataFrame, chosen: float | None) -> str:
    """Return what the chosen threshold gives, and what the best one would give."""
    curve = next(name for name in _BY_THRESHOLD if (group["curve"] == name).any())
    line = group[group["curve"] == curve]
    thresholds, values = line["x"].to_numpy(dtype=float), line["y"].to_numpy(dtype=float)
    metric, best, best_threshold = (
        "F1" if curve == "f1" else curve,
        f"{values.max():.2f}",
        thresholds[values.argmax()],
    )
    if chosen is None:
        return f"The best {metric} is {best}, at a threshold of {best_threshold:.2f}"
    reached = f"{np.interp(chosen, thresholds, values):.2f}"
    compared = ", as good as any" if reached == best else f"; the best would be {best}, at {best_threshold:.2f}"
    return f"The chosen threshold, {chosen:.2f}, gives {metric} {reached}{compared}"


def plot_calibration(curves: pd.DataFrame, *, naive: Collection[str], scored_by: tuple[str, str]) -> Figure:
    """Plot how often creators with a score are positives; on the faint diagonal a score is a probability.

    Parameters
    ----------
    curves : DataFrame
        A slice of ``classifiers.curves``; the curve ``calibration`` has the score (x) and the observed share (y).
    naive : collection of str
        The feature sets that reveal the label.
    scored_by : tuple of str
        The (feature set, model) that scores creators. At most four honest runs are drawn, with the colors of
        `plot_precision_recall`.
    """
    lines = group_runs(curve_points(curves, "calibration"))
    areas = areas_below(group_runs(precision_recall_points(curves)))
    leaking, honest = split_runs({run: areas.get(run, 0.0) for run in lines}, naive, scored_by)
    # The scores that creators get are judged, whatever the audit says of the features.
    honest = [run for run in (*leaking, *honest) if run.scores(scored_by)] + [
        run for run in honest if not run.scores(scored_by)
    ]
    if not honest:
        return empty_figure("no honest model has a calibration curve.")
    figure = new_figure(height=3.6)
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], color=style.FAINT, linewidth=1, label="perfect calibration")
    for place, run in enumerate(honest[:_MAX_LINES]):
        _line(axes, lines[run], run, _HONEST_COLORS[place], _DASHES[place], is_thick=run.scores(scored_by))
    edge = min(1.0, 1.05 * max(0.1, *(lines[run][["x", "y"]].max().max() for run in honest[:_MAX_LINES])))
    axes.set(xlim=(-0.02 * edge, 1.02 * edge), ylim=(-0.02 * edge, 1.02 * edge))
    style_axes(axes, "score (predicted probability)", "observed share of positives")
    style.legend_below(figure, axes)
    error = (lines[honest[0]]["y"] - lines[honest[0]]["x"]) * 100
    direction = "mostly too low" if error.mean() > 0 else "mostly too high"
    if abs(error.mean()) < 0.05:
        direction = "neither too high nor too low overall"
    title = f"Scores are off by {error.abs().mean():.1f} percentage points on average, {direction}"
    return set_title(figure, f"{title} {honest[0].in_brackets}")


def plot_average_precision(
    metrics: pd.DataFrame, *, naive: Collection[str], headline: tuple[str, str] | None = None
) -> Figure:
    """Plot the average precision of each model: leaking runs on top, honest ones below, the baseline as a line.

    Parameters
    ----------
    metrics : DataFrame
        A slice of ``classifiers.metrics``; only ``average_precision`` counts. Error bars are the standard deviation
        over folds (over seeds for the published network).
    naive : collection of str
        The feature sets that reveal the label.
    headline : tuple of str, optional
        The (feature set, model) that stands for the study in the title.
    """
    rows = with_numbers(metrics[metrics["metric"] == "average_precision"], "value")
    baseline = float(rows.loc[rows["model"] == "dummy", "number"].mean())
    rows = rows.assign(spread=np.nan_to_num(to_float_array(rows, "std")))
    bars = {run: group[["number", "spread"]].to_numpy(dtype=float)[0] for run, group in group_runs(rows).items()}
    if not bars:
        return empty_figure("no model has an average precision.")
    order = sorted(bars, key=lambda run: (-bars[run][0], run))
    leaking = [run for run in order if not run.is_honest(naive)]
    honest = [run for run in order if run.is_honest(naive)]
    figure = new_figure(height=1.15 + 0.24 * len(order))
    axes = figure.subplots()
    ticks: dict[float, str] = {}
    for runs, color, label in ((leaking, COLORS[1], _LEAKS), (honest, COLORS[0], _HONEST_LABEL)):
        top = -len(ticks) - 0.4 if ticks else 0.0
        for place, run in enumerate(runs):
            value, std = bars[run]
            axes.barh(top - place, value, height=0.72, color=color, label="" if place else label)
            if std > 0:
                axes.errorbar(value, top - place, xerr=std, fmt="none", ecolor=style.INK, elinewidth=1, capsize=2)
            axes.text(value + std + 0.012, top - place, f"{value:.2f}", va="center", fontsize=style.SMALL)
            ticks[top - place] = run.label
    if not np.isnan(baseline):
        axes.axvline(baseline, color=style.INK, linestyle="--", linewidth=1.2, label=f"guessing: {baseline:.2f}")
    axes.set_yticks(list(ticks), list(ticks.values()))
    right = max(1.09, *(value + std + 0.09 for value, std in bars.values()))
    axes.set(xlim=(0, right), ylim=(min(ticks) - 0.6, 0.6))
    style_axes(axes, "average precision, with its standard deviation")
    axes.grid(visible=False, axis="y")
    style.legend_below(figure, axes)
    parts = [f"With leaks up to {bars[leaking[0]][0]:.2f}"] if leaking else []
    parts += [
        f"{'without leaks' if leaking else 'Without leaks'} {words(run.model)} {bars[run][0]:.2f} ({run.set_label})"
        for run in honest
        if headline is not None and run.scores(headline)
    ] or ([] if honest else ["every set of features gives the label away"])
    guessing = "" if np.isnan(baseline) else f", guessing {baseline:.2f}"
    return set_title(figure, f"{'; '.join(parts) or 'Average precision of each model'}{guessing}")


def _nearest_to_title_recall(line: pd.DataFrame) -> tuple[float, float]:
    """Return the recall of the line that is nearest to `_TITLE_RECALL`, and the precision at it."""
    best = line.groupby("x")["y"].max()
    recall = float(np.clip(_TITLE_RECALL, best.index.min(), best.index.max()))
    return recall, float(np.interp(recall, best.index, best))


def _line(axes: Axes, rows: pd.DataFrame, run: ModelRun, color: str, dash: str, *, is_thick: bool) -> None:
    width, above = (3.2, 2.5) if is_thick else (1.6, 2.0)
    label = shorten(run.label, 46)
    axes.plot(rows["x"], rows["y"], color=color, linestyle=dash, linewidth=width, zorder=above, label=label)


def _recall_and_precision(cells: np.ndarray) -> tuple[str, str]:
    recall, precision = (cells[1, 1] / total if total else 0.0 for total in (cells[1].sum(), cells[:, 1].sum()))
    return format_percent(recall, 0), format_percent(precision, 0)


def _bars(axes: Axes, features: list[str], values: np.ndarray, color: str, stds: np.ndarray | None = None) -> None:
    """Draw horizontal bars, the first on top, each with its value at the end."""
    places = -np.arange(len(features))
    std = np.nan_to_num(stds) if stds is not None else np.zeros(len(features))
    axes.barh(places, values, height=0.7, color=color)
    if (w := std > 0).any():
        axes.errorbar(values[w], places[w], xerr=std[w], fmt="none", ecolor=style.INK, elinewidth=1, capsize=2)
    reach = max(float(np.max(np.abs(values) + std)), 1e-9)
    for place, value, spread in zip(places.tolist(), values, std, strict=True):
        text = format_short(float(f"{value:.2g}"))
        axes.text(max(value + spread, 0) + reach * 0.03, place, text, va="center", fontsize=7.5)
    axes.set_yticks(places, [style.axis_label(str(feature)) for feature in features])
    axes.set(xlim=(min(0.0, float(np.min(values - std)) * 1.1), reach * 1.2), ylim=(places.min() - 0.6, 0.6))
