"""Split a daily history, a file with a row for each creator and day, into one file for each day."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import narwhals as nw
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tiktok_pipeline.text_parquet import ROW


@dataclass(frozen=True)
class DayFile:
    """The rows of one day, as a text Parquet file, and their ordinals in the delivered file (sorted)."""

    day: date
    path: Path
    ordinals: np.ndarray[Any, np.dtype[np.int64]]

    @property
    def rows(self) -> int:
        """The number of rows."""
        return len(self.ordinals)

    def source_rows(self, wanted: Collection[int]) -> list[int]:
        """Return those of the ordinals that the file has."""
        return [int(row) for row in np.intersect1d(self.ordinals, np.fromiter(wanted, np.int64, len(wanted)))]


def split_by_day(
    complete: Path, days_of_rows: nw.LazyFrame[Any], days: Sequence[date], folder: Path
) -> list[DayFile]:
    """Write the rows of each day to a file of its own.

    Parameters
    ----------
    complete : Path
        A text Parquet file, see `tiktok_pipeline.delivery.convert.write_text_parquet`.
    days_of_rows : LazyFrame
        ``source_row`` and ``day``; rows that are not listed have no day.
    days : sequence of date
        The days, oldest first. A row of another day, or of none, goes with the newest.
    folder : Path
        The folder of the new files.

    Returns
    -------
    list of DayFile
        In the order of ``days``.
    """
    file = pq.ParquetFile(complete)
    numbers = _day_numbers(days_of_rows, days, file.metadata.num_rows)
    paths = [folder / f"{day.isoformat()}.parquet" for day in days]
    with contextlib.ExitStack() as stack:
        writers = [
            stack.enter_context(pq.ParquetWriter(path, file.schema_arrow, compression="zstd")) for path in paths
        ]
        for batch in file.iter_batches():
            table = pa.Table.from_batches([batch])
            of_batch = numbers[table.column(ROW).to_numpy() - 1]
            for number in np.unique(of_batch):
                writers[number].write_table(table.filter(pa.array(of_batch == number)))
    ordinals = [np.flatnonzero(numbers == number) + 1 for number in range(len(days))]
    return [DayFile(day, path, rows) for day, path, rows in zip(days, paths, ordinals, strict=True)]


def _day_numbers(
    days_of_rows: nw.LazyFrame[Any], days: Sequence[date], rows: int
) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Return the position in ``days`` of each row, in the order of the file."""
    numbers = np.full(rows, len(days) - 1, dtype=np.int64)
    dated = days_of_rows.select("source_row", "day").filter(nw.col("day").is_in(list(days)))
    table = dated.collect("pyarrow").to_native()
    positions = np.searchsorted(
        np.array(days, dtype="datetime64[D]"), table.column("day").to_numpy().astype("datetime64[D]")
    )
    numbers[table.column("source_row").to_numpy() - 1] = positions
    return numbers
