"""The command ``tune``: looks for better settings of a study's network, on one snapshot of the home."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tiktok_pipeline.cli.console import USAGE_ERROR, fail, info
from tiktok_pipeline.settings import Settings

if TYPE_CHECKING:
    from tiktok_pipeline.classifiers.recipe import Classification
    from tiktok_pipeline.study import Study


def tune_study(settings: Settings, name: str, *, trials: int, snapshot: str | None, random_state: int) -> None:
    """Search, and print the published and the best settings side by side."""
    from tiktok_pipeline.analysis.classification import labelled_rows
    from tiktok_pipeline.assembly import open_warehouse
    from tiktok_pipeline.classifiers.labels import NotEnoughRowsError, check_class_counts
    from tiktok_pipeline.classifiers.network import is_installed
    from tiktok_pipeline.classifiers.recipe import PublishedNetwork
    from tiktok_pipeline.home.lock import home_lock
    from tiktok_pipeline.output.print_rows import print_rows
    from tiktok_pipeline.tables import TABLES

    study = _study(name)
    classification = study.classification
    if classification is None or not isinstance(classification.published, PublishedNetwork):
        fail(f"study {name} has no network to tune", USAGE_ERROR)
    if not is_installed():
        fail("PyTorch is not installed; install the extra `neural` to tune a network")
    key = snapshot or _newest(settings)
    with (
        home_lock(settings.lock_file, timeout_seconds=settings.lock_timeout_seconds, say=info),
        open_warehouse(settings) as warehouse,
    ):
        try:
            features = warehouse.read_slice(TABLES[f"features.{study.source}"].spec, {"snapshot": key})
            rows, labels = labelled_rows(features, classification, warehouse)
            check_class_counts(labels, at_least=10)
        except NotEnoughRowsError as error:
            fail(f"snapshot {key}: {error}")
    from tiktok_pipeline.classifiers.tune import tune_network

    chosen = _network_set(classification)
    info(f"tuning {name} on snapshot {key}: {len(labels):,} profiles, {', '.join(chosen)}")
    found = tune_network(
        rows[list(chosen)].to_numpy(dtype="float64", na_value=float("nan")),
        labels,
        classification.published.network,
        trials=trials,
        random_state=random_state,
        on_trial=lambda number, best: info(f"trial {number} of {trials}: best average precision {best:.3f}"),
    )
    print_rows(list(found.columns), [tuple(row) for row in found.itertuples(index=False)], "table")
    info("judged on other folds than those of the search; to use other settings, write them into the study's file")


def _study(name: str) -> Study:
    import tiktok_pipeline.studies
    from tiktok_pipeline.study import load_studies

    studies = {study.name: study for study in load_studies(tiktok_pipeline.studies)}
    if name not in studies:
        fail(f"no study {name}; there are: {', '.join(studies)}", USAGE_ERROR)
    return studies[name]


def _newest(settings: Settings) -> str:
    from tiktok_pipeline.home.manifest import snapshots_on_disk

    keys = sorted(snapshots_on_disk(settings.raw))
    if not keys:
        fail(f"no snapshot in {settings.home} yet; run `tiktok-pipeline refresh FILE`")
    return keys[-1]


def _network_set(classification: Classification) -> tuple[str, ...]:
    """The leakage-free features that the study judges its network on."""
    chosen = [one for one in classification.sets if "neural_network" in one.models and not one.leaks]
    return chosen[0].features if chosen else classification.scoring_set.features
