"""Renders measured times, memory and disk from ``benchmarks/results``: the newest of each benchmark."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

from generate.markdown import code, escape, paragraphs, table

RESULTS = Path(__file__).resolve().parents[2] / "benchmarks" / "results"
SHOWN_STEPS = 8
DAY = "Measured on"


def render_scale() -> str:
    """Return the refreshes of one snapshot by its size, and the longest steps of the largest of the newest day."""
    newest: dict[tuple[int, int], tuple[dict[str, Any], dict[str, Any]]] = {}
    for result in _results("scale"):
        for run in result["runs"]:
            newest[run["rows"], len(run["studies"])] = (run, result)
    rows = [
        [
            f"{run['rows']:,}",
            str(len(run["studies"])),
            f"{run['measured']['wall_seconds']:,.0f} s",
            f"{run['rows_per_second']:,.0f}",
            _gigabytes(run["measured"]["peak_megabytes"]),
            _gigabytes(run["measured"]["disk_megabytes"]),
            result["day"],
        ]
        for _, (run, result) in sorted(newest.items())
    ]
    largest, result = _largest_of_newest_day(list(newest.values()))
    steps = sorted(largest["seconds_by_step"].items(), key=lambda item: -item[1])[:SHOWN_STEPS]
    return paragraphs(
        _machine(result["machine"]),
        table(["Rows", "Studies", "Time", "Rows per second", "Peak memory", "Disk beside the snapshot", DAY], rows),
        f"The longest steps with {largest['rows']:,} rows:",
        table(["Step", "Time"], [[code(name), f"{seconds:,.0f} s"] for name, seconds in steps]),
    )


def render_sizes() -> str:
    """Return how many bytes a row takes in the largest refresh of one study of the newest day."""
    of_one_study = [
        (run, result) for result in _results("scale") for run in result["runs"] if len(run["studies"]) == 1
    ]
    run, result = _largest_of_newest_day(of_one_study)
    sizes = {
        "delivered Parquet file": run["snapshot_megabytes"],
        "warehouse": run["warehouse_megabytes"],
        "published copy": run["published_megabytes"],
    }
    rows = [[what, f"{megabytes * 1e6 / run['rows']:,.0f} bytes"] for what, megabytes in sizes.items()]
    return paragraphs(table(["File", f"Per row, with {run['rows']:,} rows and one study ({result['day']})"], rows))


def _largest_of_newest_day(
    runs: list[tuple[dict[str, Any], dict[str, Any]]],
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the run with the most rows, and its result, among those of the newest day."""
    newest = max(result["day"] for _, result in runs)
    return max((pair for pair in runs if pair[1]["day"] == newest), key=lambda pair: pair[0]["rows"])


def render_many() -> str:
    """Return how the time of a refresh and of queries depends on the number of stored snapshots."""
    result = _results("many")[-1]
    queries = [[escape(name), f"{seconds:,.2f} s"] for name, seconds in result["query_seconds"].items()]
    first, last = median(result["first_seconds"]), median(result["last_seconds"])
    return paragraphs(
        f"With {result['snapshots']} snapshots of {result['profiles']:,} profiles, a refresh took {last:,.1f} s"
        f" on {result['day']}."
        f" The first refreshes took {first:,.1f} s."
        f" The published copy was {_gigabytes(result['published_megabytes'])}.",
        table(["Query of the published copy", "Time"], queries),
    )


def render_compare() -> str:
    """Return the medians of paired runs of this project and of the scripts that do part of its work."""
    newest = {
        (pair["profiles"], pair["rival"], pair.get("is_typed", False)): (pair, result)
        for result in _results("compare")
        for pair in result["pairs"]
        if pair["ours"] and pair["theirs"]
    }
    rows = [
        [
            escape(rival),
            f"{profiles:,}",
            "typed" if is_typed else "text",
            *_measured(pair, "wall_seconds", "s", 1),
            *_measured(pair, "peak_megabytes", "MB", 0),
            ", ".join(code(f"{name}={value}") for name, value in result["settings_of_ours"].items()),
            result["day"],
        ]
        for (profiles, rival, is_typed), (pair, result) in sorted(newest.items(), key=lambda item: item[0])
    ]
    header = [
        "Script",
        "Profiles",
        "Cells",
        "Time here",
        "Time there",
        "Memory here",
        "Memory there",
        "Settings here",
        DAY,
    ]
    return paragraphs(table(header, rows))


def render_engines() -> str:
    """Return time, memory and equality of the tables by engine, from the newest refresh of each size."""
    newest = {(by["rows"], by["engine"]): (by, result) for result in _results("engines") for by in result["engines"]}
    rows = []
    for (size, engine), (by, result) in newest.items():
        first = next(other for other in result["engines"] if (other["rows"], other["engine"]) == (size, "duckdb"))
        compared = by["tables"].values()
        largest = max((same["largest_difference"] for same in compared), default=0.0)
        rows.append(
            [
                f"{size:,}",
                code(engine),
                f"{by['seconds']:,.0f} s",
                f"{by['seconds'] / first['seconds']:.1f}",
                f"{median(run['cpu_seconds'] for run in by['runs']):,.0f} s",
                _gigabytes(max(run["peak_megabytes"] for run in by["runs"])),
                f"{len(by['tables']) - len(by['other_tables'])} of {len(by['tables'])}" if compared else "-",
                f"{largest:.0e}" if compared else "-",
                result["day"],
            ]
        )
    header = [
        "Rows",
        "Engine",
        "Time",
        "Times DuckDB",
        "CPU of the command",
        "Peak memory",
        "Equal tables",
        "Largest relative difference of a float",
        DAY,
    ]
    return paragraphs(table(header, rows))


def render_profile() -> str:
    """Return where the time of a small refresh goes: the largest shares of the newest profile."""
    newest = _results("profile")[-1]
    result = newest["profiles"][-1]
    seconds = result["seconds_by_package"]
    total = sum(seconds.values())
    longest = sorted(seconds.items(), key=lambda item: -item[1])[:SHOWN_STEPS]
    shares = [[escape(name), f"{spent / total:.0%}"] for name, spent in longest]
    return paragraphs(
        f"A profile of a refresh with {result['rows']:,} rows on {newest['day']} (`python -m benchmarks profile`):",
        table(["Package", "Share of the sampled time"], shares),
    )


def _results(benchmark: str) -> list[dict[str, Any]]:
    """Return all results of a benchmark with their ``day``, the newest last."""

    def number(path: Path) -> tuple[str, int]:
        _, day, nth = re.fullmatch(rf"({benchmark})-(\d{{4}}-\d\d-\d\d)(?:-(\d+))?", path.stem).groups()  # type: ignore[union-attr]
        return day, int(nth or 1)

    return [
        {**json.loads(path.read_text(encoding="utf-8")), "day": number(path)[0]}
        for path in sorted(RESULTS.glob(f"{benchmark}-*.json"), key=number)
    ]


def _measured(pair: dict[str, Any], name: str, unit: str, digits: int) -> Iterator[str]:
    for side in ("ours", "theirs"):
        yield f"{median(run[name] for run in pair[side]):,.{digits}f} {unit}"


def _machine(machine: dict[str, Any]) -> str:
    return f"Machine: {machine['cores']} cores, {machine['memory_gb']:.0f} GB of memory, Python {machine['python']}."


def _gigabytes(megabytes: float) -> str:
    return f"{megabytes / 1000:,.1f} GB"
