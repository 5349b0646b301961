"""Segments as rules: a small decision tree on raw features that imitates the model, and how well it does.

A rule is for a reader, not for assigning creators. It is worth what its fidelity is: the share of creators that the
tree gives the same segment, measured on creators that it was not fitted on.

References
----------
M. W. Craven and J. W. Shavlik (1996), "Extracting tree-structured representations of trained networks".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

DEPTH = 3
FOLDS = 5
UNCERTAIN_SHARE = 0.25
"""The share of the creators with the smallest margins whose fidelity is measured apart."""


@dataclass(frozen=True)
class Rule:
    """One leaf of the tree: its conditions, its segment, its creators, and the share of them in that segment."""

    cluster: int
    conditions: Mapping[str, tuple[float | None, float | None]]
    profiles: int
    share_right: float


@dataclass(frozen=True)
class Surrogate:
    """The rules of a model with their fidelity, 0 to 1: of all creators, and of the least certain quarter."""

    rules: tuple[Rule, ...]
    fidelity: float
    fidelity_uncertain: float


def fit_surrogate(
    values: pd.DataFrame, clusters: pd.Series[int], margins: pd.Series[float], *, random_state: int
) -> Surrogate | None:
    """Fit a tree that imitates the segments.

    Parameters
    ----------
    values : DataFrame of shape (n_rows, n_features)
        Raw features. Rows with a missing value are left out.
    clusters, margins : Series of shape (n_rows,)
        The segment of each row, and how clearly it belongs there.
    random_state : int
        Seed of the tree and of the folds.

    Returns
    -------
    Surrogate or None
        None if a segment has fewer rows than there are folds.
    """
    from sklearn.model_selection import StratifiedKFold, cross_val_predict  # noqa: PLC0415 - importing it costs seconds
    from sklearn.tree import DecisionTreeClassifier  # noqa: PLC0415

    is_complete = values.notna().all(axis=1) & clusters.notna()
    matrix = values[is_complete].to_numpy(dtype=np.float64)
    labels = clusters[is_complete].to_numpy(dtype=np.int64)
    counts = np.bincount(labels) if len(labels) else np.array([0])
    if len(counts[counts > 0]) < 2 or counts[counts > 0].min() < FOLDS:
        return None
    tree = DecisionTreeClassifier(max_depth=DEPTH, random_state=random_state)
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=random_state)
    is_right = cross_val_predict(tree, matrix, labels, cv=folds) == labels
    known = margins[is_complete].to_numpy(dtype=np.float64)
    is_uncertain = known <= np.quantile(known, UNCERTAIN_SHARE)
    tree.fit(matrix, labels)
    rules = tuple(_rules(tree, [str(name) for name in values.columns]))
    return Surrogate(rules, float(is_right.mean()), float(is_right[is_uncertain].mean()))


def _rules(tree: Any, names: list[str]) -> Iterator[Rule]:  # noqa: ANN401 - scikit-learn has no types
    """Yield each leaf of a fitted tree, from left to right."""
    nodes = tree.tree_
    waiting: list[tuple[int, dict[str, tuple[float | None, float | None]]]] = [(0, {})]
    while waiting:
        node, conditions = waiting.pop()
        left, right = int(nodes.children_left[node]), int(nodes.children_right[node])
        if left < 0:
            shares = nodes.value[node][0] / nodes.value[node][0].sum()
            best = int(shares.argmax())
            yield Rule(int(tree.classes_[best]), conditions, int(nodes.n_node_samples[node]), float(shares[best]))
            continue
        name, bound = names[int(nodes.feature[node])], float(nodes.threshold[node])
        low, high = conditions.get(name, (None, None))
        waiting += [(right, conditions | {name: (bound, high)}), (left, conditions | {name: (low, bound)})]
