"""The addresses of the page that explores."""

from threading import Lock
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from synth.app.blind import Blind
from synth.app.exploring import Exploring, encode
from synth.app.gate import tell_error
from synth.app.server import PAGES
from synth.errors import InputError, SynthError


def make_app(exploring: Exploring, blind: Blind | None) -> Starlette:
    """The page, its data, and files of the pages' folder; with ``blind`` the page that asks instead."""
    files = Mount("/pages", StaticFiles(directory=PAGES))
    routes = _Looking(exploring).routes if blind is None else _Asking(blind).routes
    return Starlette(routes=[*routes, files], exception_handlers={SynthError: tell_error})


class _Looking:
    def __init__(self, exploring: Exploring) -> None:
        self._exploring, self._lock = exploring, Lock()
        self.routes = [
            Route("/", lambda _: FileResponse(PAGES / "explore.html")),
            Route("/api/about", self.about),
            Route("/api/classes", self.classes),
            Route("/api/sample/{dataset}/{name}", self.sample),
            Route("/api/thumb/{dataset}/{name}", self.thumb),
            Route("/api/picture/{dataset}/{name}", self.picture),
            Route("/api/map/{dataset}/{name}", self.map),
            Route("/api/said/{dataset}/{name}", self.said),
            Route("/api/reject/{dataset}/{name}", self.reject, methods=["POST"]),
            Route("/api/keep/{dataset}/{name}", self.keep, methods=["POST"]),
        ]

    async def about(self, _: Request) -> Response:
        return await run_in_threadpool(self._about)

    def _about(self) -> Response:
        with self._lock:
            self._exploring.look_again()
        told = {
            "datasets": self._exploring.describe(),
            "samples": self._exploring.list_samples(),
            "writable": self._exploring.writable,
            "reads": self._exploring.reads,
            "maps": self._exploring.has_maps,
            "simulated": self._exploring.is_simulated,
        }
        return JSONResponse(told)

    async def classes(self, _: Request) -> Response:
        return JSONResponse(await run_in_threadpool(self._exploring.list_map_classes))

    async def sample(self, request: Request) -> Response:
        return JSONResponse(await run_in_threadpool(self._exploring.tell, *_which(request)))

    async def thumb(self, request: Request) -> Response:
        content = await run_in_threadpool(self._exploring.thumb, *_which(request))
        return Response(content, media_type="image/jpeg", headers={"cache-control": "private, max-age=600"})

    async def picture(self, request: Request) -> Response:
        picture = await run_in_threadpool(self._exploring.picture, *_which(request))
        return Response(encode(picture, ".png"), media_type="image/png")

    async def map(self, request: Request) -> Response:
        picture = await run_in_threadpool(self._exploring.map, *_which(request))
        return Response(encode(picture, ".png"), media_type="image/png")

    async def said(self, request: Request) -> Response:
        return await run_in_threadpool(self._said, *_which(request))

    def _said(self, dataset: str, name: str) -> Response:
        with self._lock:
            return Response(encode(self._exploring.said(dataset, name), ".png"), media_type="image/png")

    async def reject(self, request: Request) -> Response:
        return await run_in_threadpool(self._reject, *_which(request), await _text(request))

    def _reject(self, dataset: str, name: str, reason: str) -> Response:
        with self._lock:
            return JSONResponse({"left": self._exploring.reject(dataset, name, reason)})

    async def keep(self, request: Request) -> Response:
        return await run_in_threadpool(self._keep, *_which(request), await _text(request))

    def _keep(self, dataset: str, name: str, reason: str) -> Response:
        with self._lock:
            return JSONResponse({"file": self._exploring.keep(dataset, name, reason)})


class _Asking:
    def __init__(self, blind: Blind) -> None:
        self._blind, self._lock = blind, Lock()
        self.routes = [
            Route("/", lambda _: FileResponse(PAGES / "blind.html")),
            Route("/api/about", self.about),
            Route("/api/next", self.next, methods=["POST"]),
            Route("/api/blind/{ticket}", self.picture),
            Route("/api/answer/{ticket}", self.answer, methods=["POST"]),
        ]

    async def about(self, _: Request) -> Response:
        told = {"score": self._blind.score(), "log": str(self._blind.log.path)}
        return JSONResponse(told | {"simulated": self._blind.is_simulated})

    async def next(self, _: Request) -> Response:
        return JSONResponse({"ticket": self._blind.deal()})

    async def picture(self, request: Request) -> Response:
        content = await run_in_threadpool(self._blind.picture, request.path_params["ticket"])
        return Response(content, media_type="image/png")

    async def answer(self, request: Request) -> Response:
        said = await _text(request)
        if said not in ("real", "made"):
            raise InputError(f"an answer is real or made, got {said[:20]!r}")
        return await run_in_threadpool(self._answer, request.path_params["ticket"], said)

    def _answer(self, ticket: str, said: str) -> Response:
        with self._lock:
            told: dict[str, Any] = self._blind.answer(ticket, said == "real")
        return JSONResponse(told)


async def _text(request: Request) -> str:
    return (await request.body()).decode("utf-8", "replace")


def _which(request: Request) -> tuple[str, str]:
    return request.path_params["dataset"], request.path_params["name"]
