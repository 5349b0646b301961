"""Which snapshots were delivered and never came through to the published copy, or got another file since."""

from __future__ import annotations

from collections.abc import Mapping

from tiktok_pipeline.orchestration.manifest import delivery_of, read_manifest, snapshots_on_disk
from tiktok_pipeline.settings import Settings


def pending_snapshots(settings: Settings, origins: Mapping[str, str]) -> list[str]:
    """The snapshots on disk whose published rows stem from another delivery than the manifest, or that have none.

    ``origins`` gives the delivery from which each published snapshot was made.
    """
    return [
        key
        for key in snapshots_on_disk(settings.raw)
        if origins.get(key) != delivery_of(read_manifest(settings.raw / key))
    ]
