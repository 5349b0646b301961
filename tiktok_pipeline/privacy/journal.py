"""The journal of an erasure that has begun: the names and what is left to do, until all of it is done.

Once the files are rewritten, nothing else links the names of a creator: without the journal a killed erasure could
not be finished by its rerun.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from tiktok_pipeline.atomic_write import atomic_write


@dataclass(frozen=True)
class Journal:
    """What an erasure has to do.

    Attributes
    ----------
    handles, numbers : tuple of str
        Names of the creator, and of those whose erasure was interrupted before.
    snapshots : tuple of str
        Snapshots whose tables must be rebuilt.
    reports : tuple of str
        Snapshots whose report must be written again.
    """

    handles: tuple[str, ...] = ()
    numbers: tuple[str, ...] = ()
    snapshots: tuple[str, ...] = ()
    reports: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Handles and numbers."""
        return (*self.handles, *self.numbers)

    def with_more(self, **more: Collection[str]) -> Journal:
        """Return the journal with more entries in some of its lists."""
        return Journal(
            **{field.name: _united(getattr(self, field.name), more.get(field.name, ())) for field in fields(self)}
        )


def read_journal(file: Path) -> Journal:
    """Return the journal of a home; an empty one if there is none, or if it is damaged."""
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        return Journal(**{field.name: tuple(map(str, content[field.name])) for field in fields(Journal)})
    except (OSError, ValueError, KeyError, TypeError):
        return Journal()


def write_journal(file: Path, journal: Journal) -> None:
    """Replace the journal; only its owner may read it, because it holds names."""
    with atomic_write(file) as draft:
        draft.touch(mode=0o600)
        draft.write_text(json.dumps(asdict(journal), indent=1), encoding="utf-8")


def _united(some: Collection[str], others: Collection[str]) -> tuple[str, ...]:
    return tuple(sorted({*some, *others}))
