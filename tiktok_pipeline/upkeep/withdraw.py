"""Take a delivered file back: find where it is stored, and what remains of its snapshots without it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tiktok_pipeline.errors import PipelineError
from tiktok_pipeline.home.manifest import StoredFile, store_files
from tiktok_pipeline.safe_text import visible_name

_SHOWN_FILES = 20


class NothingToWithdrawError(PipelineError):
    """No stored file has the name, or several deliveries have it."""

    code = "nothing_to_withdraw"
    is_usage_error = True


@dataclass(frozen=True)
class Withdrawal:
    """What is taken back.

    Attributes
    ----------
    files : dict of str to tuple of StoredFile
        The entries to remove, by snapshot, oldest first.
    emptied : tuple of str
        The snapshots of which nothing remains.
    """

    files: Mapping[str, tuple[StoredFile, ...]]
    emptied: tuple[str, ...]

    @property
    def reduced(self) -> list[str]:
        """The snapshots of which something remains."""
        return [snapshot for snapshot in self.files if snapshot not in self.emptied]


def find_withdrawal(
    manifests: Mapping[str, Sequence[StoredFile]], *, file: str | None = None, snapshot: str | None = None
) -> Withdrawal:
    """Return what is taken back for a file, a snapshot, or a file in a snapshot.

    Parameters
    ----------
    manifests : mapping of str to sequence of StoredFile
        The files of each snapshot.
    file : str, optional
        The name of the file, as it was delivered or as it is stored. All parts of one delivery go together: the days
        of a history, the members of an archive.
    snapshot : str, optional
        The snapshot; without ``file``, all of it.

    Returns
    -------
    Withdrawal
        At least one entry.

    Raises
    ------
    NothingToWithdrawError
        If nothing fits, or different files of this name are in several snapshots.
    """
    if snapshot is not None and snapshot not in manifests:
        stored = f"the snapshots are: {', '.join(sorted(manifests)) or 'none'}"
        raise NothingToWithdrawError(f"there is not a snapshot {visible_name(snapshot)}", remedy=stored)
    chosen = {
        key: tuple(entry for entry in manifest if file is None or file in {entry.delivered_name, entry.file})
        for key, manifest in sorted(manifests.items())
        if snapshot in {None, key}
    }
    chosen = {key: entries for key, entries in chosen.items() if entries}
    if not chosen:
        raise _not_stored(manifests, str(file))
    deliveries = {entry.delivered_sha256 for entries in chosen.values() for entry in entries}
    if file is not None and len(deliveries) > 1 and len(chosen) > 1:
        raise NothingToWithdrawError(
            f"different files named {visible_name(file)} are in {len(chosen)} snapshots: {', '.join(chosen)}",
            remedy=f"name the snapshot, such as --snapshot {max(chosen)}",
        )
    emptied = tuple(key for key, entries in chosen.items() if len(entries) == len(manifests[key]))
    return Withdrawal(chosen, emptied)


def remove_entries(raw: Path, withdrawal: Withdrawal, manifests: Mapping[str, Sequence[StoredFile]]) -> None:
    """Remove the files from the snapshots of which something remains; their tables are then out of date."""
    for snapshot in withdrawal.reduced:
        gone = withdrawal.files[snapshot]
        store_files(raw / snapshot, {}, [entry for entry in manifests[snapshot] if entry not in gone])


def _not_stored(manifests: Mapping[str, Sequence[StoredFile]], file: str) -> NothingToWithdrawError:
    names = sorted({entry.delivered_name or entry.file for manifest in manifests.values() for entry in manifest})
    shown = ", ".join(visible_name(name)[:80] for name in names[:_SHOWN_FILES]) or "none"
    more = f" and {len(names) - _SHOWN_FILES} more" if len(names) > _SHOWN_FILES else ""
    return NothingToWithdrawError(
        f"no stored file is named {visible_name(file)[:80]}", remedy=f"the files are: {shown}{more}"
    )
