"""What each model says of rows that it never saw, held to scikit-learn and to spies."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score
from sklearn.model_selection import StratifiedKFold, cross_val_predict

from tiktok_pipeline.classifiers import models, network
from tiktok_pipeline.classifiers.models import build, fit, inner_scores, logged_regression
from tiktok_pipeline.classifiers.network import ModelMissingError
from tiktok_pipeline.recipes.classification import ModelName, Network
from tiktok_pipeline_tests.classifiers.invented import SMALL, Memory, creators, row_numbers

FEATURES = ["likes", "videos_count", "following"]


@pytest.mark.parametrize("random_state", [0, 7])
def test_inner_scores_come_from_a_model_that_did_not_see_the_row(
    monkeypatch: pytest.MonkeyPatch, random_state: int
) -> None:
    monkeypatch.setattr(models, "build", lambda *_, **__: Memory())
    matrix, labels = row_numbers(60, 0.3)
    found = inner_scores("logistic_regression", matrix, labels, random_state=random_state)
    assert found.tolist() == [0.5] * 60


@pytest.mark.parametrize("name", ["random_forest", "gradient_boosting"])
def test_what_a_model_says_of_its_own_rows_is_not_what_a_threshold_is_chosen_on(name: ModelName) -> None:
    matrix, labels = row_numbers(300, 0.3)
    fitted = fit(name, matrix, labels, random_state=1, network=SMALL)
    learned_by_heart = average_precision_score(labels, fitted.score(matrix))
    assert learned_by_heart > 0.6
    assert average_precision_score(fitted.inner_labels, fitted.inner_scores) < 0.45


def test_inner_scores_are_those_of_scikit_learns_cross_validation() -> None:
    rows, labels = creators()
    matrix = rows[FEATURES].to_numpy()
    cut = StratifiedKFold(3, shuffle=True, random_state=5)
    reference = cross_val_predict(logged_regression(), matrix, labels, cv=cut, method="predict_proba")[:, 1]
    np.testing.assert_allclose(
        fit("logistic_regression", matrix, labels, random_state=5, network=SMALL).inner_scores, reference
    )


def test_the_forest_judges_its_own_rows_out_of_bag() -> None:
    rows, labels = creators()
    matrix = rows[FEATURES].to_numpy()
    reference = RandomForestClassifier(100, oob_score=True, random_state=4).fit(matrix, labels)
    fitted = fit("random_forest", matrix, labels, random_state=4, network=SMALL)
    np.testing.assert_array_equal(fitted.inner_scores, reference.oob_decision_function_[:, 1])
    np.testing.assert_array_equal(fitted.score(matrix), reference.predict_proba(matrix)[:, 1])


def test_the_dummy_says_the_share_of_positives_of_everybody() -> None:
    matrix, labels = row_numbers(40, 0.25)
    fitted = fit("dummy", matrix, labels, random_state=0, network=SMALL)
    assert fitted.score(matrix[:3]).tolist() == fitted.inner_scores[:3].tolist() == [0.25] * 3


def test_the_regression_is_on_standardized_logarithms_with_the_median_for_a_missing_value() -> None:
    rows, labels = creators()
    matrix = rows[FEATURES].to_numpy()
    gaps = matrix.copy()
    gaps[::7, 1] = np.nan
    filled = np.where(np.isnan(gaps), np.nanmedian(gaps, axis=0), gaps)
    logged = np.log1p(filled)
    scaled = (logged - logged.mean(axis=0)) / logged.std(axis=0)
    reference = LogisticRegression(solver="newton-cholesky", max_iter=1_000).fit(scaled, labels)
    found = logged_regression().fit(gaps, labels).predict_proba(gaps)
    np.testing.assert_allclose(found, reference.predict_proba(scaled), rtol=1e-9)


@pytest.mark.parametrize("name", ["logistic_regression", "random_forest", "gradient_boosting", "dummy"])
def test_missing_values_and_empty_and_constant_columns_are_no_obstacle(name: ModelName) -> None:
    rows, labels = creators()
    matrix = rows[FEATURES].to_numpy().copy()
    matrix[::5, 0] = np.nan
    matrix = np.column_stack([matrix, np.full(200, np.nan), np.full(200, 3.0)])
    fitted = fit(name, matrix, labels, random_state=0, network=SMALL)
    found = fitted.score(matrix)
    for scores in (found, fitted.inner_scores):
        assert ((scores >= 0.0) & (scores <= 1.0)).all()


@pytest.mark.parametrize("name", ["logistic_regression", "random_forest", "gradient_boosting", "neural_network"])
def test_the_same_seed_gives_the_same_model(name: ModelName) -> None:
    if name == "neural_network":
        pytest.importorskip("torch")
    rows, labels = creators(120)
    matrix = rows[FEATURES].to_numpy()
    first, second = (fit(name, matrix, labels, random_state=9, network=SMALL) for _ in range(2))
    np.testing.assert_array_equal(first.score(matrix), second.score(matrix))
    np.testing.assert_array_equal(first.inner_scores, second.inner_scores)


@pytest.mark.parametrize("random_state", range(8))
def test_the_network_chooses_its_threshold_on_rows_that_it_was_not_trained_on(
    monkeypatch: pytest.MonkeyPatch, random_state: int
) -> None:
    matrix, labels = row_numbers(100, 0.3)
    seen: dict[str, Any] = {}

    def spy(inputs: Any, own: Any, other_inputs: Any, other: Any, *_: Any, **options: Any) -> list[Any]:
        seen.update(inputs=inputs, own=own, other_inputs=other_inputs, other=other, **options)
        return [SimpleNamespace(score=lambda rows: rows[:, 0] / 10.0)]

    monkeypatch.setattr(models, "train", spy)
    fitted = fit("neural_network", matrix, labels, random_state=random_state, network=SMALL)
    assert (len(seen["inputs"]), len(seen["other_inputs"])) == (80, 20)
    assert not set(seen["inputs"].ravel()) & set(seen["other_inputs"].ravel())
    assert "as_published" not in seen
    np.testing.assert_array_equal(fitted.inner_labels, seen["other"])
    np.testing.assert_array_equal(fitted.inner_scores, seen["other_inputs"].ravel() / 10.0)
    # the range is that of the rows trained on, so that the rows held out may lie outside
    assert (seen["inputs"].min(), seen["inputs"].max()) == (0.0, 1.0)
    assert seen["own"].sum() == 24


def test_without_its_library_a_model_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network, "is_installed", lambda: False)
    matrix, labels = row_numbers(40, 0.5)
    with pytest.raises(ModelMissingError, match=r"neural_network: PyTorch is not installed.*extra `neural`"):
        fit("neural_network", matrix, labels, random_state=0, network=Network())


def test_what_is_no_model_of_scikit_learn_is_not_built() -> None:
    with pytest.raises(ValueError, match="model 'neural_network' is not a scikit-learn model"):
        build("neural_network", random_state=0)
