"""The sample of the features of a snapshot, drawn once in a run: models, medians and pictures are all made from it.

How it is drawn is the matter of `tiktok_pipeline.features.sample`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import narwhals as nw
from dagster import InitResourceContext, ResourceDefinition

from tiktok_pipeline.features.sample import Drawn, draw
from tiktok_pipeline.warehouse.base import Engine


class Samples:
    """What was drawn in this run, by snapshot and source. Nothing writes features again in a run that has read them."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._drawn: dict[tuple[str, str], Drawn] = {}

    def of(self, features: nw.LazyFrame[Any], *, snapshot: str, source: str) -> Drawn:
        """The features of a source in a snapshot, with their sample."""
        found = self._drawn.get((snapshot, source))
        if found is None:
            found = draw(features, self._engine, until_closed=True)
            self._drawn[snapshot, source] = found
        return found


def samples_resource() -> ResourceDefinition:
    """The samples, as a resource of the run; they go with the connection to the warehouse."""

    def provide(context: InitResourceContext) -> Iterator[Samples]:
        warehouse: Any = context.resources.warehouse
        yield Samples(warehouse)

    return ResourceDefinition(
        resource_fn=provide, required_resource_keys={"warehouse"}, description="Bounded samples of the features"
    )
