"""The sample of the features of a snapshot, drawn once in a run: models, medians and pictures are all made from it.

How it is drawn is the matter of `tiktok_pipeline.features.sample`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import narwhals as nw
from dagster import InitResourceContext, ResourceDefinition

from tiktok_pipeline.features.sample import SampledFrame, sample_frame
from tiktok_pipeline.warehouse.base import Engine


class Samples:
    """What was drawn in this run, by snapshot and source. Nothing writes features again in a run that has read them."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._drawn: dict[tuple[str, str, int], SampledFrame] = {}

    def of(self, features: nw.LazyFrame[Any], *, snapshot: str, source: str) -> SampledFrame:
        """The features of a source in a snapshot, with their sample."""
        # A write that fails closes the connection; what was drawn goes with it, and the steps that go on draw anew.
        key = (snapshot, source, self._engine.connection_generation)
        if key not in self._drawn:
            self._drawn[key] = sample_frame(features, self._engine, keep_until_close=True)
        return self._drawn[key]


def samples_resource() -> ResourceDefinition:
    """The samples, as a resource of the run; they go with the connection to the warehouse."""

    def provide(context: InitResourceContext) -> Iterator[Samples]:
        warehouse: Any = context.resources.warehouse
        yield Samples(warehouse)

    return ResourceDefinition(
        resource_fn=provide, required_resource_keys={"warehouse"}, description="Bounded samples of the features"
    )
