"""The model that scores creators: inside the engine as in NumPy, as rows and back, held to scikit-learn."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn.model_selection import StratifiedKFold, cross_val_predict

from tiktok_pipeline.analysis.classification import labeled_rows, score_creators
from tiktok_pipeline.arrays import Matrix
from tiktok_pipeline.classifiers.calibration import apply_platt, fit_platt
from tiktok_pipeline.classifiers.evaluation import empty_evaluation, run_protocols
from tiktok_pipeline.classifiers.metrics import best_f1
from tiktok_pipeline.classifiers.models import logged_regression
from tiktok_pipeline.classifiers.schema import MODELS_SCHEMA, MODELS_TABLE, SCORES_SCHEMA, SCORES_TABLE
from tiktok_pipeline.classifiers.scoring_model import (
    ScoringModel,
    fit_scoring_model,
    from_frame,
    out_of_fold_rows,
    score,
    to_frame,
)
from tiktok_pipeline.recipes.classification import Label
from tiktok_pipeline.warehouse.duckdb.warehouse import DuckDBWarehouse
from tiktok_pipeline_tests.classifiers.invented import classification, creators
from tiktok_pipeline_tests.features.frames import features, pandas, stored
from tiktok_pipeline_tests.hypothesis_profiles import examples

FEATURES = ("likes", "videos_count", "avg_engagement_rate")


def model(*, gaps: bool = True) -> ScoringModel:
    rows, labels = creators(200)
    matrix = rows[list(FEATURES)].to_numpy().copy()
    if gaps:
        matrix[::6, 0] = np.nan
    return fit_scoring_model(matrix, labels, feature_set="some", features=FEATURES, random_state=5)


def by_hand(slope: float = 1.0, offset: float = 0.0, threshold: float = 0.5) -> ScoringModel:
    """Log odds = (ln(likes + 1) - 2) / 4 * 3 + 1; a missing value counts as e^6 - 1 likes."""
    return ScoringModel(
        "some",
        ("likes",),
        np.array([np.e**6 - 1]),
        np.array([2.0]),
        np.array([4.0]),
        np.array([3.0]),
        1.0,
        slope,
        offset,
        threshold,
    )


def in_engine(engine: DuckDBWarehouse, matrix: Matrix, scoring: ScoringModel) -> pd.DataFrame:
    rows = [
        {name: None if np.isnan(value) else float(value) for name, value in zip(scoring.features, row, strict=True)}
        for row in matrix
    ]
    found = pandas(score(features(engine, rows), scoring), "account_id")
    assert list(found.columns) == SCORES_TABLE.frame_names
    assert len(SCORES_SCHEMA.validate(found)) == len(matrix)
    return found


def records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows of a frame, None where a value is missing."""
    rows = frame.astype(object).where(frame.notna(), None).to_dict("records")
    return [{str(name): value for name, value in row.items()} for row in rows]


def same(one: ScoringModel | None, other: ScoringModel) -> bool:
    assert one is not None
    for field in fields(other):
        np.testing.assert_array_equal(getattr(one, field.name), getattr(other, field.name), err_msg=field.name)
    return True


def test_a_score_by_hand() -> None:
    matrix = np.array([[np.e**2 - 1], [np.e**6 - 1], [np.nan]])
    assert by_hand().score(matrix) == pytest.approx(
        [1 / (1 + np.exp(-1)), 1 / (1 + np.exp(-4)), 1 / (1 + np.exp(-4))]
    )
    assert by_hand(slope=2.0, offset=-2.0).score(matrix[:1]) == pytest.approx([0.5])


def test_before_calibration_it_is_the_pipeline_of_scikit_learn() -> None:
    rows, labels = creators(200)
    matrix = rows[list(FEATURES)].to_numpy().copy()
    matrix[::6, 0] = np.nan
    reference = logged_regression().fit(matrix, labels).predict_proba(matrix)[:, 1]
    np.testing.assert_allclose(replace(model(), slope=1.0, offset=0.0).score(matrix), reference, rtol=1e-9)


def test_calibration_and_threshold_come_from_parts_that_the_model_did_not_see() -> None:
    rows, labels = creators(200)
    matrix = rows[list(FEATURES)].to_numpy()
    cut = StratifiedKFold(3, shuffle=True, random_state=5)
    inner = cross_val_predict(logged_regression(), matrix, labels, cv=cut, method="predict_proba")[:, 1]
    slope, offset = fit_platt(inner, labels)
    fitted = model(gaps=False)
    assert [fitted.slope, fitted.offset] == pytest.approx([slope, offset])
    assert fitted.threshold == pytest.approx(best_f1(apply_platt(inner, slope, offset), labels)[0])


def test_the_engine_says_what_numpy_says(engine: DuckDBWarehouse) -> None:
    rows, _ = creators(300, random_state=8)
    matrix = rows[list(FEATURES)].to_numpy().copy()
    matrix[np.random.default_rng(0).random(matrix.shape) < 0.2] = np.nan
    matrix[:6] = [[0, 0, 0], [np.nan] * 3, [1e18, 1e12, 1e6], [0, 1e15, 0], [1e300, 0, 1e300], [0, 0, 1e-12]]
    fitted = model()
    found = in_engine(engine, matrix, fitted)
    np.testing.assert_allclose(found["score"], fitted.score(matrix), rtol=0, atol=1e-9)
    assert (found["predicted"] == (fitted.score(matrix) >= fitted.threshold)).all()
    assert found["predicted"].nunique() == 2
    assert set(found["model"]) == {"logistic_regression"}
    assert not found["out_of_fold"].any()


@settings(max_examples=examples(15), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    values=st.lists(st.none() | st.floats(0.0, 1e300), min_size=1, max_size=12),
    slope=st.sampled_from([-1e6, -1.0, 0.0, 1e-9, 2.0, 1e6]),
    offset=st.sampled_from([-1e9, 0.0, 1e9]),
)
def test_any_value_gives_a_score_between_zero_and_one(
    engine: DuckDBWarehouse, values: list[float | None], slope: float, offset: float
) -> None:
    matrix = np.array([np.nan if value is None else value for value in values])[:, None]
    scoring = by_hand(slope=slope, offset=offset)
    expected = scoring.score(matrix)
    assert ((expected >= 0.0) & (expected <= 1.0)).all()
    np.testing.assert_allclose(in_engine(engine, matrix, scoring)["score"], expected, rtol=0, atol=1e-9)


def test_a_score_at_the_threshold_is_taken(engine: DuckDBWarehouse) -> None:
    assert in_engine(engine, np.array([[1e300]]), by_hand(offset=-1e9, slope=0.0, threshold=0.0))["predicted"].all()
    assert not in_engine(engine, np.array([[0.0]]), by_hand(slope=0.0, threshold=0.5001))["predicted"].any()
    assert in_engine(engine, np.array([[0.0]]), by_hand(slope=0.0, threshold=0.5))["predicted"].all()


@pytest.mark.parametrize("gap", [1.0, 10.0, 1e9])
def test_the_threshold_is_never_more_than_a_score_can_reach(engine: DuckDBWarehouse, gap: float) -> None:
    """The kinds lie apart: calibration is steep, and every positive has the highest probability there is."""
    random = np.random.default_rng(1)
    labels = np.arange(120) % 3 == 0
    matrix = np.where(labels, 20.0 + gap, 20.0)[:, None] + random.uniform(0, 0.1, (120, 1))
    fitted = fit_scoring_model(matrix, labels, feature_set="some", features=("likes",), random_state=0)
    found = in_engine(engine, matrix, fitted)
    assert found["predicted"].tolist() == labels.tolist()


def test_a_threshold_that_calibration_has_pushed_to_one_is_still_reached(engine: DuckDBWarehouse) -> None:
    highest = float(apply_platt(np.array([1.0 - 1e-6]), 1e3, 0.0)[0])
    found = in_engine(engine, np.array([[1e300]]), by_hand(slope=1e3, threshold=highest))
    assert found["predicted"].tolist() == [True]
    # held where NumPy holds it, to the last digits
    assert found["score"].tolist() == pytest.approx([highest], rel=0, abs=1e-13)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_model_comes_back_from_its_rows_in_any_order(seed: int) -> None:
    fitted = model()
    written = MODELS_SCHEMA.validate(to_frame(fitted))
    assert same(from_frame(to_frame(fitted).sample(frac=1.0, random_state=seed)), fitted)
    assert same(from_frame(written.sample(frac=1.0, random_state=seed)), fitted)
    assert sorted(written.loc[written["position"] < 0, "feature"]) == ["intercept", "offset", "slope", "threshold"]


def test_a_model_out_of_the_warehouse_scores_as_the_fitted_one(engine: DuckDBWarehouse) -> None:
    # tables keep twelve digits, and a threshold as high as a score can be must not become 1
    fitted = replace(model(), threshold=float(apply_platt(np.array([1.0]), 1e3, 0.0)[0]))
    kept = from_frame(stored(engine, MODELS_TABLE, records(to_frame(fitted))).collect("pandas").to_native())
    assert kept is not None
    matrix = creators(50)[0][list(FEATURES)].to_numpy()
    np.testing.assert_allclose(kept.score(matrix), fitted.score(matrix), rtol=0, atol=1e-9)
    certain = np.array([[1e300, 0.0, 1e300]]) if fitted.coefficients[0] > 0 else np.array([[0.0, 1e300, 1e300]])
    assert in_engine(engine, certain, kept)["predicted"].tolist() == [True]


def test_no_rows_are_no_model() -> None:
    assert from_frame(pd.DataFrame(columns=MODELS_TABLE.frame_names)) is None


def test_held_out_rows_say_so() -> None:
    found = out_of_fold_rows(pd.Series(["b", "a"]), np.array([0.2, 0.8]), np.array([False, True]))
    assert len(SCORES_SCHEMA.validate(found)) == 2
    assert found.to_numpy().tolist() == [
        ["logistic_regression", "b", 0.2, False, True],
        ["logistic_regression", "a", 0.8, True, True],
    ]


def unlabeled(engine: DuckDBWarehouse) -> Any:
    """120 labeled creators, and 40 whose followers are not known."""
    rows, _ = creators(160)
    rows["followers"] = rows["followers"].where(rows.index < 120)
    return features(engine, records(rows))


def test_every_account_is_scored_once_and_out_of_fold_where_its_label_was_known(engine: DuckDBWarehouse) -> None:
    frame = unlabeled(engine)
    recipe = classification(label=Label(name="top third", feature="followers", top_share=0.3))
    recipe = replace(recipe, sets=(replace(recipe.sets[1], models=("logistic_regression",)),), repeats=1)
    evaluation = run_protocols(*labeled_rows(frame, recipe, engine), recipe)
    assert evaluation.model is not None
    scored = score_creators(frame, evaluation, engine)
    assert not isinstance(scored, pd.DataFrame)
    found = pandas(scored, "account_id")
    assert len(SCORES_SCHEMA.validate(found)) == 160
    assert found["account_id"].tolist() == [f"creator_{number:05d}" for number in range(160)]
    assert found["out_of_fold"].tolist() == [True] * 120 + [False] * 40
    pd.testing.assert_series_equal(found["score"][:120], evaluation.out_of_fold["score"], rtol=1e-12)
    assert found["predicted"][:120].tolist() == evaluation.out_of_fold["predicted"].tolist()
    rest = creators(160)[0][list(FEATURES)].to_numpy()[120:]
    np.testing.assert_allclose(found["score"][120:], evaluation.model.score(rest), rtol=0, atol=1e-9)


def test_without_a_model_nobody_is_scored(engine: DuckDBWarehouse) -> None:
    found = score_creators(unlabeled(engine), empty_evaluation("too few"), engine)
    assert isinstance(found, pd.DataFrame)
    assert found.empty
    assert list(found.columns) == SCORES_TABLE.frame_names
