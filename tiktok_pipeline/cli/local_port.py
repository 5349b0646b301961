"""The address of this machine on which a command serves pages."""

from __future__ import annotations

from tiktok_pipeline.cli.console import CommandFailedError

HOST = "127.0.0.1"


def check_port(port: int) -> None:
    """Raise `CommandFailedError` if no server can listen on the port."""
    import errno
    import socket

    with socket.socket() as probe:
        probe.setsockopt(
            socket.SOL_SOCKET, socket.SO_REUSEADDR, 1
        )  # a server that just ended does not block the port
        try:
            probe.bind((HOST, port))
        except OSError as error:
            reason = "is in use" if error.errno == errno.EADDRINUSE else f"cannot be used ({error.strerror})"
            msg = f"port {port} of {HOST} {reason}"
            raise CommandFailedError(msg, remedy="choose another one with --port") from error
