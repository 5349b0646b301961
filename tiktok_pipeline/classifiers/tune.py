"""Search for better settings of a study's network; never part of a refresh.

The search is optuna's tree-structured Parzen estimator (Bergstra and others 2011) with a seed. Each trial is
evaluated by stratified cross-validation on the leakage-free inputs. The folds that chose the best trial overrate it,
so the best and the published settings are evaluated again on other folds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import pandas as pd

from tiktok_pipeline.arrays import Matrix
from tiktok_pipeline.classifiers.cross_validation import CrossValidationResult, cross_validate
from tiktok_pipeline.classifiers.labels import Flags
from tiktok_pipeline.recipes.classification import Network

if TYPE_CHECKING:
    from optuna import Trial

FOLDS = 3
SHOWN = ("average_precision", "roc_auc", "f1", "f1_tuned")


def tune_network(
    matrix: Matrix,
    labels: Flags,
    published: Network,
    *,
    trials: int,
    random_state: int,
    on_trial: Callable[[int, float], None],
    processes: int = 1,
) -> pd.DataFrame:
    """Search for the settings with the highest average precision, and compare them with the published ones.

    Parameters
    ----------
    matrix : ndarray of shape (n_rows, n_features)
        The leakage-free inputs; NaN if missing.
    labels : ndarray of bool of shape (n_rows,)
        Whether a row is positive.
    published : Network
        The published settings; they are the first trial.
    trials : int
        Number of settings to try.
    random_state : int
        Seed of the search and the folds.
    on_trial : callable
        Called with the number of each finished trial and the best average precision so far.
    processes : int, default 1
        Folds evaluated at the same time.

    Returns
    -------
    DataFrame
        One row for the published and one for the best settings: the settings, then mean and standard deviation of
        each metric.
    """
    import optuna  # noqa: PLC0415 - importing it costs a second

    optuna.logging.set_verbosity(optuna.logging.WARNING)

    def evaluate(network: Network, seed: int) -> CrossValidationResult:
        return cross_validate(
            "neural_network",
            matrix,
            labels,
            folds=FOLDS,
            repeats=1,
            random_state=seed,
            network=network,
            processes=processes,
        )

    def objective(trial: Trial) -> float:
        return evaluate(_suggest(trial, published), random_state).metrics["average_precision"][0]

    search = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=random_state))
    # With the published settings as the first trial, the best found is never worse than they are.
    search.enqueue_trial(_settings(published))
    search.optimize(
        objective, n_trials=trials, callbacks=[lambda study, trial: on_trial(trial.number + 1, study.best_value)]
    )
    best = replace(published, **search.best_params)
    rows = []
    for name, network in (("published", published), ("best found", best)):
        metrics = evaluate(network, random_state + 1).metrics
        summary = {f"{metric} ± std": f"{metrics[metric][0]:.3f} ± {metrics[metric][1]:.3f}" for metric in SHOWN}
        rows.append({"settings": name, **_settings(network), **summary})
    return pd.DataFrame(rows)


def _suggest(trial: Trial, published: Network) -> Network:
    return replace(
        published,
        layers=trial.suggest_int("layers", 1, max(4, published.layers)),
        units=trial.suggest_categorical("units", sorted({16, 32, 64, 128, published.units})),
        dropout=trial.suggest_float("dropout", 0.0, 0.5),
        learning_rate=trial.suggest_float("learning_rate", 1e-4, 1e-2, log=True),
    )


def _settings(network: Network) -> dict[str, int | float]:
    return {
        "layers": network.layers,
        "units": network.units,
        "dropout": network.dropout,
        "learning_rate": network.learning_rate,
    }
