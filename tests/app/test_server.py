"""Who is let in, what is refused and in which words, and a crowd at the door."""

import http.client
import json
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pytest
from page_server import drawing

from synth.dataset.reader import DatasetReader

pytestmark = pytest.mark.slow
PAINT = "/api/paint?width=64&height=64&seed=0"
MAP = np.ones((64, 64), "<u2").tobytes()


class Client:
    """A browser's requests, without one."""

    def __init__(self, address: str) -> None:
        parts = urlsplit(address)
        self.host, self.token = parts.netloc, parts.query.removeprefix("token=")
        status, _, headers = self.ask("GET", f"/?token={self.token}")
        assert (status, headers["location"]) == (303, "/")
        self.set_cookie = headers["set-cookie"]
        self.cookie = self.set_cookie.partition(";")[0]

    def ask(
        self, method: str, path: str, body: bytes | None = None, **headers: str
    ) -> tuple[int, bytes, dict[str, str]]:
        host, _, port = self.host.partition(":")
        connection = http.client.HTTPConnection(host, int(port), timeout=60)
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, body, given)
        answer = connection.getresponse()
        return answer.status, answer.read(), {k.lower(): v for k, v in answer.getheaders()}

    def post(self, path: str, body: bytes, **headers: str) -> tuple[int, bytes, dict[str, str]]:
        own = {"Cookie": self.cookie, "Origin": f"http://{self.host}"} | headers
        return self.ask("POST", path, body, **own)


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("out") / "drawn"


@pytest.fixture(scope="module")
def client(desk: Path, out: Path) -> Iterator[Client]:
    with drawing(desk, "--out", out, "--maps", "data/maps") as address:
        yield Client(address)


def _error(content: bytes) -> Any:
    return json.loads(content)["error"]


def test_the_token_becomes_a_cookie_of_this_site_alone(client: Client) -> None:
    """No script reads it, no other site sends it; no page of it may be framed or load from elsewhere."""
    words = {word.strip().lower() for word in client.set_cookie.split(";")[1:]}
    assert words == {"httponly", "samesite=strict", "path=/"}
    status, content, headers = client.ask("GET", "/", Cookie=client.cookie)
    assert status == 200
    assert b"synth draw" in content
    assert "default-src 'none'" in headers["content-security-policy"]
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert headers["referrer-policy"] == "no-referrer"
    assert "server" not in headers


@pytest.mark.parametrize("cookie", ["", "synth_1=x", "nonsense", "=;=;"])
@pytest.mark.parametrize("path", ["/", "/api/about", "/pages/draw.js", "/nowhere", "/?token=guess"])
def test_without_the_token_nothing_is_told(client: Client, path: str, cookie: str) -> None:
    status, content, _ = client.ask("GET", path, Cookie=cookie)
    assert (status, _error(content)) == (
        403,
        "the address lacks its token: open the one that the terminal shows, whole",
    )


def test_other_names_and_other_pages_are_refused(client: Client) -> None:
    """A name that leads here (DNS rebinding), and another site's page that posts, with the cookie or not."""
    for host in ("evil.example", "localhost:1", "127.0.0.1"):
        status, content, _ = client.ask("GET", "/api/about", Host=host, Cookie=client.cookie)
        assert status == 403
        assert f"answers at {client.host} alone" in _error(content)
    for origin in ("https://evil.example", "null", f"https://{client.host}"):
        status, content, _ = client.post(PAINT, MAP, Origin=origin)
        assert status == 403
        assert "only its own page" in _error(content)
    status, content, _ = client.ask("POST", PAINT, MAP, Cookie=client.cookie)
    assert status == 403, "a post that does not say where it comes from"


@pytest.mark.parametrize(
    ("path", "body", "says"),
    [
        (PAINT, MAP[:-1], "a map of 64×64 has 8192 bytes, two an id, got 8191"),
        (PAINT, b"", "got 0"),
        (PAINT, np.full((64, 64), 9, "<u2").tobytes(), "the id 9 is no class: there are 3"),
        ("/api/paint?width=0&height=64&seed=0", b"", "width must be a whole number from 1 to 4096, got '0'"),
        ("/api/paint?width=64&height=1e3&seed=0", MAP, "height must be a whole number from 1 to 4096"),
        ("/api/paint?width=64&height=64&seed=-1", MAP, "seed must be a whole number from 0"),
        ("/api/paint?width=64&height=64&seed=" + 5000 * "9", MAP, "seed must be a whole number from 0"),
        ("/api/paint", MAP, "width must be a whole number from 1 to 4096, got ''"),
        (
            "/api/keep?width=64&height=64&seed=0&base=maps/../real",
            MAP,
            "there is no label map real in maps/..",
        ),
        ("/api/keep?width=64&height=64&seed=0&base=maps/999999", MAP, "no label map 999999 in maps"),
        ("/api/read", b"no picture", "the file is no PNG that can be read: take"),
        ("/api/paint?width=1&height=4096&seed=0", bytes(8192), "8 times as long as wide at most, got 1×4096"),
    ],
)
def test_what_cannot_be_painted_is_refused_in_a_sentence(
    client: Client, out: Path, path: str, body: bytes, says: str
) -> None:
    status, content, _ = client.post(path, body)
    assert status == 400
    assert says in _error(content)
    assert not out.exists()


@pytest.mark.parametrize(
    "path",
    [
        "/pages/../server.py",
        "/pages/%2e%2e/server.py",
        "/pages/..%2fserver.py",
        "/pages//etc/passwd",
        "/api/maps/..%2f..%2fdata/000000",
        "/api/maps/maps/..%2f000000",
    ],
)
def test_no_path_leaves_its_folder(client: Client, path: str) -> None:
    status, content, _ = client.ask("GET", path, Cookie=client.cookie)
    assert status in (400, 404)
    assert b"import" not in content
    assert b"root:" not in content


def test_a_huge_post_is_refused_before_it_is_read(client: Client) -> None:
    """Whether it says how long it is or comes in pieces."""
    status, content, _ = client.post(PAINT, b"", Content_Length=str(10**12))
    assert (status, _error(content)) == (413, "more than 32 MB are sent: draw a smaller map")
    host, _, port = client.host.partition(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=60)
    headers = {"Cookie": client.cookie, "Origin": f"http://{client.host}"}
    pieces = (bytes(2**20) for _ in range(40))
    connection.request("POST", PAINT, pieces, headers, encode_chunked=True)
    assert connection.getresponse().status == 413
    assert client.post(PAINT, MAP)[0] == 200


def test_connections_that_say_nothing_are_in_nobodys_way(client: Client) -> None:
    host, _, port = client.host.partition(":")
    silent = [socket.create_connection((host, int(port))) for _ in range(100)]
    try:
        assert client.post(PAINT, MAP)[0] == 200
    finally:
        for connection in silent:
            connection.close()


def test_a_crowd_is_served_or_told_to_ask_again(client: Client, out: Path) -> None:
    """Two hundred at once: each is painted, or told that too many wait; what was kept is whole."""
    with ThreadPoolExecutor(200) as pool:
        painted = list(pool.map(lambda _: client.post(PAINT, MAP), range(200)))
    told = {status for status, _, _ in painted}
    assert told <= {200, 503}
    assert 200 in told
    assert len({content for status, content, _ in painted if status == 200}) == 1
    maps = np.ones((20, 64, 64), "<u2")
    for i in range(10):
        maps[[i, 10 + i], : 3 * i + 1] = 2  # Each twice: the second is there already.
    with ThreadPoolExecutor(20) as pool:
        kept = list(pool.map(lambda m: client.post(PAINT.replace("paint", "keep"), m.tobytes()), maps))
    names = {json.loads(content)["name"] for status, content, _ in kept if status == 200}
    assert 1 <= len(names) <= 10
    assert [sample.name for sample in DatasetReader(out)] == sorted(names)
