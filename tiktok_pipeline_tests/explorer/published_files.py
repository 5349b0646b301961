"""A small published file, made by the stages without Dagster, and requests to the pages without a network."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any

import httpx
import pandas as pd
from starlette.applications import Starlette

from tiktok_pipeline.clusters.schema import ASSIGNMENTS_TABLE, MODELS_TABLE
from tiktok_pipeline.creators.benchmarks import build_benchmarks
from tiktok_pipeline.creators.current import build_current, segments_of
from tiktok_pipeline.creators.history import build_history
from tiktok_pipeline.creators.notices import SMALLEST_REACH, build_notices
from tiktok_pipeline.creators.peer_schema import (
    BENCHMARKS_TABLE,
    CURRENT_TABLE,
    HISTORY_TABLE,
    NOTICES_TABLE,
    PEERS_TABLE,
)
from tiktok_pipeline.creators.peers import build_peers
from tiktok_pipeline.creators.schema import BY_ID, HANDLES_VIEW, IDENTITIES_TABLE, MOVES_TABLE
from tiktok_pipeline.explorer.app import ExplorerConfig, build_app
from tiktok_pipeline.features.schema import POSTING_TABLE
from tiktok_pipeline.features.schema import TABLES as FEATURES
from tiktok_pipeline.personas.schema import MIGRATIONS_TABLE, SUMMARIES_TABLE
from tiktok_pipeline.tables import published_tables
from tiktok_pipeline.validated.schema import PROFILES_TABLE
from tiktok_pipeline.warehouse.base import TableSpec, View
from tiktok_pipeline.warehouse.duckdb.warehouse import DuckDBWarehouse

PORT = 8080
STUDY = "balanced_segments"
HOSTILE = (
    '<script>document.title = "run"</script>',
    '"><img src=x onerror=alert(1)>',
    "{{ 7*7 }}",
    '=HYPERLINK("http://evil.example")',
    "\u202eright to left",
)
"""Texts that a page must show as texts."""

_HISTORY = View(
    schema="segments",
    name=f"{STUDY}_history",
    sql=f"select a.snapshot, a.account_id, s.persona, s.verdict, a.margin from {ASSIGNMENTS_TABLE} as a "
    f"left join {SUMMARIES_TABLE} as s using (snapshot, study, cluster) where a.study = '{STUDY}'",
    description="segments",
)


def profile(number: int, **changes: Any) -> dict[str, Any]:
    """Return an invented creator: the higher the number, the more followers."""
    draw = random.Random(number)
    biography = HOSTILE[number % len(HOSTILE)] if number % 3 == 0 else f"cooks and bakes no{number}@mail.example"
    missing: dict[str, Any] = dict.fromkeys(PROFILES_TABLE.frame_names)
    row = missing | {
        "account_id": f"creator.{number}",
        "tiktok_id": str(7_000_000_000_000_000_000 + number),
        "nickname": f"Name {number}",
        "biography": biography,
        "bio_link": f"javascript:alert({number})" if number % 4 == 0 else None,
        "is_verified": number % 7 == 0,
        "followers": 1_000 + 10 * number,
        "following": 10,
        "likes": 100_000 + number,
        "videos_count": 50,
        "avg_engagement_rate": round(draw.uniform(0.01, 0.1), 6),
        "like_engagement_rate": 0.03,
        "observed_on": date(2024, 4, 29),
        "scraped_videos": 30,
        "has_biography": True,
        "has_bio_link": number % 4 == 0,
        "source_file": "profiles.csv",
        "source_row": number,
    }
    row |= changes
    return row | {"comment_engagement_rate": 0.05 * row["avg_engagement_rate"]}


def write_published(
    folder: Path,
    rows: list[dict[str, Any]],
    *,
    snapshot: str = "2024-04-29",
    also: Mapping[str, Any] | None = None,
    has_study: bool = True,
) -> Path:
    """Write the warehouse of a home and publish it; return the published file.

    ``also`` maps further snapshots to their rows. Without a study nobody has a persona.
    """
    target = folder / "published" / "tiktok.duckdb"
    target.parent.mkdir(parents=True, exist_ok=True)
    with DuckDBWarehouse(folder / "warehouse" / "tiktok.duckdb") as warehouse:
        before: dict[str, pd.DataFrame] = {}
        for key, found in {**(also or {}), snapshot: rows}.items():
            _write_snapshot(warehouse, key, pd.DataFrame(found), before, has_study=has_study)
            before = {key: pd.DataFrame(found)}
        warehouse.publish(
            target,
            tables=published_tables(),
            snapshots=None,
            views=[*([_HISTORY] if has_study else []), HANDLES_VIEW],
        )
    return target


def _write_snapshot(
    warehouse: DuckDBWarehouse,
    snapshot: str,
    profiles: pd.DataFrame,
    before: Mapping[str, pd.DataFrame],
    *,
    has_study: bool,
) -> None:
    slice_ = {"snapshot": snapshot}

    def write(table: TableSpec, rows: Any, where: dict[str, str] = slice_) -> Any:
        warehouse.replace_slice(table, where, rows)
        return warehouse.read_slice(table, where)

    valid = write(PROFILES_TABLE, profiles)
    features = warehouse.read_slice(FEATURES["profiles"], slice_)
    warehouse.replace_external_slice(FEATURES["profiles"], slice_, features)
    posting = write(POSTING_TABLE, pd.DataFrame(columns=POSTING_TABLE.frame_names))
    peers = write(PEERS_TABLE, build_peers(features, warehouse))
    notices = write(NOTICES_TABLE, build_notices(build_peers(features, warehouse, smallest_reach=SMALLEST_REACH)))
    identities = write(IDENTITIES_TABLE, _identities(profiles, before))
    segments = _write_segments(write, snapshot, profiles, identities) if has_study else None
    study = STUDY if has_study else ""
    current = write(CURRENT_TABLE, build_current(valid, peers, notices, posting, segments, study=study))
    write(BENCHMARKS_TABLE, build_benchmarks(current, current, warehouse))
    write(HISTORY_TABLE, build_history(current, identities))


def _write_segments(write: Any, snapshot: str, profiles: pd.DataFrame, identities: Any) -> Any:
    """Write the tables of the study and return the segment of each creator."""
    of_study = {"snapshot": snapshot, "study": STUDY}
    assigned = pd.DataFrame(
        {
            "account_id": profiles["account_id"],
            "cluster": [number % 2 for number in range(len(profiles))],
            "in_fit": True,
            "distance": 1.0,
            "margin": [number % 10 / 10 for number in range(len(profiles))],
            "runner_up": [(number + 1) % 2 for number in range(len(profiles))],
        }
    )
    assigned = assigned.reindex(columns=ASSIGNMENTS_TABLE.frame_names)
    assignments = write(ASSIGNMENTS_TABLE, assigned, of_study)
    summaries = write(SUMMARIES_TABLE, _summaries(len(profiles)), of_study)
    write(MODELS_TABLE, _model(), of_study)
    moves = write(MOVES_TABLE, pd.DataFrame(columns=MOVES_TABLE.frame_names), of_study)
    migrations = write(MIGRATIONS_TABLE, pd.DataFrame(columns=MIGRATIONS_TABLE.frame_names), of_study)
    return segments_of(assignments, summaries, moves, migrations, identities)


def _identities(profiles: pd.DataFrame, before: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Return who is who: the id is the creator, and the snapshot before is the last one written."""
    rows = (
        profiles[["account_id", "tiktok_id"]].rename(columns={"tiktok_id": "creator_id"}).assign(identified_by=BY_ID)
    )
    for snapshot, earlier in before.items():
        handles = dict(zip(earlier["tiktok_id"], earlier["account_id"], strict=True))
        rows["previous_account_id"] = rows["creator_id"].map(handles)
        rows["previous_snapshot"] = rows["previous_account_id"].map(lambda name, key=snapshot: key if name else None)
    return rows.reindex(columns=IDENTITIES_TABLE.frame_names).astype(object).where(lambda frame: frame.notna(), None)


def _summaries(creators: int) -> pd.DataFrame:
    rows = [
        dict.fromkeys(SUMMARIES_TABLE.frame_names)
        | {
            "cluster": cluster,
            "persona": persona,
            "profiles": creators // 2,
            "profiles_in_fit": creators // 2,
            "share": 0.5,
            "verdict": "stable",
            "description": f"who {persona} are",
            "strategic_value": "reach",
            "recommendation": "contact them",
        }
        for cluster, persona in enumerate(("Breakouts", "Starters"))
    ]
    return pd.DataFrame(rows)


def _model() -> pd.DataFrame:
    features = ("followers", "avg_engagement_rate", "videos_count")
    rows = [
        {
            "cluster": cluster,
            "feature": feature,
            "position": position,
            "transform": ("log1p", "identity", "identity")[position],
            "fill": 0.05,
            "center": 0.0,
            "scale": 1.0,
            "centroid": float((60, 50)[cluster] if feature == "videos_count" else cluster),
        }
        for cluster in (0, 1)
        for position, feature in enumerate(features)
    ]
    return pd.DataFrame(rows)


@dataclass(frozen=True)
class Pages:
    """The pages of a home, asked without a network."""

    home: Path
    study: str = STUDY

    @cached_property
    def app(self) -> Starlette:
        return build_app(
            ExplorerConfig(
                published_file=self.home / "published" / "tiktok.duckdb",
                lists_file=self.home / "explorer" / "lists.sqlite",
                study=self.study,
                port=PORT,
                threads=1,
            )
        )

    def get(self, address: str, **headers: str) -> httpx.Response:
        """Ask for a page."""
        return self._ask("GET", address, None, headers)

    def post(self, address: str, form: Mapping[str, Any], **headers: str) -> httpx.Response:
        """Send a form as the browser sends it, with the secret of the pages unless the form has another."""
        token = self.get("/lists").text.partition('name="token" value="')[2].partition('"')[0]
        own = {"origin": f"http://127.0.0.1:{PORT}", "sec-fetch-site": "same-origin"}
        return self._ask("POST", address, {"token": token} | dict(form), own | headers)

    def upload(self, address: str, name: str, content: bytes, **fields: str) -> httpx.Response:
        """Send a form with a file as the browser sends it."""
        token = self.get("/lists").text.partition('name="token" value="')[2].partition('"')[0]
        own = {"origin": f"http://127.0.0.1:{PORT}", "sec-fetch-site": "same-origin"}
        return self._ask("POST", address, {"token": token} | fields, own, {"file": (name, content)})

    def _ask(
        self,
        method: str,
        address: str,
        form: Mapping[str, Any] | None,
        headers: Mapping[str, str],
        files: Mapping[str, tuple[str, bytes]] | None = None,
    ) -> httpx.Response:
        async def ask() -> httpx.Response:
            transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
            base = f"http://127.0.0.1:{PORT}"
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            async with httpx.AsyncClient(transport=transport, base_url=base) as client:
                return await client.request(method, address, data=form, files=files, headers=named)

        return asyncio.run(ask())
