"""Short forms for tests of delivered tables."""

from __future__ import annotations

import io
from pathlib import Path

from tiktok_pipeline.delivery.open_delivery import open_delivery
from tiktok_pipeline.delivery.tables import ByteSource, DeliveredTable

NAMES = frozenset({"account_id", "username", "uniqueid", "followers", "likes", "id"})


def knows(name: str) -> bool:
    """Return whether a small set of dialects knows the name."""
    return name.lower() in NAMES


def source_of(content: bytes) -> ByteSource:
    """Return a source of the bytes."""
    return lambda: io.BytesIO(content)


def delivered(path: Path, content: bytes, *, largest_bytes: int | None = None) -> list[DeliveredTable]:
    """Write the bytes to a file and open it as a delivery."""
    path.write_bytes(content)
    return open_delivery(path, largest_bytes=largest_bytes, name=path.name, knows=knows)


def cells_of(table: DeliveredTable) -> list[dict[str, str | None] | str]:
    """Return the cells of each record that were delivered, or the problem of a damaged one."""
    return [
        record.problem
        if record.problem is not None
        else {name: cell for name, cell in zip(table.header, record.cells, strict=True) if cell is not None}
        for record in table.records()
    ]
