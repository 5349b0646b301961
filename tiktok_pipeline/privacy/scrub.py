"""Find and remove a creator's names outside of the tables and the stored files: exports, refused files, logs.

The program itself does not write names there on purpose; an error message may quote a cell, and a person may put an
export into the home.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path

from tiktok_pipeline.atomic_write import atomic_write
from tiktok_pipeline.home.layout import REASON_SUFFIX, home_files, home_folders
from tiktok_pipeline.privacy.content import Presence, contains_name, search_name
from tiktok_pipeline.privacy.spelling import is_distinctive, name_in_path, name_pattern
from tiktok_pipeline.settings import Settings


def remove_matching_files(settings: Settings, names: Collection[str]) -> list[Path]:
    """Delete the exports in the home, the refused files and the pictures that have a name in content or file name."""
    pattern, in_path = name_pattern(names), name_in_path(names)
    removed = []
    for path in _searched_files(settings):
        if path.exists() and (in_path.search(path.name) or contains_name(path, pattern)):
            path.unlink()
            removed.append(path)
            if path.parent == settings.refused and not path.name.endswith(REASON_SUFFIX):
                reason = path.with_name(f"{path.name}{REASON_SUFFIX}")
                if not reason.is_dir():  # what a person put there is searched as any other file
                    reason.unlink(missing_ok=True)
    return removed


def unsearchable_files(settings: Settings, names: Collection[str]) -> list[Path]:
    """Return the deliveries and the files of a person of which a part cannot be searched, such as rar or 7z.

    The program deletes none of them: they may be of anybody.
    """
    pattern = name_pattern(names)
    inbox = (path for path in home_files(settings) if path.parent == settings.incoming)
    candidates = dict.fromkeys((*_searched_files(settings), *inbox))
    return [path for path in candidates if search_name(path, pattern) is Presence.UNKNOWN]


def scrub_log(file: Path, names: Collection[str]) -> None:
    """Replace the names in a log, and in the older part of it that is kept as ``<name>.1``."""
    pattern, in_path = name_pattern(names), name_in_path([name for name in names if is_distinctive(name)])
    for log in (file, file.with_name(f"{file.name}.1")):
        if log.exists():
            content = log.read_bytes()
            text = pattern.sub(b"[forgotten]", content).decode("utf-8", "surrogateescape")
            scrubbed = in_path.sub("[forgotten]", text).encode("utf-8", "surrogateescape")
            if scrubbed != content:
                with atomic_write(log) as draft:
                    draft.write_bytes(scrubbed)


def files_with_names(settings: Settings, names: Collection[str]) -> list[Path]:
    """Return the files of the home that still hold a distinctive name, for example a delivery in the inbox.

    The content of a database is searched as bytes. The journal of the erasure itself is left out.
    """
    chosen = [name for name in names if is_distinctive(name)]
    if not chosen:
        return []
    pattern, in_path = name_pattern(chosen), name_in_path(chosen)
    return [
        path
        for path in home_files(settings)
        if path != settings.erasure_journal and (in_path.search(path.name) or contains_name(path, pattern))
    ]


def _searched_files(settings: Settings) -> Iterator[Path]:
    """Yield the files that a person put into the home, the refused files, and the pictures beside the reports.

    The reports themselves are written again by then.
    """
    own = {*home_folders(settings), settings.home / "sample", settings.dialects} - {settings.home, settings.reports}
    kept = {settings.lock_file, settings.forgotten_file, settings.erasure_journal, settings.failures_file}
    kept.add(settings.failures_file.with_name(f"{settings.failures_file.name}.1"))
    for path in home_files(settings):
        is_own = any(path.is_relative_to(folder) for folder in own) and not path.is_relative_to(settings.refused)
        is_report = path.parent == settings.reports and path.suffix == ".html"
        if not is_own and not is_report and path not in kept:
            yield path
