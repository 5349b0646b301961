"""The samples of a snapshot, each computed once in a run and shared by the assets.

What a sample is: `tiktok_pipeline.features.sample` and `tiktok_pipeline.analysis.fit_inputs`.
"""

from __future__ import annotations

from typing import Any

import narwhals as nw
from dagster import InitResourceContext, ResourceDefinition

from tiktok_pipeline.analysis.fit_inputs import FitInputs, build_fit_inputs
from tiktok_pipeline.features.sample import SampledFrame, sample_frame
from tiktok_pipeline.study import Study
from tiktok_pipeline.warehouse.base import Engine


class Samples:
    """The samples of this run. No step of a run writes features that an earlier step has read."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._sampled: dict[tuple[str, str, int], SampledFrame] = {}
        self._fit_inputs: dict[tuple[str, str, int], FitInputs] = {}

    def of(self, features: nw.LazyFrame[Any], *, snapshot: str, source: str) -> SampledFrame:
        """Return the features of a source in a snapshot, with their sample."""
        # A failed write closes the connection, and the stored samples are lost with it.
        key = (snapshot, source, self._engine.connection_generation)
        if key not in self._sampled:
            self._sampled[key] = sample_frame(features, self._engine, keep_until_close=True)
        return self._sampled[key]

    def for_fit(self, features: nw.LazyFrame[Any], *, snapshot: str, study: Study) -> FitInputs:
        """Return what the model of a study is fitted on in a snapshot."""
        key = (snapshot, study.name, self._engine.connection_generation)
        if key not in self._fit_inputs:
            sampled = self.of(features, snapshot=snapshot, source=study.source)
            self._fit_inputs[key] = build_fit_inputs(sampled, study, self._engine)
        return self._fit_inputs[key]


def samples_resource() -> ResourceDefinition:
    """Return the samples of a run; they last as long as its connection to the warehouse."""

    def provide(context: InitResourceContext) -> Samples:
        return Samples(context.resources.warehouse)

    return ResourceDefinition(
        resource_fn=provide,
        required_resource_keys={"warehouse"},
        description="Bounded samples of the features, each drawn once in a run.",
    )
