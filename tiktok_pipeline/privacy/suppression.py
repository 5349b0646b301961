"""The suppression list: salted hashes of the handles and numbers of creators who asked to be forgotten.

A later delivery is matched against the hashes; the names themselves are not stored. Files are rewritten in
`tiktok_pipeline.privacy.redact`.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path
from string import ascii_lowercase, ascii_uppercase
from typing import Any, NamedTuple

import narwhals as nw

from tiktok_pipeline.atomic_write import atomic_write_text
from tiktok_pipeline.errors import PipelineError
from tiktok_pipeline.home.manifest import check_content, with_checksum
from tiktok_pipeline.raw.schema import Source
from tiktok_pipeline.validated.clean import parse_account_id, stripped_cell
from tiktok_pipeline.validated.identity import normal_handle, parse_handle, usable_number
from tiktok_pipeline.warehouse.base import Engine

_ASCII_LOWER = str.maketrans(ascii_uppercase, ascii_lowercase)
_NAMES = ("name_handle", "name_number")


class SuppressionListError(PipelineError):
    """The suppression list of a home cannot be read."""

    code = "suppression_list"


@dataclass(frozen=True)
class SuppressionList:
    """The salt of a home and the hashes made with it.

    Attributes
    ----------
    salt : str
        Random, hexadecimal, one for each home.
    hashes : frozenset of str
        SHA-256 of the salt and a handle or number, hexadecimal.
    unfinished : bool
        Whether an erasure has begun and not ended.
    """

    salt: str
    hashes: frozenset[str] = frozenset()
    unfinished: bool = False

    def hash_of(self, name: str) -> str:
        """Return the salted hash of a handle or number; every spelling of a handle has the same hash."""
        return hashlib.sha256((self.salt + normal_handle(name).translate(_ASCII_LOWER)).encode()).hexdigest()

    def names_among(self, words: Collection[bytes]) -> list[str]:
        """Return the names on the list among words in ASCII and lower case."""
        start = hashlib.sha256(self.salt.encode())
        names = []
        for word in words:
            salted = start.copy()
            salted.update(word)
            if salted.hexdigest() in self.hashes:
                names.append(word.decode("ascii"))
        return names

    def with_names(self, names: Collection[str]) -> SuppressionList:
        """Return the list with more names in it, marked as unfinished."""
        return replace(self, hashes=self.hashes | {self.hash_of(name) for name in names}, unfinished=True)


class SuppressedRow(NamedTuple):
    """A raw record of a suppressed creator: its ordinal (from 1), handle and number; "" if the record has none."""

    source_row: int
    handle: str
    number: str


def read_suppression_list(file: Path) -> SuppressionList:
    """Return the suppression list of a home; an empty one with a new salt if the file is missing.

    Raises
    ------
    SuppressionListError
        If the file is damaged.
    """
    if not file.exists():
        return SuppressionList(secrets.token_hex(16))
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        check_content(content)
        return SuppressionList(str(content["salt"]), frozenset(content["hashes"]), bool(content["unfinished"]))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise SuppressionListError(
            f"{file}: damaged, so nobody can tell who asked to be forgotten", remedy="restore it from a backup"
        ) from error


def write_suppression_list(file: Path, suppression: SuppressionList) -> None:
    """Replace the file of the suppression list."""
    content = {"salt": suppression.salt, "hashes": sorted(suppression.hashes), "unfinished": suppression.unfinished}
    atomic_write_text(file, json.dumps(with_checksum(content), indent=1))


def suppressed_rows(
    rows: nw.LazyFrame[Any], source: Source, suppression: SuppressionList, engine: Engine
) -> list[SuppressedRow]:
    """Find the records that belong to suppressed creators.

    A record belongs to a creator by its handle, by the handle in its profile address or by its number. A record
    with a read problem belongs to a creator if any of its cells is the name, because its cells may be in the wrong
    columns.

    Parameters
    ----------
    rows : narwhals.LazyFrame
        Rows of ``raw.<source>``.
    source : Source
        The source that defines the columns.
    suppression : SuppressionList
        The names to look for, as hashes.
    engine : Engine
        The engine of ``rows``, which computes the hashes.

    Returns
    -------
    list of SuppressedRow
        In the order of the file.
    """
    if not suppression.hashes:
        return []
    hashes = sorted(suppression.hashes)
    named = engine.salted_hash(rows.select("source_row", *names_of(source)), _NAMES, suppression.salt)
    conditions = [nw.col(f"{name}_hash").is_in(hashes) for name in _NAMES]
    if damaged := _damaged_rows(rows, source, suppression, engine):
        conditions.append(nw.col("source_row").is_in(damaged))
    is_theirs = nw.any_horizontal(*conditions, ignore_nulls=True)
    matches = named.filter(is_theirs).select("source_row", *_NAMES).sort("source_row")
    return [
        SuppressedRow(int(row["source_row"]), row["name_handle"] or "", row["name_number"] or "")
        for row in matches.collect("pyarrow").to_native().to_pylist()
    ]


def _damaged_rows(rows: nw.LazyFrame[Any], source: Source, suppression: SuppressionList, engine: Engine) -> list[int]:
    """Return the ordinals of the records with a read problem of which one cell is a suppressed name."""
    damaged = rows.filter(~nw.col("read_problem").is_null()).select("source_row", *source.columns)
    cells = engine.cells_of(damaged, list(source.columns), index="source_row")
    hashed = engine.salted_hash(cells, ["cell"], suppression.salt)
    found = hashed.filter(nw.col("cell_hash").is_in(sorted(suppression.hashes))).select("source_row")
    return sorted({int(row["source_row"]) for row in found.collect("pyarrow").to_native().to_pylist()})


def names_of(source: Source) -> tuple[nw.Expr, nw.Expr]:
    """Return expressions for the handle (``name_handle``) and the number (``name_number``) of a raw record.

    A placeholder such as 0 is no number: it would be the identity of everybody who has none.
    """
    texts = {name: stripped_cell(name) for name in source.columns}
    if "url" not in texts:
        return texts["account_id"].alias("name_handle"), nw.lit(None).cast(nw.String).alias("name_number")
    return (
        parse_handle(texts["account_id"], texts["url"]).alias("name_handle"),
        usable_number(parse_account_id(texts["tiktok_id"])).alias("name_number"),
    )
