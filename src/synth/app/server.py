"""A server for one person on this machine: loopback alone, one address with a token, Ctrl-C to end."""

import os
import secrets
import socket
import webbrowser
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from threading import Timer

import uvicorn
from starlette.types import ASGIApp

from synth.app.gate import Gate
from synth.errors import InputError

LOOPBACK = "127.0.0.1"
PAGES = Path(__file__).parent / "pages"


def serve(app: ASGIApp, *, port: int, open_browser: bool, say: Callable[[str], None]) -> None:
    """Answer until Ctrl-C. port: 0 for any that is free. Raises InputError for one that is taken."""
    with socket.socket() as listening:
        # A port that a server let go of a moment ago may be had.
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((LOOPBACK, port))
            listening.listen()
        except OSError as error:
            raise InputError(f"port {port} cannot be had ({error.strerror}): leave --port out") from error
        host, token = f"{LOOPBACK}:{listening.getsockname()[1]}", secrets.token_urlsafe(24)
        address = f"http://{host}/?token={token}"
        say(f"Open {address}")
        say("It answers this machine alone. Ctrl-C ends it.")
        if open_browser and (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
            Timer(0.5, webbrowser.open, (address,)).start()
        config = uvicorn.Config(
            Gate(app, host, token),
            log_level="error",
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=2,
            lifespan="off",
        )
        with suppress(KeyboardInterrupt):  # uvicorn has ended in good order, and raises it once more.
            uvicorn.Server(config).run(sockets=[listening])
