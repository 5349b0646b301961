"""Puts away what a process that was killed left half-done in a home, before the next one begins.

Only for the one who holds the home's lock: nobody else writes there then. The database mends itself when it is opened.
"""

from __future__ import annotations

import shutil

from tiktok_pipeline.ingest.manifest import sweep
from tiktok_pipeline.settings import Settings


def sweep_home(settings: Settings) -> None:
    """Remove drafts, spilled blocks and half-written pages; finish what the manifests already name."""
    sweep(settings.raw)
    for database in (settings.warehouse_file, settings.published_file):
        for draft in database.parent.glob(f".{database.name}.draft*"):
            draft.unlink(missing_ok=True)
        shutil.rmtree(database.with_name(f"{database.name}.tmp"), ignore_errors=True)
    for part in (*settings.reports.glob("*.part"), *settings.reports.glob("*/*.part")):
        part.unlink(missing_ok=True)
    settings.forgotten_file.with_name(f".{settings.forgotten_file.name}.draft").unlink(missing_ok=True)
