"""Renders the data dictionary: every table with its columns, from the table specs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from generate.markdown import code, escape, paragraphs, table
from tiktok_pipeline import STAGES
from tiktok_pipeline.tables import TABLES, Table
from tiktok_pipeline.warehouse.base import TableSpec
from tiktok_pipeline.warehouse.contract import rules
from tiktok_pipeline.warehouse.duckdb.meta import META_TABLES, PUBLISHED_AT_TABLE

TYPES = {
    "text": "VARCHAR",
    "integer": "BIGINT",
    "float": "DOUBLE",
    "boolean": "BOOLEAN",
    "date": "DATE",
    "timestamp": "TIMESTAMP",
    "texts": "VARCHAR[]",
    "json": "JSON",
}
"""The type of DuckDB for each type of a column."""


def render() -> str:
    """Return one section for each schema, and in it one for each table."""
    parts = []
    for stage in STAGES:
        parts.append(f"## Schema {code(stage)}")
        parts += [_table(entry.spec, _limits(entry)) for entry in TABLES.values() if entry.spec.schema == stage]
    parts.append("## Schema `meta`")
    parts += [_table(spec, {}) for spec in (*META_TABLES, PUBLISHED_AT_TABLE)]
    return paragraphs(*parts)


def _limits(entry: Table) -> dict[str, list[str]]:
    """Return the allowed values of each column that has a check."""
    limits: dict[str, list[str]] = {}
    for rule in rules(entry.schema):
        reason = rule.reason.removeprefix(f"{rule.column}: ").removeprefix("expected ")
        if reason != "missing":
            limits.setdefault(rule.column, []).append(reason)
    return limits


def _table(spec: TableSpec, limits: Mapping[str, Sequence[str]]) -> str:
    rows = [
        [
            code(column.name),
            code(TYPES[column.type]),
            "yes" if column.nullable else "no",
            escape(column.description),
            *([escape("; ".join(limits.get(column.name, [])))] if limits else []),
        ]
        for column in spec.columns
    ]
    facts = []
    if spec.rows_per:
        facts.append(f"One row for each {_names(spec.rows_per)}.")
    if spec.slice_by:
        facts.append(f"Slice: {_names(spec.slice_by)}.")
    if spec.derived is not None:
        facts.append(f"A view of {code(str(spec.derived.of))}.")
    hidden = [code(column.name) for column in spec.columns if not column.published]
    if spec.schema == "raw":
        facts.append("Not in the published file.")
    elif hidden:
        facts.append(f"In the published file without {', '.join(hidden)}.")
    return paragraphs(
        f"### {code(str(spec))}",
        _sentence(spec.description),
        " ".join(facts),
        table(["Column", "Type", "NULL", "Meaning", *(["Allowed values"] if limits else [])], rows),
    )


def _names(names: Sequence[str]) -> str:
    return ", ".join(code(name) for name in names)


def _sentence(text: str) -> str:
    text = escape(text)
    return f"{text[:1].upper()}{text[1:].rstrip('.')}."
