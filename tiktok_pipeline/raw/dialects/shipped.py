"""The dialects that come with the package, one TOML file each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from tiktok_pipeline.raw.dialects.dialect import Dialect, Recognition, UnknownDialectError, source_named
from tiktok_pipeline.raw.dialects.load import load_dialect

DIALECTS: tuple[Dialect, ...] = tuple(load_dialect(path) for path in sorted(Path(__file__).parent.glob("*.toml")))
"""In the order of their names: the first one wins where two give the same columns."""


def find_dialect(name: str) -> Dialect:
    """Return the shipped dialect of this name; raises `UnknownDialectError` if there is none."""
    for dialect in DIALECTS:
        if dialect.name == name:
            return dialect
    known = ", ".join(dialect.name for dialect in DIALECTS)
    raise UnknownDialectError(
        f"dialect {name!r} is not known (known: {known})",
        remedy="use the version of the program that ingested the file, or deliver the file again",
    )


def stored_recognition(dialect: str, source: str, columns: Mapping[str, str], header: Sequence[str]) -> Recognition:
    """Return how a stored file was recognized when it was ingested.

    Parameters
    ----------
    dialect, source : str
        The names in the manifest.
    columns : mapping of str to str
        The mapping in the manifest. It is empty in an entry of an older version: then the dialect decides.
    header : sequence of str
        The column names of the stored file.

    Raises
    ------
    UnknownDialectError
        If the source is not known, or the mapping is empty and the dialect is not known.
    """
    mapped = dict(columns) or {name: names[0] for name, names in find_dialect(dialect).resolve(header).items()}
    return Recognition(dialect=dialect, source=source_named(source), columns=mapped)
