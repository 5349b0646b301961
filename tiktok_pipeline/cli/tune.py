"""The command ``tune``: search for better settings of a study's network, on one snapshot of the home."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from tiktok_pipeline.cli.console import (
    REFRESH_FIRST,
    SNAPSHOT_HELP,
    CommandFailedError,
    CommandUsageError,
    QuietOption,
    exit_on_expected_error,
    info,
    read_settings,
    select_studies,
)
from tiktok_pipeline.settings import Settings

if TYPE_CHECKING:
    import pandas as pd

    from tiktok_pipeline.classifiers.labels import Flags
    from tiktok_pipeline.recipes.classification import Classification
    from tiktok_pipeline.study import Study

_LEAST_OF_A_CLASS = 10


def tune(
    study: Annotated[str, typer.Argument(help="Name of a study with a network, such as active_creators.")],
    trials: Annotated[int, typer.Option(help="Number of settings to try.", min=1, max=10_000)] = 20,
    snapshot: Annotated[str | None, typer.Option(help=SNAPSHOT_HELP)] = None,
    seed: Annotated[int, typer.Option(help="Random seed; the same seed tries the same settings.")] = 42,
    _quiet: QuietOption = False,
) -> None:
    """Search for better settings of a study's neural network; changes nothing.

    Prints the published settings and the best settings of the search side by
    side, evaluated on folds that the search did not use. To use other
    settings, write them into the file of the study.
    """
    with exit_on_expected_error():
        settings = read_settings()
        (chosen,) = select_studies([study])
        _tune_study(settings, chosen, trials=trials, snapshot=snapshot, random_state=seed)


def _tune_study(settings: Settings, study: Study, *, trials: int, snapshot: str | None, random_state: int) -> None:
    from tiktok_pipeline.classifiers.network import is_installed
    from tiktok_pipeline.classifiers.tune import tune_network
    from tiktok_pipeline.output.print_rows import print_rows
    from tiktok_pipeline.recipes.classification import PublishedNetwork

    classification = study.classification
    if classification is None or not isinstance(classification.published, PublishedNetwork):
        msg = f"study {study.name} has no network to tune"
        raise CommandUsageError(msg)
    if not is_installed():
        msg = "PyTorch is not installed"
        raise CommandFailedError(msg, remedy="install the extra `neural` to tune a network")
    key = _choose_snapshot(settings, snapshot)
    rows, labels = _labeled_rows(settings, study, classification, key)
    features = _network_features(classification)
    info(f"tuning {study.name} on snapshot {key}: {len(labels):,} profiles, {', '.join(features)}")
    table = tune_network(
        rows[list(features)].to_numpy(dtype="float64", na_value=float("nan")),
        labels,
        classification.published.network,
        trials=trials,
        random_state=random_state,
        processes=settings.processes,
        on_trial=lambda number, best: info(f"trial {number} of {trials}: best average precision {best:.3f}"),
    )
    print_rows(list(table.columns), [tuple(row) for row in table.itertuples(index=False)], "table")
    info("evaluated on folds that the search did not use; to use other settings, write them into the study's file")


def _labeled_rows(
    settings: Settings, study: Study, classification: Classification, key: str
) -> tuple[pd.DataFrame, Flags]:
    """Return the features and labels of a snapshot.

    Raises
    ------
    CommandFailedError
        If a class has too few rows.
    """
    from tiktok_pipeline.analysis.classification import labeled_rows
    from tiktok_pipeline.assembly import open_warehouse
    from tiktok_pipeline.classifiers.labels import NotEnoughRowsError, check_class_counts
    from tiktok_pipeline.home.lock import home_lock
    from tiktok_pipeline.tables import TABLES

    with (
        home_lock(settings.lock_file, timeout_seconds=settings.lock_timeout_seconds, log=info),
        open_warehouse(settings) as warehouse,
    ):
        try:
            features = warehouse.read_slice(TABLES[f"features.{study.source}"].spec, {"snapshot": key})
            rows, labels = labeled_rows(features, classification, warehouse)
            check_class_counts(labels, at_least=_LEAST_OF_A_CLASS)
        except NotEnoughRowsError as error:
            msg = f"snapshot {key}: {error}"
            raise CommandFailedError(msg) from error
    return rows, labels


def _choose_snapshot(settings: Settings, snapshot: str | None) -> str:
    """Return the snapshot, or the newest one.

    Raises
    ------
    CommandFailedError
        If the home has no snapshot.
    CommandUsageError
        If the home has no such snapshot.
    """
    from tiktok_pipeline.home.manifest import snapshots_on_disk

    keys = snapshots_on_disk(settings.raw)
    if not keys:
        msg = f"no snapshot in {settings.home} yet"
        raise CommandFailedError(msg, remedy=REFRESH_FIRST)
    if snapshot is not None and snapshot not in keys:
        msg = f"no snapshot {snapshot!r} in {settings.home}; the snapshots are: {', '.join(keys)}"
        raise CommandUsageError(msg)
    return snapshot or max(keys)


def _network_features(classification: Classification) -> tuple[str, ...]:
    """Return the leakage-free features on which the study evaluates its network."""
    for feature_set in classification.sets:
        if "neural_network" in feature_set.models and not feature_set.leaks:
            return feature_set.features
    return classification.scoring_set.features
