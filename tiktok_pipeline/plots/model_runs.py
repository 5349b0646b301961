"""Select the runs of classifiers that a figure shows: leaking and honest ones, the scoring model first.

A run is a model that a protocol judged on a feature set. ``naive`` names the feature sets that reveal the label; the
set "published" and every protocol but "honest" count as leaking as well. ``scored_by`` is the (feature set, model)
that scores creators.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd

from tiktok_pipeline.plots.style import shorten, to_float_array

PUBLISHED, HONEST = "published", "honest"


class ModelRun(NamedTuple):
    """A model judged by a protocol on a feature set."""

    protocol: str
    feature_set: str
    model: str

    @property
    def set_label(self) -> str:
        """The feature set in words, with its protocol if that is not honest."""
        protocol = "" if self.protocol in (HONEST, self.feature_set) else f", {words(self.protocol)}"
        return f"{words(self.feature_set)}{protocol}"

    @property
    def label(self) -> str:
        """The run in words, for a legend."""
        return f"{words(self.model)} · {self.set_label}"

    @property
    def in_brackets(self) -> str:
        """The run in words, for the end of a title."""
        return f"({words(self.model)}, {self.set_label})"

    def is_honest(self, naive: Collection[str]) -> bool:
        """Whether the run neither leaks nor was judged on rows that it was fitted on."""
        return self.protocol == HONEST and self.feature_set != PUBLISHED and self.feature_set not in naive

    def scores(self, scored_by: tuple[str, str]) -> bool:
        """Whether this is the model that scores creators."""
        return self.protocol == HONEST and (self.feature_set, self.model) == scored_by


def words(name: object) -> str:
    """Return the name of a model or feature set with spaces, at most 28 letters wide."""
    return shorten(str(name).replace("_", " ").strip() or "no model", 28)


def with_numbers(rows: pd.DataFrame, column: str) -> pd.DataFrame:
    """Return the rows whose ``column`` is a number, with that number in the column ``number``."""
    return rows.assign(number=to_float_array(rows, column)).dropna(subset=["number"])


def curve_points(curves: pd.DataFrame, *names: str) -> pd.DataFrame:
    """Return the points of the named curves that have both coordinates, by ascending x and descending y."""
    rows = curves[curves["curve"].isin(names)]
    points = rows.assign(x=to_float_array(rows, "x"), y=to_float_array(rows, "y")).dropna(subset=["x", "y"])
    return points.sort_values(["x", "y"], ascending=[True, False], kind="stable")


def precision_recall_points(curves: pd.DataFrame) -> pd.DataFrame:
    """Return precision (y) by recall (x): the points of that curve and those of every threshold that was tried."""
    tried = curve_points(curves, "precision", "recall")
    recall, precision = (tried[tried["curve"] == name] for name in ("recall", "precision"))
    both = recall.merge(precision, on=[*ModelRun._fields, "x"])
    added = both[both["y_x"] > 0].assign(curve="precision_recall", x=both["y_x"], y=both["y_y"])
    return curve_points(pd.concat([curves, added], ignore_index=True), "precision_recall")


def group_runs(rows: pd.DataFrame) -> dict[ModelRun, pd.DataFrame]:
    """Return the rows of each run, without those of the baseline."""
    groups = rows[rows["model"] != "dummy"].groupby(list(ModelRun._fields), sort=True)
    return {ModelRun(*map(str, names)): group for names, group in groups}


def split_runs(
    values: Mapping[ModelRun, float], naive: Collection[str], scored_by: tuple[str, str]
) -> tuple[list[ModelRun], list[ModelRun]]:
    """Return the leaking and the honest runs, each with the most important ones first.

    Leaking runs: published, then mended, then the others. Honest runs: the scoring model, the best of each other
    feature set, then the rest.

    Parameters
    ----------
    values : mapping of ModelRun to float
        How well each run does; higher is better.
    naive : collection of str
        The feature sets that reveal the label.
    scored_by : tuple of str
        The (feature set, model) that scores creators.
    """
    order = sorted(values, key=lambda run: (not run.scores(scored_by), -values[run], run))
    leaking = [run for run in order if not run.is_honest(naive)]
    leaking.sort(key=lambda run: {PUBLISHED: 0, HONEST: 2}.get(run.protocol, 1))
    honest = [run for run in order if run.is_honest(naive)]
    best_of_set = {run.feature_set: run for run in reversed(honest)}
    return leaking, sorted(honest, key=lambda run: run != best_of_set[run.feature_set])


def areas_below(lines: Mapping[ModelRun, pd.DataFrame]) -> dict[ModelRun, float]:
    """Return the area below each line."""
    return {run: float(np.trapezoid(line["y"], line["x"])) for run, line in lines.items()}


def confusion_cells(rows: pd.DataFrame) -> np.ndarray:
    """Return the counts: a row per label (no, yes), a column per prediction (no, yes)."""
    cells = np.zeros((2, 2))
    np.add.at(cells, (rows["actual"].astype(int), rows["predicted"].astype(int)), rows["number"])
    return cells


def f1_of(cells: np.ndarray) -> float:
    """Return F1 of the counts of `confusion_cells`; 0 without a positive."""
    return float(2 * cells[1, 1] / max(cells[1].sum() + cells[:, 1].sum(), 1))
