"""Who asked to be forgotten: a salted hash of each handle and number, by which a later scrape is known to hold them.

The names themselves are nowhere. How a file is rewritten is the matter of `tiktok_pipeline.privacy.redact`.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path
from string import ascii_lowercase, ascii_uppercase
from typing import Any

import narwhals as nw

from tiktok_pipeline.raw.schema import Source
from tiktok_pipeline.validated.clean import parse_account_id, parse_handle, strip_and_nullify
from tiktok_pipeline.warehouse.base import Engine

_SMALL = str.maketrans(ascii_uppercase, ascii_lowercase)


@dataclass(frozen=True)
class SuppressionList:
    """The salt (hexadecimal) of a home and the hashes made with it; ``unfinished`` while an erasure is under way."""

    salt: str
    hashes: frozenset[str] = frozenset()
    unfinished: bool = False

    def hash_of(self, name: str) -> str:
        """The salted hash of a handle or number, in any case of letters."""
        return hashlib.sha256((self.salt + name.translate(_SMALL)).encode()).hexdigest()

    def knows(self, name: str) -> bool:
        """Whether the creator of this handle or number asked to be forgotten."""
        return self.hash_of(name) in self.hashes

    def with_names(self, names: Collection[str]) -> SuppressionList:
        """The same with more names in it, the erasure not finished."""
        return replace(self, hashes=self.hashes | {self.hash_of(name) for name in names}, unfinished=True)


def read_suppression_list(file: Path) -> SuppressionList:
    """Who is to be forgotten in this home; nobody, with a new salt, where there is no such file."""
    if not file.exists():
        return SuppressionList(secrets.token_hex(16))
    found = json.loads(file.read_text(encoding="utf-8"))
    return SuppressionList(found["salt"], frozenset(found["hashes"]), bool(found["unfinished"]))


def write_suppression_list(file: Path, forgotten: SuppressionList) -> None:
    """Keep the hashes, in one step."""
    draft = file.with_name(f".{file.name}.draft")
    content = {"salt": forgotten.salt, "hashes": sorted(forgotten.hashes), "unfinished": forgotten.unfinished}
    with draft.open("w", encoding="utf-8") as target:
        json.dump(content, target, indent=1)
        target.flush()
        os.fsync(target.fileno())
    draft.replace(file)


def suppressed_rows(
    rows: nw.LazyFrame[Any], source: Source, forgotten: SuppressionList, engine: Engine
) -> list[tuple[int, str, str]]:
    """The records of ``raw.<source>`` that belong to the forgotten: (ordinal, handle, number), "" where there is none.

    A record belongs to them by its handle, by the handle in its address or by its number; a torn one by any cell.
    """
    if not forgotten.hashes:
        return []
    named = rows.select("source_row", "read_problem", *names_of(source), *source.columns)
    hashed = engine.salted_hash(named, [*_NAMES, *source.columns], forgotten.salt)
    known = sorted(forgotten.hashes)
    is_torn = ~nw.col("read_problem").is_null()
    theirs = nw.any_horizontal(*(nw.col(f"{name}_hash").is_in(known) for name in _NAMES), ignore_nulls=True)
    somewhere = nw.any_horizontal(
        *(nw.col(f"{name}_hash").is_in(known) for name in source.columns), ignore_nulls=True
    )
    found = hashed.filter(theirs | (is_torn & somewhere)).select("source_row", *_NAMES).sort("source_row")
    return [
        (int(one["source_row"]), one["name_handle"] or "", one["name_number"] or "")
        for one in found.collect("pyarrow").to_native().to_pylist()
    ]


_NAMES = ("name_handle", "name_number")


def names_of(source: Source) -> tuple[nw.Expr, nw.Expr]:
    """The handle and the number of a raw record, as expressions ``name_handle`` and ``name_number``."""
    texts = {name: strip_and_nullify(nw.col(name)) for name in source.columns}
    if "url" not in texts:
        return texts["account_id"].alias("name_handle"), nw.lit(None).cast(nw.String).alias("name_number")
    return (
        parse_handle(texts["account_id"], texts["url"]).alias("name_handle"),
        parse_account_id(texts["tiktok_id"]).alias("name_number"),
    )
