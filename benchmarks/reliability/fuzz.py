"""Ingests and refreshes generated deliveries, most of them damaged, in a home that has a valid snapshot.

Each delivery must be refused with a readable reason, or refreshed without losing a row, or fail with an expected
error. The valid snapshot must not change and no files may be left. `benchmarks.reliability.damage` has the damages.
"""

from __future__ import annotations

import contextlib
import re
import shutil
import tempfile
import time
import traceback
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date, timedelta
from functools import partial
from pathlib import Path

import narwhals as nw
from dagster import AssetKey, AssetSelection, DagsterEventType, DagsterInstance, JobDefinition

import tiktok_pipeline.studies
from benchmarks import record
from benchmarks.record import RESULTS
from benchmarks.reliability.damage import Delivery, delivery
from benchmarks.reliability.draft import FIGURES
from benchmarks.reliability.intact_figures import DAMAGES_WITH_FIGURES, wrong_figures
from benchmarks.reliability.states import LEFTOVERS, Slices, slices_of
from tiktok_pipeline.assembly import build_definitions, open_engine, open_warehouse, refresh_job
from tiktok_pipeline.home.layout import REASON_SUFFIX
from tiktok_pipeline.home.lock import home_lock
from tiktok_pipeline.home.manifest import file_sha256, read_manifest
from tiktok_pipeline.ingest.inbox import IngestResult, ingest_inbox
from tiktok_pipeline.ingest.options import IngestOptions
from tiktok_pipeline.orchestration.maintenance.snapshots import delete_snapshot_records
from tiktok_pipeline.orchestration.partitions import add_snapshots
from tiktok_pipeline.orchestration.runs.refresh import refresh_snapshot, step_logger
from tiktok_pipeline.orchestration.runs.tags import refresh_tags
from tiktok_pipeline.raw.snapshots import is_finished
from tiktok_pipeline.sample import write_sample
from tiktok_pipeline.settings import Settings
from tiktok_pipeline.study import Study, load_studies
from tiktok_pipeline.tables import TABLES
from tiktok_pipeline.upkeep.prune import prune
from tiktok_pipeline.warehouse.duckdb.connection import open_read_only

ACCEPTED, REFUSED, FAILED, LEFT, BROKE = "accepted", "refused", "failed plainly", "left alone", "broke"
OUTCOMES = (ACCEPTED, REFUSED, FAILED, LEFT, BROKE)
GOOD = "2020-01-01"
LARGEST_BYTES = 24 * 1000**2
LONGEST_REASON = 2_500
MOST_LINES = 3
HASH_EVERY = 50
_FIRST_DAY = date(2030, 1, 1)
_TURNS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_INSIDES = re.compile(r"Traceback|\.py\b|site-packages|File \"")

Log = Callable[[str], None]


@dataclass(frozen=True)
class Trial:
    """The outcome of a delivery; ``why`` is the reason that a user reads, ``violations`` are broken rules."""

    number: int
    damage: str
    name: str
    outcome: str
    why: str
    seconds: float
    violations: tuple[str, ...]


@dataclass(frozen=True)
class FuzzHome:
    """The home in which deliveries are tried, and the state of its valid snapshot."""

    settings: Settings
    studies: tuple[Study, ...]
    job: JobDefinition
    selection: tuple[AssetKey, ...]
    instance: DagsterInstance
    slices: tuple[tuple[object, ...], ...] = ()
    hashes: Slices | None = None
    files: frozenset[str] = frozenset()


@contextlib.contextmanager
def prepare_home(work: Path, *, whole: bool = True) -> Iterator[FuzzHome]:
    """Yield a home with a valid snapshot; unless ``whole``, without studies and features."""
    study = next(study for study in load_studies(tiktok_pipeline.studies) if study.name == "influencer_segments")
    assert study.segmentation is not None  # noqa: S101 - it is a study of segments
    studies = (replace(study, segmentation=replace(study.segmentation, draws=4)),)
    settings = Settings(
        home=work / "home", settle_seconds=0.01, largest_file_bytes=LARGEST_BYTES, freshness_days=1e5, pictures=False
    )
    definitions = build_definitions(settings, studies, logger=step_logger(lambda _: None))
    graph = definitions.resolve_asset_graph()
    shared = AssetSelection.groups("raw", "validated", *(["features", "creators"] if whole else []))
    selection = tuple(sorted(shared.resolve(graph)))
    with DagsterInstance.ephemeral() as instance:
        ground = FuzzHome(settings, studies, refresh_job(definitions), selection, instance)
        settings.incoming.mkdir(parents=True)
        write_sample(settings.incoming, profiles=150, snapshots=1, random_state=1, activity=60)
        taken = _ingest(ground, GOOD)
        wanted = shared | AssetSelection.groups(study.name) if whole else shared
        why = _refresh(replace(ground, selection=tuple(sorted(wanted.resolve(graph)))), GOOD)[1]
        if taken.refused or why:
            msg = f"the good snapshot cannot be made: {why or taken.refused[0].reason}"
            raise RuntimeError(msg)
        yield replace(ground, slices=_slices(ground), hashes=_hashes(ground), files=_files(ground))


def try_delivery(ground: FuzzHome, file: Delivery) -> Trial:
    """Deliver a file, refresh its snapshot if it is registered, check everything, and drop the snapshot."""
    started = time.monotonic()
    key = str(_FIRST_DAY + timedelta(days=file.number))
    broken: list[str] = []
    (ground.settings.incoming / file.name).write_bytes(file.content)
    try:
        outcome, why = _process(ground, file, key, broken)
    except Exception as error:  # noqa: BLE001 - a user would have seen any of them
        outcome, why = BROKE, _end_of(error)
        broken.append(f"an unexpected error: {why}")
    broken += _side_effects(ground, key)
    try:
        _drop_snapshot(ground, key)
        if left := sorted(_files(ground) ^ ground.files):
            broken.append(f"not as before when the snapshot is dropped: {left[:5]}")
    except Exception as error:  # noqa: BLE001
        broken.append(f"the snapshot cannot be dropped: {_end_of(error)}")
    seconds = round(time.monotonic() - started, 3)
    return Trial(file.number, file.damage, file.name, outcome, why, seconds, tuple(broken))


def _process(ground: FuzzHome, file: Delivery, key: str, broken: list[str]) -> tuple[str, str]:
    """Ingest the file and refresh; return (outcome, reason) and add violations to ``broken``."""
    found = _ingest(ground, key)
    if not is_finished(Path(file.name)):  # the name says that it is still being written
        if (ground.settings.incoming / file.name).read_bytes() != file.content or found != IngestResult():
            broken.append("a file with an unfinished name was touched")
        return LEFT, ""
    if left := [path.name for path in ground.settings.incoming.iterdir() if path != ground.settings.refused]:
        broken.append(f"left in incoming: {left}")
    if found.refused:
        broken += _refusal_problems(ground, file, found, key)
        return REFUSED, found.refused[0].reason
    if len(found.registered) != 1 or found.registered[0].outcome != "new":
        broken.append(f"neither registered nor refused: {found}")
    outcome, why = _refresh(ground, key)
    if outcome == ACCEPTED:
        broken += _balance_problems(ground, key)
        broken += _figure_problems(ground, key) if file.damage in DAMAGES_WITH_FIGURES else []
    else:
        broken += reason_problems(why, most_lines=1)
        broken += ["the failure is not an expected one"] if outcome == BROKE else []
    return outcome, why


def _ingest(ground: FuzzHome, key: str) -> IngestResult:
    with open_engine(ground.settings) as engine, home_lock(ground.settings.lock_file, timeout_seconds=60):
        return ingest_inbox(ground.settings, engine, IngestOptions(snapshot=key))


def _refresh(ground: FuzzHome, key: str) -> tuple[str, str]:
    """Run the job; return (outcome, reason), for an unexpected failure with the end of its stack."""
    add_snapshots(ground.instance, [key])
    outcome = refresh_snapshot(
        ground.job,
        key,
        instance=ground.instance,
        tags=refresh_tags(key, read_manifest(ground.settings.raw / key)),
        selection=ground.selection,
        quiet=True,
    )
    if outcome.failure is None:
        return ACCEPTED, ""
    if outcome.failure.is_expected:
        return FAILED, outcome.failure.message
    return BROKE, f"in step {outcome.failure.step}: {outcome.failure.message} [{_stack(ground, outcome.run_id)}]"


def _stack(ground: FuzzHome, run_id: str) -> str:
    """Return the end of the stack of the root cause, from Dagster's event log."""
    for entry in ground.instance.all_logs(run_id, of_type=DagsterEventType.STEP_FAILURE):
        error = entry.dagster_event.step_failure_data.error if entry.dagster_event else None
        while error is not None and error.cause is not None:
            error = error.cause
        if error is not None:
            return " | ".join(" ".join(line.split()) for line in error.stack[-3:])
    return "no stack"


def _end_of(error: Exception) -> str:
    """Return an error with the last places of its stack."""
    places = traceback.extract_tb(error.__traceback__)[-4:]
    stack = " < ".join(f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in reversed(places))
    return f"{type(error).__name__}: {error!s:.300} [{stack}]"


# Rules.


def reason_problems(text: str, *, most_lines: int = MOST_LINES) -> list[str]:
    """List what makes a reason unreadable for a user."""
    lines = text.split("\n")
    found = [f"the reason has {len(lines)} lines"] if len(lines) > most_lines else []
    if not text.strip():
        found.append("the reason is empty")
    if len(text) > LONGEST_REASON:
        found.append(f"the reason has {len(text)} characters")
    if inside := _INSIDES.search(text):
        found.append(f"the reason shows internals of the program: {inside[0]}")
    odd = sorted(
        {
            character
            for character in "".join(lines)
            if character in _TURNS or unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp")
        }
    )
    if odd:
        found.append(f"the reason holds control characters: {''.join(odd)!a}")
    return found


def _refusal_problems(ground: FuzzHome, file: Delivery, found: IngestResult, key: str) -> list[str]:
    """List what is wrong with a refused file."""
    (refused,) = found.refused
    folder = ground.settings.refused
    broken = reason_problems(refused.reason)
    expected = sorted([refused.file, f"{refused.file}{REASON_SUFFIX}"])
    there = sorted(path.name for path in folder.iterdir())
    if there != expected:
        return [*broken, f"refused/ has {there}, expected {expected}"]
    if (folder / refused.file).read_bytes() != file.content:
        broken.append("the refused file is not what was delivered")
    if (folder / f"{refused.file}{REASON_SUFFIX}").read_text(encoding="utf-8").strip() != refused.reason.strip():
        broken.append("the text beside the refused file is not the reason")
    if found.registered or (ground.settings.raw / key).exists():
        broken.append("the file was refused and stored too")
    return broken


def _balance_problems(ground: FuzzHome, key: str) -> list[str]:
    """List rows that were lost or doubled between manifest, raw and validated tables and features."""
    manifest = read_manifest(ground.settings.raw / key)
    (entry,) = manifest
    stored = ground.settings.raw / key / entry.file
    broken = [] if file_sha256(stored) == entry.stored_sha256 else ["the stored file differs from its manifest"]
    with open_read_only(ground.settings.warehouse_file) as reader:

        def count(table: str) -> int:
            return int(reader.rows(f"select count(*) from {table} where snapshot = ?", [key])[1][0][0])  # noqa: S608

        good, rejected = count(f"validated.{entry.source}"), count("validated.rejected")
        has_features = AssetKey(["features", entry.source]) in ground.selection
        features = count(f"features.{entry.source}") if has_features else good
    raw = _raw_rows(ground, key, entry.source)
    if not entry.rows == raw == good + rejected or features != good:
        counts = f"manifest {entry.rows}, raw {raw}, validated {good}, rejected {rejected}, features {features}"
        broken.append(f"rows do not balance: {counts}")
    return broken


def _figure_problems(ground: FuzzHome, key: str) -> list[str]:
    """List the creators that have another's counts."""
    with open_read_only(ground.settings.warehouse_file) as reader:
        columns = ", ".join(("account_id", *FIGURES))
        return wrong_figures(reader.rows(f"select {columns} from validated.profiles where snapshot = ?", [key])[1])  # noqa: S608


def _raw_rows(ground: FuzzHome, key: str, source: str) -> int:
    """Count the rows of ``raw.<source>`` as the pipeline reads them: stored or external."""
    with open_warehouse(ground.settings) as warehouse:
        rows = warehouse.read_slice(TABLES[f"raw.{source}"].spec, {"snapshot": key})
        return int(rows.select(nw.len().alias("rows")).collect("pyarrow").item(0, "rows"))


def _side_effects(ground: FuzzHome, key: str) -> list[str]:
    """List what a delivery changed in the rest of the home."""
    broken = [] if _slices(ground) == ground.slices else ["slices of the valid snapshot were written again"]
    raw, there = ground.settings.raw, _files(ground)
    mine = (raw / key, *(raw / key).glob("*"), ground.settings.reports / key)
    if new := sorted(there - ground.files - {str(path.relative_to(ground.settings.home)) for path in mine}):
        broken.append(f"left in the home: {new[:5]}")
    if gone := sorted(ground.files - there):
        broken.append(f"gone from the home: {gone[:5]}")
    if drafts := [path.name for pattern in LEFTOVERS for path in raw.rglob(pattern)] + [
        path.name for path in raw.rglob(".*")
    ]:
        broken.append(f"left in raw: {drafts[:5]}")
    return broken


def _files(ground: FuzzHome) -> frozenset[str]:
    """Return the paths in the home and beside it, without the content of the incoming folder."""
    home = ground.settings.home
    beside = {f"../{path.name}" for path in home.parent.iterdir()}
    inside = {str(path.relative_to(home)) for path in home.rglob("*") if ground.settings.incoming not in path.parents}
    return frozenset(beside | inside)


def _slices(ground: FuzzHome) -> tuple[tuple[object, ...], ...]:
    with open_read_only(ground.settings.warehouse_file) as reader:
        return tuple(reader.rows("select * from meta.slices where snapshot = ? order by all", [GOOD])[1])


def _hashes(ground: FuzzHome) -> Slices:
    return slices_of(ground.settings.warehouse_file, read_only=True)


def content_changed(ground: FuzzHome) -> list[str]:
    """Report a changed row of the valid snapshot, or a row of a dropped snapshot."""
    return [] if _hashes(ground) == ground.hashes else ["the tables are not what they were before"]


def _drop_snapshot(ground: FuzzHome, key: str) -> None:
    """Drop the snapshot as `prune` does, and empty the incoming folder."""
    shutil.rmtree(ground.settings.incoming)
    ground.settings.incoming.mkdir()
    with open_warehouse(ground.settings) as warehouse:
        delete = partial(delete_snapshot_records, ground.instance)
        prune(ground.settings, [key], warehouse=warehouse, studies=ground.studies, delete_records=delete)


# All deliveries.


def fuzz(
    numbers: Sequence[int],
    *,
    seed: int,
    log: Log = lambda _: None,
    keep: Path | None = None,
    whole: bool = True,
    features_every: int = 1,
) -> list[Trial]:
    """Try the deliveries of these numbers; those that break a rule are written to the folder ``keep``.

    All are validated; every ``features_every``-th goes on to the features, which take half of the time.
    """
    trials: list[Trial] = []
    with (
        tempfile.TemporaryDirectory(prefix="benchmark-") as folder,
        prepare_home(Path(folder), whole=whole) as ground,
    ):
        started = time.monotonic()
        validated_only = replace(
            ground, selection=tuple(key for key in ground.selection if key.path[0] != "features")
        )
        for done, number in enumerate(numbers, start=1):
            file = delivery(number, seed)
            trial = try_delivery(ground if number % features_every == 0 else validated_only, file)
            if done % HASH_EVERY == 0 or done == len(numbers):
                trial = replace(trial, violations=(*trial.violations, *content_changed(ground)))
                log(f"{done} of {len(numbers)}, {(time.monotonic() - started) / done:.2f} s each")
            trials.append(trial)
            if trial.violations:
                log(f"file {number} breaks a rule{f', written to {write(file, keep)!a}' if keep else ''}")
    return trials


def write(file: Delivery, folder: Path) -> Path:
    """Write a delivery under its name into a folder of its number, and return the path."""
    path = folder / str(file.number) / file.name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(file.content)
    return path


def table(trials: Sequence[Trial]) -> tuple[list[str], list[tuple[str | int, ...]]]:
    """Count the outcomes by damage; return (column names, rows), the last row for all."""
    kinds = list(dict.fromkeys(trial.damage for trial in trials))
    rows: list[tuple[str | int, ...]] = []
    for kind in (*kinds, "all"):
        in_group = [trial for trial in trials if kind in ("all", trial.damage)]
        counts = (sum(trial.outcome == outcome for trial in in_group) for outcome in OUTCOMES)
        rows.append((kind, len(in_group), *counts, sum(bool(trial.violations) for trial in in_group)))
    return ["damage", "files", *OUTCOMES, "violations"], rows


def violation_lines(trials: Sequence[Trial], seed: int) -> list[str]:
    """Describe every violation, and how to reproduce its file."""
    return [
        f"file {trial.number} ({trial.damage}, {trial.name!a:.80}): {problem}\n"
        f"  again: python -m benchmarks fuzz --seed {seed} --only {trial.number} --keep DIR"
        for trial in trials
        for problem in trial.violations
    ]


def save(
    trials: Sequence[Trial],
    settings: Mapping[str, object],
    folder: Path = RESULTS,
    *,
    texts: Mapping[str, int] | None = None,
) -> Path:
    """Save the trials with the settings and the machine in a new file and return its path."""
    names, rows = table(trials)
    found = {
        "settings": dict(settings),
        "damages": [dict(zip(names, row, strict=True)) for row in rows],
        "texts with check sums": dict(texts or {}),
        "violations": [asdict(trial) for trial in trials if trial.violations],
        "slowest": [asdict(trial) for trial in sorted(trials, key=lambda trial: -trial.seconds)[:5]],
    }
    return record.save("fuzz", found, folder)
