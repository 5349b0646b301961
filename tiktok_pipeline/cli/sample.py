"""The command ``sample``: write synthetic scrapes."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from tiktok_pipeline.cli.console import QuietOption, exit_on_expected_error


class SampleFormat(StrEnum):
    """The file formats that ``sample`` writes."""

    CSV = "csv"
    CSV_GZ = "csv.gz"
    PARQUET = "parquet"


def sample(
    out: Annotated[Path, typer.Option(help="Folder to write to.")],
    profiles: Annotated[int, typer.Option(help="Number of creators in each snapshot.", min=1)] = 1500,
    snapshots: Annotated[int, typer.Option(help="Number of snapshots.", min=1)] = 3,
    seed: Annotated[int, typer.Option(help="Random seed; the same seed writes the same files.")] = 9,
    output: Annotated[SampleFormat, typer.Option("--format", help="File format of the profiles.")] = SampleFormat.CSV,
    _quiet: QuietOption = False,
) -> None:
    """Write synthetic scrapes: invented creators in the columns of the public data set."""
    with exit_on_expected_error():
        from tiktok_pipeline.sample import write_sample

        paths = write_sample(out, profiles=profiles, snapshots=snapshots, random_state=seed, file_format=output.value)
        for path in paths:
            typer.echo(str(path))
