"""The pages about all creators: benchmarks, notices, personas with their migration, and where the data are from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from tiktok_pipeline.explorer.fields import FIELDS, Field
from tiktok_pipeline.explorer.published import ORDERED, Facts, Published
from tiktok_pipeline.explorer.search import PAGE_ROWS
from tiktok_pipeline.explorer.svg import Flow, flow_chart

GROUPINGS: Mapping[str, str] = {
    "tier": "Tier",
    "persona": "Persona",
    "region": "Region",
    "language": "Language",
    "all": "All creators",
}
BASES: Mapping[str, str] = {
    "followers": "Measured by followers",
    "views": "Measured by views",
    "counts": "Counts and pace",
}


@dataclass(frozen=True)
class BenchmarkTable:
    """The quantiles of one figure, a row for each group."""

    field: Field
    rows: list[dict[str, Any]]


def read_benchmarks(published: Published, facts: Facts, grouping: str) -> dict[str, list[BenchmarkTable]]:
    """Return the tables of a grouping by the heading of their basis, so that no table mixes two bases."""
    if "creators.benchmarks" not in facts.tables:
        return {}
    rows = published.rows(
        "select * from creators.benchmarks where snapshot = ? and grouping = ? order by creators desc, group_name",
        [facts.snapshot, grouping],
    )
    if grouping == "tier":
        rows.sort(key=lambda row: ORDERED["follower_tier"].index(row["group_name"]))
    tables: dict[str, list[BenchmarkTable]] = {}
    for basis, heading in BASES.items():
        figures = dict.fromkeys(row["figure"] for row in rows if row["basis"] == basis)
        shown = [FIELDS[figure] for figure in FIELDS if figure in figures]
        if shown:
            tables[heading] = [
                BenchmarkTable(field, [row for row in rows if row["figure"] == field.name]) for field in shown
            ]
    return tables


@dataclass(frozen=True)
class NoticePage:
    """One page of notices of one kind or of all, and how many there are of each kind."""

    rows: list[dict[str, Any]]
    kinds: dict[str, int]
    found: int
    last_page: int


def read_notices(published: Published, facts: Facts, kind: str, page: int) -> NoticePage:
    """Return the notices of a kind (empty: of all), those of the largest creators first."""
    if "creators.notices" not in facts.tables:
        return NoticePage([], {}, 0, 1)
    counted = published.rows(
        "select notice, count(*) as creators from creators.notices where snapshot = ? group by 1 order by 1",
        [facts.snapshot],
    )
    kinds = {str(row["notice"]): int(row["creators"]) for row in counted}
    found = kinds.get(kind, 0) if kind else sum(kinds.values())
    rows = published.rows(
        "select * from creators.notices where snapshot = ? and (? = '' or notice = ?) "
        f"order by followers desc, account_id, notice limit {PAGE_ROWS} offset ?",
        [facts.snapshot, kind, kind, (page - 1) * PAGE_ROWS],
    )
    return NoticePage(rows, kinds, found, max(1, -(-found // PAGE_ROWS)))


@dataclass(frozen=True)
class Personas:
    """The segments of the study, with what marks each, and the way of creators between them."""

    summaries: list[dict[str, Any]]
    medians: dict[str, dict[str, float]]
    migrations: list[dict[str, Any]]
    picture: Markup
    previous_snapshot: str


def read_personas(published: Published, facts: Facts) -> Personas:
    """Return the segments of the study in the newest snapshot, the largest first."""
    slice_ = [facts.snapshot, facts.study]
    summaries = published.rows(
        "select * from personas.summaries where snapshot = ? and study = ? order by cluster is null, profiles desc",
        slice_,
    )
    medians: dict[str, dict[str, float]] = {}
    for row in published.rows(
        "select persona, feature, median from personas.features where snapshot = ? and study = ? and base = 'all' "
        "and median is not null",
        slice_,
    ):
        medians.setdefault(str(row["persona"]), {})[str(row["feature"])] = float(row["median"])
    migrations: list[dict[str, Any]] = []
    if "personas.migrations" in facts.tables:
        migrations = published.rows(
            "select previous_snapshot, coalesce(persona_before, 'New') as before, "
            "coalesce(persona, 'Gone') as after, "
            "creators, creator_moved, model_moved from personas.migrations where snapshot = ? and study = ? "
            "order by creators desc",
            slice_,
        )
    migrations.sort(key=_kind_of_move)
    flows = [Flow(row["before"], row["after"], row["creators"], row["creator_moved"]) for row in migrations]
    previous = str(migrations[0]["previous_snapshot"]) if migrations else ""
    return Personas(summaries, medians, migrations, flow_chart(flows), previous)


def _kind_of_move(row: Mapping[str, Any]) -> int:
    """Order moves between segments before arrivals and departures, and both before those who stayed."""
    is_outside = row["before"] == "New" or row["after"] == "Gone"
    return 2 if row["before"] == row["after"] else 1 if is_outside else 0


def read_about(published: Published, facts: Facts) -> dict[str, Any]:
    """Return where the figures are from: the snapshots with their rows, and the meaning of each column."""
    snapshots = published.rows(
        "select s.snapshot, max(case when table_name = 'validated.profiles' then rows end) as profiles, "
        "max(case when table_name = 'validated.rejected' then rows end) as rejected, max(written_at) as written_at "
        "from meta.slices as s where s.snapshot <> '' group by 1 order by 1 desc limit 200",
    )
    columns = published.rows(
        "select column_name, description from meta.columns where schema_name = 'creators' and table_name = 'current' "
        "order by position"
    )
    return {"snapshots": snapshots, "columns": columns, "published_at": facts.published_at}
