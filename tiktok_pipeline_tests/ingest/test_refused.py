"""The folder of refused files may be a link to another disk, and what lies in it may be damaged."""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from dagster import DagsterInstance, materialize

from tiktok_pipeline.home.cleanup import remove_leftovers
from tiktok_pipeline.home.layout import home_files
from tiktok_pipeline.ingest import refused
from tiktok_pipeline.ingest.inbox import IngestResult, inbox_files, ingest_inbox
from tiktok_pipeline.ingest.refused import RefusedFolderError, refused_files
from tiktok_pipeline.ingest.staging import copy_file
from tiktok_pipeline.orchestration.assets.incoming import incoming_asset
from tiktok_pipeline.privacy.scrub import remove_matching_files
from tiktok_pipeline.settings import Settings
from tiktok_pipeline.upkeep.home_checks import check_home
from tiktok_pipeline.warehouse.duckdb.warehouse import DuckDBWarehouse
from tiktok_pipeline_tests.scrapes import creators, write_csv

BAD = "no,table\n1,2\n"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    made = Settings(home=tmp_path / "home", settle_seconds=0.1)
    made.incoming.mkdir(parents=True, mode=0o700)
    return made


@pytest.fixture
def elsewhere(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make ``refused`` a link to a folder; between both, files cannot be renamed, as between two disks."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    settings.refused.symlink_to(folder)
    rename = os.replace

    def rename_on_one_disk(source: Path, target: Path) -> None:
        if (source.parent.resolve() == folder) != (target.parent.resolve() == folder):
            raise OSError(errno.EXDEV, os.strerror(errno.EXDEV), str(source), None, str(target))
        rename(source, target)

    monkeypatch.setattr(os, "replace", rename_on_one_disk)
    return folder


def drop(settings: Settings, name: str, text: str = BAD) -> Path:
    path = settings.incoming / name
    path.write_text(text, encoding="utf-8")
    os.utime(path, (0, 0))
    return path


def drop_good(settings: Settings, name: str) -> None:
    os.utime(write_csv(settings.incoming / name, creators(5)), (0, 0))


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def outcome(result: IngestResult) -> tuple[list[str], list[str]]:
    return [file.file for file in result.registered], [file.file for file in result.refused]


@pytest.mark.usefixtures("elsewhere")
def test_the_folder_of_refused_files_is_no_delivery_if_it_is_a_link(
    settings: Settings, engine: DuckDBWarehouse
) -> None:
    assert inbox_files(settings) == {}
    assert outcome(ingest_inbox(settings, engine)) == ([], [])
    assert settings.refused.is_symlink()


def test_files_are_refused_to_another_disk(settings: Settings, engine: DuckDBWarehouse, elsewhere: Path) -> None:
    drop(settings, "a.csv")
    (settings.incoming / "b.csv").symlink_to("nowhere")
    os.mkfifo(settings.incoming / "c.csv")
    drop_good(settings, "d.csv")
    assert outcome(ingest_inbox(settings, engine)) == (["d.csv"], ["a.csv", "b.csv", "c.csv"])
    assert names(settings.incoming) == ["refused"]
    assert names(elsewhere) == sorted(f"{name}.csv{ending}" for name in "abc" for ending in ("", ".why.txt"))
    assert (elsewhere / "a.csv").read_text(encoding="utf-8") == BAD
    assert (elsewhere / "b.csv").readlink() == Path("nowhere")
    assert [file.file for file in refused_files(settings.refused)] == ["a.csv", "b.csv", "c.csv"]


def test_files_are_refused_to_a_real_other_disk(settings: Settings, engine: DuckDBWarehouse) -> None:
    memory = Path("/dev/shm")
    if not memory.is_dir() or memory.stat().st_dev == settings.home.stat().st_dev:
        pytest.skip("there is no second file system")
    with tempfile.TemporaryDirectory(dir=memory) as folder:
        settings.refused.symlink_to(folder)
        drop(settings, "a.csv")
        drop_good(settings, "b.csv")
        assert outcome(ingest_inbox(settings, engine)) == (["b.csv"], ["a.csv"])
        assert (Path(folder) / "a.csv").read_text(encoding="utf-8") == BAD
        assert names(settings.incoming) == ["refused"]


def _copy_half(_source: Path, target: Path) -> None:
    target.write_text(BAD[:5], encoding="utf-8")
    raise KeyboardInterrupt


def _rename_not(_draft: Path, _target: Path) -> None:
    raise KeyboardInterrupt


def _rename_and_end(draft: Path, target: Path) -> None:
    draft.rename(target)
    raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("step", "places"),
    [
        (("copy_file", _copy_half), ["incoming"]),
        (("atomic_replace", _rename_not), ["incoming"]),
        (("atomic_replace", _rename_and_end), ["incoming", "refused"]),
    ],
)
@pytest.mark.usefixtures("elsewhere")
def test_a_kill_between_two_disks_leaves_the_whole_file(
    settings: Settings,
    engine: DuckDBWarehouse,
    monkeypatch: pytest.MonkeyPatch,
    step: tuple[str, Callable[[Path, Path], None]],
    places: list[str],
) -> None:
    drop(settings, "a.csv")
    with monkeypatch.context() as patch:
        patch.setattr(refused, *step)
        with pytest.raises(KeyboardInterrupt):
            ingest_inbox(settings, engine)
    left = [path for path in (settings.incoming / "a.csv", settings.refused / "a.csv") if path.exists()]
    assert [path.parent.name for path in left] == places
    assert [path.read_text(encoding="utf-8") for path in left] == [BAD] * len(places)
    assert len(ingest_inbox(settings, engine).refused) == 1
    assert names(settings.incoming) == ["refused"]
    assert [path.read_text(encoding="utf-8") for path in settings.refused.glob("*.csv")] == [BAD] * len(places)
    assert len(refused_files(settings.refused)) == len(places)


def test_a_copy_that_a_killed_process_left_is_removed(settings: Settings, elsewhere: Path) -> None:
    (elsewhere / ".a.csv.draft").write_text(BAD[:5], encoding="utf-8")
    remove_leftovers(settings)
    assert names(elsewhere) == []


def test_a_file_that_is_delivered_again_while_it_is_copied_is_kept(
    settings: Settings, engine: DuckDBWarehouse, elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    delivered = drop(settings, "a.csv")

    def copy_and_deliver_again(source: Path, target: Path) -> None:
        copy_file(source, target)
        drop(settings, "again").replace(delivered)

    monkeypatch.setattr(refused, "copy_file", copy_and_deliver_again)
    ingest_inbox(settings, engine)
    assert (names(settings.incoming), names(elsewhere)) == (["a.csv", "refused"], ["a.csv", "a.csv.why.txt"])


@pytest.mark.parametrize("make", [lambda path: path.symlink_to("not mounted"), Path.touch])
def test_without_a_folder_for_refused_files_the_good_ones_are_ingested(
    settings: Settings, engine: DuckDBWarehouse, make: Callable[[Path], None]
) -> None:
    make(settings.refused)
    drop(settings, "a.csv")
    drop_good(settings, "b.csv")
    result = ingest_inbox(settings, engine)
    assert outcome(result) == (["b.csv"], ["a.csv"])
    (file,) = result.refused
    assert file.path(settings.refused) == settings.incoming / "a.csv"
    assert file.reason.endswith(
        f"; it stays in the inbox: {settings.refused} is no folder, or a link to a folder that is not there; "
        "mount its disk or remove it"
    )
    assert names(settings.incoming) == ["a.csv", "refused"]


def test_the_name_of_a_refused_file_that_stays_is_shown_without_its_escapes(
    settings: Settings, engine: DuckDBWarehouse
) -> None:
    settings.refused.symlink_to("not mounted")
    drop(settings, "a\x1b[31m.csv")
    (file,) = ingest_inbox(settings, engine).refused
    assert file.file == "a\\x1b[31m.csv"
    assert file.reason.isprintable()


def test_a_run_fails_while_a_refused_file_stays_so_that_the_next_one_waits(settings: Settings) -> None:
    settings.refused.symlink_to("not mounted")
    drop(settings, "a.csv")
    asset = incoming_asset(settings, lambda: DuckDBWarehouse(None))
    with DagsterInstance.ephemeral() as instance, pytest.raises(RefusedFolderError, match="it stays in the inbox"):
        materialize([asset], instance=instance)


def test_forget_finds_the_refused_files_on_another_disk(
    settings: Settings, engine: DuckDBWarehouse, elsewhere: Path
) -> None:
    drop(settings, "a.csv", "no,table\nsome_creator,2\n")
    ingest_inbox(settings, engine)
    assert settings.refused / "a.csv" in list(home_files(settings))
    assert remove_matching_files(settings, ["some_creator"]) == [settings.refused / "a.csv"]
    assert names(elsewhere) == []


def not_utf8(path: Path) -> None:
    path.write_bytes(b"\xff" + path.read_bytes()[1:])


def folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def link(path: Path) -> None:
    path.unlink()
    path.symlink_to(path.with_name("a.csv"))


@pytest.mark.parametrize("damage", [not_utf8, folder, pipe, link])
def test_a_damaged_reason_is_told_and_its_file_is_named(
    settings: Settings, engine: DuckDBWarehouse, damage: Callable[[Path], None]
) -> None:
    drop(settings, "a.csv", "no,table\nsome_creator,2\n")
    ingest_inbox(settings, engine)
    damage(settings.refused / "a.csv.why.txt")
    assert [(file.file, file.reason) for file in refused_files(settings.refused)] == [
        ("a.csv", "a.csv: the reason in a.csv.why.txt is damaged")
    ]
    (finding,) = [finding for finding in check_home(settings) if finding.message.startswith("refused: ")]
    assert finding.remedy == f"see {settings.refused / 'a.csv'}"
    assert remove_matching_files(settings, ["some_creator"]) == [settings.refused / "a.csv"]


def test_what_a_reason_was_changed_to_is_shown_without_its_escapes(settings: Settings) -> None:
    settings.refused.mkdir()
    (settings.refused / "a.csv").touch()
    (settings.refused / "a.csv.why.txt").write_text("a.csv: \x1b[31mred\nnext", encoding="utf-8")
    assert [file.reason for file in refused_files(settings.refused)] == ["a.csv: \\x1b[31mred next"]


def test_a_folder_in_the_place_of_a_reason_gives_the_file_another_name(
    settings: Settings, engine: DuckDBWarehouse
) -> None:
    (settings.refused / "a.csv.why.txt").mkdir(parents=True)
    drop(settings, "a.csv")
    assert outcome(ingest_inbox(settings, engine)) == ([], ["2-a.csv"])
    assert names(settings.refused) == ["2-a.csv", "2-a.csv.why.txt", "a.csv.why.txt"]


def test_a_folder_of_refused_files_that_leads_nowhere_is_named_by_doctor(settings: Settings, tmp_path: Path) -> None:
    settings.refused.symlink_to(tmp_path / "not_mounted")
    (finding,) = [finding for finding in check_home(settings) if str(settings.refused) in finding.message]
    assert (finding.level, finding.remedy) == ("warning", "mount its disk, or remove the link")
    assert "a link to a folder that is not there" in finding.message
    (tmp_path / "not_mounted").mkdir()
    assert not [finding for finding in check_home(settings) if str(settings.refused) in finding.message]
