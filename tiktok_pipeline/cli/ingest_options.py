"""The options that say how a delivered file is read, shared by the commands that read one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from tiktok_pipeline.cli.console import CommandUsageError, info
from tiktok_pipeline.safe_text import one_line

if TYPE_CHECKING:
    from tiktok_pipeline.ingest.options import IngestOptions
    from tiktok_pipeline.settings import Settings

_CHOICES = {
    "decimal": (".", ","),
    "dates": ("day-first", "month-first", "year-month-day", "year-day-month"),
    "rates": ("fraction", "percent"),
}


def read_ingest_options(
    snapshot: str | None,
    *,
    decimal: str | None = None,
    dates: str | None = None,
    rates: str | None = None,
    column_map: Sequence[str] | None = None,
    newest: bool = False,
    again: bool = False,
) -> IngestOptions:
    """Return the options as the user gave them.

    Parameters
    ----------
    snapshot, decimal, dates, rates : str, optional
        As in `tiktok_pipeline.ingest.options.IngestOptions`.
    column_map : sequence of str, optional
        Texts such as ``followers=Fans``: a canonical column, and its name in the file.
    newest, again : bool
        As in `tiktok_pipeline.ingest.options.IngestOptions`.

    Raises
    ------
    CommandUsageError
        If an option has no valid value.
    """
    from tiktok_pipeline.ingest.options import IngestOptions

    for name, value in (("decimal", decimal), ("dates", dates), ("rates", rates)):
        if value is not None and value not in _CHOICES[name]:
            choices = " or ".join(_CHOICES[name])
            msg = f"--{name} {one_line(value, max_characters=40)!r}: expected {choices}"
            raise CommandUsageError(msg)
    return IngestOptions(
        snapshot=snapshot,
        decimal=decimal,  # type: ignore[arg-type]  # checked above
        dates=dates,  # type: ignore[arg-type]
        rates=rates,  # type: ignore[arg-type]
        column_map=_read_column_map(column_map or ()),
        newest=newest,
        again=again,
    )


def _read_column_map(pairs: Sequence[str]) -> dict[str, str]:
    from tiktok_pipeline.raw.schema import SOURCES

    known = sorted({name for source in SOURCES for name in source.columns})
    column_map: dict[str, str] = {}
    for pair in pairs:
        name, mark, column = (part.strip() for part in pair.partition("="))
        shown = one_line(pair, max_characters=60)
        if not mark or not column:
            msg = f"--map {shown!r}: expected a column and its name in the file, such as followers=Fans"
            raise CommandUsageError(msg)
        if name not in known:
            msg = f"--map {shown!r}: there is no column {name}; the columns are: {', '.join(known)}"
            raise CommandUsageError(msg)
        column_map[name] = column
    return column_map


def warn_about_dialects(settings: Settings) -> None:
    """Print a note for each dialect file of the home with a mistake: line, field, and what is expected."""
    from tiktok_pipeline.ingest.user_dialects import user_dialects

    for error in user_dialects(settings).errors:
        info(f"dialect not used: {error}")
