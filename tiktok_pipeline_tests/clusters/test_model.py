"""Scaling, fitting and the stored model against scikit-learn."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.cluster import KMeans
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, RobustScaler, StandardScaler

from tiktok_pipeline.clusters.model import TooFewRowsError, fit_kmeans, fit_scaler, from_frame, to_frame
from tiktok_pipeline.clusters.schema import MODELS_SCHEMA
from tiktok_pipeline.recipes.segmentation import Scaling

FEATURES = ("followers", "likes", "avg_engagement_rate")


def table(rows: int = 60, *, gaps: bool = False) -> pd.DataFrame:
    random = np.random.default_rng(5)
    frame = pd.DataFrame(np.exp(random.normal(3, 2, (rows, 3))), columns=list(FEATURES))
    if gaps:
        frame = frame.mask(random.random(frame.shape) < 0.15)
    return frame


@pytest.mark.parametrize("log1p", [(), ("followers", "likes")])
@pytest.mark.parametrize("scaler", ["standard", "robust"])
@pytest.mark.parametrize("missing", ["drop", "mean"])
def test_scaling_agrees_with_scikit_learn(scaler: str, log1p: tuple[str, ...], missing: str) -> None:
    rows = table(gaps=missing == "mean")
    scaling = Scaling(scaler=scaler, log1p=log1p, missing=missing)  # type: ignore[arg-type]
    places = [FEATURES.index(name) for name in log1p]

    def turn(values: np.ndarray) -> np.ndarray:
        values = values.copy()
        values[:, places] = np.log1p(values[:, places])
        return values

    reference = make_pipeline(
        SimpleImputer(strategy="mean"),
        FunctionTransformer(turn),
        StandardScaler() if scaler == "standard" else RobustScaler(),
    ).fit_transform(rows.to_numpy())
    np.testing.assert_allclose(
        fit_scaler(rows, features=FEATURES, scaling=scaling).transform(rows), reference, rtol=1e-12, atol=1e-12
    )


def test_a_constant_feature_is_centered_but_not_divided() -> None:
    model = fit_scaler(table().assign(likes=7.0), features=FEATURES, scaling=Scaling())
    assert (model.centers[1], model.scales[1]) == (7.0, 1.0)


def test_fit_scaler_learns_from_the_fitted_rows_only() -> None:
    rows = pd.DataFrame({"followers": [0.0, 2.0], "likes": 1.0, "avg_engagement_rate": 1.0})
    model = fit_scaler(rows, features=("followers",), scaling=Scaling())
    assert model.transform(pd.DataFrame({"followers": [5.0, None]})).ravel() == pytest.approx(
        [4.0, np.nan], nan_ok=True
    )


def test_an_unknown_scaler_raises() -> None:
    with pytest.raises(ValueError, match=r"'minmax'.*expected standard or robust"):
        Scaling(scaler="minmax")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"'median'.*drop or mean"):
        Scaling(missing="median")  # type: ignore[arg-type]


def test_fit_kmeans_agrees_with_scikit_learn() -> None:
    rows = table()
    scaled_by = fit_scaler(rows, features=FEATURES, scaling=Scaling())
    fit = fit_kmeans(rows, scaled_by=scaled_by, k=4, n_init=3, random_state=9)
    reference = KMeans(4, n_init=3, random_state=9).fit(StandardScaler().fit_transform(rows.to_numpy()))
    np.testing.assert_allclose(fit.model.centroids, reference.cluster_centers_, rtol=1e-9)
    assert fit.inertia == pytest.approx(reference.inertia_, rel=1e-9)
    assert list(fit.labels) == list(reference.labels_)
    assert fit.iterations == reference.n_iter_


@pytest.mark.parametrize("missing", ["drop", "mean"])
def test_from_frame_rebuilds_a_model_from_rows_in_any_order(missing: str) -> None:
    rows = table(gaps=missing == "mean")
    scaling = Scaling(missing=missing, log1p=("likes",))  # type: ignore[arg-type]
    fitted = fit_kmeans(
        rows, scaled_by=fit_scaler(rows, features=FEATURES, scaling=scaling), k=3, n_init=1, random_state=0
    ).model
    written = MODELS_SCHEMA.validate(to_frame(fitted))
    again = from_frame(written.sample(frac=1.0, random_state=1))
    assert again is not None
    assert (again.features, again.transforms, again.fills) == (fitted.features, fitted.transforms, fitted.fills)
    for name in ("centers", "scales", "centroids"):
        np.testing.assert_array_equal(getattr(again, name), getattr(fitted, name))


def test_from_frame_of_no_rows_is_none() -> None:
    assert from_frame(pd.DataFrame(columns=list(MODELS_SCHEMA.columns))) is None


@pytest.mark.parametrize("rows", [0, 3])
def test_fit_kmeans_raises_with_fewer_distinct_rows_than_clusters(rows: int) -> None:
    doubled = pd.concat([table(rows)] * 3)
    with pytest.raises(TooFewRowsError, match="no row is left" if not rows else "3 distinct rows to fit, 4 clusters"):
        fit_kmeans(
            doubled,
            scaled_by=fit_scaler(doubled, features=FEATURES, scaling=Scaling()),
            k=4,
            n_init=1,
            random_state=0,
        )


def test_constant_rows_count_as_one_distinct_row() -> None:
    rows = pd.DataFrame(1.0, index=range(50), columns=list(FEATURES))
    with pytest.raises(TooFewRowsError, match="1 distinct rows"):
        fit_kmeans(
            rows, scaled_by=fit_scaler(rows, features=FEATURES, scaling=Scaling()), k=2, n_init=1, random_state=0
        )


def test_fit_scaler_raises_if_a_feature_has_no_value() -> None:
    rows = table().assign(likes=np.nan)
    with pytest.raises(TooFewRowsError, match="no row has a value for likes"):
        fit_scaler(rows, features=FEATURES, scaling=Scaling(missing="mean"))
