"""Look into all archives of a delivery before any table is opened, so that too many files are refused at once.

To open a table takes milliseconds, to list an archive much less: all archives that lie equally deep are listed before
one of their members is unpacked.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath

from tiktok_pipeline.delivery.containers import (
    MOST_LAYERS,
    ContentType,
    Member,
    UnpackBudget,
    check_members,
    content_type,
    gunzipped,
    zip_members,
)
from tiktok_pipeline.delivery.tables import ByteSource
from tiktok_pipeline.safe_text import visible_name
from tiktok_pipeline.warehouse.base import UnreadableFileError

TABLE_ENDINGS = (".csv", ".tsv", ".txt", ".json", ".jsonl", ".ndjson", ".parquet", ".xlsx", ".zip")
"""How the name of a file with a table ends, also with ``.gz``. Members of an archive with other names are skipped."""


@dataclass(frozen=True, kw_only=True)
class Part:
    """A delivery, or a file in its archives.

    Attributes
    ----------
    source : callable
        Opens the bytes.
    name : str
        For messages.
    budget : UnpackBudget
        What may still be unpacked of the whole delivery.
    compression, member : str
        How it was packed, see `tiktok_pipeline.delivery.tables.Layout`.
    layers : int
        The archives around it.
    head : bytes or None
        Its first bytes, where they are known.
    """

    source: ByteSource
    name: str
    budget: UnpackBudget
    compression: str = ""
    member: str = ""
    layers: int = 0
    head: bytes | None = None


@dataclass
class Unpacked:
    """What a part is, and what is in it.

    Attributes
    ----------
    part : Part
        The part.
    content : str
        See `tiktok_pipeline.delivery.containers.content_type`.
    inner : list of Unpacked
        What is in a gzip stream or zip archive: only the files whose names are those of tables, if there is any.
    error : UnreadableFileError or None
        Why it cannot be read; the other files may be.
    """

    part: Part
    content: ContentType = "empty"
    inner: list[Unpacked] = field(default_factory=list)
    error: UnreadableFileError | None = None
    _members: Sequence[Member] = ()

    def list_members(self) -> None:
        """Find out what the part is, and count its members if it is an archive."""
        part = self.part
        if self.error is not None:
            return
        try:
            self.content = content_type(part.source, part.name, part.head)
            if self.content == "zip":
                self._members = zip_members(part.source, part.name, part.budget)
        except UnreadableFileError as error:
            self._keep(error)

    def unpack(self) -> list[Unpacked]:
        """Unpack a gzip stream or an archive by one layer, up to the limit for all bytes."""
        if self.error is None and self.content in {"gzip", "zip"}:
            try:
                self.inner = list(self._unpack_gzip() if self.content == "gzip" else self._unpack_zip())
            except UnreadableFileError as error:
                self._keep(error)
        return self.inner

    def _keep(self, error: UnreadableFileError) -> None:
        if self.part.budget.is_exceeded:
            raise error
        self.error = error

    def _unpack_gzip(self) -> Iterator[Unpacked]:
        source = gunzipped(self.part.source)
        head = self.part.budget.check(source, self.part.name)
        yield self._one_layer_down(replace(self.part, source=source, head=head, compression="gzip"))

    def _unpack_zip(self) -> Iterator[Unpacked]:
        part = self.part
        heads = check_members(part.source, self._members, part.name, part.budget)
        members = list(zip(self._members, heads, strict=True))
        for member, head in [entry for entry in members if _has_table_name(entry[0].name)] or members:
            name = f"{part.name}: {visible_name(member.name)[:100]}"
            inner = replace(part, source=member.source, head=head, name=name, compression="zip", member=member.name)
            yield self._one_layer_down(inner)

    def _one_layer_down(self, inner: Part) -> Unpacked:
        error = None
        if self.part.layers == MOST_LAYERS:
            error = UnreadableFileError(
                f"{self.part.name}: archives nested more than {MOST_LAYERS} deep", remedy="deliver the file itself"
            )
        return Unpacked(replace(inner, layers=self.part.layers + 1), error=error)


def unpack(part: Part) -> Unpacked:
    """Look into a delivery and all archives in it.

    Returns
    -------
    Unpacked
        A file that cannot be read has an ``error``.

    Raises
    ------
    UnreadableFileError
        If the delivery has more bytes or files than it may have.
    """
    unpacked = Unpacked(part)
    layer = [unpacked]
    while layer:
        for entry in layer:
            entry.list_members()
        layer = [inner for entry in layer for inner in entry.unpack()]
    return unpacked


def _has_table_name(filename: str) -> bool:
    return PurePosixPath(filename).name.lower().removesuffix(".gz").endswith(TABLE_ENDINGS)
