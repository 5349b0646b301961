"""Measures everything that snapshots which follow each other have to reach, as one table.

Segments hold still, renames are found, and neither the fiftieth snapshot nor millions of profiles cost too much.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Annotated, Any

import typer

from benchmarks import record
from benchmarks.performance.added import Added, measure_added
from benchmarks.performance.creators import CreatorTables, measure_creator_tables
from benchmarks.reliability.hold_still import Step, count_moved_without_change, measure_steps
from tiktok_pipeline.output.print_rows import print_rows

MOST_POINTS = 2.0
MOST_UNNAMED = 0.01
MOST_TIMES = 1.2
MOST_ADDED = 0.2


@dataclass(frozen=True)
class Figure:
    """A figure that was measured, beside what is asked for."""

    what: str
    asked: str
    measured: str
    is_reached: bool


def figures_of_steps(steps: Sequence[Step]) -> list[Figure]:
    """Return the figures of segments over the snapshots of samples."""
    beyond = [step.points_beyond for step in steps if step.both]
    segments, unnamed = sum(step.segments for step in steps), sum(step.unnamed for step in steps)
    renamed, missed = sum(step.renamed for step in steps), sum(step.missed for step in steps)
    invented = sum(step.invented for step in steps)
    return [
        Figure(
            "persona changed from snapshot to snapshot, beyond the one-model figure",
            f"at most {MOST_POINTS:g} points",
            f"{max(beyond):.2f} points at most in {len(beyond)} steps",
            max(beyond) <= MOST_POINTS,
        ),
        Figure(
            "unnamed segments",
            f"at most {MOST_UNNAMED:.0%}",
            f"{unnamed} of {segments}",
            unnamed <= MOST_UNNAMED * segments,
        ),
        Figure(
            "true renames found by id",
            "all, none invented",
            f"{renamed - missed} of {renamed}, {invented} invented",
            not missed and not invented,
        ),
    ]


def figures_without_change(moved: Mapping[str, int]) -> list[Figure]:
    """Return the figures of scrapes that did not change."""
    return [Figure(f"creators moved: {name}", "0", str(count), not count) for name, count in moved.items()]


def figure_of_tables(found: CreatorTables, snapshots: int) -> Figure:
    """Return the figure of the last of many snapshots."""
    return Figure(
        f"creator tables of snapshot {snapshots} of {found.profiles:,} profiles against the 2nd",
        f"at most {MOST_TIMES:g} times",
        f"{found.times:.2f} times, {found.found} of {found.renames} renames found",
        found.times <= MOST_TIMES and found.found == found.renames,
    )


def figures_of_added(found: Added) -> list[Figure]:
    """Return the figures of what the comparison adds to a refresh."""
    what = f"the comparison in a refresh of {found.profiles:,} profiles"
    return [
        Figure(f"{what}: time", f"at most {MOST_ADDED:.0%}", f"{found.share:.1%}", found.share <= MOST_ADDED),
        Figure(
            f"{what}: memory",
            f"at most {MOST_ADDED:.0%} more",
            f"{found.memory_share:+.1%}, {found.peak_megabytes:,.0f} MB",
            found.memory_share <= MOST_ADDED,
        ),
    ]


def creators_command(
    seeds: Annotated[int, typer.Option(min=1, help="Samples, with the seeds from 1.")] = 5,
    snapshots: Annotated[int, typer.Option(min=2, help="Snapshots of each sample.")] = 6,
    profiles: Annotated[int, typer.Option(min=300, help="Creators of each sample.")] = 1_500,
    *,
    many: Annotated[int, typer.Option(min=3, help="Snapshots of the home with many.")] = 50,
    many_profiles: Annotated[int, typer.Option(min=1000, help="Creators of each of the many.")] = 100_000,
    large: Annotated[int, typer.Option(min=0, help="Creators of a large refresh; 0: leave it out.")] = 1_000_000,
    save: Annotated[bool, typer.Option("--save", help="Save the result in benchmarks/results/.")] = False,
) -> None:
    """Measure what snapshots that follow each other have to reach; exit code 1 if a figure is missed."""
    steps = measure_steps(range(1, seeds + 1), snapshots, profiles, log=typer.echo)
    moved = count_moved_without_change(profiles)
    tables = measure_creator_tables(many, many_profiles, log=typer.echo)
    added = measure_added(large, log=typer.echo) if large else None
    figures = [
        *figures_of_steps(steps),
        *figures_without_change(moved),
        figure_of_tables(tables, many),
        *(figures_of_added(added) if added else []),
    ]
    print_rows(
        ["what", "asked", "measured", "reached"],
        [(row.what, row.asked, row.measured, "yes" if row.is_reached else "no") for row in figures],
        "table",
    )
    if save:
        result: dict[str, Any] = {
            "figures": [asdict(row) for row in figures],
            "steps": [{**asdict(step), "points_beyond": step.points_beyond} for step in steps],
            "tables": asdict(tables),
            "added": asdict(added) if added else None,
        }
        typer.echo(f"saved: {record.save('creators', result)}")
    if not all(row.is_reached for row in figures):
        raise typer.Exit(1)
