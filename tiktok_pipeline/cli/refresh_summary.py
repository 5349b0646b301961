"""What a refresh made, read from the published file: the closing lines of ``refresh`` and its JSON document."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tiktok_pipeline.cli.console import error_document, info
from tiktok_pipeline.home.manifest import files_in_use, read_manifest
from tiktok_pipeline.output.print_rows import print_rows
from tiktok_pipeline.warehouse.duckdb.connection import ReadOnlyDatabase, open_read_only

if TYPE_CHECKING:
    from tiktok_pipeline.ingest.refused import RefusedFile
    from tiktok_pipeline.orchestration.runs.outcome import Outcome
    from tiktok_pipeline.settings import Settings
    from tiktok_pipeline.study import Study

_SHOWN_SNAPSHOTS = 3
_COLUMNS = ("snapshot", "study", "persona", "profiles", "fitted", "percent", "verdict")


@dataclass
class RefreshResult:
    """What a refresh did.

    Attributes
    ----------
    outcomes : dict of str to Outcome
        How the run of each snapshot ended, by key. If publishing several snapshots together fails, all of them
        count as failed.
    refused : list of RefusedFile
        The files of the inbox that cannot be read.
    remedies : dict of str to str
        What to do about the failure of a snapshot, by key.
    complete : list of str
        The snapshots that were not computed, because everything was there already.
    """

    outcomes: dict[str, Outcome] = field(default_factory=dict)
    refused: list[RefusedFile] = field(default_factory=list)
    remedies: dict[str, str | None] = field(default_factory=dict)
    complete: list[str] = field(default_factory=list)

    @property
    def finished(self) -> list[str]:
        """The snapshots that are published, whether they were computed now or before."""
        computed = [key for key, outcome in self.outcomes.items() if outcome.failure is None]
        return sorted([*computed, *self.complete])

    @property
    def failed(self) -> list[str]:
        """The snapshots that were not."""
        return [key for key, outcome in self.outcomes.items() if outcome.failure is not None]


@dataclass(frozen=True)
class PersonaSummary:
    """One segment of a study in a snapshot; ``share`` is of all profiles, from 0 to 1."""

    persona: str
    profiles: int
    profiles_in_fit: int
    share: float
    verdict: str


@dataclass(frozen=True)
class StudySummary:
    """A study of a snapshot.

    Attributes
    ----------
    study : str
        Name of the study.
    incomplete_because : str or None
        Why a part of it could not be computed.
    personas : tuple of PersonaSummary
        Its segments, the largest first.
    basis : str or None
        What its segments measure the response by, if the study has more than one basis.
    shown_snapshot : str or None
        The snapshot that ``segments.<study>`` shows; None if no snapshot has results.
    """

    study: str
    incomplete_because: str | None
    personas: tuple[PersonaSummary, ...]
    basis: str | None = None
    shown_snapshot: str | None = None

    @property
    def has_results(self) -> bool:
        """Whether ``segments.<study>`` has creators with a segment or a score."""
        return self.shown_snapshot is not None


@dataclass(frozen=True)
class SnapshotSummary:
    """A snapshot as published: its rows, and the studies whose source it has; videos count among the valid rows."""

    snapshot: str
    valid_rows: int
    video_rows: int
    rejected_rows: int
    studies: tuple[StudySummary, ...]
    report: Path


def summarize_snapshots(settings: Settings, keys: Sequence[str], studies: Sequence[Study]) -> list[SnapshotSummary]:
    """Return what the published file has of the snapshots and studies.

    A study whose source was not delivered with a snapshot has nothing to compute there and is left out.
    """
    file = settings.published_file
    with open_read_only(file, memory_limit=settings.memory_limit, threads=settings.threads) as database:
        rows, personas, reasons = _row_counts(database, keys), _personas(database, keys), _reasons(database, keys)
        bases, shown = _bases(database, keys), _shown_snapshots(database)
    summaries = []
    for key in keys:
        sources = {entry.source for entry in files_in_use(read_manifest(settings.raw / key))}
        summaries.append(
            SnapshotSummary(
                snapshot=key,
                valid_rows=rows.get(key, (0, 0, 0))[0],
                video_rows=rows.get(key, (0, 0, 0))[1],
                rejected_rows=rows.get(key, (0, 0, 0))[2],
                studies=tuple(
                    StudySummary(
                        study.name,
                        "; ".join(reasons.get((key, study.name), [])) or None,
                        tuple(personas.get((key, study.name), [])),
                        basis=bases.get((key, study.name)),
                        shown_snapshot=shown.get(("clusters" if study.segmentation else "classifiers", study.name)),
                    )
                    for study in studies
                    if study.source in sources
                ),
                report=settings.reports / f"{key}.html",
            )
        )
    return summaries


def _row_counts(database: ReadOnlyDatabase, keys: Sequence[str]) -> dict[str, tuple[int, int, int]]:
    """Return the number of valid rows, of those that are delivered videos, and of rejected rows, by snapshot."""
    _, rows = database.rows(
        "select snapshot, count(*) filter (where kind <> 'rejected'), count(*) filter (where kind = 'video'), "
        "count(*) filter (where kind = 'rejected') from ("
        "select snapshot, 'creator' as kind from validated.profiles "
        "union all select snapshot, 'creator' from validated.creator_activity "
        "union all select snapshot, 'video' from validated.videos where origin = 'delivered' "
        "union all select snapshot, 'rejected' from validated.rejected"
        ") where snapshot in (select unnest(?)) group by 1",
        [list(keys)],
    )
    return {snapshot: (valid, videos, rejected) for snapshot, valid, videos, rejected in rows}


def _personas(database: ReadOnlyDatabase, keys: Sequence[str]) -> dict[tuple[str, str], list[PersonaSummary]]:
    """Return the segments by (snapshot, study), the largest first."""
    _, rows = database.rows(
        "select snapshot, study, persona, profiles, profiles_in_fit, share, verdict from personas.summaries "
        "where snapshot in (select unnest(?)) order by snapshot, study, profiles desc",
        [list(keys)],
    )
    personas: dict[tuple[str, str], list[PersonaSummary]] = {}
    for snapshot, study, *cells in rows:
        personas.setdefault((snapshot, study), []).append(PersonaSummary(*cells))
    return personas


def _bases(database: ReadOnlyDatabase, keys: Sequence[str]) -> dict[tuple[str, str], str]:
    """Return what the response is measured by, by (snapshot, study), of the studies with more than one basis."""
    _, rows = database.rows(
        "select distinct snapshot, study, basis from clusters.fits where basis is not null "
        "and snapshot in (select unnest(?))",
        [list(keys)],
    )
    return {(snapshot, study): basis for snapshot, study, basis in rows}


def _shown_snapshots(database: ReadOnlyDatabase) -> dict[tuple[str, str], str]:
    """Return the newest snapshot with a model, by (stage, study): the one that the view of the study shows."""
    _, rows = database.rows(
        "select 'clusters', study, max(snapshot) from clusters.models group by 2 "
        "union all select 'classifiers', study, max(snapshot) from classifiers.models group by 2"
    )
    return {(stage, study): snapshot for stage, study, snapshot in rows}


def _reasons(database: ReadOnlyDatabase, keys: Sequence[str]) -> dict[tuple[str, str], list[str]]:
    """Return why a part of a study could not be computed, by (snapshot, study)."""
    from tiktok_pipeline.classifiers.card_items import REASON_ITEMS

    _, rows = database.rows(
        "select snapshot, study, note from clusters.fits where note is not null "
        "and snapshot in (select unnest(?)) "
        "union select snapshot, study, value from classifiers.cards where item in (select unnest(?)) "
        "and snapshot in (select unnest(?)) order by all",
        [list(keys), list(REASON_ITEMS), list(keys)],
    )
    reasons: dict[tuple[str, str], list[str]] = {}
    for snapshot, study, reason in rows:
        reasons.setdefault((snapshot, study), []).append(reason)
    return reasons


def print_summary(settings: Settings, summaries: Sequence[SnapshotSummary], studies: Sequence[Study]) -> None:
    """Print the segments of the newest snapshot as a table on stdout, and what to know and do next as notes."""
    shown = summaries[-_SHOWN_SNAPSHOTS:]
    if len(shown) < len(summaries):
        info(f"{len(summaries)} snapshots are complete; the newest {len(shown)}:")
    rows = [
        (
            summary.snapshot,
            study.study,
            persona.persona,
            persona.profiles,
            persona.profiles_in_fit,
            round(100 * persona.share, 1),
            persona.verdict,
        )
        for summary in shown[-1:]
        for study in sorted(summary.studies, key=lambda study: study.study)
        for persona in study.personas
    ]
    print_rows(_COLUMNS, rows, "table")
    if len(shown) > 1:
        info(f"these are the segments of the newest snapshot, {shown[-1].snapshot}; the others are in their reports")
    notes = {
        (study.name, basis.basis): basis.basis_note
        for study in studies
        for basis in (study.segmentation.bases if study.segmentation else ())
    }
    for summary in shown:
        rejected = f"{summary.rejected_rows:,} rejected"
        reasons = ", with the reasons in validated.rejected" if summary.rejected_rows else ""
        videos = f" ({summary.video_rows:,} of them videos)" if summary.video_rows else ""
        info(f"snapshot {summary.snapshot}: {summary.valid_rows:,} valid rows{videos}, {rejected}{reasons}")
        for study in summary.studies:
            for remark in _remarks(summary.snapshot, study, notes):
                info(f"snapshot {summary.snapshot}: {study.study} {remark}")
    for summary in shown:
        info(f"report: {summary.report}")
    info(f"published tables: {settings.published_file}")
    info("next:")
    for command in _next_commands(shown, studies):
        info(f"  {command}")


def _remarks(snapshot: str, study: StudySummary, notes: Mapping[tuple[str, str], str]) -> Iterator[str]:
    """Yield what a reader of the study's segments must know."""
    if note := notes.get((study.study, study.basis or "")):
        yield f"compares creators by {study.basis}: {note}"
    if study.incomplete_because:
        yield f"is incomplete: {study.incomplete_because}"
        if study.shown_snapshot and study.shown_snapshot != snapshot:
            yield f"has results in snapshot {study.shown_snapshot}, which segments.{study.study} shows"


def _next_commands(summaries: Sequence[SnapshotSummary], studies: Sequence[Study]) -> list[str]:
    """Return the commands to run next; the query is of the study to plan with, or of another that was refreshed."""
    from tiktok_pipeline.reports.report_model import RECOMMENDED_STUDY

    commands = [f"tiktok-pipeline report {summaries[-1].snapshot} --open"]
    refreshed = [study for summary in reversed(summaries) for study in summary.studies]
    if refreshed:
        chosen = min(refreshed, key=lambda study: (not study.has_results, study.study != RECOMMENDED_STUDY))
        has_segments = next(study.segmentation is not None for study in studies if study.name == chosen.study)
        commands.append(f'tiktok-pipeline sql "{_query_of(chosen, has_segments=has_segments)}"')
        if chosen.has_results:
            commands.append(f"tiktok-pipeline export {chosen.study} --out {chosen.study}.xlsx")
    return [*commands, "tiktok-pipeline explore --open", "tiktok-pipeline ui"]


def _query_of(study: StudySummary, *, has_segments: bool) -> str:
    """Return a query of the results of a study, or of the reason why it has none."""
    name = study.study
    if has_segments and study.has_results:
        return f"select persona, count(*) as creators from segments.{name} group by all order by 2 desc"  # noqa: S608
    if has_segments:
        return f"select persona, note, count(*) as creators from segments.{name} group by all"  # noqa: S608
    if study.has_results:
        return f"select account_id, score from segments.{name} order by score desc limit 10"  # noqa: S608
    return f"select item, value from classifiers.cards where study = '{name}'"  # noqa: S608


def refresh_document(
    settings: Settings, result: RefreshResult, summaries: Sequence[SnapshotSummary]
) -> dict[str, Any]:
    """Return the JSON document of a refresh; its keys are described in the help of the command."""
    by_key = {summary.snapshot: summary for summary in summaries}
    error = None
    if result.failed:
        message = f"{len(result.failed)} of {len(result.outcomes)} snapshots failed: {', '.join(result.failed)}"
        error = error_document("snapshots_failed", message)
    elif result.refused:
        message = f"{len(result.refused)} file(s) cannot be read"
        error = error_document("files_refused", message, f"see {settings.refused}")
    return {
        "ok": error is None,
        "error": error,
        "snapshots": [
            _snapshot_document(key, result, by_key.get(key)) for key in sorted([*result.outcomes, *result.complete])
        ],
        "refused": [{"file": str(entry.path(settings.refused)), "reason": entry.reason} for entry in result.refused],
        "published": str(settings.published_file) if summaries else None,
    }


def _snapshot_document(key: str, result: RefreshResult, summary: SnapshotSummary | None) -> dict[str, Any]:
    outcome = result.outcomes.get(key)
    failure = outcome.failure if outcome else None
    return {
        "snapshot": key,
        "run_id": outcome.run_id if outcome else None,
        "ok": failure is None,
        "error": error_document(failure.code, failure.message, result.remedies.get(key)) if failure else None,
        "warnings": [asdict(warning) for warning in outcome.warnings] if outcome else [],
        "valid_rows": summary.valid_rows if summary else None,
        "rejected_rows": summary.rejected_rows if summary else None,
        "studies": [asdict(study) for study in summary.studies] if summary else [],
        "report": str(summary.report) if summary else None,
    }
