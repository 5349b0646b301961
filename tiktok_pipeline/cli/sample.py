"""The command ``sample``: write synthetic scrapes."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from tiktok_pipeline.cli.console import CommandUsageError, QuietOption, exit_on_expected_error


class SampleFormat(StrEnum):
    """The file formats that ``sample`` writes."""

    CSV = "csv"
    CSV_GZ = "csv.gz"
    PARQUET = "parquet"
    TYPED_PARQUET = "typed.parquet"


class SampleDialect(StrEnum):
    """The columns that ``sample`` writes, named as the dialects that read them."""

    PUBLIC_CSV = "public_csv"
    VENDOR_EXPORT = "vendor_export"


def sample(
    out: Annotated[Path, typer.Option(help="Folder to write to.")],
    profiles: Annotated[int, typer.Option(help="Number of creators in the first snapshot.", min=1)] = 1500,
    snapshots: Annotated[int, typer.Option(help="Number of snapshots, 28 days apart.", min=1)] = 3,
    seed: Annotated[int, typer.Option(help="Random seed; the same options and seed write the same files.")] = 9,
    output: Annotated[
        SampleFormat,
        typer.Option("--format", help="File format of the profiles; parquet has texts, typed.parquet types."),
    ] = SampleFormat.CSV,
    *,
    dialect: Annotated[
        SampleDialect,
        typer.Option(
            help="Columns of the public data set, or of the vendor, with language, region and counts of videos."
        ),
    ] = SampleDialect.PUBLIC_CSV,
    top_videos: Annotated[
        int, typer.Option(help="Largest number of videos listed for a creator; 35 in real scrapes.", min=1, max=35)
    ] = 4,
    truth: Annotated[
        Path | None,
        typer.Option(help="Also write what truly happened to each creator in each snapshot, as CSV or Parquet."),
    ] = None,
    _quiet: QuietOption = False,
) -> None:
    """Write synthetic scrapes: invented creators in the columns of the public data set or of the vendor."""
    with exit_on_expected_error():
        from tiktok_pipeline.sample import write_sample

        _check_truth(truth, out)
        paths = write_sample(
            out,
            profiles=profiles,
            snapshots=snapshots,
            random_state=seed,
            file_format=output.value,
            dialect=dialect.value,
            top_videos=top_videos,
            truth=truth,
        )
        for path in paths:
            typer.echo(str(path))


def _check_truth(truth: Path | None, out: Path) -> None:
    if truth is None:
        return
    if truth.suffix not in {".csv", ".parquet"}:
        msg = f"--truth {truth}: expected a name that ends in .csv or .parquet"
        raise CommandUsageError(msg, remedy="give the file such a name")
    if truth.resolve().parent == out.resolve():
        msg = f"--truth {truth}: the scrapes go to the same folder, and a refresh of the folder would read it as one"
        raise CommandUsageError(msg, remedy="choose another folder for it")
