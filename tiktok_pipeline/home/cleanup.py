"""What a killed process leaves behind in a home: one list, and how it is removed.

The database recovers on its own when it is opened; see `tiktok_pipeline.warehouse`.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from tiktok_pipeline.atomic_write import DRAFT_SUFFIX, draft_of
from tiktok_pipeline.home.manifest import LEAVING_PREFIX, MANIFEST, PENDING_PREFIX, finish_interrupted_store
from tiktok_pipeline.settings import Settings

STAGING_PREFIX = ".staging-"
"""Prefix of a folder in ``raw/`` in which a delivered or redacted file is prepared."""

PRUNED_PREFIX = ".pruned-"
"""Prefix of the folder of a snapshot in ``raw/`` that is being deleted."""


def leftovers(settings: Settings) -> list[Path]:
    """Return the files and folders that a killed process left behind.

    They may be those of a running process; see `tiktok_pipeline.home.lock.lock_holder`.
    """
    any_draft = f".*{DRAFT_SUFFIX}"
    patterns = [
        (
            settings.home,
            tuple(
                draft_of(file).name
                for file in (settings.forgotten_file, settings.failures_file, settings.erasure_journal)
            ),
        ),
        # The engine adds endings of its own to the name of a database, and spills to ``<name>.tmp``. Another engine
        # passes its rows through ``<name>.engine-<random>``.
        *(
            (database.parent, (f"{draft_of(database).name}*", f"{database.name}.tmp", f"{database.name}.engine-*"))
            for database in (settings.warehouse_file, settings.published_file)
        ),
        (settings.published_file.parent, (f".*.sha256{DRAFT_SUFFIX}",)),
        # ``.part`` is the suffix of drafts of earlier versions.
        (settings.reports, (any_draft, f"*/{any_draft}", "*.part", "*/*.part")),
        (settings.refused, (any_draft,)),
        (settings.dagster_home, (any_draft,)),
    ]
    drafts = [path for folder, names in patterns for name in names for path in folder.glob(name)]
    return [*raw_leftovers(settings.raw), *drafts]


def raw_leftovers(raw: Path) -> list[Path]:
    """Return the leftovers in ``raw/``: staged and pruned folders, pending and leaving files, drafts of manifests."""
    patterns = (
        f"{STAGING_PREFIX}*",
        f"{PRUNED_PREFIX}*",
        f"*/{PENDING_PREFIX}*",
        f"*/{LEAVING_PREFIX}*",
        f"*/{draft_of(Path(MANIFEST)).name}",
    )
    return [path for pattern in patterns for path in raw.glob(pattern)]


def remove_leftovers(settings: Settings) -> None:
    """Remove the leftovers of a home; only for the holder of the home's lock.

    A pending or leaving file that the manifest lists is moved to its name.
    """
    _remove(leftovers(settings))


def remove_raw_leftovers(raw: Path) -> None:
    """Remove the leftovers in ``raw/`` as `remove_leftovers` does."""
    _remove(raw_leftovers(raw))


def _remove(paths: list[Path]) -> None:
    for path in paths:
        if path.name.startswith((PENDING_PREFIX, LEAVING_PREFIX)) or path.name == draft_of(Path(MANIFEST)).name:
            if path.exists():  # the first one recovers all of its folder
                finish_interrupted_store(path.parent)
        elif path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
