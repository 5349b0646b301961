"""Profiles a refresh with py-spy: the seconds of the running threads, by package and by asset.

The sampler stops the process for each sample, so a profiled refresh takes longer than others: compare shares.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import typer

from benchmarks import record
from benchmarks.performance.compare import STUDY
from benchmarks.performance.scale import make_snapshot, work_folder
from benchmarks.process import CommandFailedError, measure
from tiktok_pipeline.output.print_rows import print_rows

SAMPLES_PER_SECOND = 100
IMPORTS, WAITING, PYTHON = "imports", "waiting", "Python itself"

_FRAME = re.compile(r"^(?P<function>.*) \((?P<file>[^()]*?)(:\d+)?\)$")
_ASSET = re.compile(r"^\w+\.<locals>\.(?P<asset>\w+)$")
_ENGINE = "tiktok_pipeline/warehouse/duckdb/"
_SHOWN = 12


@dataclass(frozen=True)
class Profile:
    """Where the time of a refresh went.

    Attributes
    ----------
    commit : str
        The commit of the checkout.
    rows : int
        Delivered rows.
    wall_seconds : float
        The time of the whole command, with the sampler.
    seconds_by_package : dict of str to float
        The sampled seconds of all threads and processes, by what they did: a package, `IMPORTS` or `WAITING`.
    seconds_by_asset : dict of str to float
        Of these, the seconds inside of each asset's function.
    """

    commit: str
    rows: int
    wall_seconds: float
    seconds_by_package: dict[str, float]
    seconds_by_asset: dict[str, float]


def profile(scrape: Path, rows: int, *, checkout: Path, home: Path, flame_graph: Path | None = None) -> Profile:
    """Profile the refresh of a scrape in a new home, with the package of a checkout and without figures.

    Raises
    ------
    CommandFailedError
        If the refresh fails, or py-spy may not read the process.
    FileNotFoundError
        If py-spy is not installed.
    """
    samples = home.with_name("samples.txt")
    environment = {
        **os.environ,
        "PYTHONPATH": str(checkout),
        "TIKTOK_PIPELINE_HOME": str(home),
        "TIKTOK_PIPELINE_PICTURES": "no",
    }
    command = [sys.executable, "-P", "-m", "tiktok_pipeline", "refresh", str(scrape), "--study", STUDY]
    measured = measure([*_sampler("raw", samples), "--", *command], environment)
    if flame_graph is not None:
        shutil.rmtree(home)
        measure([*_sampler("flamegraph", flame_graph), "--", *command], environment)
    lines = samples.read_text(encoding="utf-8").splitlines()
    packages, assets = by_package(lines), by_asset(lines)
    return Profile(_commit(checkout), rows, measured.wall_seconds, _seconds(packages), _seconds(assets))


def by_package(lines: Iterable[str]) -> Counter[str]:
    """Count samples by what the innermost frames did.

    Each line has the frames of a thread from the outermost on, and how often they were seen. DuckDB and other
    libraries in C++ have no frames of their own: their time is that of the function that calls them.
    """
    found: Counter[str] = Counter()
    for frames, times in _stacks(lines):
        found[_package_of(frames)] += times
    return found


def by_asset(lines: Iterable[str]) -> Counter[str]:
    """Count samples inside of the functions of assets; see `by_package`."""
    found: Counter[str] = Counter()
    for frames, times in _stacks(lines):
        for function, file in frames:
            if "orchestration/assets/" in file and (match := _ASSET.match(function)):
                found[match["asset"]] += times
                break
    return found


def _stacks(lines: Iterable[str]) -> Iterable[tuple[list[tuple[str, str]], int]]:
    for line in lines:
        stack, _, times = line.rpartition(" ")
        matches = (_FRAME.match(frame) for frame in stack.split(";"))
        yield [(match["function"], match["file"]) for match in matches if match], int(times)


def _package_of(frames: list[tuple[str, str]]) -> str:
    if any(function == "_find_and_load" for function, _ in frames):
        return IMPORTS
    if frames and frames[-1][1] in {"threading.py", "selectors.py"}:
        return WAITING
    for _, file in reversed(frames):
        if file.startswith(_ENGINE):
            return "duckdb"
        if "/" in file:
            return file.split("/")[0]
    return PYTHON


def _seconds(samples: Mapping[str, int]) -> dict[str, float]:
    """Return seconds instead of samples, the longest first."""
    ordered = sorted(samples.items(), key=lambda item: (-item[1], item[0]))
    return {name: times / SAMPLES_PER_SECOND for name, times in ordered}


def _sampler(form: str, output: Path) -> list[str]:
    program = shutil.which("py-spy", path=os.pathsep.join([sysconfig.get_path("scripts"), os.environ["PATH"]]))
    if program is None:
        msg = "py-spy is not installed: pip install py-spy"
        raise FileNotFoundError(msg)
    return [
        program,
        "record",
        "--subprocesses",
        "--rate",
        str(SAMPLES_PER_SECOND),
        "--format",
        form,
        "--output",
        str(output),
    ]


def _commit(checkout: Path) -> str:
    command = ["git", "-C", str(checkout), "rev-parse", "--short", "HEAD"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def profile_command(
    profiles: Annotated[int, typer.Option(min=1, help="Profiles of the snapshot.")] = 1_000,
    checkout: Annotated[
        list[Path] | None,
        typer.Option(help="A clone whose package is profiled; may be repeated. [default: this one]"),
    ] = None,
    folder: Annotated[Path | None, typer.Option(help="Work folder; its snapshots are kept and used again.")] = None,
    flame_graph: Annotated[Path | None, typer.Option(help="Also write a flame graph (SVG) of the last one.")] = None,
    *,
    save_it: Annotated[bool, typer.Option("--save", help="Save the result in benchmarks/results/.")] = False,
) -> None:
    """Show where the time of a refresh goes, by package and by asset (py-spy; it may need to run as root)."""
    import pyarrow.parquet as pq  # noqa: PLC0415

    here = Path(__file__).resolve().parents[2]
    found: list[dict[str, Any]] = []
    with work_folder(folder) as place:
        scrape = make_snapshot(place, profiles, typer.echo)
        rows = pq.read_metadata(scrape).num_rows
        for tree in checkout or [here]:
            with TemporaryDirectory(dir=place) as work:
                try:
                    result = profile(
                        scrape, rows, checkout=tree.resolve(), home=Path(work) / "home", flame_graph=flame_graph
                    )
                except (CommandFailedError, FileNotFoundError) as error:
                    typer.echo(str(error), err=True)
                    raise typer.Exit(1) from error
            typer.echo(f"{result.commit}: {result.rows:,} rows, {result.wall_seconds:.1f} s with the sampler")
            for what, seconds in {"package": result.seconds_by_package, "asset": result.seconds_by_asset}.items():
                total = sum(result.seconds_by_package.values())
                shares = [
                    (name, round(spent, 2), f"{spent / total:.1%}") for name, spent in list(seconds.items())[:_SHOWN]
                ]
                print_rows([what, "seconds", "share"], shares, "table")
            found.append(asdict(result))
    if save_it:
        typer.echo(f"saved: {record.save('profile', {'profiles': found})}")
