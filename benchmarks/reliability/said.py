"""Judges what a command printed: no stack trace, an expected exit code, and a reason in one line."""

from __future__ import annotations

from pathlib import Path

_PROGRAM = "tiktok-pipeline: "


def reasons(said: str) -> list[str]:
    """Return the lines that give a reason."""
    return [line for line in said.splitlines() if line.startswith(_PROGRAM)]


def last_reason(said: str, folder: Path) -> str:
    """Return the last line that gives a reason, without the path of the folder of the homes."""
    return next((line.replace(f"{folder}/", "") for line in reversed(reasons(said))), "")


def problem_of(code: int, said: str) -> str:
    """Return what is wrong with the words of a command that may have failed, or an empty text."""
    if "Traceback" in said or "Exception ignored" in said:
        return f"a stack trace: {said[-600:]}"
    if code not in (0, 1):
        return f"exit code {code}: {said[-600:]}"
    return f"no line gives the reason: {said[-600:]}" if code and not reasons(said) else ""
