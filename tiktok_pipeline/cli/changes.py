"""The commands ``changes`` and ``history``: what changed since the last snapshot, and how one creator did."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from tiktok_pipeline.cli.console import (
    CommandFailedError,
    JsonOption,
    QuietOption,
    exit_on_expected_error,
    print_json,
    read_settings,
    select_studies,
)

if TYPE_CHECKING:
    from tiktok_pipeline.upkeep.changes import Listing


_FRACTIONS = frozenset({"share", "share_before", "growth_30_days", "engagement_rate"})


def changes(
    snapshot: Annotated[str | None, typer.Argument(help="The later snapshot; the newest one by default.")] = None,
    study: Annotated[str | None, typer.Option(help="Show the segments of this study only.")] = None,
    since: Annotated[str | None, typer.Option(help="The earlier snapshot; by default the one before.")] = None,
    as_json: JsonOption = False,
    _quiet: QuietOption = False,
) -> None:
    """Show what changed: who came, left, was renamed, grew fastest or moved.

    Creators whose segment changed because of their own figures are counted
    apart from those whose segment changed because of the model.

    With --json, one object: ok, error, snapshot, previous_snapshot, and for
    each list an array of objects: creators, personas, segments, fastest,
    unusual, arrivals, departures, renamed, drift.
    """
    with exit_on_expected_error(as_json=as_json):
        settings = read_settings()
        if study is not None:
            select_studies([study])
        from tiktok_pipeline.upkeep.changes import read_changes
        from tiktok_pipeline.warehouse.duckdb.connection import open_read_only

        file = settings.published_file
        with open_read_only(file, memory_limit=settings.memory_limit, threads=settings.threads) as database:
            found = read_changes(database, snapshot, since, study)
        if as_json:
            listed = {name: _objects(listing) for name, listing in found.listings.items()}
            keys = {"snapshot": found.snapshot, "previous_snapshot": found.previous}
            print_json({"ok": True, "error": None, **keys, **listed})
            return
        typer.echo(f"snapshot {found.snapshot}, compared with {found.previous}")
        for listing in found.listings.values():
            _print(listing)


def history(
    handle: Annotated[str, typer.Argument(help="A handle, with or without @, or the account's number.")],
    as_json: JsonOption = False,
    _quiet: QuietOption = False,
) -> None:
    """Show a creator in every snapshot, whatever the handle was.

    If several accounts had the handle, all of them are shown.

    With --json, one object: ok, error, creators [{creator_id, figures,
    segments}].
    """
    with exit_on_expected_error(as_json=as_json):
        settings = read_settings()
        from tiktok_pipeline.upkeep.changes import read_history
        from tiktok_pipeline.warehouse.duckdb.connection import open_read_only

        name = handle.encode("utf-8", "replace").decode("utf-8")  # an argument may hold bytes that are not UTF-8
        file = settings.published_file
        with open_read_only(file, memory_limit=settings.memory_limit, threads=settings.threads) as database:
            found = read_history(database, name)
        if not found:
            msg = f"no creator {name} in any snapshot"
            raise CommandFailedError(msg)
        if as_json:
            creators = [
                {
                    "creator_id": entry.creator_id,
                    "figures": _objects(entry.figures),
                    "segments": _objects(entry.segments),
                }
                for entry in found
            ]
            print_json({"ok": True, "error": None, "creators": creators})
            return
        for entry in found:
            _print(entry.figures)
            _print(entry.segments)


def _objects(listing: Listing) -> list[dict[str, object]]:
    return [dict(zip(listing.columns, row, strict=True)) for row in listing.rows]


def _print(listing: Listing) -> None:
    from tiktok_pipeline.output.print_rows import print_rows
    from tiktok_pipeline.safe_text import one_line

    typer.echo(f"\n{one_line(listing.title)}{f': {listing.why_empty}' if listing.why_empty else ''}")
    if listing.rows:
        print_rows(listing.columns, listing.rows, "table", percent=_FRACTIONS)
