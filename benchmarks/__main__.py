"""The command ``python -m benchmarks``."""

from __future__ import annotations

import signal
import statistics
import sys
from pathlib import Path
from typing import Annotated

import typer

from benchmarks import record
from benchmarks.performance import compare as comparing
from benchmarks.performance import equal as equaling
from benchmarks.performance import scale as scaling
from benchmarks.performance.many import as_json as many_as_json
from benchmarks.performance.many import many
from benchmarks.performance.refresh import refresh_file, refresh_sample, summary
from benchmarks.performance.same_tables import same_tables_command
from benchmarks.reliability.crash import CannotMountError, measure_crashes, save, table
from benchmarks.reliability.together import backfill, refresh_together
from tiktok_pipeline.output.print_rows import print_rows

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)


@app.callback()
def benchmarks() -> None:
    """Measure the pipeline as a person runs it."""


@app.command()
def refresh(
    file: Annotated[Path | None, typer.Option(help="a scrape; else a synthetic one is made")] = None,
    profiles: Annotated[int, typer.Option(help="size of the synthetic scrape")] = 1_000_000,
    file_format: Annotated[str, typer.Option("--format", help="csv, csv.gz or parquet")] = "csv",
    runs: Annotated[int, typer.Option(min=1)] = 1,
) -> None:
    """Time and peak memory of `tiktok-pipeline refresh` in a fresh home."""
    if file is not None:
        measured = refresh_file(file, runs=runs, say=typer.echo)
    else:
        measured = refresh_sample(profiles, file_format=file_format, runs=runs, say=typer.echo)
    typer.echo(summary(measured))


@app.command("scale")
def scale_command(
    profiles: Annotated[list[int], typer.Option(min=1, help="size of the snapshot; more than one gives the growth")],
    study: Annotated[list[str] | None, typer.Option(help="a study alone; once for each")] = None,
    folder: Annotated[Path | None, typer.Option(help="where to work; snapshots made there are kept")] = None,
    *,
    runs: Annotated[int, typer.Option(min=1)] = 1,
    threads: Annotated[int | None, typer.Option(min=1, help="of the engine; else all cores")] = None,
    pictures: Annotated[bool, typer.Option(help="draw the pictures too")] = True,
    save_it: Annotated[bool, typer.Option("--save", help="write the result to benchmarks/results/")] = False,
) -> None:
    """Refresh snapshots of any size: time by asset, memory, disk, growth."""
    settings = {"TIKTOK_PIPELINE_PICTURES": "yes" if pictures else "no"}
    if threads:
        settings["TIKTOK_PIPELINE_THREADS"] = str(threads)
    found = []
    with scaling.work_folder(folder) as place:
        for size in [size for size in profiles for _ in range(runs)]:
            one = scaling.scale(size, study or [], folder=place, settings=settings, say=typer.echo)
            found.append(one)
            for step, seconds in one.seconds_by_step.items():
                typer.echo(f"{seconds:9.1f} s  {step}")
            print_rows(*scaling.table([one]), "table")
    if (exponent := scaling.growth_exponent(found)) is not None:
        print_rows(*scaling.table(found), "table")
        typer.echo(f"growth exponent {exponent:.3f}")
    if save_it:
        typer.echo(f"saved: {record.save('scale', {'settings': settings, **scaling.as_json(found)})}")


@app.command("many")
def many_command(
    snapshots: Annotated[int, typer.Option(min=7)] = 100,
    profiles: Annotated[int, typer.Option(min=1, help="size of each synthetic scrape")] = 100_000,
    *,
    save_it: Annotated[bool, typer.Option("--save", help="write the result to benchmarks/results/")] = False,
) -> None:
    """Time of a refresh where many snapshots are stored already, against the first ones."""
    found = many(snapshots, profiles, say=typer.echo)
    typer.echo(
        f"first {statistics.median(found.first_seconds):.1f} s, last {statistics.median(found.last_seconds):.1f} s"
    )
    typer.echo(f"the last against the first: {found.times:.2f} times")
    typer.echo(f"warehouse {found.warehouse_megabytes:,.0f} MB, published {found.published_megabytes:,.0f} MB")
    for name, seconds in found.query_seconds.items():
        typer.echo(f"{seconds * 1000:,.0f} ms  {name}")
    if save_it:
        typer.echo(f"saved: {record.save('many', many_as_json(found))}")


@app.command("equal")
def equal_command(
    profiles: Annotated[int, typer.Option(min=1, help="size of the snapshot")] = 1_000_000,
    folder: Annotated[Path | None, typer.Option(help="where to work; what is made there is kept")] = None,
    *,
    save_it: Annotated[bool, typer.Option("--save", help="write the result to benchmarks/results/")] = False,
) -> None:
    """Row balance, segments against scikit-learn's, tables with one thread and with two; exit code 1 if any differs."""
    found = equaling.equal(profiles, threads=(1, 2), folder=folder, say=typer.echo)
    typer.echo(f"raw {found.raw:,} = validated {found.validated:,} + rejected {found.rejected:,}")
    typer.echo(f"{found.assigned:,} segments, {found.other_than_scikit_learn:,} other than scikit-learn's")
    typer.echo(f"{found.tables} tables, {found.rows:,} rows, differing: {found.differing or 'none'}")
    if save_it:
        typer.echo(f"saved: {record.save('equal', equaling.as_json(found))}")
    if not found.is_right:
        raise typer.Exit(1)


@app.command("compare")
def compare_command(
    profiles: Annotated[list[int], typer.Option(min=1, help="size of the snapshot; once for each")],
    rival: Annotated[list[str] | None, typer.Option(help=f"{', '.join(comparing.RIVALS)}; all if none")] = None,
    pairs: Annotated[int, typer.Option(min=1)] = 3,
    folder: Annotated[Path | None, typer.Option(help="where to work; snapshots made there are kept")] = None,
    *,
    save_it: Annotated[bool, typer.Option("--save", help="write the result to benchmarks/results/")] = False,
) -> None:
    """Time and memory of one study against what a user would write instead, in alternating pairs."""
    if unknown := sorted(set(rival or ()) - set(comparing.RIVALS)):
        typer.echo(f"no rival {', '.join(unknown)}; there are: {', '.join(comparing.RIVALS)}", err=True)
        raise typer.Exit(2)
    with scaling.work_folder(folder) as place:
        found = [
            comparing.compare(name, size, pairs=pairs, folder=place, say=typer.echo)
            for size in profiles
            for name in rival or comparing.RIVALS
        ]
    print_rows(*comparing.table(found), "table")
    if save_it:
        typer.echo(f"saved: {record.save('compare', comparing.as_json(found))}")


@app.command()
def crash(
    *,
    kills: Annotated[int, typer.Option(min=1)] = 100,
    seed: Annotated[int, typer.Option(help="the same seed draws the same moments")] = 7,
    profiles: Annotated[int, typer.Option(min=1, help="size of the synthetic scrapes")] = 300,
    study: Annotated[str, typer.Option(help="the study that is refreshed")] = "influencer_segments",
    disk_full: Annotated[
        float | None, typer.Option(min=0.01, help="MB: no kills, a disk with so much more room each time (root)")
    ] = None,
    keep: Annotated[Path | None, typer.Option(help="folder for the homes of trials that differ")] = None,
    save_it: Annotated[bool, typer.Option("--save", help="write the result to benchmarks/results/")] = False,
) -> None:
    """Kill a refresh at random moments (or fill its disk), look at the home, do it again; exit code 1 if any differs."""
    # Ended from outside it shall still unmount and tidy up.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    settings = {"kills": kills, "seed": seed, "profiles": profiles, "study": study, "disk_full_step_mb": disk_full}
    try:
        trials = measure_crashes(
            kills=kills,
            seed=seed,
            profiles=profiles,
            study=study,
            step_megabytes=disk_full,
            keep=keep,
            say=typer.echo,
        )
    except CannotMountError as problem:
        typer.echo(str(problem), err=True)
        raise typer.Exit(2) from problem
    print_rows(*table(trials), "table")
    if save_it:
        typer.echo(f"saved: {save(trials, settings)}")
    if any(one.differs for one in trials):
        raise typer.Exit(1)


@app.command()
def fuzz(
    files: Annotated[int, typer.Option(min=1)] = 1000,
    seed: Annotated[int, typer.Option(help="the same seed makes the same files")] = 1,
    only: Annotated[int | None, typer.Option(min=1, help="this one file alone")] = None,
    keep: Annotated[Path | None, typer.Option(help="folder for files that break a rule, or for the only one")] = None,
    save_it: Annotated[bool, typer.Option("--save", help="write the result to benchmarks/results/")] = False,
) -> None:
    """Take in and refresh generated damaged files; exit code 1 if any is not treated as it should be."""
    from benchmarks.reliability import damage  # noqa: PLC0415
    from benchmarks.reliability import fuzz as fuzzing  # noqa: PLC0415 - it brings Dagster, which takes a while

    numbers = [only] if only else range(1, files + 1)
    if only and keep:
        typer.echo(f"written: {fuzzing.write(damage.delivery(only, seed), keep)!a}")
    trials = fuzzing.fuzz(numbers, seed=seed, say=typer.echo, keep=keep)
    print_rows(*fuzzing.table(trials), "table")
    for problem in fuzzing.told(trials, seed):
        typer.echo(problem)
    if only and (why := trials[0].why):
        typer.echo(f"the reason that was told: {why!a}")
    if save_it:
        typer.echo(f"saved: {fuzzing.save(trials, {'files': len(numbers), 'seed': seed})}")
    if any(one.violations for one in trials):
        raise typer.Exit(1)


@app.command()
def together(
    refreshes: Annotated[int, typer.Option(min=1)] = 8,
    readers: Annotated[int, typer.Option(min=1)] = 4,
    profiles: Annotated[int, typer.Option(min=1, help="size of each synthetic scrape")] = 1_500,
    study: Annotated[str, typer.Option(help="the study that is refreshed")] = "influencer_segments",
) -> None:
    """Start refreshes at once beside readers that query without a pause; exit code 1 where a reader sees anything wrong."""
    readings = refresh_together(refreshes, readers, profiles=profiles, study=study, say=typer.echo)
    for number, one in enumerate(readings, start=1):
        typer.echo(
            f"reader {number}: {one.queries:,} queries, {len(one.problems)} problems, {one.snapshots} snapshots at the end"
        )
        for problem in one.problems[:5]:
            typer.echo(f"  {problem}")
    if any(one.problems for one in readings):
        raise typer.Exit(1)


@app.command("backfill")
def backfill_command(
    snapshots: Annotated[int, typer.Option(min=2)] = 50,
    profiles: Annotated[int, typer.Option(min=1, help="size of each synthetic scrape")] = 1_500,
    study: Annotated[str, typer.Option(help="the study that is refreshed")] = "influencer_segments",
) -> None:
    """Time of the last snapshot against the first, of all in one go, and the size of the databases."""
    found = backfill(snapshots, profiles=profiles, study=study, say=typer.echo)
    first, last = statistics.median(found.one_by_one[:5]), statistics.median(found.one_by_one[-5:])
    typer.echo(f"median of the first five {first:.1f} s, of the last five {last:.1f} s ({last / first:.2f} times)")
    typer.echo(f"all in one go: {found.in_one_go:.1f} s ({found.in_one_go / snapshots:.1f} s each)")
    typer.echo(f"warehouse {found.warehouse_megabytes:,.0f} MB, published {found.published_megabytes:,.0f} MB")


app.command("same-tables")(same_tables_command)

if __name__ == "__main__":
    app()
