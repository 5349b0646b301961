"""The scores of k against scikit-learn, the elbow of known curves, and eta squared by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.cluster import KMeans
from sklearn.metrics import calinski_harabasz_score, davies_bouldin_score, silhouette_score

from tiktok_pipeline.clusters import choose_k
from tiktok_pipeline.clusters.choose_k import find_elbow, score_k
from tiktok_pipeline.clusters.effect_size import eta_squared, fit_statistics
from tiktok_pipeline.clusters.schema import FITS_SCHEMA, K_SCORES_SCHEMA, K_SCORES_TABLE

RANDOM = np.random.default_rng(2)
BLOBS = np.concatenate([RANDOM.normal(center, 0.2, (30, 2)) for center in ((0, 0), (5, 0), (0, 5), (5, 5))])
SWEEP: dict[str, Any] = {"n_init": 4, "random_state": 42}


def curve(inertia: list[float]) -> pd.DataFrame:
    return pd.DataFrame({"k": range(2, 2 + len(inertia)), "inertia": inertia})


def test_every_score_agrees_with_scikit_learn() -> None:
    scores = K_SCORES_SCHEMA.validate(score_k(BLOBS, chosen=5, k_range=(2, 6), **SWEEP))
    assert list(scores["k"]) == [2, 3, 4, 5, 6]
    for row in scores.to_dict("records"):
        fitted = KMeans(row["k"], **SWEEP).fit(BLOBS)
        expected = {
            "inertia": fitted.inertia_,
            "silhouette": silhouette_score(BLOBS, fitted.labels_),
            "calinski_harabasz": calinski_harabasz_score(BLOBS, fitted.labels_),
            "davies_bouldin": davies_bouldin_score(BLOBS, fitted.labels_),
        }
        assert {name: row[name] for name in expected} == pytest.approx(expected, rel=1e-9)


def test_parallel_fits_equal_sequential_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    alone = score_k(BLOBS, chosen=5, k_range=(2, 6), **SWEEP)
    monkeypatch.setattr(choose_k, "SMALL_FIT_ROWS", 1)
    pd.testing.assert_frame_equal(score_k(BLOBS, chosen=5, k_range=(2, 6), **SWEEP), alone, check_exact=True)


def test_elbow_and_silhouette_find_four_blobs_whatever_the_study_chooses() -> None:
    scores = score_k(BLOBS, chosen=5, k_range=(2, 9), **SWEEP)
    marks = {name: list(scores.loc[scores[name], "k"]) for name in ("is_elbow", "is_best_silhouette", "is_chosen")}
    assert marks == {"is_elbow": [4], "is_best_silhouette": [4], "is_chosen": [5]}
    assert set(scores["reason"]) == {
        (
            "The study takes k = 5; the elbow of inertia is at 4 and the silhouette is highest at 4: "
            "they ask different questions of the same rows."
        )
    }


def test_the_reason_mentions_no_difference_if_the_choices_agree() -> None:
    scores = score_k(BLOBS, chosen=4, k_range=(2, 9), **SWEEP)
    assert scores["reason"].iloc[0].endswith("the silhouette is highest at 4.")


def test_the_elbow_is_inside_the_elbow_range_of_the_study() -> None:
    scores = score_k(BLOBS, chosen=4, k_range=(2, 9), elbow_range=(5, 9), **SWEEP)
    assert all(k >= 5 for k in scores.loc[scores["is_elbow"], "k"])


@pytest.mark.parametrize(
    ("inertia", "elbow"),
    [
        ([100.0, 60.0, 20.0, 18.0, 16.0, 14.0, 12.0], 4),
        ([2894.5, 1098.5, 593.6, 364.9, 326.9, 294.8, 270.1, 246.3, 225.1], 4),
        ([100.0, 90.0, 80.0, 70.0, 60.0], None),
        ([5.0, 5.0, 5.0, 5.0], None),
        ([9.0, 1.0], None),
    ],
)
def test_the_elbow_of_a_known_curve(inertia: list[float], elbow: int | None) -> None:
    assert find_elbow(curve(inertia), (2, 10)) == elbow


@pytest.mark.parametrize("distinct", [0, 1, 2, 3, 4])
def test_score_k_leaves_out_k_without_enough_distinct_rows(distinct: int) -> None:
    rows = np.repeat(np.arange(distinct, dtype=float)[:, None], 3, axis=0)
    scores = score_k(rows, chosen=5, k_range=(2, 10), **SWEEP)
    assert list(scores.columns) == K_SCORES_TABLE.frame_names
    assert list(scores["k"]) == list(range(2, distinct))
    assert not scores["is_chosen"].any()


def test_constant_rows_have_no_scores() -> None:
    assert score_k(np.ones((40, 3)), chosen=3, k_range=(2, 10), **SWEEP).empty


def test_eta_squared_by_hand() -> None:
    # ranks 1 2 3 4 around 2.5; cluster means 1.5 and 3.5: between 4, total 5
    assert eta_squared(pd.Series([10.0, 20.0, 30.0, 4_000.0]), pd.Series([0, 0, 1, 1])) == pytest.approx(0.8)
    assert eta_squared(pd.Series([1.0, 3.0, 2.0, 4.0]), pd.Series([0, 0, 1, 1])) == pytest.approx(0.2)


def test_eta_squared_agrees_with_the_kruskal_wallis_test() -> None:
    values, clusters = pd.Series(BLOBS[:, 0]), pd.Series(np.arange(120) // 40)
    statistic = stats.kruskal(*(values[clusters == cluster] for cluster in range(3))).statistic
    assert eta_squared(values, clusters) == pytest.approx(statistic / 119, rel=1e-12)


def test_eta_squared_ignores_missing_values() -> None:
    gappy = pd.Series([10.0, None, 20.0, 30.0, None, None, None, 40.0])
    clusters = pd.Series([0, 0, 0, 1, 1, 1, 1, 1])
    assert eta_squared(gappy, clusters) == pytest.approx(0.8)


@pytest.mark.parametrize("values", [[1.0, 1.0, 1.0], [None, None, None], [None, 2.0, None]])
def test_eta_squared_of_a_constant_is_none(values: list[float | None]) -> None:
    assert eta_squared(pd.Series(values, dtype="float64"), pd.Series([0, 1, 1])) is None


def test_fit_statistics_are_rows_with_null_for_undefined_values() -> None:
    frame = FITS_SCHEMA.validate(fit_statistics({"inertia": 2.0, "silhouette": None}))
    assert list(frame["statistic"]) == ["inertia", "silhouette"]
    assert frame["value"].isna().tolist() == [False, True]
    assert frame["note"].isna().all()


def test_fit_statistics_carry_a_note() -> None:
    frame = FITS_SCHEMA.validate(
        fit_statistics({"rows": 2.0, "rows_after_missing": 1.0}, note="1 row, 4 clusters asked for")
    )
    assert frame["note"].tolist() == ["1 row, 4 clusters asked for"] * 2
    assert FITS_SCHEMA.validate(fit_statistics({}, note="nothing at all")).empty
