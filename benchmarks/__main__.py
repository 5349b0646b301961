"""The command line ``python -m benchmarks``."""

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
from benchmarks.performance import explore as exploring
from benchmarks.performance import scale as scaling
from benchmarks.performance.engines import engines_command
from benchmarks.performance.many import as_json as many_as_json
from benchmarks.performance.many import measure_many_snapshots
from benchmarks.performance.profile import profile_command
from benchmarks.performance.refresh import refresh_file, refresh_sample, summary
from benchmarks.performance.same_tables import same_tables_command
from benchmarks.reliability.at_once import at_once_command
from benchmarks.reliability.crash import CannotMountError, measure_crashes, save, table
from benchmarks.reliability.creators import creators_command
from benchmarks.reliability.disk_damage import damage_command
from benchmarks.reliability.every_step import every_step_command
from benchmarks.reliability.full_disks import full_disks_command
from benchmarks.reliability.interrupts import interrupts_command
from benchmarks.reliability.kills import kills_command
from benchmarks.reliability.redaction import redaction_command
from benchmarks.reliability.together import backfill, refresh_together
from benchmarks.reliability.worker_kills import worker_kills_command
from tiktok_pipeline.output.print_rows import print_rows

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)


@app.callback()
def benchmarks() -> None:
    """Measure the performance and the reliability of the pipeline, each refresh as a process of its own."""


@app.command()
def refresh(
    file: Annotated[Path | None, typer.Option(help="The scrape to refresh; a synthetic one if not given.")] = None,
    profiles: Annotated[int, typer.Option(help="Profiles of the synthetic scrape.")] = 1_000_000,
    file_format: Annotated[
        str, typer.Option("--format", help="Format of the synthetic scrape: csv, csv.gz or parquet.")
    ] = "csv",
    runs: Annotated[int, typer.Option(min=1, help="Number of runs.")] = 1,
) -> None:
    """Measure time and peak memory of `tiktok-pipeline refresh` in a new home."""
    if file is not None:
        measured = refresh_file(file, runs=runs, log=typer.echo)
    else:
        measured = refresh_sample(profiles, file_format=file_format, runs=runs, log=typer.echo)
    typer.echo(summary(measured))


@app.command("scale")
def scale_command(
    profiles: Annotated[
        list[int], typer.Option(min=1, help="Profiles of the snapshot; repeat it to measure the growth.")
    ],
    study: Annotated[list[str] | None, typer.Option(help="Compute only this study; may be repeated.")] = None,
    folder: Annotated[Path | None, typer.Option(help="Work folder; its snapshots are kept and used again.")] = None,
    *,
    runs: Annotated[int, typer.Option(min=1, help="Number of runs.")] = 1,
    threads: Annotated[int | None, typer.Option(min=1, help="Threads of DuckDB; all cores if not given.")] = None,
    pictures: Annotated[bool, typer.Option(help="Draw the figures too.")] = True,
    save_it: Annotated[bool, typer.Option("--save", help="Save the result in benchmarks/results/.")] = False,
) -> None:
    """Refresh snapshots of any size: time by asset, memory, disk, and growth with the rows."""
    settings = {"TIKTOK_PIPELINE_PICTURES": "yes" if pictures else "no"}
    if threads:
        settings["TIKTOK_PIPELINE_THREADS"] = str(threads)
    found = []
    with scaling.work_folder(folder) as place:
        for size in [size for size in profiles for _ in range(runs)]:
            result = scaling.scale(size, study or [], folder=place, settings=settings, log=typer.echo)
            found.append(result)
            for step, seconds in result.seconds_by_step.items():
                typer.echo(f"{seconds:9.1f} s  {step}")
            print_rows(*scaling.table([result]), "table")
    if (exponent := scaling.growth_exponent(found)) is not None:
        print_rows(*scaling.table(found), "table")
        typer.echo(f"growth exponent {exponent:.3f}")
    if save_it:
        typer.echo(f"saved: {record.save('scale', {'settings': settings, **scaling.as_json(found)})}")


@app.command("many")
def many_command(
    snapshots: Annotated[int, typer.Option(min=7, help="Snapshots in the home at the end.")] = 100,
    profiles: Annotated[int, typer.Option(min=1, help="Profiles of each synthetic scrape.")] = 100_000,
    *,
    save_it: Annotated[bool, typer.Option("--save", help="Save the result in benchmarks/results/.")] = False,
) -> None:
    """Compare refreshes in a home with many snapshots with the first ones."""
    found = measure_many_snapshots(snapshots, profiles, log=typer.echo)
    typer.echo(
        f"first {statistics.median(found.first_seconds):.1f} s, last {statistics.median(found.last_seconds):.1f} s"
    )
    typer.echo(f"last / first: {found.times:.2f}")
    typer.echo(f"warehouse {found.warehouse_megabytes:,.0f} MB, published {found.published_megabytes:,.0f} MB")
    for name, seconds in found.query_seconds.items():
        typer.echo(f"{seconds * 1000:,.0f} ms  {name}")
    if save_it:
        typer.echo(f"saved: {record.save('many', many_as_json(found))}")


@app.command("equal")
def equal_command(
    profiles: Annotated[int, typer.Option(min=1, help="Profiles of the snapshot.")] = 1_000_000,
    folder: Annotated[Path | None, typer.Option(help="Work folder; its content is kept.")] = None,
    *,
    save_it: Annotated[bool, typer.Option("--save", help="Save the result in benchmarks/results/.")] = False,
) -> None:
    """Check row balance, scikit-learn's segments, and one thread against two; exit code 1 if anything differs."""
    found = equaling.check_equal_tables(profiles, threads=(1, 2), folder=folder, log=typer.echo)
    typer.echo(f"raw {found.raw:,} = validated {found.validated:,} + rejected {found.rejected:,}")
    typer.echo(f"{found.assigned:,} segments, {found.other_than_scikit_learn:,} other than scikit-learn's")
    typer.echo(f"{found.tables} tables, {found.rows:,} rows, differing: {found.differing or 'none'}")
    if save_it:
        typer.echo(f"saved: {record.save('equal', equaling.as_json(found))}")
    if not found.is_right:
        raise typer.Exit(1)


@app.command("compare")
def compare_command(
    profiles: Annotated[list[int], typer.Option(min=1, help="Profiles of the snapshot; may be repeated.")],
    rival: Annotated[
        list[str] | None,
        typer.Option(help=f"One of {', '.join(comparing.RIVALS)}; may be repeated, all if not given."),
    ] = None,
    pairs: Annotated[int, typer.Option(min=1, help="Alternating pairs of runs.")] = 3,
    folder: Annotated[Path | None, typer.Option(help="Work folder; its snapshots are kept and used again.")] = None,
    *,
    typed: Annotated[bool, typer.Option("--typed", help="A snapshot with types, not with texts.")] = False,
    save_it: Annotated[bool, typer.Option("--save", help="Save the result in benchmarks/results/.")] = False,
) -> None:
    """Compare time and memory of a study with what a user would write instead."""
    if unknown := sorted(set(rival or ()) - set(comparing.RIVALS)):
        typer.echo(f"no rival {', '.join(unknown)}; the rivals are: {', '.join(comparing.RIVALS)}", err=True)
        raise typer.Exit(2)
    with scaling.work_folder(folder) as place:
        found = [
            comparing.compare(name, size, pairs=pairs, folder=place, log=typer.echo, is_typed=typed)
            for size in profiles
            for name in rival or comparing.RIVALS
        ]
    print_rows(*comparing.table(found), "table")
    if save_it:
        typer.echo(f"saved: {record.save('compare', comparing.as_json(found))}")


@app.command("explore")
def explore_command(
    profiles: Annotated[int, typer.Option(min=1, help="Creators of the home.")] = 1_000_000,
    requests: Annotated[int, typer.Option(min=2, help="Requests of each kind.")] = 30,
    folder: Annotated[Path | None, typer.Option(help="Work folder; its home is kept and used again.")] = None,
    *,
    save_it: Annotated[bool, typer.Option("--save", help="Save the result in benchmarks/results/.")] = False,
) -> None:
    """Measure the pages of `tiktok-pipeline explore`: start, filters, cards, eight readers at once, memory."""
    with scaling.work_folder(folder) as place:
        found = exploring.explore(profiles, folder=place, requests=requests, log=typer.echo)
    typer.echo(f"start to first page {found.start_seconds:.2f} s, memory {found.memory_megabytes:,.0f} MB")
    typer.echo(f"{exploring.READERS} readers at once: p90 {found.together_p90_milliseconds:,.0f} ms")
    seconds = ", ".join(f"{table} {spent:.1f} s" for table, spent in found.table_seconds.items())
    typer.echo(f"the tables add {found.added_share:.1%} to a refresh of {found.refresh_seconds:.1f} s: {seconds}")
    for miss in found.misses():
        typer.echo(f"over the limit: {miss}")
    if save_it:
        typer.echo(f"saved: {record.save('explore', exploring.as_json(found))}")


@app.command()
def crash(
    *,
    kills: Annotated[int, typer.Option(min=1, help="Number of kills.")] = 100,
    seed: Annotated[int, typer.Option(help="The same seed draws the same times.")] = 7,
    profiles: Annotated[int, typer.Option(min=1, help="Profiles of the synthetic scrapes.")] = 300,
    study: Annotated[str, typer.Option(help="The study to refresh.")] = "influencer_segments",
    disk_full: Annotated[
        float | None,
        typer.Option(min=0.01, help="Instead of kills, fill a disk that has so many MB more each time (as root)."),
    ] = None,
    keep: Annotated[Path | None, typer.Option(help="Folder for the homes of trials that differ.")] = None,
    save_it: Annotated[bool, typer.Option("--save", help="Save the result in benchmarks/results/.")] = False,
) -> None:
    """Kill a refresh at random times, or fill its disk, and run it again; exit code 1 if anything differs."""
    # A terminated run must still unmount and clean up.
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
            log=typer.echo,
        )
    except CannotMountError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from error
    print_rows(*table(trials), "table")
    if save_it:
        typer.echo(f"saved: {save(trials, settings)}")
    if any(trial.differs for trial in trials):
        raise typer.Exit(1)


@app.command()
def fuzz(
    *,
    files: Annotated[int, typer.Option(min=1, help="Number of files.")] = 1000,
    seed: Annotated[int, typer.Option(help="The same seed makes the same files.")] = 1,
    only: Annotated[int | None, typer.Option(min=1, help="Only the file of this number.")] = None,
    keep: Annotated[
        Path | None, typer.Option(help="Folder for files that break a rule, or for the only file.")
    ] = None,
    features_every: Annotated[
        int, typer.Option(min=1, help="Features and creators of every so many-th file; all are validated.")
    ] = 1,
    texts: Annotated[int, typer.Option(min=0, help="Also read so many CSV texts with a check sum in each row.")] = 0,
    save_it: Annotated[bool, typer.Option("--save", help="Save the result in benchmarks/results/.")] = False,
) -> None:
    """Ingest and refresh generated damaged files; exit code 1 if any breaks a rule."""
    from benchmarks.reliability import damage  # noqa: PLC0415
    from benchmarks.reliability import fuzz as fuzzing  # noqa: PLC0415 - importing Dagster takes seconds
    from benchmarks.reliability.csv_trials import try_csv_texts  # noqa: PLC0415

    numbers = [only] if only else range(1, files + 1)
    if only and keep:
        typer.echo(f"written: {fuzzing.write(damage.delivery(only, seed), keep)!a}")
    trials = fuzzing.fuzz(numbers, seed=seed, log=typer.echo, keep=keep, features_every=features_every)
    print_rows(*fuzzing.table(trials), "table")
    for problem in fuzzing.violation_lines(trials, seed):
        typer.echo(problem)
    if only and (why := trials[0].why):
        typer.echo(f"reason: {why!a}")
    read = try_csv_texts(range(1, texts + 1), seed=seed)
    for line in [*read.violations, *([read.summary()] if texts else [])]:
        typer.echo(line)
    if save_it:
        settings = {"files": len(numbers), "features every": features_every, "texts": texts, "seed": seed}
        typer.echo(f"saved: {fuzzing.save(trials, settings, texts=read.counts())}")
    if read.violations or any(trial.violations for trial in trials):
        raise typer.Exit(1)


@app.command()
def together(
    refreshes: Annotated[int, typer.Option(min=1, help="Refreshes at once.")] = 8,
    readers: Annotated[int, typer.Option(min=1, help="Readers that query without a pause.")] = 4,
    profiles: Annotated[int, typer.Option(min=1, help="Profiles of each synthetic scrape.")] = 1_500,
    study: Annotated[str, typer.Option(help="The study to refresh.")] = "influencer_segments",
) -> None:
    """Start refreshes at once beside readers; exit code 1 if a reader sees an incomplete snapshot."""
    readings = refresh_together(refreshes, readers, profiles=profiles, study=study, log=typer.echo)
    for number, reading in enumerate(readings, start=1):
        typer.echo(
            f"reader {number}: {reading.queries:,} queries, {len(reading.problems)} problems, "
            f"{reading.snapshots[-1] if reading.snapshots else 0} snapshots at the end"
        )
        for problem in reading.problems[:5]:
            typer.echo(f"  {problem}")
    if any(reading.problems for reading in readings):
        raise typer.Exit(1)


@app.command("backfill")
def backfill_command(
    snapshots: Annotated[int, typer.Option(min=2, help="Number of snapshots.")] = 50,
    profiles: Annotated[int, typer.Option(min=1, help="Profiles of each synthetic scrape.")] = 1_500,
    study: Annotated[str, typer.Option(help="The study to refresh.")] = "influencer_segments",
) -> None:
    """Refresh many snapshots one by one and all at once; measure time and size of the databases."""
    found = backfill(snapshots, profiles=profiles, study=study, log=typer.echo)
    first, last = statistics.median(found.one_by_one[:5]), statistics.median(found.one_by_one[-5:])
    typer.echo(f"median of the first five {first:.1f} s, of the last five {last:.1f} s ({last / first:.2f} times)")
    typer.echo(f"all at once: {found.in_one_go:.1f} s ({found.in_one_go / snapshots:.1f} s each)")
    typer.echo(f"warehouse {found.warehouse_megabytes:,.0f} MB, published {found.published_megabytes:,.0f} MB")


app.command("same-tables")(same_tables_command)
app.command("engines")(engines_command)
app.command("profile")(profile_command)
app.command("creators")(creators_command)
app.command("damage")(damage_command)
app.command("redaction")(redaction_command)
app.command("kills")(kills_command)
app.command("interrupts")(interrupts_command)
app.command("every-step")(every_step_command)
app.command("full-disks")(full_disks_command)
app.command("at-once")(at_once_command)
app.command("worker-kills")(worker_kills_command)

if __name__ == "__main__":
    app()
