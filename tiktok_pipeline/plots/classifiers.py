"""Pictures of the classifiers: what gives the label away, what a model goes by, and how well each one does.

Frames are slices of the tables of stage ``classifiers``. ``naive`` names the feature sets that give the label away; the
set "published" and whatever was not judged by protocol ``honest`` count as such besides. ``scored_by`` is (feature set,
model) of the model that scores creators. Where models stand side by side, warm colours leak and blue is that model.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from tiktok_pipeline.plots import style
from tiktok_pipeline.plots.style import (
    COLOURS,
    empty_figure,
    figure,
    in_words,
    set_title,
    short,
    style_axes,
    to_float_array,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_PUBLISHED, _HONEST = "published", "honest"
_LEAKS, _CLEAN = "with what gives the label away", "without what gives the label away"
_LEAKING_COLOURS = (COLOURS[1], COLOURS[4], COLOURS[3], COLOURS[7])
_HONEST_COLOURS = (COLOURS[0], COLOURS[2], COLOURS[7], COLOURS[5])
_DASHES = ("-", "--", ":", "-.")
_BY_THRESHOLD = {"f1": (COLOURS[2], "-"), "precision": (COLOURS[0], "--"), "recall": (COLOURS[1], ":")}
_MOST_FEATURES, _MOST_PANELS, _MOST_CONFUSIONS, _MOST_LINES = 12, 4, 6, 4
_RECALL = 0.8  # at this share of the positives the title of the picture tells the precision


class _Run(NamedTuple):
    """A model judged by a protocol on a feature set."""

    protocol: str
    feature_set: str
    model: str

    @property
    def set_words(self) -> str:
        kind = "" if self.protocol in (_HONEST, self.feature_set) else f", {_words(self.protocol)}"
        return f"{_words(self.feature_set)}{kind}"

    @property
    def words(self) -> str:
        return f"{_words(self.model)} · {self.set_words}"

    @property
    def in_brackets(self) -> str:
        return f"({_words(self.model)}, {self.set_words})"

    def is_honest(self, naive: Collection[str]) -> bool:
        return self.protocol == _HONEST and self.feature_set != _PUBLISHED and self.feature_set not in naive

    def scores(self, scored_by: tuple[str, str]) -> bool:
        return self.protocol == _HONEST and (self.feature_set, self.model) == scored_by


def plot_mutual_information(importances: pd.DataFrame) -> Figure:
    """How much each feature alone tells of the label, in nats.

    ``importances`` is a slice of ``classifiers.importances``; read are rows of method ``mutual_information``.
    """
    rows = _known(importances[importances["method"] == "mutual_information"], "importance")
    if rows.empty:
        return empty_figure("no feature was compared with the label.")
    # A feature may stand in several sets: its figure is the same, up to the rows that the set has.
    most = rows.groupby("feature")["number"].max().sort_index().sort_values(ascending=False, kind="stable").head(20)
    drawn = figure(height=1.1 + 0.22 * len(most))
    axes = drawn.subplots()
    _bars(axes, list(most.index), most.to_numpy(dtype=float), COLOURS[0])
    style_axes(axes, "mutual information with the label (nats; 0: tells nothing)")
    axes.grid(visible=False, axis="y")
    nothing_told = int((most < 0.005).sum())
    finding = f"{_capital(in_words(str(most.index[0])))} tells most about the label ({most.iloc[0]:.2g} nats)"
    return set_title(drawn, finding + (f"; {nothing_told} of {len(most)} tell nothing" if nothing_told else ""))


def plot_importances(importances: pd.DataFrame, *, scored_by: tuple[str, str]) -> Figure:
    """What each model goes by: a panel for each method and run, the published ones first, then the scoring model.

    ``importances`` is a slice of ``classifiers.importances``; read are methods ``impurity`` (share) and ``permutation``
    (loss of F1 when the feature is shuffled, with its standard deviation). At most four panels of twelve features.
    """
    rows = _known(importances[importances["method"].isin(["impurity", "permutation"])], "importance")
    found = [(method, run, group) for method, part in rows.groupby("method") for run, group in _runs(part).items()]
    if not found:
        return empty_figure("no model has told what it goes by.")
    rank = {_PUBLISHED: 0, "mended": 2}
    found.sort(key=lambda one: (1 if one[1].scores(scored_by) else rank.get(one[1].protocol, 3), one[1], one[0]))
    panels = found[:_MOST_PANELS]
    longest = max(min(len(group), _MOST_FEATURES) for _, _, group in panels)
    down = -(-len(panels) // 2)
    drawn = figure(height=0.6 + down * (0.9 + 0.17 * longest))
    grid = drawn.subplots(down, min(2, len(panels)), squeeze=False).ravel()
    tops: dict[str, str] = {}
    for axes, (method, run, group) in zip(grid, panels, strict=False):
        most = group.sort_values("number", ascending=False, kind="stable").head(_MOST_FEATURES)
        colour = COLOURS[0] if run.protocol == _HONEST else COLOURS[1]
        _bars(axes, list(most["feature"]), most["number"].to_numpy(dtype=float), colour, to_float_array(most, "std"))
        unit = "impurity (share)" if method == "impurity" else "loss of F1 when shuffled"
        style_axes(axes, unit, "", f"{_words(run.model)}\n{run.set_words}")
        axes.grid(visible=False, axis="y")
        # Of one run the permutation comes after the impurity, and is the one told.
        who = "scoring" if run.scores(scored_by) else run.protocol if run.protocol == _PUBLISHED else "other"
        tops[who] = in_words(str(most["feature"].iloc[0])) if most["number"].iloc[0] > 0 else "nothing"
    for axes in grid[len(panels) :]:
        axes.set_visible(False)
    if {_PUBLISHED, "scoring"} <= tops.keys():
        published, scoring = tops[_PUBLISHED], tops["scoring"]
        return set_title(
            drawn, f"The published model goes most by {published}; the one without the leak by {scoring}"
        )
    named = {_PUBLISHED: "The published model", "scoring": "Without the leak, the model"}
    who, top = next(iter(tops.items()))
    return set_title(drawn, f"{named.get(who, _capital(run.words))} goes most by {top}")


def plot_confusions(confusion: pd.DataFrame, *, naive: Collection[str], scored_by: tuple[str, str]) -> Figure:
    """Who is taken for whom: a square of four cells for each run, at most six; the colour is the share of a row.

    ``confusion`` is a slice of ``classifiers.confusion``; several rows of a cell are summed. First come the published
    runs, then the scoring model, then the other honest ones; others that leak only where there is room.
    """
    squares = {run: _cells(group) for run, group in _runs(_known(confusion, "profiles")).items()}
    if not squares:
        return empty_figure("no model has judged a creator.")
    leaking, honest = _kinds({run: _f1(cells) for run, cells in squares.items()}, naive, scored_by)
    published = [run for run in leaking if run.protocol != _HONEST]
    shown = [*published, *honest, *(run for run in leaking if run not in published)][:_MOST_CONFUSIONS]
    across = 2 if len(shown) == 4 else min(3, len(shown))
    down = -(-len(shown) // across)
    drawn = figure(height=0.75 + 1.85 * down)
    grid = drawn.subplots(down, across, squeeze=False).ravel()
    for axes, run in zip(grid, shown, strict=False):
        cells = squares[run]
        shares = cells / np.maximum(cells.sum(axis=1, keepdims=True), 1)
        counts = [[f"{int(count):,}" for count in line] for line in cells]
        style.heat_map(axes, shares, style.sequential_cmap(), (0.0, 1.0), counts)
        axes.set_xticks([0, 1], ["no", "yes"])
        axes.set_yticks([0, 1], ["no", "yes"])
        weight = "bold" if run.scores(scored_by) else "normal"
        heading = f"{_words(run.model)}\n{short(run.set_words, 32)}"
        axes.set_title(heading, fontsize=style.SMALL, loc="left", y=1.0, weight=weight, parse_math=False)
    for axes in grid[len(shown) :]:
        axes.set_visible(False)
    drawn.supxlabel("the model says", fontsize=9)
    drawn.supylabel("the label says", fontsize=9)
    told = (honest or shown)[0]
    found, right = _judged(squares[told])
    who = f"{_capital(_words(told.model))} ({told.set_words})"
    beside = f"; published: {' and '.join(_judged(squares[published[0]]))}" if honest and published else ""
    return set_title(drawn, f"{who} finds {found} of the positives, {right} of its calls are right{beside}")


def plot_precision_recall(curves: pd.DataFrame, *, naive: Collection[str], scored_by: tuple[str, str]) -> Figure:
    """Precision against recall: what leaks on the left, what does not on the right, at most four lines each.

    ``curves`` is a slice of ``classifiers.curves``; read are rows of curves ``precision_recall``, ``precision`` and
    ``recall``. The scoring model is drawn thick; beside it stand the best of each feature set.
    """
    lines = _runs(_precision_recall(curves))
    if not lines:
        return empty_figure("no model has a curve of precision and recall.")
    leaking, honest = _kinds(_areas(lines), naive, scored_by)
    both = ((_LEAKS, leaking, _LEAKING_COLOURS), (_CLEAN, honest, _HONEST_COLOURS))
    sides = [(heading, runs[:_MOST_LINES], colours) for heading, runs, colours in both if runs]
    drawn = figure(height=3.1 + 0.185 * max(len(runs) for _, runs, _ in sides))
    panels = drawn.subplots(1, len(sides), sharey=True, squeeze=False)[0]
    for axes, (heading, runs, colours) in zip(panels, sides, strict=True):
        for place, run in enumerate(runs):
            _line(axes, lines[run], run, colours[place], _DASHES[place], thick=run.scores(scored_by))
        axes.set(xlim=(-0.02, 1.02), ylim=(0, 1.04))
        style_axes(axes, "recall (share of the positives found)", "", heading)
        # Each side has its own lines, so each has its own legend, below its axis label.
        axes.legend(loc="upper left", bbox_to_anchor=(-0.03, -0.17), fontsize=style.SMALL, frameon=False)
    panels[0].set_ylabel("precision (share of calls right)", fontsize=9)
    told = (honest or leaking)[0]
    found, right = _at_recall(lines[told])
    finding = f"At {_percent(found)} found, {_percent(right)} of the calls are right"
    leak = "" if honest else ", but by what gives the label away"
    return set_title(drawn, f"{finding}{leak} {told.in_brackets}")


def plot_thresholds(
    curves: pd.DataFrame, metrics: pd.DataFrame, *, naive: Collection[str], scored_by: tuple[str, str]
) -> Figure:
    """Precision, recall and F1 by the score from which a creator counts, the chosen threshold marked.

    ``curves`` and ``metrics`` are slices of ``classifiers.curves`` (curves ``precision``, ``recall``, ``f1``) and
    ``classifiers.metrics`` (metric ``threshold``). One panel is the scoring model, the other the published one.
    """
    groups = _runs(_points(curves, *_BY_THRESHOLD))
    if not groups:
        return empty_figure("no model was tried at several thresholds.")
    best = {run: float(group["y"].where(group["curve"] == "f1", 0.0).max()) for run, group in groups.items()}
    leaking, honest = _kinds(best, naive, scored_by)
    shown = [*honest[:1], *leaking[:1]]
    drawn = figure(height=3.1)
    panels = drawn.subplots(1, len(shown), squeeze=False, sharex=True, sharey=True)[0]
    marks = _known(metrics[metrics["metric"] == "threshold"], "value")
    chosen = {run: float(group["number"].iloc[0]) for run, group in _runs(marks).items()}
    for axes, run in zip(panels, shown, strict=True):
        for curve, (colour, dash) in _BY_THRESHOLD.items():
            line = groups[run][groups[run]["curve"] == curve]
            words, width = ("F1", 2.4) if curve == "f1" else (curve, 1.5)
            axes.plot(line["x"], line["y"], color=colour, label=words, linestyle=dash, linewidth=width)
        marked = f"chosen threshold {chosen[run]:.2f}" if run in chosen else "no chosen threshold"
        if run in chosen:
            axes.axvline(chosen[run], color=COLOURS[4], linewidth=1.4, label="chosen threshold")
        axes.set(xlim=(-0.02, 1.02), ylim=(0, 1.04))
        style_axes(axes, "threshold (score)", "", f"{short(run.words, 44)}\n{marked}")
    style.legend_below(drawn, max(panels, key=lambda axes: len(axes.lines)))
    return set_title(drawn, f"{_best_threshold(groups[shown[0]], chosen.get(shown[0]))} {shown[0].in_brackets}")


def plot_calibration(curves: pd.DataFrame, *, naive: Collection[str], scored_by: tuple[str, str]) -> Figure:
    """How often creators with a score are positives: on the faint line a score is a probability.

    ``curves`` is a slice of ``classifiers.curves``; read are rows of curve ``calibration`` (x said, y seen) of at most
    four models that do not leak, the same ones in the same colours as in the precision-recall picture.
    """
    lines = _runs(_points(curves, "calibration"))
    areas = _areas(_runs(_precision_recall(curves)))
    _, honest = _kinds({run: areas.get(run, 0.0) for run in lines}, naive, scored_by)
    if not honest:
        return empty_figure("no honest model's scores were compared with what came true.")
    drawn = figure(height=3.6)
    axes = drawn.subplots()
    axes.plot([0, 1], [0, 1], color=style.FAINT, linewidth=1, label="said = seen")
    for place, run in enumerate(honest[:_MOST_LINES]):
        _line(axes, lines[run], run, _HONEST_COLOURS[place], _DASHES[place], thick=run.scores(scored_by))
    edge = min(1.0, 1.05 * max(0.1, *(lines[run][["x", "y"]].max().max() for run in honest[:_MOST_LINES])))
    axes.set(xlim=(-0.02 * edge, 1.02 * edge), ylim=(-0.02 * edge, 1.02 * edge))
    style_axes(axes, "score said (probability)", "share seen to be positive")
    style.legend_below(drawn, axes)
    far = (lines[honest[0]]["y"] - lines[honest[0]]["x"]) * 100
    direction = "rather too low" if far.mean() > 0 else "rather too high"
    if abs(far.mean()) < 0.05:
        direction = "on the whole neither too high nor too low"
    finding = f"Scores are off by {far.abs().mean():.1f} points of 100 on average, {direction}"
    return set_title(drawn, f"{finding} {honest[0].in_brackets}")


def plot_average_precision(metrics: pd.DataFrame, *, naive: Collection[str]) -> Figure:
    """Average precision of each model, a bar each: what leaks on top, what does not below; the dummy is a floor.

    ``metrics`` is a slice of ``classifiers.metrics``; read are rows of metric ``average_precision``. Whiskers are the
    standard deviation over folds (over seeds for the published network).
    """
    rows = _known(metrics[metrics["metric"] == "average_precision"], "value")
    floor = float(rows.loc[rows["model"] == "dummy", "number"].mean())
    rows = rows.assign(spread=np.nan_to_num(to_float_array(rows, "std")))
    bars = {run: group[["number", "spread"]].to_numpy(dtype=float)[0] for run, group in _runs(rows).items()}
    if not bars:
        return empty_figure("no model has an average precision.")
    order = sorted(bars, key=lambda run: (-bars[run][0], run))
    leaking = [run for run in order if not run.is_honest(naive)]
    honest = [run for run in order if run.is_honest(naive)]
    drawn = figure(height=1.15 + 0.24 * len(order))
    axes = drawn.subplots()
    ticks: dict[float, str] = {}
    for runs, colour, words in ((leaking, COLOURS[1], _LEAKS), (honest, COLOURS[0], _CLEAN)):
        top = -len(ticks) - 0.4 if ticks else 0.0
        for place, run in enumerate(runs):
            value, std = bars[run]
            axes.barh(top - place, value, height=0.72, color=colour, label="" if place else words)
            if std > 0:
                axes.errorbar(value, top - place, xerr=std, fmt="none", ecolor=style.INK, elinewidth=1, capsize=2)
            axes.text(value + std + 0.012, top - place, f"{value:.2f}", va="center", fontsize=style.SMALL)
            ticks[top - place] = run.words
    if not np.isnan(floor):
        axes.axvline(floor, color=style.INK, linestyle="--", linewidth=1.2, label=f"guessing: {floor:.2f}")
    axes.set_yticks(list(ticks), list(ticks.values()))
    far = max(1.09, *(value + std + 0.09 for value, std in bars.values()))
    axes.set(xlim=(0, far), ylim=(min(ticks) - 0.6, 0.6))
    style_axes(axes, "average precision, with its standard deviation")
    axes.grid(visible=False, axis="y")
    style.legend_below(drawn, axes)
    found = [f"What leaks reaches {bars[leaking[0]][0]:.2f}"] if leaking else []
    if honest:
        best = f"best is {_words(honest[0].model)} {bars[honest[0]][0]:.2f} ({honest[0].set_words})"
        found.append(f"without it the {best}" if leaking else f"The {best}")
    guessing = "" if np.isnan(floor) else f", guessing {floor:.2f}"
    return set_title(drawn, f"{'; '.join(found)}{guessing}")


def _known(rows: pd.DataFrame, name: str) -> pd.DataFrame:
    """The rows whose column ``name`` is a number, which stands in column ``number``."""
    return rows.assign(number=to_float_array(rows, name)).dropna(subset=["number"])


def _points(curves: pd.DataFrame, *names: str) -> pd.DataFrame:
    """The points of these curves that have both coordinates, as floats, from left to right and down."""
    rows = curves[curves["curve"].isin(names)]
    points = rows.assign(x=to_float_array(rows, "x"), y=to_float_array(rows, "y")).dropna(subset=["x", "y"])
    return points.sort_values(["x", "y"], ascending=[True, False], kind="stable")


def _precision_recall(curves: pd.DataFrame) -> pd.DataFrame:
    """Precision (y) by recall (x): the points of that curve, thinned as it is, and those of each threshold tried."""
    tried = _points(curves, "precision", "recall")
    both = tried[tried["curve"] == "recall"].merge(tried[tried["curve"] == "precision"], on=[*_Run._fields, "x"])
    more = both[both["y_x"] > 0].assign(curve="precision_recall", x=both["y_x"], y=both["y_y"])
    return _points(pd.concat([curves, more], ignore_index=True), "precision_recall")


def _words(name: object) -> str:
    return short(str(name).replace("_", " ").strip() or "no model", 28)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _percent(share: float) -> str:
    return f"{share * 100:.0f} %"


def _runs(rows: pd.DataFrame) -> dict[_Run, pd.DataFrame]:
    """The rows of each run, without the dummy's."""
    judged = rows[rows["model"] != "dummy"].groupby(list(_Run._fields), sort=True)
    return {_Run(*map(str, names)): group for names, group in judged}


def _kinds(
    worth: Mapping[_Run, float], naive: Collection[str], scored_by: tuple[str, str]
) -> tuple[list[_Run], list[_Run]]:
    """Runs that leak and runs that do not, each with those first that are shown where there is room for few.

    Of the former the published, then the mended ones; of the latter the scoring model, then the best of each other
    feature set, then the rest by worth.
    """
    order = sorted(worth, key=lambda run: (not run.scores(scored_by), -worth[run], run))
    leaking = [run for run in order if not run.is_honest(naive)]
    leaking.sort(key=lambda run: {_PUBLISHED: 0, _HONEST: 2}.get(run.protocol, 1))
    honest = [run for run in order if run.is_honest(naive)]
    best_of_set = {run.feature_set: run for run in reversed(honest)}
    return leaking, sorted(honest, key=lambda run: run != best_of_set[run.feature_set])


def _areas(lines: dict[_Run, pd.DataFrame]) -> dict[_Run, float]:
    return {run: float(np.trapezoid(line["y"], line["x"])) for run, line in lines.items()}


def _at_recall(line: pd.DataFrame) -> tuple[float, float]:
    """The recall nearest to `_RECALL` that the line has, and the precision there."""
    best = line.groupby("x")["y"].max()
    at = float(np.clip(_RECALL, best.index.min(), best.index.max()))
    return at, float(np.interp(at, best.index, best))


def _best_threshold(group: pd.DataFrame, chosen: float | None) -> str:
    """What the chosen threshold gives, beside what the best one would have given."""
    curve = next(name for name in _BY_THRESHOLD if (group["curve"] == name).any())
    line = group[group["curve"] == curve]
    at, value = line["x"].to_numpy(dtype=float), line["y"].to_numpy(dtype=float)
    words, best = "F1" if curve == "f1" else curve, f"{value.max():.2f}"
    if chosen is None:
        return f"At best {words} is {best}, at a threshold of {at[value.argmax()]:.2f}"
    here = f"{np.interp(chosen, at, value):.2f}"
    beside = ", as good as any" if here == best else f"; the best would be {best}, at {at[value.argmax()]:.2f}"
    return f"The chosen threshold, {chosen:.2f}, gives {words} {here}{beside}"


def _line(axes: Axes, rows: pd.DataFrame, run: _Run, colour: str, dash: str, *, thick: bool) -> None:
    width, above = (3.2, 2.5) if thick else (1.6, 2.0)
    words = short(run.words, 46)
    axes.plot(rows["x"], rows["y"], color=colour, linestyle=dash, linewidth=width, zorder=above, label=words)


def _cells(rows: pd.DataFrame) -> np.ndarray:
    """Counts: a row for what the label says (no, yes), a column for what the model says."""
    cells = np.zeros((2, 2))
    np.add.at(cells, (rows["actual"].astype(int), rows["predicted"].astype(int)), rows["number"])
    return cells


def _f1(cells: np.ndarray) -> float:
    return float(2 * cells[1, 1] / max(cells[1].sum() + cells[:, 1].sum(), 1))


def _judged(cells: np.ndarray) -> tuple[str, str]:
    """The share of the positives that is found, and the share of the calls that is right."""
    found, right = (cells[1, 1] / whole if whole else 0.0 for whole in (cells[1].sum(), cells[:, 1].sum()))
    return _percent(found), _percent(right)


def _bars(axes: Axes, features: list[str], values: np.ndarray, colour: str, stds: np.ndarray | None = None) -> None:
    """Horizontal bars, the first on top, each with its figure at the end."""
    places = -np.arange(len(features))
    std = np.nan_to_num(stds) if stds is not None else np.zeros(len(features))
    axes.barh(places, values, height=0.7, color=colour)
    if (w := std > 0).any():
        axes.errorbar(values[w], places[w], xerr=std[w], fmt="none", ecolor=style.INK, elinewidth=1, capsize=2)
    room = max(float(np.max(np.abs(values) + std)), 1e-9)
    for place, value, spread in zip(places.tolist(), values, std, strict=True):
        words = style.format_si(float(f"{value:.2g}"))
        axes.text(max(value + spread, 0) + room * 0.03, place, words, va="center", fontsize=7.5)
    axes.set_yticks(places, [style.label(str(feature)) for feature in features])
    axes.set(xlim=(min(0.0, float(np.min(values - std)) * 1.1), room * 1.2), ylim=(places.min() - 0.6, 0.6))
