"""The same work by what a user would write instead: alternating runs of ours and of a rival, each as a whole process."""

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

from benchmarks.performance.scale import Say, make_snapshot
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
    """The runs of ours and of a rival on one snapshot, in the order in which they alternated; ``why_not`` where it cannot."""

    rival: str
    profiles: int
    ours: tuple[Measured, ...]
    theirs: tuple[Measured, ...]
    why_not: str = ""


def compare(rival: str, profiles: int, *, pairs: int, folder: Path, say: Say) -> Pairs:
    """Measure ``pairs`` alternating pairs; a rival that fails is told, not raised."""
    scrape = make_snapshot(folder, profiles, say)
    ours: list[Measured] = []
    theirs: list[Measured] = []
    for number in range(pairs):
        try:
            theirs.append(_theirs(rival, scrape, folder, say))
        except CommandFailedError as problem:
            return Pairs(rival, profiles, tuple(ours), tuple(theirs), " ".join(str(problem).split())[-300:])
        ours.append(_ours(scrape, folder / "home"))
        say(
            f"{rival}, {profiles:,} profiles, pair {number + 1} of {pairs}: "
            f"ours {ours[-1].wall_seconds:.1f} s {ours[-1].peak_megabytes:,.0f} MB, "
            f"theirs {theirs[-1].wall_seconds:.1f} s {theirs[-1].peak_megabytes:,.0f} MB"
        )
    return Pairs(rival, profiles, tuple(ours), tuple(theirs))


def _theirs(rival: str, scrape: Path, folder: Path, say: Say) -> Measured:
    if rival != STOCK:
        return measure([sys.executable, "-m", SCRIPTS[rival], str(scrape)], dict(os.environ))
    python = stock_python(folder, say)
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


def stock_python(folder: Path, say: Say) -> Path:
    """The Python of the environment that the stock Dagster set-up needs; it is made in ``folder`` where it is not there."""
    own = folder / "stock_environment"
    if not own.exists():
        say("making the environment of the stock Dagster set-up ...")
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
    """Medians and ratios (ours over theirs) as rows for people."""
    names = ["rival", "profiles", "pairs", "ours s", "theirs s", "times", "ours MB", "theirs MB", "times the memory"]
    rows: list[tuple[Any, ...]] = []
    for one in found:
        if one.why_not or not one.ours:
            rows.append((one.rival, f"{one.profiles:,}", len(one.ours), None, one.why_not, None, None, None, None))
            continue
        ours, theirs = _medians(one.ours), _medians(one.theirs)
        rows.append(
            (
                one.rival,
                f"{one.profiles:,}",
                len(one.ours),
                round(ours[0], 1),
                round(theirs[0], 1),
                round(ours[0] / theirs[0], 2),
                f"{ours[1]:,.0f}",
                f"{theirs[1]:,.0f}",
                round(ours[1] / theirs[1], 2),
            )
        )
    return names, rows


def _medians(runs: Sequence[Measured]) -> tuple[float, float]:
    """Seconds and MB."""
    return statistics.median(one.wall_seconds for one in runs), statistics.median(one.peak_megabytes for one in runs)


def as_json(found: Sequence[Pairs]) -> dict[str, Any]:
    """The results for `benchmarks.record.save`."""
    chosen = {name: value for name, value in os.environ.items() if name.startswith("TIKTOK_PIPELINE_")}
    return {"settings_of_ours": chosen, "pairs": [asdict(one) for one in found]}
