"""The leakage audit: whether a feature, or the sum of two, gives the label away.

Three questions for each feature: how well it ranks the label alone (ROC-AUC), how well a threshold on it alone takes
the label's place (F1), and what the reference model (logistic regression on logged values) loses without it.
"""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pandas as pd

from tiktok_pipeline.arrays import Matrix, Vector
from tiktok_pipeline.classifiers.labels import Flags
from tiktok_pipeline.classifiers.metrics import average_precision, best_f1, roc_auc
from tiktok_pipeline.classifiers.models import logged_regression
from tiktok_pipeline.classifiers.schema import LEAKAGE_TABLE

REBUILT = 0.95
"""How well one threshold takes the label's place from which a feature is the label in other clothes: its F1, as the share
of the way from guessing to a perfect F1 (where nearly everybody is positive, guessing alone has an F1 of nearly 1)."""
QUASI_LABEL = 0.4
"""The same for a quasi-label."""
EXACT = 0.999


def audit(
    features: pd.DataFrame, labels: Flags, *, published: tuple[str, ...], audited: tuple[str, ...], random_state: int
) -> pd.DataFrame:
    """Rows of ``classifiers.leakage`` for the published inputs and the further features, the worst first.

    ``features`` has a column for each. A pair is told where neither of the two gives the label away exactly alone.
    """
    names = tuple(dict.fromkeys((*published, *audited)))
    columns = {name: _column(features, name) for name in names}
    guessing = 2 * labels.mean() / (1 + labels.mean())
    single = {name: _alone(columns[name], labels) for name in names}
    pairs = _pairs({name: columns[name] for name in published}, labels, single)
    in_a_pair = {name for pair in pairs for name in pair}
    without = average_precision_without(
        np.column_stack([columns[name] for name in published]), labels, random_state=random_state
    )
    rows = []
    for name in names:
        auc, f1 = single[name]
        kind = _kind(f1, guessing, in_a_pair=name in in_a_pair)
        verdict = _words(kind, f1, guessing, [pair for pair in pairs if name in pair], name)
        place = published.index(name) if name in published else -1
        ap = without[place] if place >= 0 else None
        rows.append((name, "", name in published, auc, f1, ap, kind, verdict))
    for (one, other), (auc, f1) in pairs.items():
        verdict = f"Leak: a threshold on {one} + {other} is the label (F1 {f1:.3f})."
        rows.append((one, other, True, auc, f1, None, "leak", verdict))
    frame = pd.DataFrame(rows, columns=LEAKAGE_TABLE.frame_names)
    frame = frame.astype({"single_feature_auc": "float64", "best_f1": "float64", "ap_without": "float64"})
    return frame.sort_values(["best_f1", "feature"], ascending=[False, True], kind="stable", ignore_index=True)


def average_precision_without(matrix: Matrix, labels: Flags, *, random_state: int) -> list[float | None]:
    """Average precision of the reference model without each feature in turn (five stratified folds, out of fold).

    None where no feature is left.
    """
    from sklearn.model_selection import StratifiedKFold, cross_val_predict  # noqa: PLC0415 - importing it costs seconds

    cut = StratifiedKFold(5, shuffle=True, random_state=random_state)
    found: list[float | None] = []
    for place in range(matrix.shape[1]):
        rest = np.delete(matrix, place, axis=1)
        if not rest.shape[1]:
            found.append(None)
            continue
        scores = cross_val_predict(logged_regression(), rest, labels, cv=cut, method="predict_proba")[:, 1]
        found.append(average_precision(scores, labels))
    return found


def _column(features: pd.DataFrame, name: str) -> Vector:
    """A feature as floats, its median where it is missing."""
    values = features[name].to_numpy(dtype=np.float64, na_value=np.nan)
    known = values[~np.isnan(values)]
    return np.where(np.isnan(values), np.median(known) if len(known) else 0.0, values)


def _alone(values: Vector, labels: Flags) -> tuple[float, float]:
    """ROC-AUC and best F1 of a threshold, whichever way round is better."""
    auc = roc_auc(values, labels)
    return max(auc, 1.0 - auc), max(best_f1(values, labels)[1], best_f1(-values, labels)[1])


def _pairs(
    columns: dict[str, Vector], labels: Flags, single: dict[str, tuple[float, float]]
) -> dict[tuple[str, str], tuple[float, float]]:
    """The pairs of which the sum is the label exactly, though none of the two is alone."""
    found = {}
    for one, other in combinations([name for name in columns if single[name][1] < EXACT], 2):
        auc, f1 = _alone(columns[one] + columns[other], labels)
        if f1 >= EXACT:
            found[one, other] = (auc, f1)
    return found


def _kind(f1: float, guessing: float, *, in_a_pair: bool) -> str:
    if f1 >= guessing + REBUILT * (1.0 - guessing) or in_a_pair:
        return "leak"
    return "quasi_label" if f1 >= guessing + QUASI_LABEL * (1.0 - guessing) else "clear"


def _words(kind: str, f1: float, guessing: float, pairs: list[tuple[str, str]], name: str) -> str:
    if kind == "clear":
        return "No sign that it gives the label away."
    if kind == "quasi_label":
        return (
            f"Quasi-label: a threshold on it alone reaches F1 {f1:.3f} (guessing: {guessing:.3f}); "
            "close to the label under another name."
        )
    if pairs and f1 < EXACT:
        others = " or ".join(one if other == name else other for one, other in pairs)
        return f"Leak: together with {others} it is the label; alone a threshold on it reaches F1 {f1:.3f}."
    exact = "is the label" if f1 >= EXACT else "is nearly the label"
    return f"Leak: a threshold on it alone {exact} (F1 {f1:.3f}): a model that uses it recovers its own target."
