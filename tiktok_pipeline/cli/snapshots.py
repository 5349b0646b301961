"""The command ``snapshots``: list the snapshots of the home."""

from __future__ import annotations

from tiktok_pipeline.cli.console import (
    REFRESH_FIRST,
    JsonOption,
    QuietOption,
    exit_on_expected_error,
    info,
    print_json,
    read_settings,
)

_COLUMNS = ("file", "source", "dialect", "rows", "ingested_at")


def snapshots(
    as_json: JsonOption = False,
    _quiet: QuietOption = False,
) -> None:
    """List the snapshots with their files and rows.

    With --json, one object: ok, error, home, snapshots
    [{snapshot, files [{file, source, dialect, rows, ingested_at,
    left_out_because}]}].
    """
    with exit_on_expected_error(as_json=as_json):
        settings = read_settings()
        from tiktok_pipeline.home.manifest import read_manifest, snapshots_on_disk
        from tiktok_pipeline.output.print_rows import print_rows

        manifests = {key: read_manifest(settings.raw / key) for key in snapshots_on_disk(settings.raw)}
        if not manifests:
            info(f"no snapshot in {settings.home} yet; {REFRESH_FIRST}")
        if as_json:
            listed = [
                {
                    "snapshot": key,
                    "files": [
                        {name: getattr(entry, name) for name in (*_COLUMNS, "left_out_because")} for entry in manifest
                    ],
                }
                for key, manifest in manifests.items()
            ]
            print_json({"ok": True, "error": None, "home": str(settings.home), "snapshots": listed})
        else:
            rows = [
                (key, *(getattr(entry, name) for name in _COLUMNS))
                for key, manifest in manifests.items()
                for entry in manifest
            ]
            print_rows(("snapshot", *_COLUMNS), rows, "table")
            for key, manifest in manifests.items():
                for entry in manifest:
                    if entry.left_out_because:
                        info(f"snapshot {key}: {entry.file} is left out: {entry.left_out_because}")
