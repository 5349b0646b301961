"""Renders the data dictionary: every table with its columns, from the table specs."""

from __future__ import annotations

from generate.markdown import code, escape, paragraphs, table
from tiktok_pipeline import STAGES
from tiktok_pipeline.tables import TABLES, Table
from tiktok_pipeline.warehouse.contract import rules

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
    """Return the sections of the data dictionary, one for each stage and one below it for each table."""
    parts = []
    for stage in STAGES:
        parts.append(f"## Schema {code(stage)}")
        parts += [_table(entry) for entry in TABLES.values() if entry.spec.schema == stage]
    return paragraphs(*parts)


def _table(entry: Table) -> str:
    spec = entry.spec
    limits: dict[str, list[str]] = {}
    for rule in rules(entry.schema):
        reason = rule.reason.removeprefix(f"{rule.column}: ").removeprefix("expected ")
        if reason != "missing":
            limits.setdefault(rule.column, []).append(reason)
    rows = [
        [
            code(column.name),
            code(TYPES[column.type]),
            "yes" if column.nullable else "no",
            escape(column.description),
            escape("; ".join(limits.get(column.name, []))),
        ]
        for column in spec.columns
    ]
    facts = [f"One slice: {', '.join(code(name) for name in spec.slice_by)}."]
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
        table(["Column", "Type", "NULL", "Meaning", "Allowed values"], rows),
    )


def _sentence(text: str) -> str:
    text = escape(text)
    return f"{text[:1].upper()}{text[1:].rstrip('.')}."
