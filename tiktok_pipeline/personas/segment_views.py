"""The views that analysts query: ``segments.<study>`` and ``segments.<study>_history``.

They are SQL, because a view is a contract in SQL. The text contains only names of tables and studies, which are plain
identifiers.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from tiktok_pipeline.clusters.schema import ASSIGNMENTS_TABLE, FITS_TABLE, MODELS_TABLE
from tiktok_pipeline.personas.schema import MIGRATIONS_TABLE, SUMMARIES_TABLE
from tiktok_pipeline.personas.verdict import NOT_ENOUGH_DATA
from tiktok_pipeline.warehouse.base import TableSpec, View

_OWN_COLUMNS = {
    "is_beyond_fit": "whether the profile is outside the fit and farther out than any fitted one of its segment",
    "runner_up": "persona of the second nearest segment; NULL: none",
    "persona_before": "persona in the snapshot before, under the model of that time; NULL: not in it",
}
"""The columns that the views compute themselves."""


def segment_views(
    study: str,
    profiles: TableSpec,
    *,
    scores: TableSpec | None = None,
    posting: TableSpec | None = None,
    identities: TableSpec | None = None,
    moves: TableSpec | None = None,
    has_segments: bool = True,
) -> tuple[View, View]:
    """Define the two views of a study: one row for each creator of its newest snapshot, and of all snapshots.

    Parameters
    ----------
    study : str
        Name of the study.
    profiles : TableSpec
        The validated table that the study reads.
    scores : TableSpec, optional
        The table of scores, if the study has a classifier.
    posting : TableSpec, optional
        The table with the activity of each creator, if the study is about profiles.
    identities : TableSpec, optional
        The table with the creator behind each handle.
    moves : TableSpec, optional
        The table with the creators that moved to another segment.
    has_segments : bool
        Whether the study has a segmentation. Without one the views have a row for each creator with a score.

    Raises
    ------
    ValueError
        If the study has neither segments nor scores.
    """
    if has_segments:
        query = _segments_query(scores)
    elif scores:
        query = _Query(scores, "a.score, a.predicted, a.out_of_fold, a.model", "", (scores,), (scores,))
    else:
        msg = f"study {study} has neither segments nor scores"
        raise ValueError(msg)
    if identities is not None:
        query = _with_creator(query, identities, moves if has_segments else None)
    if posting is not None:
        query = _with_activity(query, posting)
    results = "segments" if has_segments else "scores"
    own = ", ".join(f"p.{name}" for name in profiles.frame_names if name != "account_id")
    history = (
        f"select a.snapshot, a.account_id, {query.columns}, {own} from {query.base} as a "  # noqa: S608
        f"join {profiles} as p on p.snapshot = a.snapshot and p.account_id = a.account_id {query.joins}"
        f"where a.study = '{study}'"
    )
    newest = ", ".join(
        f"(select max(snapshot) from {table} where study = '{study}')"  # noqa: S608
        for table in query.has_study
    )
    return (
        View(
            schema="segments",
            name=study,
            sql=f"{history} and a.snapshot = coalesce({newest})",
            description=f"one row for each creator of the newest snapshot with {results} of study {study}; "
            "column snapshot names it",
            columns_from=(*query.tables, profiles),
            rows_per=("account_id",),
            own_columns=_OWN_COLUMNS,
        ),
        View(
            schema="segments",
            name=f"{study}_history",
            sql=history,
            description=f"one row for each creator of each snapshot that has study {study}",
            columns_from=(*query.tables, profiles),
            rows_per=("snapshot", "account_id"),
            own_columns=_OWN_COLUMNS,
        ),
    )


@dataclass(frozen=True)
class _Query:
    """The parts of a view.

    ``base`` is the table with one row for each creator. The newest snapshot of the first table of ``has_study`` that
    has a row of the study is the one that the view shows: small tables, because the query of the view reads them.
    """

    base: TableSpec
    columns: str
    joins: str
    tables: tuple[TableSpec, ...]
    has_study: tuple[TableSpec, ...]


def _with_creator(query: _Query, identities: TableSpec, moves: TableSpec | None) -> _Query:
    """Add the creator behind the handle and, for segments, the segment in the snapshot before."""
    columns = f"{query.columns}, i.creator_id"
    joins = f"{query.joins}left join {identities} as i on i.snapshot = a.snapshot and i.account_id = a.account_id "
    tables = (*query.tables, identities)
    if moves is not None:
        # A creator that is not listed as moved has the segment that it had.
        columns += (
            ", case when m.persona_before is not null then m.persona_before "
            f"when i.previous_snapshot = g.previous_snapshot then coalesce(s.persona, '{NOT_ENOUGH_DATA}') end "
            "as persona_before"
        )
        joins += (
            f"left join {moves} as m on m.snapshot = a.snapshot and m.study = a.study "  # noqa: S608
            "and m.account_id = a.account_id "
            f"left join (select snapshot, study, max(previous_snapshot) as previous_snapshot from {MIGRATIONS_TABLE} "
            "group by all) as g on g.snapshot = a.snapshot and g.study = a.study "
        )
        tables = (*tables, moves)
    return replace(query, columns=columns, joins=joins, tables=tables)


def _with_activity(query: _Query, posting: TableSpec) -> _Query:
    """Add whether each creator still posts; NULL for a creator without a known video."""
    columns = f"{query.columns}, v.activity, v.days_since_last_post"
    join = f"left join {posting} as v on v.snapshot = a.snapshot and v.account_id = a.account_id "
    return replace(query, columns=columns, joins=f"{query.joins}{join}", tables=(*query.tables, posting))


def _segments_query(scores: TableSpec | None) -> _Query:
    columns = (
        f"coalesce(s.persona, '{NOT_ENOUGH_DATA}') as persona, s.verdict, a.cluster, a.margin, a.distance, a.in_fit, "
        "not a.in_fit and a.distance > s.farthest_in_fit as is_beyond_fit, r.persona as runner_up, a.runner_up_margin"
    )
    tables: tuple[TableSpec, ...] = (ASSIGNMENTS_TABLE, SUMMARIES_TABLE, FITS_TABLE)
    joins = (
        f"left join {SUMMARIES_TABLE} as s on s.snapshot = a.snapshot and s.study = a.study "
        "and s.cluster = a.cluster "
        f"left join {SUMMARIES_TABLE} as r on r.snapshot = a.snapshot and r.study = a.study "
        "and r.cluster = a.runner_up "
        f"left join {FITS_TABLE} as f on f.snapshot = a.snapshot and f.study = a.study "
        "and f.statistic = 'rows_in_fit' "
    )
    if scores is not None:
        columns += ", c.score, c.predicted, c.out_of_fold"
        tables = (*tables, scores)
        joins += (
            f"left join {scores} as c on c.snapshot = a.snapshot and c.study = a.study "
            "and c.account_id = a.account_id "
        )
    columns += ", f.basis, f.note"
    return _Query(ASSIGNMENTS_TABLE, columns, joins, tables, (MODELS_TABLE, FITS_TABLE))
