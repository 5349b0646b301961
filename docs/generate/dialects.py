"""Renders the files that can be read: the dialects, and the column that each has for a canonical column."""

from __future__ import annotations

from generate.markdown import code, escape, paragraphs, table
from tiktok_pipeline.raw.dialects import DIALECTS, Dialect
from tiktok_pipeline.raw.schema import SOURCES, Source


def render() -> str:
    """Return one section for each source."""
    return paragraphs(*(_source(source) for source in SOURCES))


def _source(source: Source) -> str:
    dialects = [dialect for dialect in DIALECTS if dialect.source.name == source.name]
    described = [
        [code(dialect.name), escape(dialect.description), _required(dialect), dialect.dates or "from the cells"]
        for dialect in dialects
    ]
    columns = [
        [code(name), *(_spelling(dialect, name) for dialect in dialects), escape(meaning)]
        for name, meaning in source.columns.items()
    ]
    return paragraphs(
        f"## Source {code(source.name)}",
        table(["Dialect", "Files", "Required columns", "Dates"], described),
        "The column of each dialect for each column of the tables:",
        table(["Column", *(code(dialect.name) for dialect in dialects), "Meaning"], columns),
    )


def _required(dialect: Dialect) -> str:
    return ", ".join(" or ".join(map(code, group)) for group in dialect.recognized_by)


def _spelling(dialect: Dialect, name: str) -> str:
    return ", ".join(map(code, dialect.columns.get(name, ())[:4]))
