"""Compares the tables of two homes that different engines computed."""

from __future__ import annotations

from pathlib import Path

import duckdb
import numpy as np
import pandas as pd

from tiktok_pipeline.warehouse.base import Column, TableSpec

TOLERANCE = 1e-8
LEFT_OUT = {"raw.files": {"ingested_at"}}


def rows_of(home: Path, spec: TableSpec) -> pd.DataFrame:
    """Return the compared columns of a table, ordered by its key and then by everything that is no float."""
    compared = [column for column in spec.columns if column.name not in LEFT_OUT.get(str(spec), set())]
    key = [*spec.slice_by, *spec.rows_per]
    others = [column.name for column in compared if not _is_float(column) and column.name not in key]
    order = ", ".join(f'"{name}"' for name in dict.fromkeys([*key, *others]))
    names = ", ".join(f'"{column.name}"' for column in compared)
    with duckdb.connect(str(home / "warehouse" / "tiktok.duckdb"), read_only=True) as connection:
        return connection.execute(f"select {names} from {spec} order by {order}").df()


def assert_same_rows(by_duckdb: Path, by_other: Path, spec: TableSpec) -> None:
    """Compare a table of two homes: floats to `TOLERANCE`, everything else exactly."""
    expected, rows = rows_of(by_duckdb, spec), rows_of(by_other, spec)
    floats = [column.name for column in spec.columns if _is_float(column) and column.name in expected]
    pd.testing.assert_frame_equal(expected.drop(columns=floats), rows.drop(columns=floats))
    for column in floats:
        np.testing.assert_allclose(
            rows[column].to_numpy("float64"), expected[column].to_numpy("float64"), rtol=TOLERANCE, atol=0
        )


def _is_float(column: Column) -> bool:
    return column.type == "float"
