"""Renders the files that can be read: the dialects, and the names that are known for each canonical column."""

from __future__ import annotations

from generate.markdown import code, escape, paragraphs, table
from tiktok_pipeline.raw.dialects import DIALECTS, REQUIRED, Dialect
from tiktok_pipeline.raw.dialects.column_names import column_key
from tiktok_pipeline.raw.schema import SOURCES, Source


def render() -> str:
    """Return the table of the dialects, and one section for each source that has dialects."""
    described = [
        [code(dialect.name), escape(dialect.description), code(dialect.source.name), _recognized_by(dialect)]
        for dialect in DIALECTS
    ]
    with_dialects = [source for source in SOURCES if _dialects_of(source)]
    return paragraphs(
        "## Dialects",
        table(["Dialect", "Files", "Source", "Recognized by"], described),
        *(_source(source) for source in with_dialects),
    )


def _source(source: Source) -> str:
    rows = [
        [code(name), escape(meaning), _names(source, name), _proposals(source, name)]
        for name, meaning in source.columns.items()
    ]
    return paragraphs(
        f"## Columns of the source {code(source.name)}",
        _required(source),
        table(["Column", "Meaning", "Names that are read", "Names that are proposed"], rows),
    )


def _dialects_of(source: Source) -> list[Dialect]:
    return [dialect for dialect in DIALECTS if dialect.source.name == source.name]


def _required(source: Source) -> str:
    groups = [" or ".join(map(code, group)) for group in REQUIRED.get(source.name, ())]
    return f"Required: {', and '.join(groups)}. Every other column is optional." if groups else ""


def _recognized_by(dialect: Dialect) -> str:
    if dialect.is_generic:
        return "the required columns, under any name of the list below"
    groups = dialect.recognized_by or tuple(
        tuple(name for column in group for name in dialect.columns.get(column, ()))
        for group in REQUIRED.get(dialect.source.name, ())
    )
    return ", ".join(" or ".join(map(code, group)) for group in groups)


def _names(source: Source, column: str) -> str:
    in_dialects = [name for dialect in _dialects_of(source) for name in dialect.columns.get(column, ())]
    return _once(in_dialects)


def _proposals(source: Source, column: str) -> str:
    proposed = [name for dialect in _dialects_of(source) for name in dialect.proposals.get(column, ())]
    return _once(proposed)


def _once(names: list[str]) -> str:
    """Return the names, those that are read as equal only once."""
    by_key: dict[str, str] = {}
    for name in names:
        by_key.setdefault(column_key(name), name)
    return ", ".join(map(code, by_key.values()))
