"""Measures whether segments hold still: over the snapshots of a sample, and for a scrape that did not change at all.

Every step from file to segments is that of a refresh, without Dagster and without the stability, which is not read
here.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq

import tiktok_pipeline.studies
from benchmarks.performance.creators import store_creator_tables
from tiktok_pipeline.analysis.earlier_fit import read_earlier_fit
from tiktok_pipeline.analysis.fit_inputs import build_fit_inputs
from tiktok_pipeline.analysis.migration import migrate_study
from tiktok_pipeline.analysis.segmentation import assign_study, build_personas, carried_names, fit_study
from tiktok_pipeline.clusters.model import from_frame
from tiktok_pipeline.clusters.schema import (
    ASSIGNMENTS_TABLE,
    CONTINUITY_TABLE,
    FITS_TABLE,
    MODELS_TABLE,
    STABILITY_TABLE,
)
from tiktok_pipeline.creators.schema import IDENTITIES_TABLE, MOVES_TABLE
from tiktok_pipeline.features.sample import sample_frame
from tiktok_pipeline.features.schema import TABLES as FEATURES
from tiktok_pipeline.frames import to_pandas
from tiktok_pipeline.personas.schema import LIFECYCLE_TABLE, MIGRATIONS_TABLE, SUMMARIES_TABLE
from tiktok_pipeline.raw.dialects import recognize
from tiktok_pipeline.raw.read import read_file
from tiktok_pipeline.sample import truth_table, write_sample
from tiktok_pipeline.study import Study, load_studies
from tiktok_pipeline.validated.schema import PROFILES_TABLE
from tiktok_pipeline.validated.validate import validate_source
from tiktok_pipeline.warehouse.base import TableSpec
from tiktok_pipeline.warehouse.duckdb.warehouse import DuckDBWarehouse

STUDY = "balanced_segments"
_UNNAMED = "Unnamed segment"
_SHUFFLE_SEED = 5

Log = Callable[[str], None]


@dataclass(frozen=True)
class Step:
    """What became of the segments from one snapshot of a sample to the next.

    Parameters
    ----------
    seed, snapshot : int
        The sample, and the snapshot in it, from 1.
    both : int
        Creators of both snapshots.
    changed : int
        Those with another persona.
    one_model : int
        Those to whose old and new row the earlier model gives different segments: the creator changed.
    segments, unnamed : int
        Segments of the snapshot, and those without a name.
    start : str
        The start of the fit that is kept.
    renamed, missed, invented : int
        Creators with another handle than where they were last seen, by the truth; those of them that were not found;
        and those that were found, but are not true.
    """

    seed: int
    snapshot: int
    both: int
    changed: int
    one_model: int
    segments: int
    unnamed: int
    start: str
    renamed: int
    missed: int
    invented: int

    @property
    def points_beyond(self) -> float:
        """Percentage points of the creators of both snapshots that changed persona beyond the one-model figure."""
        return 100.0 * (self.changed - self.one_model) / self.both if self.both else 0.0

    def in_words(self) -> str:
        """Return the step as a line to read."""
        return (
            f"seed {self.seed}, snapshot {self.snapshot}: {self.changed} of {self.both} changed persona, "
            f"{self.points_beyond:+.2f} points beyond one model; {self.unnamed} of {self.segments} segments unnamed; "
            f"start: {self.start}; {self.renamed} renamed, {self.missed} missed, {self.invented} invented"
        )


@dataclass
class SegmentedSnapshots:
    """Snapshots with their segments and creators, in memory."""

    threads: int | None = None
    warehouse: DuckDBWarehouse = field(init=False)

    def __post_init__(self) -> None:
        """Open the engine."""
        self.warehouse = DuckDBWarehouse(None, threads=self.threads)

    @cached_property
    def study(self) -> Study:
        """The study whose segments should hold still."""
        return next(study for study in load_studies(tiktok_pipeline.studies) if study.name == STUDY)

    def add(self, file: Path, snapshot: str) -> None:
        """Compute the tables of a scrape, as a refresh does."""
        scan = self.warehouse.scan(file, "parquet")
        recognition = recognize(scan.header, file=file.name)
        raw = read_file(scan, recognition, source_file=file.name, engine=self.warehouse)
        valid = validate_source(raw, recognition.source, self.warehouse).valid
        self._store(PROFILES_TABLE, {"snapshot": snapshot}, valid)
        self.compute(snapshot)

    def compute(self, snapshot: str) -> None:
        """Compute the tables of a snapshot whose profiles are stored."""
        store_creator_tables(self.warehouse, snapshot)
        self._segment(snapshot)
        self.warehouse.unpersist_all()

    def _segment(self, snapshot: str) -> None:
        where = {"snapshot": snapshot, "study": STUDY}
        features = self.warehouse.read_slice(FEATURES[self.study.source], {"snapshot": snapshot})
        inputs = build_fit_inputs(sample_frame(features, self.warehouse), self.study, self.warehouse)
        earlier = read_earlier_fit(self.warehouse, self.study, snapshot, inputs.segmentation)
        models, fits, continuity = fit_study(inputs, self.warehouse, earlier)
        model = from_frame(models)
        carried = carried_names(continuity, earlier)
        no_stability = pd.DataFrame(columns=STABILITY_TABLE.frame_names)
        personas = build_personas(inputs, model, no_stability, fits, self.warehouse, carried=carried)
        self._store(MODELS_TABLE, where, models)
        self._store(FITS_TABLE, where, fits)
        self._store(CONTINUITY_TABLE, where, continuity)
        self._store(ASSIGNMENTS_TABLE, where, assign_study(inputs, model, self.warehouse))
        self._store(SUMMARIES_TABLE, where, personas.summaries)
        moved = migrate_study(self.warehouse, self.study, snapshot, features)
        self._store(MIGRATIONS_TABLE, where, moved.migrations)
        self._store(MOVES_TABLE, where, moved.moves)
        self._store(LIFECYCLE_TABLE, where, moved.lifecycle)

    def _store(self, table: TableSpec, where: dict[str, str], rows: Any) -> None:  # noqa: ANN401 - any kind of frame
        self.warehouse.replace_slice(table, where, rows)

    def _read(self, table: TableSpec, snapshot: str) -> pd.DataFrame:
        return to_pandas(self.warehouse.read_slice(table, {"snapshot": snapshot, "study": STUDY}))

    def personas(self, snapshot: str) -> dict[str, str]:
        """Return the persona of each handle that has one."""
        names = self._read(SUMMARIES_TABLE, snapshot).dropna(subset=["cluster"]).set_index("cluster")["persona"]
        rows = self._read(ASSIGNMENTS_TABLE, snapshot).dropna(subset=["cluster"])
        return dict(zip(rows["account_id"], rows["cluster"].map(names), strict=True))

    def renames(self, snapshot: str) -> set[tuple[str, str]]:
        """Return the handle before and now of each creator that was found under another handle."""
        rows = to_pandas(self.warehouse.read_slice(IDENTITIES_TABLE, {"snapshot": snapshot}))
        seen = rows.dropna(subset=["previous_account_id"])
        renamed = seen[seen["previous_account_id"] != seen["account_id"]]
        return set(zip(renamed["previous_account_id"], renamed["account_id"], strict=True))

    def true_renames(self, snapshot: str, truth: pd.DataFrame) -> set[tuple[str, str]]:
        """Return what `renames` should return, by the numbers of the invented creators."""
        keys = sorted(key for key in set(truth["snapshot"]) if key <= snapshot)
        stored = to_pandas(self.warehouse.read_snapshots(PROFILES_TABLE, keys).select("snapshot", "account_id"))
        named = truth[["snapshot", "handle", "creator"]].rename(columns={"handle": "account_id"})
        rows = stored.merge(named, on=["snapshot", "account_id"]).sort_values(["creator", "snapshot"])
        rows["before"] = rows.groupby("creator")["account_id"].shift()
        now = rows[rows["snapshot"] == snapshot].dropna(subset=["before"])
        renamed = now[now["before"] != now["account_id"]]
        return set(zip(renamed["before"], renamed["account_id"], strict=True))

    def step(self, seed: int, number: int, snapshot: str, truth: pd.DataFrame) -> Step:
        """Return what became of the segments in a snapshot; ``truth`` are the rows of `truth_table`."""
        found, true = self.renames(snapshot), self.true_renames(snapshot, truth)
        counts = self._read(MIGRATIONS_TABLE, snapshot)
        both = counts[counts["kind"] == "both"]
        segments = self._read(SUMMARIES_TABLE, snapshot).dropna(subset=["cluster"])["persona"]
        return Step(
            seed=seed,
            snapshot=number,
            both=int(both["creators"].sum()),
            changed=int(both.loc[both["persona"] != both["persona_before"], "creators"].sum()),
            one_model=int(both["creator_moved"].sum()),
            segments=len(segments),
            unnamed=int(segments.str.startswith(_UNNAMED).sum()),
            start=str(self._read(CONTINUITY_TABLE, snapshot)["start"].iloc[0]),
            renamed=len(true),
            missed=len(true - found),
            invented=len(found - true),
        )


def key_of(file: Path) -> str:
    """Return the key of a file of the sample: the day in its name."""
    return file.stem.removeprefix("profiles_")


def measure_steps(seeds: Sequence[int], snapshots: int, profiles: int, *, log: Log) -> list[Step]:
    """Compute the snapshots of a sample of each seed, and measure each step from a snapshot to the next."""
    steps: list[Step] = []
    for seed in seeds:
        with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
            files = _sample(Path(folder), profiles, snapshots, seed)
            kept = SegmentedSnapshots()
            truth = truth_table(profiles=profiles, snapshots=snapshots, random_state=seed).to_pandas()
            for number, file in enumerate(files, start=1):
                kept.add(file, key_of(file))
                steps.append(kept.step(seed, number, key_of(file), truth))
                log(steps[-1].in_words())
            kept.warehouse.close()
    return steps


def _sample(folder: Path, profiles: int, snapshots: int, seed: int) -> list[Path]:
    return write_sample(
        folder, profiles=profiles, snapshots=snapshots, random_state=seed, activity=0, file_format="parquet"
    )


def count_moved_without_change(profiles: int, *, seed: int = 1) -> dict[str, int]:
    """Count the creators whose persona differs although their rows do not.

    Returns
    -------
    dict of str to int
        For the same scrape under a second key, for the same rows in another order in a home of their own, and for
        one thread against two.
    """
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
        first, second = _sample(Path(folder), profiles, 2, seed)
        shuffled = _shuffled(second, Path(folder) / "shuffled.parquet")
        found = {name: SegmentedSnapshots(threads) for name, threads in (("1", 1), ("2", 2), ("shuffled", 2))}
        for kept in found.values():
            kept.add(first, key_of(first))
        found["1"].add(second, key_of(second))
        found["2"].add(second, key_of(second))
        found["shuffled"].add(shuffled, key_of(second))
        later = "2030-01-01"
        found["2"].add(second, later)
        wanted = found["2"].personas(key_of(second))
        moved = {
            "same scrape under two keys": _differing(wanted, found["2"].personas(later)),
            "same rows in another order": _differing(wanted, found["shuffled"].personas(key_of(second))),
            "1 thread against 2": _differing(wanted, found["1"].personas(key_of(second))),
        }
        for kept in found.values():
            kept.warehouse.close()
    return moved


def _shuffled(file: Path, target: Path) -> Path:
    rows = pq.read_table(file).to_pandas()
    rows.sample(frac=1.0, random_state=_SHUFFLE_SEED).to_parquet(target, index=False)
    return target


def _differing(personas: dict[str, str], others: dict[str, str]) -> int:
    return sum(personas.get(handle) != others.get(handle) for handle in personas.keys() | others.keys())
