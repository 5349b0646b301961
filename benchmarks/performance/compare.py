"""Compares the pipeline with what a user would write instead, in alternating runs of whole processes."""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.performance.scale import Log, make_snapshot
from benchmarks.process import CommandFailedError, Measured, measure

SCRIPTS = {
    "pandas": "benchmarks.performance.rivals.with_pandas",
    "polars": "benchmarks.performance.rivals.with_polars",
}
STOCK = "stock_dagster"
RIVALS = (*SCRIPTS, STOCK)
STUDY = "influencer_segments"
_HERE = Path(__file__).parent
_QUIET = "telemetry:\n  enabled: false\nnux:\n  enabled: false\n"


@dataclass(frozen=True)
class Pairs:
    """The alternating runs of the pipeline and of a rival on a snapshot; ``why_not`` if the rival failed.

    ``is_typed`` says that the cells of the snapshot are no texts.
    """

    rival: str
    profiles: int
    ours: tuple[Measured, ...]
    theirs: tuple[Measured, ...]
    why_not: str = ""
    is_typed: bool = False


def compare(rival: str, profiles: int, *, pairs: int, folder: Path, log: Log, is_typed: bool = False) -> Pairs:
    """Measure alternating pairs; the failure of a rival is part of the result and not raised."""
    scrape = make_snapshot(folder, profiles, log, is_typed=is_typed)
    ours: list[Measured] = []
    theirs: list[Measured] = []
    for number in range(pairs):
        try:
            theirs.append(_theirs(rival, scrape, folder, log))
        except CommandFailedError as error:
            return Pairs(rival, profiles, tuple(ours), tuple(theirs), " ".join(str(error).split())[-300:], is_typed)
        ours.append(_ours(scrape, folder / "home"))
        log(
            f"{rival}, {profiles:,} profiles, pair {number + 1} of {pairs}: "
            f"ours {ours[-1].wall_seconds:.1f} s {ours[-1].peak_megabytes:,.0f} MB, "
            f"theirs {theirs[-1].wall_seconds:.1f} s {theirs[-1].peak_megabytes:,.0f} MB"
        )
    return Pairs(rival, profiles, tuple(ours), tuple(theirs), is_typed=is_typed)


def _theirs(rival: str, scrape: Path, folder: Path, log: Log) -> Measured:
    if rival != STOCK:
        return measure([sys.executable, "-m", SCRIPTS[rival], str(scrape)], dict(os.environ))
    python = stock_python(folder, log)
    with TemporaryDirectory(prefix="stock-") as home:
        (Path(home) / "dagster.yaml").write_text(_QUIET, encoding="utf-8")
        there = {"SCRAPE": str(scrape), "STORE": f"{home}/store.duckdb", "DAGSTER_HOME": home}
        command = [
            str(python),
            "-m",
            "dagster",
            "asset",
            "materialize",
            "--select",
            "*",
            "-m",
            f"benchmarks.performance.rivals.{STOCK}",
        ]
        return measure(command, {**os.environ, **there})


def stock_python(folder: Path, log: Log) -> Path:
    """Return the Python of the stock Dagster set-up; create its environment in ``folder`` if it does not exist."""
    own = folder / "stock_environment"
    if not own.exists():
        log("creating the environment of the stock Dagster set-up ...")
        subprocess.run([sys.executable, "-m", "venv", str(own)], check=True)
        install = [
            str(own / "bin" / "python"),
            "-m",
            "pip",
            "install",
            "--quiet",
            "-r",
            str(_HERE / "rivals" / "stock.txt"),
        ]
        try:
            subprocess.run(install, check=True)
        except BaseException:
            shutil.rmtree(own)
            raise
    return own / "bin" / "python"


def _ours(scrape: Path, home: Path) -> Measured:
    shutil.rmtree(home, ignore_errors=True)
    settings = {"TIKTOK_PIPELINE_HOME": str(home), "TIKTOK_PIPELINE_PICTURES": "no"}
    try:
        command = [sys.executable, "-m", "tiktok_pipeline", "refresh", str(scrape), "--study", STUDY]
        return measure(command, {**os.environ, **settings})
    finally:
        shutil.rmtree(home, ignore_errors=True)


def table(found: Sequence[Pairs]) -> tuple[list[str], list[tuple[Any, ...]]]:
    """Return medians and ratios (ours over theirs) as (column names, rows) to print."""
    names = ["rival", "profiles", "cells", "pairs", "ours s", "theirs s", "times", "ours CPU s", "theirs CPU s"]
    names += ["ours MB", "theirs MB", "times the memory"]
    rows: list[tuple[Any, ...]] = []
    for pairs in found:
        snapshot = (pairs.rival, f"{pairs.profiles:,}", "typed" if pairs.is_typed else "text", len(pairs.ours))
        if pairs.why_not or not pairs.ours:
            rows.append((*snapshot, None, pairs.why_not, *[None] * 6))
            continue
        ours, theirs = _medians(pairs.ours), _medians(pairs.theirs)
        rows.append(
            (
                *snapshot,
                round(ours[0], 1),
                round(theirs[0], 1),
                round(ours[0] / theirs[0], 2),
                round(ours[2], 1),
                round(theirs[2], 1),
                f"{ours[1]:,.0f}",
                f"{theirs[1]:,.0f}",
                round(ours[1] / theirs[1], 2),
            )
        )
    return names, rows


def _medians(runs: Sequence[Measured]) -> tuple[float, float, float]:
    """Return the medians of the seconds, of the peak in MB, and of the seconds of CPU."""
    wall, peak, cpu = zip(*((run.wall_seconds, run.peak_megabytes, run.cpu_seconds) for run in runs), strict=True)
    return statistics.median(wall), statistics.median(peak), statistics.median(cpu)


def as_json(found: Sequence[Pairs]) -> dict[str, Any]:
    """Return the results for `benchmarks.record.save`."""
    chosen = {name: value for name, value in os.environ.items() if name.startswith("TIKTOK_PIPELINE_")}
    return {"settings_of_ours": chosen, "pairs": [asdict(pairs) for pairs in found]}
