"""Every text of the program that advises a command names one that there is, with options that it has."""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer

import tiktok_pipeline
from tiktok_pipeline.cli.app import build_app

PACKAGE = Path(tiktok_pipeline.__file__).parent
PROGRAM = typer.main.get_command(build_app())
COMMANDS = PROGRAM.commands  # type: ignore[attr-defined]
OPTIONS = {
    option for command in (PROGRAM, *COMMANDS.values()) for parameter in command.params for option in parameter.opts
}
OF_OTHERS = {
    "--help", "--host", "--log-level", "--code-server-log-level", "--dagster-log-level", "--no-install-recommends",
}  # fmt: skip
"""Options of every program, of Dagster's servers, and of Debian's ``apt-get``."""


def texts_of(tree: ast.Module) -> Iterator[str]:
    """Yield the texts of a module without its docstrings; what an f-string inserts is the word ``INSERTED``."""
    scopes = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    statements = [statement for scope in ast.walk(tree) if isinstance(scope, scopes) for statement in scope.body]
    left_out = {id(statement.value) for statement in statements if isinstance(statement, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            left_out |= {id(part) for part in node.values}
            yield "".join(str(part.value) if isinstance(part, ast.Constant) else "INSERTED" for part in node.values)
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in left_out:
            yield node.value


def all_texts() -> list[tuple[str, str]]:
    files = sorted(PACKAGE.rglob("*.py"))
    return [
        (str(file.relative_to(PACKAGE)), text)
        for file in files
        for text in texts_of(ast.parse(file.read_text(encoding="utf-8")))
    ]


def advised_commands() -> list[tuple[str, str]]:
    """Return each ``tiktok-pipeline ...`` between backticks, with the file that it stands in."""
    found = [
        (file, " ".join(line.split()))
        for file, text in all_texts()
        for line in re.findall(r"`tiktok-pipeline ([^`]+)`", text)
    ]
    return sorted(set(found))


ADVISED = advised_commands()


def problem_of(line: str) -> str:
    """Return why the command line would not accept the words; "" if it would."""
    name, *words = shlex.split(line)
    if name not in COMMANDS:
        return f"there is no command {name}"
    command = COMMANDS[name]
    try:
        _, left, _ = command.make_parser(typer.Context(command)).parse_args(words)
    except typer.exceptions.TyperException as error:
        return error.format_message()
    return f"more words than {name} takes: {left}" if left else ""


def test_the_texts_are_found() -> None:
    lines = {line for _, line in ADVISED}
    assert {"doctor --fix", "restore DIR", "refresh --all --snapshot INSERTED", "prune --keep N"} <= lines
    assert len(lines) > 15


@pytest.mark.parametrize(("file", "line"), ADVISED)
def test_an_advised_command_is_accepted(file: str, line: str) -> None:
    assert problem_of(line) == "", file


@pytest.mark.parametrize("line", ["mend", "doctor --mend", "prune --keep", "doctor now"])
def test_a_command_that_there_is_not_would_be_noticed(line: str) -> None:
    assert problem_of(line)


def test_every_option_that_a_text_names_is_one() -> None:
    named = {(file, option) for file, text in all_texts() for option in re.findall(r"(?<![\w-])--[a-z][a-z-]+", text)}
    unknown = sorted((file, option) for file, option in named if option not in OPTIONS | OF_OTHERS)
    assert unknown == []
