"""A home of the pipeline under test: deliver a file, refresh it through Dagster as a user does, read the tables."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from dagster import AssetKey, DagsterInstance, Definitions, ExecuteInProcessResult

import tiktok_pipeline.assembly
import tiktok_pipeline.studies
import tiktok_pipeline.study
from tiktok_pipeline.assembly import build_definitions, refresh_job
from tiktok_pipeline.ingest.options import IngestOptions
from tiktok_pipeline.ingest.register import IngestConfig, RegisteredFile, register
from tiktok_pipeline.orchestration.partitions import add_snapshots
from tiktok_pipeline.recipes.classification import PublishedForest
from tiktok_pipeline.settings import Settings
from tiktok_pipeline.study import Study, load_studies
from tiktok_pipeline.tables import TABLES
from tiktok_pipeline.warehouse.duckdb.connection import open_read_only, query
from tiktok_pipeline.warehouse.duckdb.warehouse import DuckDBWarehouse

UNTIL_VALIDATED = tuple(AssetKey(name.split(".")) for name in TABLES if name.startswith(("raw.", "validated.")))
"""The assets of a quick refresh, for tests of the rows that are stored, kept and rejected."""

STAMPS = ("ingested_at", "published_at")
"""The columns that may differ between two refreshes of the same file."""


FEW_DRAWS = 4


def with_few_draws(study: Study) -> Study:
    """Return the study with few bootstrap draws, which otherwise take half of the time of a small refresh."""
    return replace(study, segmentation=replace(study.segmentation, draws=FEW_DRAWS)) if study.segmentation else study


def quick_studies(package: ModuleType = tiktok_pipeline.studies) -> tuple[Study, ...]:
    """Load the studies as `load_studies` does, each with few bootstrap draws."""
    return tuple(with_few_draws(study) for study in load_studies(package))


ONE_STUDY = tuple(study for study in quick_studies() if study.name == "influencer_segments")


def quick_classifier(study: Study) -> Study:
    """Return the study with two folds and quick models: the same steps of the pipeline within a second."""
    recipe = study.classification
    assert recipe is not None
    forest = PublishedForest(
        features=("followers", "likes", "comment_engagement_rate", "like_engagement_rate"), trees=5
    )
    sets = tuple(
        replace(feature_set, models=("logistic_regression", "dummy"))
        for feature_set in recipe.sets
        if feature_set.name == recipe.scored_by[0]
    )
    label = replace(recipe.label, above=0.02)  # the invented creators respond less
    quick = replace(recipe, label=label, published=forest, sets=sets, folds=2, repeats=1)
    return with_few_draws(replace(study, classification=quick))


TWO_STUDIES = (
    *ONE_STUDY,
    *(quick_classifier(study) for study in load_studies(tiktok_pipeline.studies) if study.name == "active_creators"),
)

Tables = dict[str, list[tuple[Any, ...]]]


@dataclass(frozen=True)
class Home:
    """A home with one study, unless other ``studies`` are given; None means all studies of the package.

    Figures take half of the time of a small refresh, so they are drawn only for tests that need them.
    """

    path: Path
    studies: tuple[Study, ...] | None = ONE_STUDY
    lock_timeout_seconds: float = 20.0
    pictures: bool = False
    _cache: dict[str, Any] = field(default_factory=dict, compare=False)

    @cached_property
    def settings(self) -> Settings:
        return Settings(
            home=self.path,
            lock_timeout_seconds=self.lock_timeout_seconds,
            home_timeout_seconds=self.lock_timeout_seconds,
            settle_seconds=0.2,
            pictures=self.pictures,
        )

    @cached_property
    def definitions(self) -> Definitions:
        return build_definitions(self.settings, self.studies)

    def deliver(self, *paths: Path, snapshot: str | None = None) -> list[RegisteredFile]:
        """Register files as the command line does."""
        with DuckDBWarehouse(None) as engine:
            return register(
                paths, IngestConfig(raw=self.settings.raw, engine=engine), IngestOptions(snapshot=snapshot)
            )

    def refresh(
        self, snapshot: str, *, selection: Sequence[AssetKey] | None = None, instance: DagsterInstance | None = None
    ) -> ExecuteInProcessResult:
        """Run the job ``refresh`` for a snapshot in this process; a failure is part of the result and not raised."""
        with instance or DagsterInstance.ephemeral() as used:
            add_snapshots(used, [snapshot])
            return refresh_job(self.definitions).execute_in_process(
                partition_key=snapshot,
                instance=used,
                asset_selection=list(selection) if selection else None,
                raise_on_error=False,
            )

    def sql(self, text: str, *, published: bool = False) -> list[tuple[Any, ...]]:
        """Return the rows of a query over the warehouse, or over the published file."""
        return query(self.settings.published_file if published else self.settings.warehouse_file, text)[1]

    def value(self, text: str, *, published: bool = False) -> Any:
        """Return the single value of a query."""
        ((value,),) = self.sql(text, published=published)
        return value

    def tables(self, *, published: bool = False, where: str = "true") -> Tables:
        """Return the rows of every stored table, ordered by all columns, without timestamps.

        Parameters
        ----------
        published : bool
            Read the published file instead of the warehouse.
        where : str
            A condition on the snapshot. Unless it is "true", tables without snapshots are left out.
        """
        rows = {}
        file = self.settings.published_file if published else self.settings.warehouse_file
        with open_read_only(file) as database:
            stored = database.rows(
                "select table_schema, table_name from information_schema.tables where table_type = 'BASE TABLE' "
                "and table_schema <> 'meta' order by all"
            )[1]
            for schema, name in stored:
                spec = TABLES[f"{schema}.{name}"].spec
                shown = [column for column in spec.columns if column.published or not published]
                kept = [column.name for column in shown if column.name not in STAMPS]
                if where == "true" or "snapshot" in spec.slice_by:
                    text = f"select {', '.join(kept)} from {spec} where {where} order by all"
                    rows[str(spec)] = database.rows(text)[1]
        return rows


def reasons_of(result: ExecuteInProcessResult) -> str:
    """Return the messages of all failed steps and their causes, in one line."""
    texts = []
    for event in result.all_events:
        if event.is_step_failure:
            error = event.step_failure_data.error
            while error is not None:
                texts.append(error.message)
                error = error.cause
    return " ".join(" ".join(texts).split())


def materialized(result: ExecuteInProcessResult) -> set[str]:
    """Return the assets that a run wrote, as ``stage/table`` or ``stage/study/table``."""
    return {
        event.asset_key.to_user_string()
        for event in result.all_events
        if event.is_step_materialization and event.asset_key
    }


def environment(home: Path, **more: str) -> dict[str, str]:
    """Return the environment of a process that works in ``home``."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("TIKTOK_", "DAGSTER_"))}
    return (
        kept
        | {
            "TIKTOK_PIPELINE_HOME": str(home),
            "TIKTOK_PIPELINE_PICTURES": "no",
            "TIKTOK_PIPELINE_SETTLE_SECONDS": "0.2",
            "COLUMNS": "200",
        }
        | more
    )


def run_command_line(patch: pytest.MonkeyPatch, home: Path, *arguments: str | Path, pictures: bool = False) -> int:
    """Run ``tiktok-pipeline`` in this process and return its exit code; studies have few bootstrap draws."""
    from tiktok_pipeline.cli.app import main

    patch.setenv("TIKTOK_PIPELINE_HOME", str(home))
    patch.setenv("TIKTOK_PIPELINE_PICTURES", "yes" if pictures else "no")
    patch.setenv("TIKTOK_PIPELINE_SETTLE_SECONDS", "0.2")
    patch.setenv("DAGSTER_HOME", str(home / "dagster"))
    patch.setattr(tiktok_pipeline.assembly, "load_studies", quick_studies)
    patch.setattr(tiktok_pipeline.study, "load_studies", quick_studies)
    patch.setattr(sys, "argv", ["tiktok-pipeline", *map(str, arguments)])
    with pytest.raises(SystemExit) as ended:
        main()
    assert isinstance(ended.value.code, int)
    return ended.value.code


QUICK_STUDIES = """
import tiktok_pipeline.assembly
from tiktok_pipeline_tests.homes import quick_studies
assert callable(tiktok_pipeline.assembly.load_studies)
tiktok_pipeline.assembly.load_studies = quick_studies
"""
"""Code for `command`: the studies have few bootstrap draws."""


def command(
    home: Path,
    *arguments: str | Path,
    more: Mapping[str, str] | None = None,
    python: str | None = None,
    timeout: float = 180,
) -> subprocess.CompletedProcess[str]:
    """Run ``tiktok-pipeline`` as a process of its own; ``python`` is code to run before it."""
    start = f"{python or ''}\nfrom tiktok_pipeline.cli.app import process\nprocess()"
    return subprocess.run(
        [sys.executable, "-c", start, *map(str, arguments)],
        env=environment(home, **(more or {})),
        cwd=home.parent,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


_PAUSED_REFRESH = """
import importlib, pathlib, sys, time
module, function, mark = sys.argv.pop(1), sys.argv.pop(1), pathlib.Path(sys.argv.pop(1))
def pause(*arguments, **options):
    mark.touch()
    time.sleep(300)
setattr(importlib.import_module(module), function, pause)
from tiktok_pipeline.cli.app import main
main()
"""


def kill_refresh(home: Path, scrape: Path, *, while_in: tuple[ModuleType, str]) -> None:
    """Start a refresh as a process of its own and kill it (-9) when it calls a function.

    Parameters
    ----------
    while_in : (module, str)
        The module through which the refresh calls the function, and the function's name there.

    Raises
    ------
    AttributeError
        If the module has no such function.
    AssertionError
        If the refresh ends, or 90 seconds pass, before it calls the function.
    """
    module, function = while_in
    assert callable(getattr(module, function))
    mark = home.with_name("reached")
    arguments = [module.__name__, function, str(mark), "refresh", str(scrape), "--again"]
    arguments += ["--study", ONE_STUDY[0].name]
    with subprocess.Popen(
        [sys.executable, "-c", QUICK_STUDIES + _PAUSED_REFRESH, *arguments],
        env=environment(home),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            deadline = time.monotonic() + 90
            while not mark.exists():
                assert process.poll() is None, f"the refresh ended before it called {function}"
                assert time.monotonic() < deadline, f"the refresh did not call {function} within 90 s"
                time.sleep(0.1)
        finally:
            process.kill()
    mark.unlink()


@dataclass(frozen=True)
class Said:
    """The exit code and the output of a command."""

    code: int
    out: str
    err: str

    @property
    def problems(self) -> list[str]:
        """The lines of stderr that name an error."""
        return [line for line in self.err.splitlines() if line.startswith("tiktok-pipeline: ")]
