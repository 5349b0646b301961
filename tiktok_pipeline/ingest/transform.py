"""Transform a recognized table whose records are not profiles yet, see `tiktok_pipeline.delivery`."""

from __future__ import annotations

from dataclasses import dataclass, replace

from tiktok_pipeline.delivery.apify import RATES, split_items
from tiktok_pipeline.delivery.tables import DeliveredTable
from tiktok_pipeline.raw.dialects import Recognition
from tiktok_pipeline.raw.schema import PROFILES, VIDEOS


@dataclass(frozen=True)
class RecognizedTable:
    """A table, how it spells the canonical columns, and what its stored name needs beside the delivered one."""

    table: DeliveredTable
    recognition: Recognition
    suffix: str = ""


def transform(table: DeliveredTable, recognition: Recognition) -> list[RecognizedTable]:
    """Return the tables of rows that a delivered table holds: mostly itself; profiles and videos for items.

    Parameters
    ----------
    table : DeliveredTable
        The table as it was delivered.
    recognition : Recognition
        Its dialect; its transformation decides.
    """
    if recognition.transformation != "apify_items" or recognition.source != PROFILES:
        return [RecognizedTable(table, recognition)]
    split = split_items(table, recognition.columns)
    rates = {name: name for name in RATES}
    profiles = replace(
        recognition, columns={**recognition.columns, **rates}, units=dict.fromkeys(RATES, "fraction"), unused=()
    )
    canonical = {name: name for name in split.videos.header if name in VIDEOS.columns}
    videos = Recognition(
        dialect=recognition.dialect, source=VIDEOS, columns=canonical, description=recognition.description
    )
    tables = [RecognizedTable(split.profiles, profiles)]
    if next(split.videos.records(), None) is not None:
        tables.append(RecognizedTable(split.videos, videos, suffix="videos"))
    return tables
