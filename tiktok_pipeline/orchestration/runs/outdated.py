"""Which assets bring an outdated snapshot up to date; see `tiktok_pipeline.analysis.outdated`."""

from __future__ import annotations

from collections.abc import Callable, Collection

from dagster import AssetKey

from tiktok_pipeline.analysis.outdated import Outdated
from tiktok_pipeline.orchestration.asset_keys import asset_key

_OF_CREATORS = (
    "creators.identities",
    "creators.departures",
    "creators.growth",
    "creators.comparisons",
    "creators.peers",
    "creators.notices",
    "features.drift",
)
_OF_PAGES = ("creators.current", "creators.history", "creators.benchmarks")
"""What reads both the creators and the segments."""

_OF_MIGRATIONS = ("personas.migrations", "personas.lifecycle", "creators.moves")


def assets_to_renew(keys_of_group: Callable[[str], Collection[AssetKey]], outdated: Outdated) -> list[AssetKey]:
    """Return the assets to materialize again, with the published file and the report.

    Parameters
    ----------
    keys_of_group : callable
        Return the assets of a group, which is a study.
    outdated : Outdated
        What is out of date in a snapshot.
    """
    keys = {AssetKey("published"), AssetKey("report"), *(asset_key(table) for table in _OF_PAGES)}
    keys = keys.union(*(keys_of_group(study) for study in outdated.studies))
    if outdated.has_outdated_creators:
        keys |= {asset_key(table) for table in _OF_CREATORS}
    for study in outdated.migrations:
        keys |= {asset_key(table, study) for table in _OF_MIGRATIONS}
    return sorted(keys)


def why_outdated(outdated: Outdated) -> str:
    """Return in words what is computed again, for the user.

    Examples
    --------
    >>> why_outdated(Outdated("2024-04-01", studies=("balanced_segments",)))
    'balanced_segments goes on from an earlier snapshot that is new or has changed'
    >>> why_outdated(Outdated("2024-04-01", has_outdated_creators=True))
    'its creators are compared with an earlier snapshot that is new or has changed'
    """
    if outdated.studies:
        return f"{', '.join(outdated.studies)} goes on from an earlier snapshot that is new or has changed"
    return "its creators are compared with an earlier snapshot that is new or has changed"
