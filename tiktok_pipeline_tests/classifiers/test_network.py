"""The network: one seed, one result; what is as published and what is put right; its inputs by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("torch")

from sklearn.decomposition import PCA
from sklearn.preprocessing import StandardScaler

from tiktok_pipeline.arrays import Matrix
from tiktok_pipeline.classifiers.labels import Flags
from tiktok_pipeline.classifiers.network import (
    Trained,
    fit_min_max,
    impute_median,
    is_installed,
    published_inputs,
    train,
)
from tiktok_pipeline.recipes.classification import Network, PublishedNetwork
from tiktok_pipeline_tests.classifiers.invented import SMALL, creators
from tiktok_pipeline_tests.hypothesis_profiles import examples

RECIPE = PublishedNetwork(
    features=("is_verified", "videos_count", "following"), principal_components=("likes", "followers")
)


def parted(count: int = 120) -> tuple[Matrix, Flags]:
    """Two inputs in 0..1, and a label that the first one tells."""
    inputs = np.random.default_rng(3).random((count, 2))
    return inputs, inputs[:, 0] > 0.5


def trained(settings: Network = SMALL, *, seed: int = 0, as_published: bool = False) -> Trained:
    inputs, labels = parted()
    (one,) = train(
        inputs[:80], labels[:80], inputs[80:], labels[80:], settings, seed=seed, as_published=[as_published]
    )
    return one


def loss(scores: np.ndarray, labels: Flags) -> float:
    return float(-np.log(np.where(labels, scores, 1.0 - scores)).mean())


def test_it_is_there() -> None:
    assert is_installed()


def test_it_learns_what_there_is_to_learn() -> None:
    inputs, labels = parted()
    scores = trained(replace(SMALL, most_epochs=200, dropout=0.0)).score(inputs[80:])
    assert ((scores >= 0.5) == labels[80:]).mean() > 0.9
    assert ((scores >= 0.0) & (scores <= 1.0)).all()


@pytest.mark.parametrize("as_published", [True, False])
def test_the_same_seed_gives_the_same_scores_whatever_else_the_process_draws(as_published: bool) -> None:
    import torch

    inputs, _ = parted()
    one = trained(as_published=as_published).score(inputs)
    torch.manual_seed(99)
    torch.rand(17)
    again = trained(as_published=as_published)
    np.testing.assert_array_equal(again.score(inputs), one)
    np.testing.assert_array_equal(again.score(inputs), one)
    assert not np.array_equal(trained(seed=1, as_published=as_published).score(inputs), one)


def test_the_chance_of_everybody_else_is_left_alone() -> None:
    import torch

    torch.manual_seed(5)
    before, numpy_before = torch.get_rng_state(), np.random.get_state()[1].copy()  # type: ignore[index]  # noqa: NPY002
    trained(as_published=True).score(parted()[0])
    assert torch.equal(torch.get_rng_state(), before)
    np.testing.assert_array_equal(np.random.get_state()[1], numpy_before)  # type: ignore[index]  # noqa: NPY002


def test_as_published_dropout_stays_on_while_it_scores() -> None:
    row = np.full((200, 2), 0.7)
    settings = replace(SMALL, dropout=0.5)
    # with dropout the same row is answered differently at each place; without, always alike
    assert trained(settings, as_published=True).score(row).std() > 0.005
    assert trained(settings, as_published=False).score(row).std() < 1e-6
    assert trained(replace(SMALL, dropout=0.0), as_published=True).score(row).std() < 1e-6


def test_as_published_the_last_weights_are_kept_else_the_best() -> None:
    """The validation labels contradict the training labels: the first check is the best, later ones get worse."""
    inputs, labels = parted()
    settings = replace(SMALL, dropout=0.0, most_epochs=40)
    networks = train(
        inputs[:80], labels[:80], inputs[80:], ~labels[80:], settings, seed=0, as_published=[True, False]
    )
    both = dict(zip((True, False), networks, strict=True))
    # without dropout the two learn alike: same looks, same end
    assert both[True].epochs == both[False].epochs == 7
    assert both[True].validation_loss == both[False].validation_loss
    kept_best, kept_last = (loss(both[key].score(inputs[80:]), ~labels[80:]) for key in (False, True))
    assert kept_best == pytest.approx(both[False].validation_loss, rel=1e-5)
    assert kept_last > kept_best + 0.01


@pytest.mark.parametrize("as_published", [True, False])
def test_a_network_does_not_depend_on_the_others_of_its_training(as_published: bool) -> None:
    inputs, labels = parted()
    settings = replace(SMALL, dropout=0.4, most_epochs=400, patience_looks=2)
    parts = (inputs[:80], labels[:80], inputs[80:], labels[80:], settings)
    both = train(*parts, seed=1, as_published=[True, False])
    (alone,) = train(*parts, seed=1, as_published=[as_published])
    found = both[0 if as_published else 1]
    assert (found.epochs, found.validation_loss) == (alone.epochs, alone.validation_loss)
    np.testing.assert_array_equal(found.score(inputs), alone.score(inputs))
    assert both[0].epochs != both[1].epochs


def test_it_looks_every_few_epochs_and_stops_after_looks_in_vain() -> None:
    inputs, labels = parted()

    def epochs(**changes: Any) -> int:
        settings = replace(SMALL, dropout=0.0, **changes)
        (network,) = train(inputs[:80], labels[:80], inputs[80:], ~labels[80:], settings, seed=0)
        return network.epochs

    # the first look, at epoch 0, is the best; then one in vain for each look
    assert epochs(epochs_a_look=2, patience_looks=3, most_epochs=100) == 7
    assert epochs(epochs_a_look=5, patience_looks=2, most_epochs=100) == 11
    assert epochs(epochs_a_look=5, patience_looks=50, most_epochs=4) == 4


def test_layers_and_units_are_those_of_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    from tiktok_pipeline.classifiers import network

    shapes: list[list[tuple[int, ...]]] = []
    first_weights = network._initial_weights

    def spy(*given: Any) -> Any:
        weights = first_weights(*given)
        shapes.append([tuple(one.shape) for one in weights])
        return weights

    monkeypatch.setattr(network, "_initial_weights", spy)
    trained(replace(SMALL, layers=2, units=5, most_epochs=1))
    assert shapes == [[(2, 5), (5,), (5, 5), (5,), (5, 1), (1,)]]


def test_the_range_is_mapped_to_zero_and_one() -> None:
    matrix = np.array([[2.0, 7.0], [4.0, 7.0], [6.0, 7.0]])
    to_range = fit_min_max(matrix)
    assert to_range(matrix).tolist() == [[0.0, 0.0], [0.5, 0.0], [1.0, 0.0]]
    # rows that it was not learned from may lie outside
    assert to_range(np.array([[0.0, 8.0], [10.0, 6.0]])).tolist() == [[-0.5, 1.0], [2.0, -1.0]]


@settings(max_examples=examples(50), deadline=None)
@given(rows=st.lists(st.tuples(st.floats(0.0, 1e12), st.floats(0.0, 1.0), st.just(4.0)), min_size=1, max_size=30))
def test_any_rows_lie_between_zero_and_one_in_their_own_range(rows: list[tuple[float, float, float]]) -> None:
    matrix = np.array(rows)
    found = fit_min_max(matrix)(matrix)
    assert found.min() >= 0.0
    assert found.max() <= 1.0
    assert not found[:, 2].any()


def test_a_missing_value_is_the_median_of_the_rows_fitted_on() -> None:
    nan = np.nan
    fitted_on = np.array([[1.0, nan], [3.0, nan], [100.0, nan], [nan, nan]])
    assert impute_median(np.array([[nan, nan], [7.0, 5.0]]), fitted_on).tolist() == [[3.0, 0.0], [7.0, 5.0]]


def test_published_inputs_are_the_keyword_two_components_and_the_rest() -> None:
    rows, _ = creators(50)
    found = published_inputs(rows, RECIPE)
    scaled = StandardScaler().fit_transform(rows[["likes", "followers"]].to_numpy())
    assert found.shape == (50, 5)
    np.testing.assert_array_equal(found[:, 0], rows["is_verified"])
    np.testing.assert_allclose(found[:, 1:3], PCA(2).fit_transform(scaled))
    np.testing.assert_array_equal(found[:, 3:], rows[["videos_count", "following"]])
    # components: no longer correlated, the first with the most of the spread
    assert np.corrcoef(found[:, 1], found[:, 2])[0, 1] == pytest.approx(0.0, abs=1e-9)
    assert found[:, 1].std() > found[:, 2].std()


def test_published_inputs_without_components_are_the_features() -> None:
    rows, _ = creators(20)
    found = published_inputs(rows, replace(RECIPE, principal_components=()))
    np.testing.assert_array_equal(found, rows[list(RECIPE.features)])


def test_missing_values_are_filled_before_the_components_are_learned() -> None:
    rows, _ = creators(50)
    rows["videos_count"] = rows["videos_count"].mask(rows.index % 5 == 0)
    rows["likes"] = rows["likes"].mask(rows.index % 7 == 0)
    rows["following"] = pd.Series(pd.NA, index=rows.index, dtype="Float64")
    found = published_inputs(rows, RECIPE)
    assert np.isfinite(found).all()
    whole = rows.assign(likes=rows["likes"].fillna(rows["likes"].median()), following=0.0)
    whole["videos_count"] = whole["videos_count"].fillna(rows["videos_count"].median())
    np.testing.assert_allclose(found, published_inputs(whole, RECIPE))


def test_constant_inputs_do_no_harm() -> None:
    _, labels = parted()
    matrix = fit_min_max(np.full((120, 2), 3.0))(np.full((120, 2), 3.0))
    (found,) = train(matrix[:80], labels[:80], matrix[80:], labels[80:], SMALL, seed=0)
    assert np.unique(found.score(matrix)).size == 1
