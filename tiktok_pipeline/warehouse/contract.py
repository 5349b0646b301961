"""Turn the contract of a table into checks: pandera for pandas frames, narwhals expressions for the engine.

`schema_for` derives a pandera schema from a `TableSpec`; `rules` turns the checks of such a schema into narwhals
expressions, so that each rule is written once. This is the only adapter to pandera's narwhals versions of its
built-in checks, pinned to pandera 0.35. A check without such a version raises when the table's module is imported.
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

_REASONS: Mapping[str, str] = {
    "greater_than_or_equal_to": "expected at least {min_value}",
    "greater_than": "expected more than {min_value}",
    "less_than_or_equal_to": "expected at most {max_value}",
    "less_than": "expected less than {max_value}",
    "in_range": "expected {min_value} to {max_value}",
    "isin": "expected one of {allowed_values}",
    "str_matches": "expected {description}",
    "str_length": "expected {min_value} to {max_value} characters",
}
"""The checks that a contract may use, each with the text of the reason why a row is rejected. A pattern is no text
for people: a check with one needs a ``description``, such as "digits"."""


@dataclass(frozen=True)
class Rule:
    """One rule for rows of a table.

    ``holds`` is an expression that is false where the value of ``column`` breaks the rule; ``reason`` names what was
    expected.
    """

    column: str
    reason: str
    holds: nw.Expr


def schema_for(table: TableSpec, checks: Checks | None = None) -> pa.DataFrameSchema:
    """Return the pandera schema of a frame of one slice: types coerced, no other columns.

    Parameters
    ----------
    table : TableSpec
        The table; its slice columns are left out.
    checks : mapping of str to sequence of Check, optional
        The checks of each column.

    Returns
    -------
    DataFrameSchema
        A strict schema.

    Raises
    ------
    ValueError
        If ``checks`` names a column that the table lacks, or a check that has no version for the engine.
    """
    checks = checks or {}
    if unknown := set(checks) - set(table.frame_names):
        msg = f"{table}: checks of columns that it does not have: {sorted(unknown)}"
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
    """Return every rule of a schema in the order of its columns: first not NULL, then the checks."""
    row_rules: list[Rule] = []
    for name, column in schema.columns.items():
        value = nw.col(name)
        if not column.nullable:
            row_rules.append(Rule(name, f"{name}: missing", ~value.is_null()))
        row_rules.extend(_rule(name, check) for check in column.checks)
    return tuple(row_rules)


def _rule(name: str, check: Any) -> Rule:  # noqa: ANN401 - pandera's Check carries untyped statistics
    if check.name not in _REASONS or not hasattr(builtin_checks, check.name):
        msg = f"{name}: check {check.name!r} has no version for the engine; use one of {sorted(_REASONS)}"
        raise ValueError(msg)
    if check.name == "str_matches" and not check.description:
        msg = f"{name}: a check of a pattern needs a description of the text that is expected"
        raise ValueError(msg)
    value = nw.col(name)
    holds = getattr(builtin_checks, check.name)(value, **check.statistics)
    reason = _REASONS[check.name].format(**check.statistics, description=check.description)
    return Rule(name, f"{name}: {reason}", value.is_null() | holds)
