"""The search for better settings: the published ones go first, one seed gives one result, and nothing is changed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

pytest.importorskip("torch")
pytest.importorskip("optuna")

import tiktok_pipeline.studies
from tiktok_pipeline.classifiers import tune
from tiktok_pipeline.classifiers.cross_validation import CrossValidationResult, cross_validate
from tiktok_pipeline.classifiers.tune import FOLDS, tune_network
from tiktok_pipeline.recipes.classification import Network, PublishedNetwork
from tiktok_pipeline.study import load_studies
from tiktok_pipeline_tests.classifiers.invented import SMALL, creators, row_numbers

START = replace(SMALL, most_epochs=6, learning_rate=0.01)


def tuned(trials: int = 2, random_state: int = 3, published: Network = START) -> tuple[pd.DataFrame, list[Any]]:
    rows, labels = creators(90)
    said: list[Any] = []
    found = tune_network(
        rows[["likes", "videos_count"]].to_numpy(),
        labels,
        published,
        trials=trials,
        random_state=random_state,
        on_trial=lambda number, best: said.append((number, best)),
    )
    return found, said


def pretending(monkeypatch: pytest.MonkeyPatch, worth: Callable[[Network], float]) -> list[tuple[Network, int]]:
    """Judge a network by ``worth`` alone; gives the networks that were judged, with the seed of their folds."""
    judged: list[tuple[Network, int]] = []

    def judge(
        name: str, *_: Any, network: Network, random_state: int, folds: int, **__: Any
    ) -> CrossValidationResult:
        assert (name, folds) == ("neural_network", FOLDS)
        judged.append((network, random_state))
        figures = dict.fromkeys(("roc_auc", "f1", "f1_tuned"), (0.5, 0.0))
        scores, predicted = np.zeros(1), np.zeros(1, dtype=np.bool_)
        return CrossValidationResult(
            {"average_precision": (worth(network), 0.01), **figures}, {}, scores, predicted, {}
        )

    monkeypatch.setattr(tune, "cross_validate", judge)
    return judged


def test_the_published_settings_are_the_first_trial_and_the_first_row() -> None:
    found, said = tuned()
    assert found["settings"].tolist() == ["published", "best found"]
    first = found.iloc[0]
    assert (first["layers"], first["units"], first["dropout"], first["learning_rate"]) == (1, 16, 0.2, 0.01)
    rows, labels = creators(90)
    matrix = rows[["likes", "videos_count"]].to_numpy()
    here = {"folds": FOLDS, "repeats": 1, "network": START}
    own = cross_validate("neural_network", matrix, labels, random_state=3, **here)  # type: ignore[arg-type]
    assert said[0] == (1, own.metrics["average_precision"][0])
    assert [number for number, _ in said] == [1, 2]
    assert said[1][1] >= said[0][1]
    # what is shown was judged on other folds than those of the search
    elsewhere = cross_validate("neural_network", matrix, labels, random_state=4, **here)  # type: ignore[arg-type]
    mean, std = elsewhere.metrics["average_precision"]
    assert first["average_precision ± std"] == f"{mean:.3f} ± {std:.3f}"


def test_the_same_seed_gives_the_same_table() -> None:
    one, said = tuned()
    again, said_again = tuned()
    pd.testing.assert_frame_equal(again, one, check_exact=True)
    assert said_again == said


def test_the_same_seed_looks_at_the_same_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    judged = pretending(monkeypatch, lambda network: network.dropout)
    for _ in range(2):
        tuned(4)
    assert judged[:6] == judged[6:]


def test_another_seed_looks_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    judged = pretending(monkeypatch, lambda network: network.dropout)
    for seed in (1, 2):
        tuned(3, random_state=seed)
    assert judged[0][0] == judged[5][0] == START
    assert judged[1][0] != judged[6][0]


def test_the_best_of_all_trials_is_shown_beside_the_published(monkeypatch: pytest.MonkeyPatch) -> None:
    judged = pretending(monkeypatch, lambda network: network.dropout)
    found, said = tuned(8)
    tried, shown = judged[:8], judged[8:]
    assert tried[0][0] == START
    assert {seed for _, seed in tried} == {3}
    best = max((network for network, _ in tried), key=lambda network: network.dropout)
    assert best.dropout > START.dropout
    assert shown == [(START, 4), (best, 4)]
    assert found.iloc[1]["dropout"] == best.dropout
    assert [one for _, one in said] == np.maximum.accumulate([network.dropout for network, _ in tried]).tolist()
    # what is not searched stays as published
    for network, _ in tried:
        assert replace(network, layers=1, units=16, dropout=0.2, learning_rate=0.01) == START


def test_where_nothing_is_better_the_published_settings_are_the_best(monkeypatch: pytest.MonkeyPatch) -> None:
    judged = pretending(monkeypatch, lambda network: float(network == START))
    found, _ = tuned(5)
    assert [network for network, _ in judged[-2:]] == [START, START]
    assert found.drop(columns="settings").iloc[0].tolist() == found.drop(columns="settings").iloc[1].tolist()


def test_a_search_leaves_the_study_as_it_is_written_down(monkeypatch: pytest.MonkeyPatch) -> None:
    study = next(one for one in load_studies(tiktok_pipeline.studies) if one.name == "active_creators")
    assert study.classification is not None
    recipe = study.classification.published
    assert isinstance(recipe, PublishedNetwork)
    version, before = study.version, replace(recipe.network)
    judged = pretending(monkeypatch, lambda network: network.dropout)
    matrix, labels = row_numbers(60, 0.5)
    tune_network(matrix, labels, recipe.network, trials=4, random_state=0, on_trial=lambda *_: None)
    assert judged[0][0] == recipe.network == before == Network()
    assert study.version == version
