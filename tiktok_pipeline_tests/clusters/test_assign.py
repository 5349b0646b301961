"""Assignment inside the engine against scikit-learn's predict and against values by hand."""

from __future__ import annotations

from typing import Any

import narwhals as nw
import numpy as np
import pandas as pd
import pytest
from sklearn.cluster import KMeans
from sklearn.preprocessing import RobustScaler, StandardScaler

from tiktok_pipeline.clusters.model import (
    SegmentModel,
    assign,
    assign_none,
    fit_kmeans,
    fit_scaler,
    from_frame,
    to_frame,
)
from tiktok_pipeline.clusters.schema import ASSIGNMENTS_TABLE, MODELS_TABLE
from tiktok_pipeline.features.sample import collect_sample
from tiktok_pipeline.recipes.segmentation import Scaling
from tiktok_pipeline.warehouse.duckdb.warehouse import DuckDBWarehouse
from tiktok_pipeline_tests.features.frames import features, pandas, records, stored

FEATURES = ("followers", "likes", "avg_engagement_rate")
ALL = nw.col("account_id") != ""


def line(*centroids: float, fill: float | None = None, transform: str = "identity") -> SegmentModel:
    """Return a model with one feature, center 10 and scale 2."""
    return SegmentModel(
        ("followers",), (transform,), (fill,), np.array([10.0]), np.array([2.0]), np.array(centroids)[:, None]
    )


def assigned(
    engine: DuckDBWarehouse, values: list[float | None], model: SegmentModel, in_fit: nw.Expr = ALL
) -> pd.DataFrame:
    return pandas(
        assign(features(engine, [{"followers": value} for value in values]), model, in_fit=in_fit), "account_id"
    )


def test_distance_and_margin_by_hand(engine: DuckDBWarehouse) -> None:
    # The centroids are at 10, 14 and 20 followers.
    found = assigned(engine, [10.0, 11.0, 12.0, 16.0, 20.0, 30.0], line(0.0, 2.0, 5.0))
    assert list(found.columns) == ASSIGNMENTS_TABLE.frame_names
    assert list(found["cluster"]) == [0, 0, 0, 1, 2, 2]
    assert list(found["distance"]) == pytest.approx([0.0, 0.5, 1.0, 1.0, 0.0, 5.0])
    assert list(found["margin"]) == pytest.approx([1.0, 1 - 0.5 / 1.5, 0.0, 0.5, 1.0, 1 - 5 / 8])
    assert list(found["runner_up"]) == [1, 1, 1, 2, 1, 1]
    assert list(found["runner_up_margin"]) == pytest.approx(
        [1 - 2 / 5, 1 - 1.5 / 4.5, 1 - 1 / 4, 1 - 2 / 3, 1 - 3 / 5, 1 - 8 / 10]
    )


def test_the_lowest_number_wins_a_tie(engine: DuckDBWarehouse) -> None:
    found = assigned(engine, [12.0, 14.0], line(2.0, 0.0, 2.0))
    assert list(found["cluster"]) == [0, 0]
    assert list(found["margin"]) == [0.0, 0.0]


def test_a_single_cluster_has_all_rows_and_margin_zero(engine: DuckDBWarehouse) -> None:
    found = assigned(engine, [10.0, 1e9], line(0.0))
    assert list(found["cluster"]) == [0, 0]
    assert list(found["margin"]) == [0.0, 0.0]
    assert found[["runner_up", "runner_up_margin"]].isna().all(axis=None)


def test_a_profile_without_a_value_has_no_cluster(engine: DuckDBWarehouse) -> None:
    found = assigned(engine, [None, 10.0], line(0.0, 5.0))
    assert found.loc[0, ["cluster", "distance", "margin"]].isna().all()
    assert list(found["in_fit"]) == [False, True]


def test_a_missing_value_is_filled_before_the_logarithm(engine: DuckDBWarehouse) -> None:
    found = assigned(engine, [None, np.e**12 - 1], line(0.0, 1.0, fill=np.e**10 - 1, transform="log1p"))
    assert list(found["cluster"]) == [0, 1]
    assert list(found["distance"]) == pytest.approx([0.0, 0.0], abs=1e-6)


def test_in_fit_marks_the_rows_of_the_fit(engine: DuckDBWarehouse) -> None:
    found = assigned(engine, [1.0, 20.0, 3.0], line(0.0, 5.0), nw.col("followers") < 10)
    assert list(found["in_fit"]) == [True, False, True]
    assert list(found["cluster"]) == [0, 1, 0]


def test_without_a_model_no_profile_has_a_cluster(engine: DuckDBWarehouse) -> None:
    found = pandas(assign_none(features(engine, [{}, {}])), "account_id")
    assert list(found.columns) == ASSIGNMENTS_TABLE.frame_names
    assert found[["cluster", "distance", "margin"]].isna().to_numpy().all()
    assert not found["in_fit"].any()


@pytest.mark.parametrize("random_state", [0, 1, 2])
@pytest.mark.parametrize("missing", ["drop", "mean"])
@pytest.mark.parametrize("scaler", ["standard", "robust"])
def test_assign_agrees_with_predict_of_scikit_learn(
    engine: DuckDBWarehouse, scaler: Any, missing: Any, random_state: int
) -> None:
    random = np.random.default_rng(random_state)
    values = pd.DataFrame(np.exp(random.normal(4, 2, (400, 3))), columns=list(FEATURES)).map(
        lambda one: float(f"{one:.6g}")
    )
    if missing == "mean":
        values = values.mask(random.random(values.shape) < 0.1)
    known = values[:300]
    fit = fit_kmeans(
        known,
        scaled_by=fit_scaler(known, features=FEATURES, scaling=Scaling(scaler=scaler, missing=missing)),
        k=5,
        n_init=2,
        random_state=random_state,
    )
    whole = values.fillna(known.mean()).to_numpy()
    reference = (StandardScaler() if scaler == "standard" else RobustScaler()).fit(whole[:300])
    predictor = KMeans(5, n_init=2, random_state=random_state).fit(reference.transform(whole[:300]))
    frame = features(engine, records(values))
    found = pandas(assign(frame, fit.model, in_fit=ALL), "account_id")
    matrix = reference.transform(whole)
    nearest, second = np.sort(predictor.transform(matrix), axis=1)[:, :2].T
    assert list(found["cluster"]) == list(predictor.predict(matrix))
    np.testing.assert_allclose(found["distance"], nearest, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(found["margin"], 1 - nearest / second, atol=1e-6)


def test_the_order_in_which_rows_were_written_does_not_matter(engine: DuckDBWarehouse) -> None:
    random = np.random.default_rng(3)
    rows = [
        {"account_id": f"c{number}", "source_row": number}
        | dict(zip(FEATURES, random.gamma(1.0, 9.0, 3), strict=True))
        for number in range(200)
    ]
    tables = []
    for order in (rows, rows[::-1], [rows[place] for place in random.permutation(200)]):
        frame = features(engine, order)
        taken = collect_sample(frame, FEATURES, max_rows=1_000, engine=engine)
        scaled_by = fit_scaler(taken, features=FEATURES, scaling=Scaling())
        fit = fit_kmeans(taken, scaled_by=scaled_by, k=5, n_init=1, random_state=42)
        tables.append((to_frame(fit.model), pandas(assign(frame, fit.model, in_fit=ALL), "account_id")))
    for models, assignments in tables[1:]:
        pd.testing.assert_frame_equal(models, tables[0][0], check_exact=True)
        pd.testing.assert_frame_equal(assignments, tables[0][1], check_exact=True)


def test_a_stored_model_assigns_like_the_fitted_model(engine: DuckDBWarehouse) -> None:
    model = line(0.0, 2.0, 5.0, fill=11.5)
    kept = from_frame(stored(engine, MODELS_TABLE, records(to_frame(model))).collect("pandas").to_native())
    assert kept is not None
    values = [1.0, None, 14.5, 40.0]
    pd.testing.assert_frame_equal(assigned(engine, values, kept), assigned(engine, values, model))
