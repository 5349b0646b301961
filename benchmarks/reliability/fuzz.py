"""A thousand generated deliveries, most of them damaged, taken in and refreshed in one home that has a good snapshot.

Each is refused with a plain reason, or refreshed with no row lost, or fails with an error that is foreseen; the good
snapshot stays as it was, and nothing is left lying about. See `benchmarks.reliability.damage` for what is done to the files.
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
from benchmarks.reliability.states import LEFTOVERS, Slices, slices_of
from tiktok_pipeline.assembly import build_definitions, open_engine, open_warehouse, refresh_job
from tiktok_pipeline.home.layout import REASON_SUFFIX
from tiktok_pipeline.home.lock import home_lock
from tiktok_pipeline.home.manifest import file_sha256, read_manifest
from tiktok_pipeline.ingest.inbox import IngestResult, ingest_inbox
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

Say = Callable[[str], None]


@dataclass(frozen=True)
class Trial:
    """What came of one delivery; ``why`` is the reason that was told, ``violations`` what should not be."""

    number: int
    damage: str
    name: str
    outcome: str
    why: str
    seconds: float
    violations: tuple[str, ...]


@dataclass(frozen=True)
class Ground:
    """The home in which all deliveries are tried, and how its good snapshot looks."""

    settings: Settings
    studies: tuple[Study, ...]
    job: JobDefinition
    selection: tuple[AssetKey, ...]
    instance: DagsterInstance
    slices: tuple[tuple[object, ...], ...] = ()
    hashes: Slices | None = None
    files: frozenset[str] = frozenset()


@contextlib.contextmanager
def prepared(work: Path, *, whole: bool = True) -> Iterator[Ground]:
    """A home with one good snapshot; unless ``whole``, no study is computed of it and no features of anything."""
    study = next(one for one in load_studies(tiktok_pipeline.studies) if one.name == "influencer_segments")
    assert study.segmentation is not None  # noqa: S101 - it is a study of segments
    studies = (replace(study, segmentation=replace(study.segmentation, draws=4)),)
    settings = Settings(
        home=work / "home", settle_seconds=0.01, largest_file_bytes=LARGEST_BYTES, freshness_days=1e5, pictures=False
    )
    definitions = build_definitions(settings, studies, logger=step_logger(lambda _: None))
    graph = definitions.resolve_asset_graph()
    shared = AssetSelection.groups("raw", "validated", *(["features"] if whole else []))
    selection = tuple(sorted(shared.resolve(graph)))
    with DagsterInstance.ephemeral() as instance:
        ground = Ground(settings, studies, refresh_job(definitions), selection, instance)
        settings.incoming.mkdir(parents=True)
        write_sample(settings.incoming, profiles=150, snapshots=1, random_state=1, activity=60)
        taken = _take_in(ground, GOOD)
        wanted = shared | AssetSelection.groups(study.name) if whole else shared
        why = _refresh(replace(ground, selection=tuple(sorted(wanted.resolve(graph)))), GOOD)[1]
        if taken.refused or why:
            msg = f"the good snapshot cannot be made: {why or taken.refused[0].reason}"
            raise RuntimeError(msg)
        yield replace(ground, slices=_slices(ground), hashes=_hashes(ground), files=_files(ground))


def try_delivery(ground: Ground, one: Delivery) -> Trial:
    """Deliver a file, refresh its snapshot if it is taken, look at everything, and drop it again."""
    started = time.monotonic()
    key = str(_FIRST_DAY + timedelta(days=one.number))
    broken: list[str] = []
    (ground.settings.incoming / one.name).write_bytes(one.content)
    try:
        outcome, why = _treated(ground, one, key, broken)
    except Exception as problem:  # noqa: BLE001 - whatever it is, a person would have seen it
        outcome, why = BROKE, _end_of(problem)
        broken.append(f"an unforeseen error: {why}")
    broken += _strange(ground, key)
    try:
        _clear(ground, key)
        if left := sorted(_files(ground) ^ ground.files):
            broken.append(f"not as before when the snapshot is dropped: {left[:5]}")
    except Exception as problem:  # noqa: BLE001
        broken.append(f"the snapshot cannot be dropped: {_end_of(problem)}")
    seconds = round(time.monotonic() - started, 3)
    return Trial(one.number, one.damage, one.name, outcome, why, seconds, tuple(broken))


def _treated(ground: Ground, one: Delivery, key: str, broken: list[str]) -> tuple[str, str]:
    """Take the file in and refresh; gives (outcome, reason) and adds to ``broken``."""
    found = _take_in(ground, key)
    if not is_finished(Path(one.name)):  # by its name somebody still writes it
        if (ground.settings.incoming / one.name).read_bytes() != one.content or found != IngestResult():
            broken.append("a file with an unfinished name was touched")
        return LEFT, ""
    if left := [path.name for path in ground.settings.incoming.iterdir() if path != ground.settings.refused]:
        broken.append(f"left in incoming: {left}")
    if found.refused:
        broken += _badly_refused(ground, one, found, key)
        return REFUSED, found.refused[0].reason
    if len(found.registered) != 1 or found.registered[0].outcome != "new":
        broken.append(f"neither taken nor refused: {found}")
    outcome, why = _refresh(ground, key)
    if outcome == ACCEPTED:
        broken += _unbalanced(ground, key)
    else:
        broken += unplain(why, most_lines=1)
        broken += ["the failure is not foreseen"] if outcome == BROKE else []
    return outcome, why


def _take_in(ground: Ground, key: str) -> IngestResult:
    with open_engine(ground.settings) as engine, home_lock(ground.settings.lock_file, timeout_seconds=60):
        return ingest_inbox(ground.settings, engine, snapshot=key)


def _refresh(ground: Ground, key: str) -> tuple[str, str]:
    """Run the job; gives (outcome, reason), the reason of an unforeseen failure with the end of its stack."""
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


def _stack(ground: Ground, run_id: str) -> str:
    """Where the root of a failure was raised, from Dagster's record."""
    for entry in ground.instance.all_logs(run_id, of_type=DagsterEventType.STEP_FAILURE):
        error = entry.dagster_event.step_failure_data.error if entry.dagster_event else None
        while error is not None and error.cause is not None:
            error = error.cause
        if error is not None:
            return " | ".join(" ".join(line.split()) for line in error.stack[-3:])
    return "no stack"


def _end_of(problem: Exception) -> str:
    """An error with the last places of the stack from which it came."""
    places = traceback.extract_tb(problem.__traceback__)[-4:]
    stack = " < ".join(f"{Path(one.filename).name}:{one.lineno} {one.name}" for one in reversed(places))
    return f"{type(problem).__name__}: {problem!s:.300} [{stack}]"


# What should not be.


def unplain(text: str, *, most_lines: int = MOST_LINES) -> list[str]:
    """What in a reason a person should not have to read."""
    lines = text.split("\n")
    found = [f"the reason has {len(lines)} lines"] if len(lines) > most_lines else []
    if not text.strip():
        found.append("the reason is empty")
    if len(text) > LONGEST_REASON:
        found.append(f"the reason has {len(text)} characters")
    if inside := _INSIDES.search(text):
        found.append(f"the reason shows the program's insides: {inside[0]}")
    odd = sorted(
        {one for one in "".join(lines) if one in _TURNS or unicodedata.category(one) in ("Cc", "Cs", "Zl", "Zp")}
    )
    if odd:
        found.append(f"the reason holds control characters: {''.join(odd)!a}")
    return found


def _badly_refused(ground: Ground, one: Delivery, found: IngestResult, key: str) -> list[str]:
    """What is wrong with how the file was set aside."""
    (refused,) = found.refused
    folder = ground.settings.refused
    broken = unplain(refused.reason)
    expected = sorted([refused.file, f"{refused.file}{REASON_SUFFIX}"])
    there = sorted(path.name for path in folder.iterdir())
    if there != expected:
        return [*broken, f"in refused/ lies {there}, expected {expected}"]
    if (folder / refused.file).read_bytes() != one.content:
        broken.append("the refused file is not what was delivered")
    if (folder / f"{refused.file}{REASON_SUFFIX}").read_text(encoding="utf-8").strip() != refused.reason.strip():
        broken.append("the text beside the refused file is not the reason")
    if found.registered or (ground.settings.raw / key).exists():
        broken.append("the file was refused and stored too")
    return broken


def _unbalanced(ground: Ground, key: str) -> list[str]:
    """Where rows were lost or doubled between the manifest, the raw and the validated tables and the features."""
    manifest = read_manifest(ground.settings.raw / key)
    (entry,) = manifest
    stored = ground.settings.raw / key / entry.file
    broken = [] if file_sha256(stored) == entry.stored_sha256 else ["the stored file is not what its manifest says"]
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


def _raw_rows(ground: Ground, key: str, source: str) -> int:
    """The rows of ``raw.<source>`` as the program reads them: stored, or where they lie."""
    with open_warehouse(ground.settings) as warehouse:
        rows = warehouse.read_slice(TABLES[f"raw.{source}"].spec, {"snapshot": key})
        return int(rows.select(nw.len().alias("rows")).collect("pyarrow").item(0, "rows"))


def _strange(ground: Ground, key: str) -> list[str]:
    """What a delivery did to the rest of the home."""
    broken = [] if _slices(ground) == ground.slices else ["slices of the good snapshot were written anew"]
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


def _files(ground: Ground) -> frozenset[str]:
    """What lies in the home and beside it, the incoming folder's content left out."""
    home = ground.settings.home
    beside = {f"../{path.name}" for path in home.parent.iterdir()}
    inside = {str(path.relative_to(home)) for path in home.rglob("*") if ground.settings.incoming not in path.parents}
    return frozenset(beside | inside)


def _slices(ground: Ground) -> tuple[tuple[object, ...], ...]:
    with open_read_only(ground.settings.warehouse_file) as reader:
        return tuple(reader.rows("select * from meta.slices where snapshot = ? order by all", [GOOD])[1])


def _hashes(ground: Ground) -> Slices:
    return slices_of(ground.settings.warehouse_file, read_only=True)


def content_changed(ground: Ground) -> list[str]:
    """Whether any row of the good snapshot differs, or one of a dropped snapshot is still there."""
    return [] if _hashes(ground) == ground.hashes else ["the tables are not what they were before"]


def _clear(ground: Ground, key: str) -> None:
    """Drop the snapshot as `prune` does, and what lies in the incoming folder."""
    shutil.rmtree(ground.settings.incoming)
    ground.settings.incoming.mkdir()
    with open_warehouse(ground.settings) as warehouse:
        delete = partial(delete_snapshot_records, ground.instance)
        prune(ground.settings, [key], warehouse=warehouse, studies=ground.studies, delete_records=delete)


# All of them.


def fuzz(
    numbers: Sequence[int], *, seed: int, say: Say = lambda _: None, keep: Path | None = None, whole: bool = True
) -> list[Trial]:
    """Try the deliveries of these numbers one after the other; those that break a rule are written to ``keep``."""
    trials: list[Trial] = []
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder, prepared(Path(folder), whole=whole) as ground:
        started = time.monotonic()
        for done, number in enumerate(numbers, start=1):
            one = delivery(number, seed)
            trial = try_delivery(ground, one)
            if done % HASH_EVERY == 0 or done == len(numbers):
                trial = replace(trial, violations=(*trial.violations, *content_changed(ground)))
                say(f"{done} of {len(numbers)}, {(time.monotonic() - started) / done:.2f} s each")
            trials.append(trial)
            if trial.violations:
                say(f"file {number} breaks a rule{f', written to {write(one, keep)!a}' if keep else ''}")
    return trials


def write(one: Delivery, folder: Path) -> Path:
    """Write a delivery under its own name into a folder of its number."""
    path = folder / str(one.number) / one.name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(one.content)
    return path


def table(trials: Sequence[Trial]) -> tuple[list[str], list[tuple[str | int, ...]]]:
    """How many deliveries of each damage ended how: (names, rows), the last row for all."""
    kinds = list(dict.fromkeys(one.damage for one in trials))
    rows: list[tuple[str | int, ...]] = []
    for kind in (*kinds, "all"):
        ones = [one for one in trials if kind in ("all", one.damage)]
        counts = (sum(one.outcome == outcome for one in ones) for outcome in OUTCOMES)
        rows.append((kind, len(ones), *counts, sum(bool(one.violations) for one in ones)))
    return ["damage", "files", *OUTCOMES, "violations"], rows


def told(trials: Sequence[Trial], seed: int) -> list[str]:
    """Every violation with its file, and how that is made again."""
    return [
        f"file {one.number} ({one.damage}, {one.name!a:.80}): {problem}\n"
        f"  again: python -m benchmarks fuzz --seed {seed} --only {one.number} --keep DIR"
        for one in trials
        for problem in one.violations
    ]


def save(trials: Sequence[Trial], settings: Mapping[str, object], folder: Path = RESULTS) -> Path:
    """Write the result with the machine to a file of the day that was not there before; gives its path."""
    names, rows = table(trials)
    found = {
        "settings": dict(settings),
        "damages": [dict(zip(names, row, strict=True)) for row in rows],
        "violations": [asdict(one) for one in trials if one.violations],
        "slowest": [asdict(one) for one in sorted(trials, key=lambda one: -one.seconds)[:5]],
    }
    return record.save("fuzz", found, folder)
