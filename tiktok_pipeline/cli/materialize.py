"""Materialize snapshots in this process, with a progress bar, and say how each ended."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING

from tiktok_pipeline.cli.console import Interrupts, info, is_quiet, print_error
from tiktok_pipeline.settings import Settings

if TYPE_CHECKING:
    from dagster import AssetKey, DagsterInstance, Definitions

    from tiktok_pipeline.analysis.outdated import Outdated
    from tiktok_pipeline.cli.refresh_summary import RefreshResult
    from tiktok_pipeline.orchestration.runs.outcome import Failure, Outcome

_ALMOST_FULL_BYTES = 20_000_000
_REPORTED_CHECKS = frozenset({"rejected_share", "drift", "rates_add_up", "model_holds_still"})
"""Checks whose failures are printed; the others are shown in the report and in Dagster's UI."""


def materialize_snapshots(
    settings: Settings,
    keys: Sequence[str],
    names: Sequence[str],
    result: RefreshResult,
    interrupts: Interrupts,
    *,
    resume: bool = False,
    verbose: bool = False,
) -> None:
    """Materialize the snapshots and record how each ended in ``result``; print warnings and failures as they come."""
    info("starting Dagster ...")
    from tiktok_pipeline.home.failure_log import log_failure
    from tiktok_pipeline.orchestration.partitions import add_snapshots
    from tiktok_pipeline.orchestration.resources.event_log import fast_event_log
    from tiktok_pipeline.orchestration.runs.instance import open_instance, prepare_dagster_home
    from tiktok_pipeline.orchestration.runs.orphaned_runs import fail_orphaned_runs
    from tiktok_pipeline.orchestration.runs.tags import INTERRUPTED_TAG, SNAPSHOT_TAG

    said: set[str] = set()
    prepare_dagster_home(settings)
    with open_instance(settings) as instance, fast_event_log(instance):
        fail_orphaned_runs(instance)
        add_snapshots(instance, list(keys))
        for covered, outcome in _run_all(settings, instance, keys, names, interrupts, resume=resume, verbose=verbose):
            if interrupts.received:
                instance.add_run_tags(outcome.run_id, {INTERRUPTED_TAG: "true"})
                raise KeyboardInterrupt
            for warning in outcome.warnings:
                if warning.check in _REPORTED_CHECKS:
                    info(f"snapshot {covered[0]}: {warning}")
            failure = outcome.failure
            if failure is not None:
                remedy = _remedy(settings, failure)
                text = f"{failure.message}; {remedy}" if remedy else failure.message
                if text in said:  # such as a damaged database, for every snapshot
                    info(f"snapshot {covered[0]}: the same")
                else:
                    print_error(text)
                said.add(text)
                log_failure(
                    settings.failures_file,
                    run_id=outcome.run_id,
                    step=failure.step,
                    message=failure.message,
                    tags={SNAPSHOT_TAG: covered[0]},
                )
                result.remedies |= dict.fromkeys(covered, remedy)
            for key in covered:
                if key not in result.outcomes or failure is not None:
                    result.outcomes[key] = outcome


def _remedy(settings: Settings, failure: Failure) -> str | None:
    """Return a remedy for a failure whose message gives none."""
    import shutil

    free = shutil.disk_usage(settings.home).free
    if free < _ALMOST_FULL_BYTES:
        return f"the disk of {settings.home} is full ({free / 1e6:,.0f} MB free): free some space"
    return None if failure.is_expected else f"the step {failure.step} failed; --verbose prints the whole log"


def _run_all(
    settings: Settings,
    instance: DagsterInstance,
    keys: Sequence[str],
    names: Sequence[str],
    interrupts: Interrupts,
    *,
    resume: bool,
    verbose: bool,
) -> Iterator[tuple[list[str], Outcome]]:
    """Run each snapshot; several are published together, after the last. Yields the snapshots of each run."""
    from tiktok_pipeline.assembly import build_definitions, refresh_job
    from tiktok_pipeline.cli.progress import Bar
    from tiktok_pipeline.home.manifest import files_in_use, read_manifest
    from tiktok_pipeline.orchestration.runs.outdated import assets_to_renew, why_outdated
    from tiktok_pipeline.orchestration.runs.refresh import (
        publish_snapshots,
        refresh_snapshot,
        step_logger,
        steps_of,
    )
    from tiktok_pipeline.orchestration.runs.tags import refresh_tags

    bar = Bar(shown=not verbose and not is_quiet())

    def start_step(step: str) -> None:
        interrupts.raise_if_received()  # if the step before took Ctrl-C for an error of its own
        bar.step(step)

    with bar.shown():
        definitions = build_definitions(settings, logger=None if verbose else step_logger(start_step))
        job = refresh_job(definitions)
        selection = _select_assets(definitions, names, publish=len(keys) == 1)
        in_group = partial(_assets_of_group, definitions)
        done = []

        def run(key: str, chosen: Sequence[AssetKey]) -> Outcome:
            manifest = read_manifest(settings.raw / key)
            bar.begin(key, steps_of(job, chosen), sum(entry.rows for entry in files_in_use(manifest)))
            outcome = refresh_snapshot(
                job, key, instance=instance, tags=refresh_tags(key, manifest), selection=chosen, quiet=not verbose
            )
            bar.end(succeeded=outcome.failure is None)
            return outcome

        for key in keys:
            chosen = _unfinished_assets(settings, instance, definitions, key, selection) if resume else selection
            before = read_manifest(settings.raw / key)
            outcome = run(key, chosen)
            now = read_manifest(settings.raw / key)
            if outcome.failure is not None and now != before and files_in_use(now) != now:
                yield [key], outcome
                info(f"snapshot {key}: computed without the files that are mostly rejected")
                outcome = run(key, selection)
            if outcome.failure is None:
                done.append(key)
            yield [key], outcome
        for outdated in _outdated_snapshots(settings, None if resume else done):
            info(f"snapshot {outdated.snapshot}: {why_outdated(outdated)}")
            yield [outdated.snapshot], run(outdated.snapshot, assets_to_renew(in_group, outdated))
        if len(keys) > 1 and done:
            bar.begin("all snapshots", ["published"], 0)
            for covered, outcome in publish_snapshots(job, done, instance=instance, quiet=not verbose):
                bar.end(succeeded=outcome.failure is None)
                yield covered, outcome


def _assets_of_group(definitions: Definitions, group: str) -> set[AssetKey]:
    from dagster import AssetSelection

    return set(AssetSelection.groups(group).resolve(definitions.resolve_asset_graph()))


def _outdated_snapshots(settings: Settings, changed: Sequence[str] | None) -> Iterator[Outdated]:
    """Yield what ``changed`` snapshots (None: any) leave out of date, the oldest first.

    A snapshot that was computed again can leave the next one out of date: the caller computes each before it asks for
    the next.
    """
    tried: set[str] = set()
    while True:
        left = find_outdated_of_home(settings, None if changed is None else {*changed, *tried})
        outdated = next((entry for entry in left if entry.snapshot not in tried), None)
        if outdated is None:
            return
        tried.add(outdated.snapshot)
        yield outdated


def find_outdated_of_home(settings: Settings, changed: Collection[str] | None) -> list[Outdated]:
    """Return what ``changed`` snapshots (None: any) leave out of date in a home."""
    import tiktok_pipeline.studies
    from tiktok_pipeline.analysis.outdated import find_outdated
    from tiktok_pipeline.assembly import open_warehouse
    from tiktok_pipeline.study import load_studies, with_continuity

    if changed is not None and not changed:
        return []
    with open_warehouse(settings) as warehouse:
        stored = {slice_.snapshot for slice_ in warehouse.slices() if slice_.snapshot}
        studies = with_continuity(load_studies(tiktok_pipeline.studies), settings.continuity)
        return find_outdated(warehouse, studies, stored if changed is None else changed)


def _unfinished_assets(
    settings: Settings,
    instance: DagsterInstance,
    definitions: Definitions,
    key: str,
    wanted: Sequence[AssetKey],
) -> list[AssetKey]:
    """Return the assets of a snapshot that an interrupted refresh did not finish, and print how many it did."""
    from tiktok_pipeline.assembly import open_warehouse
    from tiktok_pipeline.home.manifest import compute_delivery_id, read_manifest
    from tiktok_pipeline.orchestration.runs.resume import finished_assets, left_to_do

    delivery_id = compute_delivery_id(read_manifest(settings.raw / key))
    with open_warehouse(settings) as warehouse:
        finished = finished_assets(instance, key, delivery_id, warehouse.slices())
    unfinished = left_to_do(definitions, wanted, finished)
    info(f"snapshot {key}: {len(wanted) - len(unfinished)} of {len(wanted)} tables are complete")
    return unfinished


def _select_assets(definitions: Definitions, names: Sequence[str], *, publish: bool) -> list[AssetKey]:
    """Return the assets of the named studies (without names, of all) and those that all studies share."""
    from dagster import AssetKey, AssetSelection

    graph = definitions.resolve_asset_graph()
    shared = AssetSelection.groups("raw", "validated", "features", "creators")
    wanted: AssetSelection = AssetSelection.all()
    if names:
        needed = AssetSelection.groups(*names).upstream().required_multi_asset_neighbors()
        wanted = needed | shared | AssetSelection.assets("published", "report")
    excluded = {AssetKey("incoming"), *(() if publish else (AssetKey("published"),))}
    return sorted(wanted.resolve(graph) - excluded)
