"""The protocols ``published`` and ``mended`` on invented rows, held to scikit-learn and to spies."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import average_precision_score, confusion_matrix
from sklearn.model_selection import train_test_split

from tiktok_pipeline.classifiers import network, published
from tiktok_pipeline.classifiers.labels import Flags
from tiktok_pipeline.classifiers.network import ModelMissingError
from tiktok_pipeline.classifiers.published import (
    SEEDS,
    EvaluationRows,
    confusion_rows,
    input_names,
    run_forest,
    run_network,
)
from tiktok_pipeline_tests.classifiers.invented import FOREST, NETWORK, creators


def top(rows: pd.DataFrame, share: float = 0.2) -> Flags:
    flags: Flags = (rows["followers"] >= rows["followers"].quantile(1 - share)).to_numpy()
    return flags


def metrics_of(part: EvaluationRows, protocol: str) -> dict[str, tuple[float, float | None]]:
    return {name: (value, std) for _, found, _, name, value, std, _ in part.metrics if found == protocol}


def counts_of(part: EvaluationRows, protocol: str) -> list[int]:
    """Right negatives, false alarms, missed ones, right positives."""
    return [row[-1] for row in part.confusion if row[1] == protocol]


def test_confusion_by_hand() -> None:
    labels = np.array([True, True, True, False, False])
    said = np.array([True, False, False, True, False])
    assert confusion_rows(("m", "p", "s"), labels, said) == [
        ("m", "p", "s", False, False, 1),
        ("m", "p", "s", False, True, 1),
        ("m", "p", "s", True, False, 2),
        ("m", "p", "s", True, True, 1),
    ]


def test_the_forest_is_that_of_scikit_learn_on_a_plain_split() -> None:
    rows, labels = creators(150)
    part = run_forest(rows, labels, FOREST)
    matrix = rows[list(FOREST.features)].to_numpy()
    train, test, own, wanted = train_test_split(matrix, labels, test_size=0.2, random_state=42)
    model = RandomForestClassifier(20, random_state=42).fit(train, own)
    assert counts_of(part, "published") == confusion_matrix(wanted, model.predict(test)).ravel().tolist()
    found = metrics_of(part, "published")
    expected = average_precision_score(wanted, model.predict_proba(test)[:, 1])
    assert found["average_precision"][0] == pytest.approx(expected)
    assert all(std is None for _, std in found.values())
    impurity = {row[3]: row[5] for row in part.importances if row[4] == "impurity"}
    assert impurity == pytest.approx(dict(zip(FOREST.features, model.feature_importances_, strict=True)))
    assert sum(impurity.values()) == pytest.approx(1.0)


def test_figures_of_the_forest_are_those_of_its_confusion() -> None:
    rows, labels = creators(150)
    part = run_forest(rows, labels, FOREST)
    _, false_alarms, missed, right = counts_of(part, "published")
    found = {name: value for name, (value, _) in metrics_of(part, "published").items()}
    assert false_alarms
    assert missed
    assert found["precision"] == pytest.approx(right / (right + false_alarms))
    assert found["recall"] == pytest.approx(right / (right + missed))
    assert found["f1"] == pytest.approx(2 * right / (2 * right + missed + false_alarms))
    assert found["threshold"] == 0.5


def test_a_label_made_of_an_input_is_found_without_an_error_and_by_that_input() -> None:
    rows, _ = creators(300)
    part = run_forest(rows, top(rows), FOREST)
    _, false_alarms, missed, right = counts_of(part, "published")
    assert false_alarms + missed <= 1
    assert right > 5
    impurity = {row[3]: row[5] for row in part.importances if row[4] == "impurity"}
    assert max(impurity, key=impurity.__getitem__) == "followers"
    shuffled = {row[3]: row[5] for row in part.importances if row[4] == "permutation"}
    assert shuffled["followers"] > 0.2
    assert shuffled["avg_engagement_rate"] == pytest.approx(0.0, abs=0.05)


@pytest.mark.parametrize("positives", [0, 1])
def test_a_plain_split_without_both_kinds_says_nothing(positives: int) -> None:
    rows, _ = creators(60)
    assert run_forest(rows, np.arange(60) < positives, FOREST) == EvaluationRows()


def test_the_forest_takes_rows_that_miss_a_value() -> None:
    rows, _ = creators(150)
    labels = top(rows)
    rows["avg_engagement_rate"] = np.nan
    rows["likes"] = rows["likes"].mask(rows.index % 3 == 0)
    assert sum(counts_of(run_forest(rows, labels, FOREST), "published")) == 30


def test_input_names_are_in_the_order_of_the_inputs() -> None:
    assert input_names(NETWORK) == [
        "is_verified",
        "principal_component_1",
        "principal_component_2",
        "videos_count",
        "comment_engagement_rate",
    ]
    assert input_names(replace(NETWORK, principal_components=())) == list(NETWORK.features)


def test_without_torch_the_network_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network, "is_installed", lambda: False)
    with pytest.raises(ModelMissingError, match="PyTorch is not installed"):
        run_network(*creators(60), NETWORK, processes=1)


def test_figures_of_the_network_are_means_over_its_seeds() -> None:
    pytest.importorskip("torch")
    rows, labels = creators(150)
    whole = run_network(rows, labels, NETWORK, processes=1)
    assert {row[1] for row in whole.metrics} == {"published", "mended"}
    assert {row[3] for row in whole.importances} == set(input_names(NETWORK))
    for protocol in ("published", "mended"):
        assert sum(counts_of(whole, protocol)) == 30
        for name, (value, std) in metrics_of(whole, protocol).items():
            assert 0.0 <= value <= 1.0, name
            assert std is not None
    again = run_network(rows, labels, NETWORK, processes=2)
    assert again == whole


def test_published_tunes_on_the_rows_that_judge_and_mended_on_others(monkeypatch: pytest.MonkeyPatch) -> None:
    rows, labels = creators(200)
    rows["is_verified"] = np.arange(200.0)
    calls: list[dict[str, Any]] = []
    chosen_on: list[tuple[int, list[float]]] = []

    def train(inputs: Any, own: Any, other_inputs: Any, other: Any, *_: Any, **options: Any) -> list[Any]:
        calls.append({"train": set(inputs[:, 0]), "held": set(other_inputs[:, 0]), **options})
        scores = SimpleNamespace(score=lambda some: np.clip(some[:, 0], 0.0, 1.0) / (2.0 + options["seed"]))
        return [scores, scores]

    def choose(scores: np.ndarray, own: Flags, wanted: float) -> float:
        chosen_on.append((len(scores), scores.tolist()))
        assert wanted == 0.88
        return float(scores.max())

    monkeypatch.setattr(network, "train", train)
    monkeypatch.setattr(published, "threshold_for_precision", choose)
    part = run_network(rows, labels, NETWORK, processes=1)
    assert [call["as_published"] for call in calls] == [[True, False]] * len(SEEDS)
    assert [call["seed"] for call in calls] == list(SEEDS)
    # 200 rows: 40 judge, 32 of the rest are looked at while training
    assert all((len(call["train"]), len(call["held"])) == (128, 32) for call in calls)
    assert not any(call["train"] & call["held"] for call in calls)
    assert [count for count, _ in chosen_on] == [40] * len(SEEDS) + [32] * len(SEEDS)
    held = np.array(sorted(calls[0]["held"])).clip(0.0, 1.0)
    assert sorted(chosen_on[len(SEEDS)][1]) == pytest.approx((held / 2.0).tolist())
    threshold = metrics_of(part, "mended")["threshold"]
    assert threshold[0] == pytest.approx(np.mean([held.max() / (2.0 + seed) for seed in SEEDS]))
    assert threshold[1] == pytest.approx(np.std([held.max() / (2.0 + seed) for seed in SEEDS]))


def test_parts_are_put_together_in_order() -> None:
    part = EvaluationRows(metrics=[(1,)], curves=[(2,)])
    part.add(EvaluationRows(metrics=[(3,)], confusion=[(4,)], importances=[(5,)]))
    assert part == EvaluationRows(metrics=[(1,), (3,)], confusion=[(4,)], importances=[(5,)], curves=[(2,)])
