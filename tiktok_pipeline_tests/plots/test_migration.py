"""The alluvial diagram: one scale for both sides, one ribbon for each flow."""

from __future__ import annotations

import pandas as pd
import pytest
from matplotlib.patches import PathPatch, Rectangle

from tiktok_pipeline.plots.migration import plot_migration

MIGRATIONS = pd.DataFrame(
    [
        ("both", "a", "a", 90, 2, 2),
        ("both", "a", "b", 10, 10, 0),
        ("both", "b", "a", 5, 0, 5),
        ("arrival", None, "b", 20, 0, 0),
        ("departure", "a", None, 25, 0, 0),
    ],
    columns=["kind", "persona_before", "persona", "creators", "creator_moved", "model_moved"],
)


def test_heights_are_in_proportion_and_colors_tell_who_moved() -> None:
    figure = plot_migration(MIGRATIONS)
    axes = figure.axes[0]
    blocks = [patch for patch in axes.patches if isinstance(patch, Rectangle)]
    ribbons = [patch for patch in axes.patches if isinstance(patch, PathPatch)]
    left, right = blocks[:3], blocks[3:]
    heights = [block.get_height() for block in (*left, *right)]
    assert [height / heights[0] for height in heights] == pytest.approx([1, 5 / 125, 20 / 125, 0.76, 30 / 125, 0.2])
    assert len(ribbons) == len(MIGRATIONS)
    grays = [patch for patch in ribbons if len(set(patch.get_facecolor()[:3])) == 1]
    assert len(grays) == 3, "those that stayed, came or left"
    assert [patch.get_hatch() for patch in ribbons].count("////") == 1
    assert str(figure.get_label()).startswith("Of 105 creators with a segment in both snapshots, 12 moved")


def test_without_creators_it_says_so() -> None:
    assert "Nothing to show" in str(plot_migration(MIGRATIONS.head(0)).get_label())
