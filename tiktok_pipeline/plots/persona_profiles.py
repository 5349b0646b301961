"""Figures of how the personas of a study differ from all its creators."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from tiktok_pipeline.features.catalog import FEATURES_BY_NAME
from tiktok_pipeline.features.feature import FLAG
from tiktok_pipeline.output.number_format import format_short
from tiktok_pipeline.plots.style import (
    INK,
    axis_label,
    diverging_cmap,
    empty_figure,
    heat_map,
    legend_below,
    new_figure,
    persona_styles,
    set_title,
    short_label,
    shorten,
    style_axes,
    to_float_array,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def plot_snake(features: pd.DataFrame, known: Sequence[str] = ()) -> Figure:
    """Plot how far the median of each persona is from that of all creators, on a symmetric logarithmic axis.

    Parameters
    ----------
    features : DataFrame
        A slice of ``personas.features``; only rows with base "fitted" count.
    known : sequence of str
        The personas of the study's catalog, in its order.
    """
    table = _relative(features)
    if table.empty:
        return empty_figure("no persona can be compared with all creators.")
    figure = new_figure(height=3.9)
    axes = figure.subplots()
    styles = persona_styles(table.index, known)
    for name, values in table.iterrows():
        color, marker = styles[str(name)]
        axes.plot(
            range(len(values)),
            values * 100,
            color=color,
            marker=marker,
            markersize=6,
            linewidth=1.4,
            label=str(name),
        )
    axes.axhline(0, color=INK, linewidth=1)
    axes.set_yscale("symlog", linthresh=100, linscale=1.2)
    largest = float(np.nanmax(table.to_numpy()) * 100)
    ticks = [-100, -50, 0, 50, 100, *(10.0**power for power in range(3, 12) if 10.0**power <= max(largest * 2, 1))]
    axes.set_yticks(ticks, [f"{'+' if tick > 0 else ''}{format_short(tick)}%" for tick in ticks], minor=False)
    axes.yaxis.minorticks_off()
    axes.set_ylim(-125, max(largest * 1.6, 60))
    axes.set_xticks(
        range(table.shape[1]),
        [axis_label(name) for name in table.columns],
        rotation=35,
        ha="right",
        rotation_mode="anchor",
    )
    axes.set_xlim(-0.4, table.shape[1] - 0.6)
    style_axes(axes, "", "difference from the median of all")
    legend_below(figure, axes)
    return set_title(figure, _standout(table))


def plot_relative_importance(features: pd.DataFrame, known: Sequence[str] = ()) -> Figure:
    """Plot the content of `plot_snake` as a heat map with the percentage above or below the median in each cell."""
    table = _relative(features)
    if table.empty:
        return empty_figure("no persona can be compared with all creators.")
    table = table.reindex([name for name in known if name in table.index] + sorted(set(table.index) - set(known)))
    values = table.to_numpy(dtype=float)
    figure = new_figure(height=1.9 + 0.36 * len(table))
    axes = figure.subplots()
    # Colors follow the logarithm of the ratio, so that half and double are equally far from the median.
    colors = np.clip(np.log2(np.maximum(values + 1, 1 / 32)), -5, 5)
    texts = [["" if np.isnan(value) else _signed_percentage(value) for value in row] for row in values]
    heat_map(axes, colors, diverging_cmap(), (-5.0, 5.0), texts)
    axes.set_xticks(
        range(table.shape[1]),
        [axis_label(name) for name in table.columns],
        rotation=35,
        ha="right",
        rotation_mode="anchor",
    )
    axes.set_yticks(range(len(table)), [shorten(name, 34) for name in table.index])
    axes.set_xlabel("difference from the median of all, % (+100: double)", fontsize=9)
    return set_title(figure, _standout(table))


def _relative(features: pd.DataFrame) -> pd.DataFrame:
    """Return the relative median: a row per persona, a column per feature in the order of the rows."""
    rows = features[features["base"] == "fitted"]
    rows = rows.assign(value=to_float_array(rows, "relative_median"))
    table = rows.pivot_table(index="persona", columns="feature", values="value", sort=False, observed=True)
    order = [name for name in dict.fromkeys(rows["feature"]) if name in table.columns]
    return table[order].dropna(axis="columns", how="all")


def _signed_percentage(value: float) -> str:
    return f"{'+' if value > 0 else ''}{format_short(round(value * 100, 0 if abs(value) >= 0.095 else 1))}"


def _standout(table: pd.DataFrame) -> str:
    """Name the largest factor between a persona and all creators; a third is as far as three times.

    That few or none of a segment have a badge or a link is true of many segments, so it counts last.
    """
    values = table.to_numpy(dtype=float)
    flags = {name for name, feature in FEATURES_BY_NAME.items() if feature.unit == FLAG}
    is_flag = np.array([name in flags for name in table.columns])
    distance = np.where(np.isnan(values), -2.0, np.abs(np.log(np.maximum(values + 1, 1e-3))))
    distance = np.where(is_flag[None, :] & (values < 0), -1.0, distance)
    row, column = (int(index) for index in np.unravel_index(int(distance.argmax()), values.shape))
    value = values[row, column]
    if abs(value) < 0.005:
        return "No persona stands out from the median"
    usual = "share of all" if is_flag[column] else "median"
    size = (
        f"{format_short(value + 1)} times the {usual}"
        if value >= 1
        else f"{abs(value) * 100:.0f}% {'above' if value > 0 else 'below'} the {usual}"
    )
    return f"Largest difference: {shorten(table.index[row])}, {short_label(str(table.columns[column]))} {size}"
