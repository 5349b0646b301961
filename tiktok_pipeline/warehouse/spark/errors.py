"""The expected error of the engines that speak Spark Connect."""

from __future__ import annotations

from tiktok_pipeline.warehouse.base import WarehouseError


class EngineError(WarehouseError):
    """The engine is not installed, cannot be reached, is of another version, has no workers, or fails at a query."""

    code = "engine"
