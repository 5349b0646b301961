"""Compare the tables that two checkouts make of the same scrapes: the proof that a refactor changed no table.

Each checkout refreshes the scrapes in a fresh home, through its own command line as a whole process. This module
imports nothing of the package, so one copy runs any two trees.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer

from benchmarks import record
from benchmarks.performance.compare_tables import CannotCompareError, as_json, compare_homes, describe


def refresh(
    checkout: Path, home: Path, scrapes: Sequence[Path], *, python: Path, arguments: Sequence[str], pictures: bool
) -> None:
    """Refresh scrapes in a fresh home with the package of a checkout.

    Parameters
    ----------
    checkout : Path
        The folder that holds ``tiktok_pipeline/``.
    home : Path
        The home to create.
    scrapes : sequence of Path
        Files or folders, all of one call.
    python : Path
        The interpreter, with the dependencies of that checkout installed.
    arguments : sequence of str
        Further arguments of ``tiktok-pipeline refresh``.
    pictures : bool
        Whether to draw the plots; no table depends on them.

    Raises
    ------
    CannotCompareError
        If the home exists, the interpreter imports another package than the checkout's, or the refresh fails.
    """
    checkout, python = checkout.resolve(), python.absolute()  # a resolved link would leave its environment
    if home.exists():
        msg = f"{home}: exists already; remove it or name another --folder"
        raise CannotCompareError(msg)
    environment = {
        **os.environ,
        "PYTHONPATH": str(checkout),
        "TIKTOK_PIPELINE_HOME": str(home),
        "TIKTOK_PIPELINE_PICTURES": "yes" if pictures else "no",
    }
    # `python -m` puts the working directory before PYTHONPATH: from another checkout it would run that one's package.
    imported = _run(
        [str(python), "-c", "import tiktok_pipeline; print(tiktok_pipeline.__file__)"], checkout, environment
    )
    if not Path(imported.strip()).is_relative_to(checkout):
        msg = f"{checkout}: {python} imports {imported.strip()} instead; name a folder that holds tiktok_pipeline/"
        raise CannotCompareError(msg)
    command = [str(python), "-m", "tiktok_pipeline", "refresh", *map(str, scrapes), *arguments]
    _run(command, checkout, environment)


def _run(command: Sequence[str], folder: Path, environment: Mapping[str, str]) -> str:
    """Run a command in ``folder`` and return its standard output."""
    try:
        ended = subprocess.run(
            list(command),
            cwd=folder,
            env=dict(environment),
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )
    except OSError as error:
        msg = f"{command[0]} in {folder}: {error}"
        raise CannotCompareError(msg) from error
    if ended.returncode:
        msg = (
            f"{' '.join(command)} in {folder} ended with {ended.returncode}: {(ended.stdout + ended.stderr)[-2000:]}"
        )
        raise CannotCompareError(msg)
    return ended.stdout


def same_tables_command(
    *,
    before: Annotated[Path | None, typer.Option(help="the earlier checkout")] = None,
    after: Annotated[Path | None, typer.Option(help="the later checkout")] = None,
    home_before: Annotated[Path | None, typer.Option(help="a refreshed home in place of --before")] = None,
    home_after: Annotated[Path | None, typer.Option(help="a refreshed home in place of --after")] = None,
    python_before: Annotated[Path, typer.Option(help="the interpreter of --before")] = Path(sys.executable),
    python_after: Annotated[Path, typer.Option(help="the interpreter of --after")] = Path(sys.executable),
    scrapes: Annotated[
        list[Path] | None, typer.Option(help="a scrape or a folder; once for each; data/sample if none")
    ] = None,
    snapshot: Annotated[str | None, typer.Option(help="the snapshot of all scrapes, such as 2023-08-12")] = None,
    study: Annotated[list[str] | None, typer.Option(help="a study alone; once for each")] = None,
    leave_out: Annotated[
        list[str] | None, typer.Option(help="schema.table.column whose values may differ; once for each")
    ] = None,
    folder: Annotated[Path | None, typer.Option(help="where to make before/ and after/; they are kept")] = None,
    pictures: Annotated[bool, typer.Option(help="draw the pictures too")] = False,
    save_it: Annotated[bool, typer.Option("--save", help="write the result to benchmarks/results/")] = False,
) -> None:
    """Compare every table of two checkouts, or of two homes, row for row; exit code 1 if any differs."""
    if (before is None) == (home_before is None) or (after is None) == (home_after is None):
        raise typer.BadParameter("name --before or --home-before, and --after or --home-after")
    chosen = [path.resolve() for path in scrapes or [(after or before or Path()) / "data" / "sample"]]
    arguments = [f"--snapshot={snapshot}"] if snapshot else []
    arguments += [f"--study={name}" for name in study or ()]
    try:
        with ExitStack() as stack:
            work = (folder or Path(stack.enter_context(TemporaryDirectory(prefix="benchmark-")))).resolve()
            homes = {"before": home_before or work / "before", "after": home_after or work / "after"}
            for side, checkout, python in (("before", before, python_before), ("after", after, python_after)):
                if checkout is not None:
                    typer.echo(f"refreshing with {checkout} ...")
                    refresh(checkout, homes[side], chosen, python=python, arguments=arguments, pictures=pictures)
            comparison = compare_homes(homes["before"], homes["after"], left_out=leave_out or ())
    except CannotCompareError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from error
    for line in describe(comparison):
        typer.echo(line)
    if save_it:
        inputs = {"scrapes": [path.name for path in chosen], "left_out": leave_out or []}
        typer.echo(f"saved: {record.save('same_tables', {**inputs, **as_json(comparison)})}")
    if not comparison.is_equal:
        raise typer.Exit(1)
