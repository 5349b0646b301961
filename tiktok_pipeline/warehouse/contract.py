"""Turns the contract of a table into checks, for pandas frames (pandera) and for the engine (narwhals).

`schema_for` derives a pandera schema from a `TableSpec`; `rules` reads the row rules back off such a schema as
narwhals expressions, so that one statement of a rule serves both. This is the one adapter to pandera's narwhals
versions of its built-in checks, pinned to pandera 0.35. A check that has none is an error at import of the table.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import narwhals as nw
import pandera.pandas as pa
from pandera.backends.narwhals import builtin_checks

from tiktok_pipeline.warehouse.base import ColumnType, TableSpec

Checks = Mapping[str, Sequence[pa.Check]]

_PANDAS_TYPES: Mapping[ColumnType, Any] = {
    "text": "string",
    "integer": "Int64",
    "float": "Float64",
    "boolean": "boolean",
    "date": None,
    "timestamp": None,
    "texts": None,
    "json": "string",
}

_WORDS: Mapping[str, str] = {
    "greater_than_or_equal_to": "expected at least {min_value}",
    "greater_than": "expected more than {min_value}",
    "less_than_or_equal_to": "expected at most {max_value}",
    "less_than": "expected less than {max_value}",
    "in_range": "expected {min_value} to {max_value}",
    "isin": "expected one of {allowed_values}",
    "str_matches": "expected a text of the form {pattern}",
    "str_length": "expected {min_value} to {max_value} characters",
}
"""The checks a contract may use, each with the words for the person who reads why a row was rejected."""


@dataclass(frozen=True)
class Rule:
    """One row rule: the column it is about, why a row fails it, and the expression that is false where it does."""

    column: str
    reason: str
    holds: nw.Expr


def schema_for(table: TableSpec, checks: Checks | None = None) -> pa.DataFrameSchema:
    """The pandera schema of a frame of ``table`` (without its slice columns): types coerced, no other columns.

    Raises `ValueError` where ``checks`` name a column that the table lacks, or a check that the engine has not.
    """
    checks = checks or {}
    if unknown := set(checks) - set(table.frame_names):
        msg = f"{table}: checks for columns it does not have: {sorted(unknown)}"
        raise ValueError(msg)
    columns = {
        column.name: pa.Column(
            _PANDAS_TYPES[column.type],
            list(checks.get(column.name, ())),
            nullable=column.nullable,
            coerce=True,
            description=column.description,
        )
        for column in table.frame_columns
    }
    schema = pa.DataFrameSchema(columns, name=str(table), strict=True, description=table.description)
    rules(schema)
    return schema


def rules(schema: pa.DataFrameSchema) -> tuple[Rule, ...]:
    """Every row rule of a schema, in the order of its columns: presence first, then the checks."""
    found: list[Rule] = []
    for name, column in schema.columns.items():
        value = nw.col(name)
        if not column.nullable:
            found.append(Rule(name, f"{name}: missing", ~value.is_null()))
        found.extend(_rule(name, check) for check in column.checks)
    return tuple(found)


def _rule(name: str, check: Any) -> Rule:  # noqa: ANN401 - pandera's Check carries untyped statistics
    if check.name not in _WORDS or not hasattr(builtin_checks, check.name):
        msg = f"{name}: check {check.name!r} has no version for the engine; use one of {sorted(_WORDS)}"
        raise ValueError(msg)
    value = nw.col(name)
    holds = getattr(builtin_checks, check.name)(value, **check.statistics)
    words = _WORDS[check.name].format(**check.statistics)
    return Rule(name, f"{name}: {words}", value.is_null() | holds)
