"""The command ``python -m benchmarks``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from benchmarks.refresh import refresh_file, refresh_sample, summary

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


if __name__ == "__main__":
    app()
