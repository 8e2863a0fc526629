"""The addresses of the page that draws.

Maps travel as they are: width × height ids, two bytes each, low byte first, row after row from the top.
"""

from collections.abc import Callable
from threading import Lock
from typing import Any

import cv2
import numpy as np
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from synth.app.drawing import MOST_ASPECT, Drawing
from synth.app.gate import refuse, tell_error
from synth.app.map_file import MOST_SIDE_PX
from synth.app.server import PAGES
from synth.dataset.label_maps import Ids
from synth.errors import InputError, SynthError

MOST_WAITING = 8
"""Pictures that are asked for at once; further ones are refused."""

_BYTES_PER_ID = 2


def make_app(drawing: Drawing) -> Starlette:
    """The page, what it asks for, and files of the pages' folder."""
    desk = _Desk(drawing)
    return Starlette(
        routes=[
            Route("/", lambda _: FileResponse(PAGES / "draw.html")),
            Route("/api/about", desk.about),
            Route("/api/maps/{dataset}/{name}", desk.map),
            Route("/api/read", desk.read, methods=["POST"]),
            Route("/api/paint", desk.paint, methods=["POST"]),
            Route("/api/keep", desk.keep, methods=["POST"]),
            Mount("/pages", StaticFiles(directory=PAGES)),
        ],
        exception_handlers={SynthError: tell_error},
    )


class _Desk:
    """One painting at a time, a few waiting."""

    def __init__(self, drawing: Drawing) -> None:
        self._drawing, self._lock, self._n_waiting = drawing, Lock(), 0

    async def about(self, _: Request) -> Response:
        d = self._drawing
        return JSONResponse(
            {
                "classes": [
                    {"name": name, "colour": colour, "mirrored": mirrored}
                    for name, colour, mirrored in zip(d.classes, d.colours, d.mirrored, strict=True)
                ],
                "void": d.void,
                "size": d.size_wh,
                "maps": d.list_maps(),
                "out": str(d.out),
                "kept": d.n_kept,
                "simulated": d.is_simulated,
            }
        )

    async def map(self, request: Request) -> Response:
        dataset, name = request.path_params["dataset"], request.path_params["name"]
        ids = await run_in_threadpool(self._drawing.load_map, dataset, name)
        return Response(ids.astype("<u2").tobytes(), media_type="application/octet-stream")

    async def read(self, request: Request) -> Response:
        return await self._queue(self._read, await request.body())

    async def paint(self, request: Request) -> Response:
        return await self._in_turn(request, self._paint)

    async def keep(self, request: Request) -> Response:
        return await self._in_turn(request, self._keep)

    async def _in_turn(self, request: Request, answer: Callable[[Request, Ids, int], Response]) -> Response:
        return await self._queue(answer, request, *await read_map(request))

    async def _queue(self, answer: Callable[..., Response], *asked: Any) -> Response:
        if self._n_waiting >= MOST_WAITING:
            return refuse(503, f"{MOST_WAITING} pictures are waited for already: ask again in a moment")
        self._n_waiting += 1
        try:
            return await run_in_threadpool(self._locked, answer, *asked)
        finally:
            self._n_waiting -= 1

    def _locked(self, answer: Callable[..., Response], *asked: Any) -> Response:
        with self._lock:
            return answer(*asked)

    def _read(self, content: bytes) -> Response:
        ids = self._drawing.read_file(content)
        return Response(ids.astype("<u2").tobytes(), media_type="application/octet-stream")

    def _paint(self, _: Request, ids: Ids, seed: int) -> Response:
        painted = self._drawing.paint(ids, seed)
        png = cv2.imencode(".png", painted[..., ::-1], [cv2.IMWRITE_PNG_COMPRESSION, 1])[1]
        return Response(png.tobytes(), media_type="image/png")

    def _keep(self, request: Request, ids: Ids, seed: int) -> Response:
        dataset, _, name = request.query_params.get("base", "").rpartition("/")
        kept = self._drawing.keep(ids, seed, (dataset, name) if name else None)
        return JSONResponse({"name": kept, "out": str(self._drawing.out), "kept": self._drawing.n_kept})


async def read_map(request: Request) -> tuple[Ids, int]:
    """The map [H,W] that a request sends and the seed of its style; raises InputError for what is none."""
    width = _number(request, "width", 1, MOST_SIDE_PX)
    height = _number(request, "height", 1, MOST_SIDE_PX)
    seed = _number(request, "seed", 0, 2**31 - 1)
    if max(width, height) > MOST_ASPECT * min(width, height):
        raise InputError(f"a map is {MOST_ASPECT} times as long as wide at most, got {width}×{height}")
    content, wanted = await request.body(), width * height * _BYTES_PER_ID
    if len(content) != wanted:
        raise InputError(f"a map of {width}×{height} has {wanted} bytes, two an id, got {len(content)}")
    return np.frombuffer(content, "<u2").reshape(height, width).astype(np.uint16), seed


def _number(request: Request, key: str, least: int, most: int) -> int:
    text = request.query_params.get(key, "")
    if not (text.isdecimal() and len(text) <= 10 and least <= int(text) <= most):
        raise InputError(f"{key} must be a whole number from {least} to {most}, got {text[:20]!r}")
    return int(text)
