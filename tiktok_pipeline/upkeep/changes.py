"""What changed between two snapshots, and the history of one creator, read from the published file.

Only the published file is read, so a running refresh is not in the way.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from tiktok_pipeline.creators.figures import SMALLEST_GAIN
from tiktok_pipeline.errors import PipelineError
from tiktok_pipeline.personas.verdict import NOT_ENOUGH_DATA
from tiktok_pipeline.upkeep.trace import ReadOnlyDatabase

LISTED = 10
"""Creators of each list."""

FASTEST_PER_TIER = 3

DRIFTED = 0.1
"""Population stability index from which a feature is listed."""


class NothingToCompareError(PipelineError):
    """The snapshot does not exist, or there is no earlier one."""

    code = "nothing_to_compare"


@dataclass(frozen=True)
class Listing:
    """A small table with a heading; ``why_empty`` says why it has no rows."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    why_empty: str = ""


@dataclass(frozen=True)
class Changes:
    """What changed from ``previous`` to ``snapshot``."""

    snapshot: str
    previous: str
    listings: dict[str, Listing] = field(default_factory=dict)


def published_snapshots(database: ReadOnlyDatabase) -> list[str]:
    """Return the snapshots with known creators, oldest first."""
    tables = database.rows("select table_schema || '.' || table_name from information_schema.tables")[1]
    if ("creators.identities",) not in tables:
        raise NothingToCompareError(
            "the published file was written by an older program", remedy="run `tiktok-pipeline refresh --all`"
        )
    return [key for (key,) in database.rows("select distinct snapshot from creators.identities order by 1")[1]]


def _without_creators(database: ReadOnlyDatabase, known: Sequence[str]) -> list[str]:
    """Return the published snapshots of profiles whose creators are not known yet."""
    slices = database.rows("select snapshot from meta.slices where table_name = 'validated.profiles' order by 1")[1]
    return [snapshot for (snapshot,) in slices if snapshot not in known]


def read_changes(
    database: ReadOnlyDatabase, snapshot: str | None = None, since: str | None = None, study: str | None = None
) -> Changes:
    """Return what changed between two snapshots.

    Parameters
    ----------
    database : ReadOnlyDatabase
        The published file.
    snapshot : str, optional
        The later snapshot; by default the newest.
    since : str, optional
        The earlier one; by default the one before.
    study : str, optional
        Only this study; by default all.

    Raises
    ------
    NothingToCompareError
        If one of the snapshots is not there, or there is no earlier one.
    """
    keys = published_snapshots(database)
    shown = f"the snapshots are: {', '.join(keys) or 'none'}"
    if older := _without_creators(database, keys):
        shown += f"; an older program made {', '.join(older)}: `tiktok-pipeline refresh --all` computes them again"
    later = snapshot or max(keys, default="")
    for key in (later, since):
        if key is not None and key not in keys:
            raise NothingToCompareError(f"there is no snapshot {key}".rstrip(), remedy=shown)
    earlier = since or max((key for key in keys if key < later), default=None)
    if earlier is None or earlier >= later:
        raise NothingToCompareError(f"there is no earlier snapshot than {later} to compare with", remedy=shown)
    reader = _Reader(database, later, earlier, study)
    listings = {
        "creators": reader.counts(),
        "personas": reader.personas(),
        "segments": reader.segments(),
        "fastest": reader.fastest(),
        "unusual": reader.unusual(),
        "arrivals": reader.only_in(later, earlier, "arrivals: largest creators that were not there before"),
        "departures": reader.only_in(earlier, later, "departures: largest creators that are not there any more"),
        "renamed": reader.renamed(),
        "drift": reader.drift(),
    }
    return Changes(later, earlier, listings)


@dataclass(frozen=True)
class _Reader:
    """Reads the lists of two snapshots; the queries are written here, only values come from outside."""

    database: ReadOnlyDatabase
    later: str
    earlier: str
    study: str | None

    def _list(self, title: str, sql: str, values: Sequence[Any], why_empty: str) -> Listing:
        columns, rows = self.database.rows(sql, values)
        return Listing(title, tuple(columns), tuple(rows), "" if rows else why_empty)

    def counts(self) -> Listing:
        """Return how many creators with a profile are in both, new, gone and renamed.

        Accounts that only an activity file names are no creators to compare.
        """
        sql = """
            with with_profile as (
                from creators.identities semi join validated.profiles using (snapshot, account_id)
            )
            select count(*) filter (where n.creator_id is not null) as creators,
                count(*) filter (where b.creator_id is not null) as creators_before,
                count(*) filter (where n.creator_id is not null and b.creator_id is not null) as in_both,
                count(*) filter (where b.creator_id is null) as arrivals,
                count(*) filter (where n.creator_id is null) as departures,
                count(*) filter (where n.account_id <> b.account_id) as renamed
            from (from with_profile where snapshot = ?) as n
            full join (from with_profile where snapshot = ?) as b on b.creator_id = n.creator_id
        """
        return self._list("creators", sql, [self.later, self.earlier], "no creator")

    def personas(self) -> Listing:
        """Return who moved between which segments, told apart by cause."""
        sql = """
            select study, persona_before, persona, creators, creator_moved, model_moved
            from personas.migrations
            where snapshot = ? and previous_snapshot = ? and kind = 'both' and persona_before <> persona
                and study = coalesce(?, study)
            order by study, creators desc, persona_before, persona
        """
        why = "nobody changed segment, or the studies compare this snapshot with another one"
        title = "changed segment: by the creator's figures (creator_moved) or by the new model (model_moved)"
        return self._list(title, sql, [self.later, self.earlier, self.study], why)

    def segments(self) -> Listing:
        """Return the size of each segment then and now, and what became of it."""
        sql = """
            select study, persona, b.share as share_before, n.share, l.transition, l.shift
            from (select * from personas.summaries where snapshot = ? and cluster is not null) as n
            full join (select * from personas.summaries where snapshot = ? and cluster is not null) as b
                using (study, persona)
            left join (select * from personas.lifecycle where snapshot = ? and previous_snapshot = ?) as l
                on l.study = coalesce(n.study, b.study) and coalesce(l.persona, l.persona_before) = persona
            where study = coalesce(?, study)
            order by study, n.share desc nulls last, persona
        """
        values = [self.later, self.earlier, self.later, self.earlier, self.study]
        return self._list(
            "segments: share of the creators, what became of it, and where its center moved most",
            sql,
            values,
            "no study has segments in these snapshots",
        )

    def fastest(self) -> Listing:
        """Return the creators that grew fastest in each size tier."""
        sql = f"""
            select g.previous_tier as tier, g.account_id, g.followers_gained, g.growth_30_days, g.growth_percentile
            from creators.growth as g
            join validated.profiles as p on p.snapshot = g.snapshot and p.account_id = g.account_id
            where g.snapshot = ? and g.previous_snapshot = ? and g.followers_gained >= {SMALLEST_GAIN}
                and g.growth_30_days is not null
            qualify row_number() over (partition by g.previous_tier order by g.growth_30_days desc, g.account_id)
                <= {FASTEST_PER_TIER}
            order by min(p.followers - g.followers_gained) over (partition by g.previous_tier), tier,
                g.growth_30_days desc, g.account_id
        """  # noqa: S608 - a constant of this module
        why = "nobody grew as much, or the snapshots are not next to each other"
        return self._list(
            f"fastest growing: creators of each size, from {SMALLEST_GAIN} new followers",
            sql,
            [self.later, self.earlier],
            why,
        )

    def unusual(self) -> Listing:
        """Return the largest creators that changed in an unusual way, with the reason."""
        sql = f"""
            select g.account_id, p.followers, g.followers_gained, g.flags as reason
            from creators.growth as g
            join validated.profiles as p on p.snapshot = g.snapshot and p.account_id = g.account_id
            where g.snapshot = ? and g.previous_snapshot = ? and g.flags is not null
            order by p.followers desc, g.account_id limit {LISTED}
        """  # noqa: S608 - a constant of this module
        why = "nobody, or the snapshots are not next to each other"
        return self._list("unusual changes: largest creators", sql, [self.later, self.earlier], why)

    def only_in(self, one_side: str, other_side: str, title: str) -> Listing:
        """Return the largest creators of one snapshot that the other lacks."""
        sql = f"""
            select i.account_id, p.followers
            from creators.identities as i
            join validated.profiles as p on p.snapshot = i.snapshot and p.account_id = i.account_id
            where i.snapshot = ?
                and i.creator_id not in (select creator_id from creators.identities where snapshot = ?)
            order by p.followers desc, i.account_id limit {LISTED}
        """  # noqa: S608 - a constant of this module
        return self._list(title, sql, [one_side, other_side], "nobody")

    def renamed(self) -> Listing:
        """Return the creators that have another handle."""
        sql = f"""
            select b.account_id as before, n.account_id as now, p.followers
            from creators.identities as n
            join creators.identities as b on b.creator_id = n.creator_id and b.account_id <> n.account_id
            join validated.profiles as p on p.snapshot = n.snapshot and p.account_id = n.account_id
            where n.snapshot = ? and b.snapshot = ?
            order by p.followers desc, n.account_id limit {LISTED}
        """  # noqa: S608 - a constant of this module
        return self._list("renamed: largest creators with another handle", sql, [self.later, self.earlier], "nobody")

    def drift(self) -> Listing:
        """Return the features that moved."""
        sql = f"""
            select source, feature, psi from features.drift
            where snapshot = ? and previous_snapshot = ? and psi >= {DRIFTED} order by psi desc, feature
        """  # noqa: S608 - a constant of this module
        why = f"no feature has a population stability index of {DRIFTED} or more"
        return self._list("features that moved", sql, [self.later, self.earlier], why)


@dataclass(frozen=True)
class CreatorHistory:
    """The rows of one creator in all snapshots."""

    creator_id: str
    figures: Listing
    segments: Listing


def read_history(database: ReadOnlyDatabase, name: str) -> list[CreatorHistory]:
    """Return the history of every creator that ever had the handle, or has the id.

    Parameters
    ----------
    database : ReadOnlyDatabase
        The published file.
    name : str
        A handle, with or without @, or the platform's id.
    """
    published_snapshots(database)
    handle = name.strip().removeprefix("@").lower()
    found = database.rows(
        "select distinct creator_id from creators.identities "
        "where lower(account_id) = ? or creator_id in (?, ltrim(?, '0')) order by 1",
        [handle, f"@{handle}", handle],
    )[1]
    return [_history(database, creator_id) for (creator_id,) in found]


def _history(database: ReadOnlyDatabase, creator_id: str) -> CreatorHistory:
    figures = """
        select i.snapshot, i.account_id, i.identified_by, p.followers, p.likes, p.videos_count as videos,
            p.avg_engagement_rate as engagement_rate, g.days, g.followers_gained, g.growth_30_days,
            g.growth_percentile, g.flags
        from creators.identities as i
        left join validated.profiles as p on p.snapshot = i.snapshot and p.account_id = i.account_id
        left join creators.growth as g on g.snapshot = i.snapshot and g.account_id = i.account_id
        where i.creator_id = ? order by i.snapshot
    """
    segments = f"""
        select i.snapshot, a.study, coalesce(s.persona, '{NOT_ENOUGH_DATA}') as persona, a.margin,
            r.persona as runner_up, m.persona_before, m.creator_moved, m.model_moved
        from creators.identities as i
        join clusters.assignments as a on a.snapshot = i.snapshot and a.account_id = i.account_id
        left join personas.summaries as s
            on s.snapshot = a.snapshot and s.study = a.study and s.cluster = a.cluster
        left join personas.summaries as r
            on r.snapshot = a.snapshot and r.study = a.study and r.cluster = a.runner_up
        left join creators.moves as m
            on m.snapshot = a.snapshot and m.study = a.study and m.account_id = a.account_id
        where i.creator_id = ? order by a.study, i.snapshot
    """  # noqa: S608 - a constant
    names, rows = database.rows(figures, [creator_id])
    names_of_segments, rows_of_segments = database.rows(segments, [creator_id])
    why = "" if rows_of_segments else "no study has a segment for this creator"
    return CreatorHistory(
        creator_id,
        Listing(f"creator {creator_id}", tuple(names), tuple(rows)),
        Listing("segments", tuple(names_of_segments), tuple(rows_of_segments), why),
    )
