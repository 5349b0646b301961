"""The results of the studies on the real files, each computed once for all modules of this folder."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import narwhals as nw
import pytest

import tiktok_pipeline.studies
from tiktok_pipeline.analysis.run_study import Segments, run_study
from tiktok_pipeline.features.build import build_features
from tiktok_pipeline.features.statistics import describe, judge_normality
from tiktok_pipeline.raw.dialects import recognize
from tiktok_pipeline.raw.read import read_file
from tiktok_pipeline.study import load_studies
from tiktok_pipeline.validated.validate import validate_source
from tiktok_pipeline.warehouse.duckdb.warehouse import DuckDBWarehouse
from tiktok_pipeline_tests.homes import quick_studies
from tiktok_pipeline_tests.studies.real import ACTIVITY, Run


def _validated(path: Path, engine: DuckDBWarehouse) -> nw.LazyFrame[Any]:
    scan = engine.scan(path, "csv")
    dialect = recognize(scan.header, file=path.name)
    raw = read_file(scan, dialect, source_file=path.name, engine=engine)
    return validate_source(raw, dialect.source, engine).valid


@pytest.fixture(scope="session")
def run(real_data: Callable[[str], Path], request: pytest.FixtureRequest) -> Run:
    """Return a function that runs the segmentation of a study on a real file, once for each pair.

    Only the slow tests read the bootstrap draws; without these tests few are drawn.
    """
    needs_draws = any("test_published_trust" in item.nodeid for item in request.session.items)
    loaded = load_studies(tiktok_pipeline.studies) if needs_draws else quick_studies()
    studies = {study.name: study for study in loaded}
    kept: dict[tuple[str, str], Segments] = {}

    def segments(study: str, file: str) -> Segments:
        if (study, file) not in kept:
            path, engine = real_data(file), DuckDBWarehouse(None)
            segments_only = replace(studies[study], classification=None)
            found = run_study(_validated(path, engine), segments_only, engine=engine).segments
            engine.close()
            assert found is not None
            kept[study, file] = found
        return kept[study, file]

    return segments


@pytest.fixture(scope="session")
def activity_statistics(real_data: Callable[[str], Path]) -> dict[tuple[str, str], float]:
    """Return the statistics of the activity file by feature and name."""
    engine = DuckDBWarehouse(None)
    features = engine.persist(build_features(_validated(real_data(ACTIVITY), engine), "creator_activity"))
    sample = features.collect("pandas").to_native()
    found = [describe(features, "creator_activity", features), judge_normality(sample, "creator_activity")]
    engine.close()
    return {(row["feature"], row["statistic"]): row["value"] for frame in found for row in frame.to_dict("records")}
