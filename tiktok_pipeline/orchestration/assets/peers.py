"""The assets of stage ``creators`` that set creators beside each other: peers, notices, benchmarks, the search."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dagster import AssetsDefinition, Output, ResourceParam, multi_asset

from tiktok_pipeline.creators.benchmarks import build_benchmarks
from tiktok_pipeline.creators.current import build_current, segments_of
from tiktok_pipeline.creators.history import build_history
from tiktok_pipeline.creators.notices import SMALLEST_REACH, build_notices
from tiktok_pipeline.creators.peers import build_peers, reach_of
from tiktok_pipeline.features.sample import sample_frame
from tiktok_pipeline.frames import count_rows
from tiktok_pipeline.orchestration.metadata import Frame, table_in, table_out
from tiktok_pipeline.orchestration.partitions import SNAPSHOTS
from tiktok_pipeline.study import Study
from tiktok_pipeline.warehouse.base import Warehouse

SEARCHED_STUDY = "balanced_segments"
"""The study whose personas are in ``creators.current``."""


def peer_assets(studies: Sequence[Study]) -> list[AssetsDefinition]:
    """Return the assets of peers, notices, ``creators.current``, history and benchmarks."""
    return [_peers(), _notices(), _current(searched_study(studies)), _history(), _benchmarks()]


def searched_study(studies: Sequence[Study]) -> Study | None:
    """Return the study whose personas a search filters by."""
    return next((study for study in studies if study.name == SEARCHED_STUDY), None)


def _named(table: str) -> dict[str, Any]:
    return {"name": f"creators_{table}", "partitions_def": SNAPSHOTS, "group_name": "creators"}


def _peers() -> AssetsDefinition:
    @multi_asset(
        ins={"features": table_in("features.profiles"), "growth": table_in("creators.growth")},
        outs={"peers": table_out("creators.peers")},
        **_named("peers"),
    )
    def peers(features: Frame, growth: Frame, warehouse: ResourceParam[Warehouse]) -> Output[Any]:
        known = (
            growth if count_rows(growth) else None
        )  # the first snapshot has none, and windows of nothing cost time
        return Output(build_peers(features, warehouse, known), "peers")

    return peers


def _notices() -> AssetsDefinition:
    @multi_asset(
        ins={
            "features": table_in("features.profiles"),
            "growth": table_in("creators.growth"),
            "peers": table_in("creators.peers"),
        },
        outs={"notices": table_out("creators.notices")},
        **_named("notices"),
    )
    def notices(features: Frame, growth: Frame, peers: Frame, warehouse: ResourceParam[Warehouse]) -> Output[Any]:
        if reach_of(count_rows(peers)) < SMALLEST_REACH:  # a small snapshot: wider windows cost little
            peers = build_peers(features, warehouse, growth, smallest_reach=SMALLEST_REACH)
        return Output(build_notices(peers), "notices")

    return notices


def _current(study: Study | None) -> AssetsDefinition:
    shared = {
        "profiles": table_in("validated.profiles"),
        "posting": table_in("features.posting"),
        "peers": table_in("creators.peers"),
        "notices": table_in("creators.notices"),
    }
    of_study = (
        {
            "assignments": table_in("clusters.assignments", study),
            "summaries": table_in("personas.summaries", study),
            "moves": table_in("creators.moves", study),
            "migrations": table_in("personas.migrations", study),
            "identities": table_in("creators.identities"),
        }
        if study
        else {}
    )

    @multi_asset(ins=shared | of_study, outs={"current": table_out("creators.current")}, **_named("current"))
    def current(**tables: Frame) -> Output[Any]:
        segments = segments_of(**{name: tables[name] for name in of_study}) if study else None
        rows = build_current(
            tables["profiles"],
            tables["peers"],
            tables["notices"],
            tables["posting"],
            segments,
            study=study.name if study else "",
        )
        return Output(rows, "current")

    return current


def _history() -> AssetsDefinition:
    @multi_asset(
        ins={"current": table_in("creators.current"), "identities": table_in("creators.identities")},
        outs={"history": table_out("creators.history")},
        **_named("history"),
    )
    def history(current: Frame, identities: Frame) -> Output[Any]:
        return Output(build_history(current, identities), "history")

    return history


def _benchmarks() -> AssetsDefinition:
    @multi_asset(
        ins={"current": table_in("creators.current")},
        outs={"benchmarks": table_out("creators.benchmarks", kinds={"pandas"})},
        **_named("benchmarks"),
    )
    def benchmarks(current: Frame, warehouse: ResourceParam[Warehouse]) -> Output[Any]:
        sample = sample_frame(current.drop("words", "biography"), warehouse).sample
        return Output(build_benchmarks(current, sample, warehouse), "benchmarks")

    return benchmarks
