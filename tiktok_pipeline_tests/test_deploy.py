"""The operations guide names only existing variables, commands, options and files; the service units are valid."""

from __future__ import annotations

import configparser
import contextlib
import re
import shutil
import sqlite3
import stat
import subprocess
from pathlib import Path

import pytest
import typer

from tiktok_pipeline.cli.app import build_app
from tiktok_pipeline.settings import Settings

ROOT = Path(__file__).resolve().parents[1]
DEPLOY = ROOT / "deploy"
OPERATIONS = ROOT / "docs" / "operations.md"
BACKUP = DEPLOY / "tiktok-pipeline-backup"
UNITS = sorted([*DEPLOY.glob("*.service"), *DEPLOY.glob("*.timer")])
SERVICES = [unit for unit in UNITS if unit.suffix == ".service"]
COMMANDS = typer.main.get_command(build_app()).commands  # type: ignore[attr-defined]


def variables(text: str) -> set[str]:
    return set(re.findall(r"TIKTOK_PIPELINE_[A-Z_]+", text))


def settings_variables() -> set[str]:
    return variables((ROOT / "tiktok_pipeline" / "settings.py").read_text(encoding="utf-8"))


def example_lines() -> dict[str, str]:
    """The variables of the example, those behind a ``#`` too, with their values."""
    text = (DEPLOY / "tiktok-pipeline.env.example").read_text(encoding="utf-8")
    return dict(re.findall(r"^#?(TIKTOK_PIPELINE_[A-Z_]+)=(.*)$", text, flags=re.MULTILINE))


def parsed(unit: Path) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(strict=False, interpolation=None, delimiters=("=",))
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string(unit.read_text(encoding="utf-8"))
    return parser


def check_call(words: list[str]) -> None:
    """A call of the command line names a command that there is, and only options that it has."""
    assert words, "no command"
    assert words[0] in COMMANDS, words
    known = {option for parameter in COMMANDS[words[0]].params for option in parameter.opts}
    given = {word.partition("=")[0] for word in words[1:] if word.startswith("--")}
    assert given <= known, words


def test_every_variable_is_in_the_example_and_no_other() -> None:
    assert set(example_lines()) == settings_variables()


def test_the_example_is_read_as_settings() -> None:
    lines = example_lines()
    examples = {"TIKTOK_PIPELINE_MEMORY_LIMIT", "TIKTOK_PIPELINE_THREADS"}  # without a default of ours
    defaults = {name: value for name, value in lines.items() if name not in examples}
    home = {"TIKTOK_PIPELINE_HOME": lines["TIKTOK_PIPELINE_HOME"]}
    assert Settings.from_env(defaults) == Settings.from_env(home)
    assert Settings.from_env(lines).memory_limit


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_a_unit_has_its_sections(unit: Path) -> None:
    parser = parsed(unit)
    kind = {".service": "Service", ".timer": "Timer"}[unit.suffix]
    assert {"Unit", kind} <= set(parser.sections()) <= {"Unit", kind, "Install"}
    if kind == "Timer":
        assert unit.with_suffix(".service") in SERVICES
        assert parser["Timer"]["OnCalendar"]


@pytest.mark.parametrize("unit", SERVICES, ids=lambda unit: unit.name)
def test_a_service_calls_what_there_is_as_a_user_without_rights(unit: Path) -> None:
    service = parsed(unit)["Service"]
    program, *words = service["ExecStart"].split()
    if Path(program).name == BACKUP.name:
        assert not words
    else:
        assert Path(program).name == "tiktok-pipeline"
        check_call(words)
    assert service["User"] == "tiktok-pipeline"
    assert service["NoNewPrivileges"] == "yes"
    assert service["ProtectSystem"] == "strict"
    assert service["UMask"] == "0077"
    assert example_lines()["TIKTOK_PIPELINE_HOME"] in service["ReadWritePaths"].split()


def test_systemd_finds_no_fault_in_the_units(tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed")
    program = tmp_path / "program"  # the real ones are not installed here, and systemd looks for them
    program.write_text("#!/bin/sh\n", encoding="utf-8")
    program.chmod(0o755)
    units = []
    for unit in UNITS:
        text = re.sub(r"^(ExecStart=)\S+", rf"\g<1>{program}", unit.read_text(encoding="utf-8"), flags=re.MULTILINE)
        (tmp_path / unit.name).write_text(text, encoding="utf-8")
        units.append(str(tmp_path / unit.name))
    done = subprocess.run(
        ["systemd-analyze", "verify", *units], capture_output=True, text=True, timeout=60, check=False
    )
    said = [line for line in done.stderr.splitlines() if str(tmp_path) in line or "tiktok-pipeline" in line]
    assert (said, done.returncode) == ([], 0)


def test_the_backup_keeps_the_newest_copies_and_holds_the_lock(tmp_path: Path) -> None:
    missing = [name for name in ("bash", "flock", "rsync", "python3") if shutil.which(name) is None]
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)}")
    assert BACKUP.stat().st_mode & stat.S_IXUSR
    home, copies = tmp_path / "home", tmp_path / "copies"
    (home / "raw" / "2024-03-01").mkdir(parents=True)
    (home / "raw" / "2024-03-01" / "manifest.json").write_text("[]", encoding="utf-8")
    (home / "incoming").mkdir()
    (home / "incoming" / "late.csv").write_text("a", encoding="utf-8")
    (home / "dagster").mkdir()
    live = sqlite3.connect(home / "dagster" / "runs.db")  # open, and in the mode that Dagster writes in
    live.execute("pragma journal_mode = wal")
    live.execute("create table runs as select 1 as run")
    live.commit()
    for day in range(1, 4):
        (copies / f"2024-03-0{day}T00-00-00Z").mkdir(parents=True)
    environment = {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "TIKTOK_PIPELINE_HOME": str(home),
        "BACKUP_FOLDER": str(copies),
        "BACKUP_KEEP": "2",
    }
    done = subprocess.run([BACKUP], env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    kept = sorted(path.name for path in copies.iterdir())
    assert kept[0] == "2024-03-03T00-00-00Z"
    assert [str(copies / kept[1])] == done.stdout.split()
    assert (copies / kept[1] / "raw" / "2024-03-01" / "manifest.json").read_text(encoding="utf-8") == "[]"
    assert (copies / kept[1] / "incoming" / "late.csv").read_text(encoding="utf-8") == "a"
    with contextlib.closing(sqlite3.connect(copies / kept[1] / "dagster" / "runs.db")) as copied:
        assert copied.execute("select run from runs").fetchall() == [(1,)]
    live.close()
    assert not (copies / kept[1] / ".lock").exists()
    assert (home / ".lock").read_text(encoding="utf-8").strip().isdigit()


def test_the_backup_refuses_what_is_no_home(tmp_path: Path) -> None:
    if shutil.which("bash") is None:
        pytest.skip("bash is not installed")
    environment = {
        "PATH": "/usr/bin:/bin",
        "TIKTOK_PIPELINE_HOME": str(tmp_path),
        "BACKUP_FOLDER": str(tmp_path / "copies"),
    }
    done = subprocess.run(["bash", BACKUP], env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert "nothing is copied" in done.stderr
    assert not (tmp_path / "copies").exists()


def test_the_proxy_asks_for_a_password_and_passes_the_web_socket_on() -> None:
    text = (DEPLOY / "nginx.conf.example").read_text(encoding="utf-8")
    assert re.search(r"^\s*auth_basic_user_file\s", text, flags=re.MULTILINE)
    assert re.search(r"^\s*server 127\.0\.0\.1:3000;", text, flags=re.MULTILINE)
    assert re.search(r"^\s*proxy_set_header\s+Upgrade\s+\$http_upgrade;", text, flags=re.MULTILINE)
    assert re.search(r"^\s*location /graphql \{", text, flags=re.MULTILINE)
    assert text.count("{") == text.count("}")


def block(text: str, start: str) -> list[tuple[str, str]]:
    """Return the lines of a block of the configuration of nginx as pairs: a name and its value."""
    lines = text[text.index(f"\n{start} {{\n") :].split("{\n", 1)[1].split("\n}", 1)[0].splitlines()
    return [
        (name, value.strip().removesuffix(";")) for name, _, value in (line.strip().partition(" ") for line in lines)
    ]


def test_the_proxy_refuses_pages_of_other_sites() -> None:
    """The server behind takes its own address only, so that the proxy decides whose page asks."""
    content = (DEPLOY / "nginx.conf.example").read_text(encoding="utf-8")
    text = "".join(line for line in content.splitlines(keepends=True) if not line.lstrip().startswith("#"))
    own = re.findall(r"^ *server_name +(\S+);", text, flags=re.MULTILINE)
    origins = dict(block(text, "map $http_origin $tiktok_pipeline_is_foreign"))
    assert origins == {
        "default": "1",
        "''": "$tiktok_pipeline_is_foreign_site",
        f"https://{own[0]}": "$tiktok_pipeline_is_foreign_site",
    }
    sites = dict(block(text, "map $http_sec_fetch_site $tiktok_pipeline_is_foreign_site"))
    assert sites == {"default": "0", "cross-site": "1", "same-site": "1"}
    headers = dict(re.findall(r"^ *proxy_set_header +(\S+) +(.+);$", text, flags=re.MULTILINE))
    (address,) = re.findall(r"^ *server (127\.0\.0\.1:\d+);", text, flags=re.MULTILINE)
    assert (headers["Host"], headers["Origin"]) == (address, '""')
    graphql = text[text.index("location /graphql {") :]
    assert re.match(
        r"location /graphql \{\s+if \(\$tiktok_pipeline_is_foreign\) \{\s+return 403;\s+\}\s+proxy_pass", graphql
    )
    assert text.count("proxy_pass ") == 2, "a location of its own could pass /graphql on without the check"
    inside = re.findall(r"location (\S+) \{([^{}]*(?:\{[^{}]*\}[^{}]*)*)\}", text)
    assert [path for path, _ in inside] == ["/", "/graphql"]
    assert not [path for path, lines in inside if "proxy_set_header" in lines], "it would drop the headers above"


def test_operations_names_the_commands_that_there_are() -> None:
    text = OPERATIONS.read_text(encoding="utf-8")
    spans = re.findall(r"`(tiktok-pipeline [^`\n]+)`", text)
    blocks = re.findall(r"^```bash\n(.*?)^```", text, flags=re.DOTALL | re.MULTILINE)
    lines = [line.partition("#")[0] for block in blocks for line in block.splitlines()]
    found = [
        re.search(r"(?<![\w-])(?:\S*/bin/)?tiktok-pipeline ([a-z].*)", line)
        for line in lines
        if "-u tiktok" not in line
    ]
    calls = [span.split()[1:] for span in spans] + [
        one[1].split() for one in found if one and "useradd" not in one.string
    ]
    for call in calls:
        if call[0].startswith(("/", "-")):
            continue
        check_call(call)
    assert {"ui", "refresh", "doctor", "forget", "prune", "trace", "snapshots"} <= {call[0] for call in calls}
    assert variables(text) <= settings_variables()


def test_the_links_of_operations_lead_somewhere() -> None:
    links = re.findall(r"\]\(([^)#]+)", OPERATIONS.read_text(encoding="utf-8"))
    relative = [link for link in links if not link.startswith("http")]
    assert relative
    assert [link for link in relative if not (OPERATIONS.parent / link).exists()] == []
