"""Under which name a file is stored in its snapshot.

A delivered file replaces an earlier one that was delivered under the same name, and no other: ``part.CSV`` is stored
beside ``part.csv``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from pathlib import Path

from tiktok_pipeline.home.manifest import StoredFile
from tiktok_pipeline.raw.snapshots import file_format, safe_name
from tiktok_pipeline.warehouse.base import FileFormat

_ENDINGS: dict[FileFormat, str] = {"csv": ".csv", "json": ".json", "ndjson": ".ndjson", "parquet": ".parquet"}


def preferred_name(delivered: Path, stored_format: FileFormat, *, is_gzip: bool = False, member: str = "") -> str:
    """Return the name for a file: safe, and with the ending of what is stored.

    Parameters
    ----------
    delivered : Path
        The file as it came.
    stored_format : {"csv", "json", "ndjson", "parquet"}
        The format of the stored file, which the other rooms recognize by the ending of the name.
    is_gzip : bool, default False
        Whether the stored file is compressed.
    member : str, default ""
        The member of the archive, or the sheet, where the file has several.

    Examples
    --------
    >>> preferred_name(Path("scrape.csv"), "csv")
    'scrape.csv'
    >>> preferred_name(Path("scrape.txt"), "csv")
    'scrape.txt.csv'
    >>> preferred_name(Path("book.xlsx"), "parquet", member="May")
    'book.xlsx.May.parquet'
    """
    named = Path(f"{delivered.name}.{member.replace('/', '_')}") if member else delivered
    has_ending = file_format(named) == stored_format and named.name.lower().endswith(".gz") == is_gzip
    ending = "" if has_ending else _ENDINGS[stored_format] + (".gz" if is_gzip else "")
    return safe_name(Path(f"{named.name}{ending}"))


def replaced_entry(
    manifest: Sequence[StoredFile], *, delivered_name: str, member: str, name: str
) -> StoredFile | None:
    """Return the entry of a manifest that a new delivery of this name replaces, if there is one."""
    for entry in manifest:
        if entry.delivered_name:
            if (entry.delivered_name, entry.member) == (delivered_name, member):
                return entry
        elif entry.file == name:
            return entry
    return None


def free_name(name: str, delivered_name: str, taken: Collection[str]) -> str:
    """Return ``name``, or a variant of it that is not ``taken``; capitals make no difference on some disks.

    Examples
    --------
    >>> free_name("part.csv", "part.CSV", [])
    'part.csv'
    >>> free_name("part.csv", "part.CSV", ["part.csv"])
    'part-9e82ca89.csv'
    """
    lowered = {other.lower() for other in taken}
    if name.lower() not in lowered:
        return name
    digest = hashlib.sha256(delivered_name.encode("utf-8", "surrogateescape")).hexdigest()[:8]
    stem, mark, endings = name.partition(".")
    variant = f"{stem}-{digest}{mark}{endings}"
    number = 1
    while variant.lower() in lowered:
        number += 1
        variant = f"{stem}-{digest}-{number}{mark}{endings}"
    return variant
