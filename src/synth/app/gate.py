"""Who may ask: the browser that was given the address, from this very page, and nobody else.

A page of the web can make a browser ask a server on its own machine. So the host's name must be the server's
own (no other name that leads here), a request that writes must come from the server's own page, and every
request must carry a token. The token stands in the address that is printed; the first load makes it a cookie
that no other site's page can send and no script can read, and takes it out of the address.
"""

import secrets
from urllib.parse import parse_qs

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from synth.errors import InputError

MOST_BYTES = 32 * 2**20
"""Of what one request may send: a map of 4096×4096 ids."""

MOST_AT_ONCE = 32
"""Requests that are served at a time; further ones are told so (503)."""

_HEADERS = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self' blob: data:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cache-control": "no-store",
}
_SAFE = ("GET", "HEAD")


class TooLarge(InputError):
    """What a request sends is more than is taken."""

    def __init__(self) -> None:
        super().__init__(f"more than {MOST_BYTES // 2**20} MB are sent: draw a smaller map")


class Gate:
    """Stands before an ASGI application. host: as it is in the address, ``127.0.0.1:8123``."""

    def __init__(self, app: ASGIApp, host: str, token: str) -> None:
        self._app, self._host, self._token = app, host, token
        self._cookie = f"synth_{host.rpartition(':')[2]}"
        """Cookies know no ports: each server has one of its own."""
        self._n_served = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or let the application answer."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self._app(scope, receive, send)
            return

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        answer = self._answer(scope)
        if answer is not None:
            await answer(scope, receive, send_guarded)
            return
        self._n_served += 1
        try:
            await self._app(scope, _bounded(receive), send_guarded)
        finally:
            self._n_served -= 1

    def _answer(self, scope: Scope) -> JSONResponse | RedirectResponse | None:
        """What is answered before the application is asked; None where it may be asked."""
        headers = Headers(scope=scope)
        if headers.get("host") != self._host:
            return refuse(403, f"this server answers at {self._host} alone: open the address that it printed")
        origin = headers.get("origin")
        is_own = origin == f"http://{self._host}" or (origin is None and scope["method"] in _SAFE)
        if not is_own and (origin is not None or headers.get("sec-fetch-site") != "same-origin"):
            return refuse(403, "only its own page may ask this server: open the address that it printed")
        asked = parse_qs(scope["query_string"].decode("latin-1")).get("token", [""])[0]
        if scope["path"] == "/" and scope["method"] == "GET" and self._is_token(asked):
            answer = RedirectResponse("/", 303)
            answer.set_cookie(self._cookie, self._token, httponly=True, samesite="strict", path="/")
            return answer
        if not self._is_token(_cookies(headers.get("cookie", "")).get(self._cookie, "")):
            return refuse(403, "the address lacks its token: open the one that the terminal shows, whole")
        if int(headers.get("content-length", "0") or 0) > MOST_BYTES:
            return refuse(413, str(TooLarge()))
        if self._n_served >= MOST_AT_ONCE:
            return refuse(503, f"{MOST_AT_ONCE} requests are served already: ask again in a moment")
        return None

    def _is_token(self, text: str) -> bool:
        return secrets.compare_digest(text.encode(), self._token.encode())


def refuse(status: int, sentence: str) -> JSONResponse:
    """An answer that says what is wrong and what to do."""
    return JSONResponse({"error": sentence}, status)


async def tell_error(_: Request, error: Exception) -> Response:
    """The sentence of a `SynthError`: what was asked is wrong (400, 413), or this machine cannot (500)."""
    if isinstance(error, TooLarge):
        return refuse(413, str(error))
    return refuse(400 if isinstance(error, InputError) else 500, str(error))


def _cookies(header: str) -> dict[str, str]:
    pairs = (part.strip().partition("=") for part in header.split(";"))
    return {name: value for name, _, value in pairs}


async def _pass_over(receive: Receive) -> None:
    """Let the rest of a request go by, as much again at most: who still sends cannot hear an answer."""
    n = 0
    while n <= MOST_BYTES:
        message = await receive()
        n += len(message.get("body", b""))
        if not message.get("more_body", False):
            return


def _bounded(receive: Receive) -> Receive:
    n = 0

    async def receive_bounded() -> Message:
        nonlocal n
        message = await receive()
        n += len(message.get("body", b""))
        if n > MOST_BYTES:
            await _pass_over(receive)
            raise TooLarge
        return message

    return receive_bounded
