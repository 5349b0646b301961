"""A home of the pipeline under test: deliver a file, refresh it through Dagster as a user does, look at the tables."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from dagster import AssetKey, DagsterInstance, Definitions, ExecuteInProcessResult

import tiktok_pipeline.studies
from tiktok_pipeline.assembly import build_definitions, refresh_job
from tiktok_pipeline.ingest.register import IngestConfig, RegisteredFile, register
from tiktok_pipeline.orchestration.partitions import add_snapshots
from tiktok_pipeline.recipes.classification import PublishedForest
from tiktok_pipeline.settings import Settings
from tiktok_pipeline.study import Study, load_studies
from tiktok_pipeline.tables import TABLES
from tiktok_pipeline.warehouse.duckdb.connection import query
from tiktok_pipeline.warehouse.duckdb.warehouse import DuckDBWarehouse

STAMPS = ("ingested_at", "published_at")
"""What may differ between two refreshes of the same file."""


def with_draws(study: Study, draws: int) -> Study:
    """The study with another number of bootstrap draws: what is slow in it and seldom what a test asks for."""
    return replace(study, segmentation=replace(study.segmentation, draws=draws)) if study.segmentation else study


AS_SHIPPED = tuple(one for one in load_studies(tiktok_pipeline.studies) if one.name == "influencer_segments")
ONE_STUDY = tuple(with_draws(one, 4) for one in AS_SHIPPED)


def quick_classifier(study: Study) -> Study:
    """The study's classification with two folds and the quick models: the same way through the pipeline in a second."""
    recipe = study.classification
    assert recipe is not None
    forest = PublishedForest(
        features=("followers", "likes", "comment_engagement_rate", "like_engagement_rate"), trees=5
    )
    sets = tuple(
        replace(one, models=("logistic_regression", "dummy"))
        for one in recipe.sets
        if one.name == recipe.scored_by[0]
    )
    label = replace(recipe.label, above=0.02)  # the invented creators respond less
    quick = replace(recipe, label=label, published=forest, sets=sets, folds=2, repeats=1)
    return with_draws(replace(study, classification=quick), 4)


TWO_STUDIES = (
    *ONE_STUDY,
    *(quick_classifier(one) for one in load_studies(tiktok_pipeline.studies) if one.name == "active_creators"),
)

Tables = dict[str, list[tuple[Any, ...]]]


@dataclass(frozen=True)
class Home:
    """One home; ``studies`` is one study unless given, to be quick; None means all of the package.

    Pictures take half of the time of a small refresh and are drawn only where a test asks for them.
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
            return register(paths, IngestConfig(raw=self.settings.raw, engine=engine), snapshot=snapshot)

    def refresh(
        self, snapshot: str, *, selection: Sequence[AssetKey] | None = None, instance: DagsterInstance | None = None
    ) -> ExecuteInProcessResult:
        """Run the job ``refresh`` for a snapshot in this process; a failure is in the result, not raised."""
        with instance or DagsterInstance.ephemeral() as used:
            add_snapshots(used, [snapshot])
            return refresh_job(self.definitions).execute_in_process(
                partition_key=snapshot,
                instance=used,
                asset_selection=list(selection) if selection else None,
                raise_on_error=False,
            )

    def sql(self, text: str, *, published: bool = False) -> list[tuple[Any, ...]]:
        """The rows of a query over the warehouse, or over the published file."""
        return query(self.settings.published_file if published else self.settings.warehouse_file, text)[1]

    def value(self, text: str, *, published: bool = False) -> Any:
        """The one value of a query."""
        ((found,),) = self.sql(text, published=published)
        return found

    def tables(self, *, published: bool = False, where: str = "true") -> Tables:
        """Every stored table, its rows ordered by all columns, without the stamps of time.

        ``where`` is a condition on the snapshot; a table without snapshots is left out then.
        """
        found = {}
        for schema, name in self.sql(
            "select table_schema, table_name from information_schema.tables where table_type = 'BASE TABLE' "
            "and table_schema <> 'meta' order by all",
            published=published,
        ):
            spec = TABLES[f"{schema}.{name}"].spec
            kept = [column.name for column in spec.columns if column.name not in STAMPS]
            kept = [column for column in kept if not (published and column == "record")]
            if where == "true" or "snapshot" in spec.slice_by:
                text = f"select {', '.join(kept)} from {spec} where {where} order by all"
                found[str(spec)] = self.sql(text, published=published)
        return found


def reasons_of(result: ExecuteInProcessResult) -> str:
    """The texts of all failed steps with their causes, in one line."""
    texts = []
    for event in result.all_events:
        if event.is_step_failure:
            error = event.step_failure_data.error
            while error is not None:
                texts.append(error.message)
                error = error.cause
    return " ".join(" ".join(texts).split())


def materialised(result: ExecuteInProcessResult) -> set[str]:
    """The assets that a run wrote, as ``stage/table`` or ``stage/study/table``."""
    return {event.asset_key.to_user_string() for event in result.all_events if event.is_step_materialization}


def environment(home: Path, **more: str) -> dict[str, str]:
    """The environment of a process that works in ``home``."""
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


def command(
    home: Path, *arguments: str | Path, more: Mapping[str, str] | None = None, python: str | None = None
) -> subprocess.CompletedProcess[str]:
    """Run ``tiktok-pipeline`` as a process of its own; ``python`` is code to run before it."""
    start = f"{python or ''}\nfrom tiktok_pipeline.cli.app import process\nprocess()"
    return subprocess.run(
        [sys.executable, "-c", start, *map(str, arguments)],
        env=environment(home, **(more or {})),
        cwd=home.parent,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )


_STOP = """
import pathlib, sys, time
from tiktok_pipeline.orchestration.assets import study as study_assets
from tiktok_pipeline.warehouse.duckdb import publishing
def stop(*arguments, **more):
    pathlib.Path({mark!r}).touch()
    time.sleep(300)
{target} = stop
from tiktok_pipeline.cli.app import main
main()
"""


def kill_refresh(home: Path, scrape: Path, *, while_in: str) -> None:
    """Start a refresh as a process of its own and kill it (-9) when it comes to a function: ``engine.<name>``, say."""
    mark = home.with_name("came_there")
    with subprocess.Popen(
        [
            sys.executable,
            "-c",
            _STOP.format(mark=str(mark), target=while_in),
            "refresh",
            str(scrape),
            "--study",
            ONE_STUDY[0].name,
        ],
        env=environment(home),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            deadline = time.monotonic() + 90
            while not mark.exists():
                assert process.poll() is None, "it ended before it could be killed"
                assert time.monotonic() < deadline
                time.sleep(0.1)
        finally:
            process.kill()
    mark.unlink()


@dataclass(frozen=True)
class Said:
    """What a call of the command ended with."""

    code: int
    out: str
    err: str

    @property
    def problems(self) -> list[str]:
        """The lines on stderr that tell a problem."""
        return [line for line in self.err.splitlines() if line.startswith("tiktok-pipeline: ")]
