"""Ways to damage a folder of data: the bytes of a file, the values of its JSON, its lines, what it is."""

import json
import os
import struct
import zlib
from collections.abc import Callable, Iterator
from copy import deepcopy
from io import BytesIO
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
from PIL import Image

Place = tuple[str | int, ...]

_HUGE, _DEEP = "@huge@", "@deep@"
_RAW = {_HUGE: "9" * 5000, _DEEP: "[" * 20_000 + "]" * 20_000}
ODD_VALUES: tuple[Any, ...] = (
    *(None, True, "", [], {}, 0, -1, 0.5, 1e308, -1e308, 5e-324, 10**18, 10**400),
    *(float("nan"), float("inf"), _HUGE, _DEEP, "x" * 100_000, "\ud800", "\0", "name\nother", "100001"),
    *("../bystander.txt", "../../bystander.txt", "/dev/zero", "images/../../../bystander.txt", "."),
    *([[]], [None] * 3, [1e200, 1e200, 1e200, 1e200], {"": {}}, {"a": [1, {"b": None}]}),
)
ODD_WORDS = (
    *(b"nan", b"-inf", b"1e400", b"1e38", b"-1", b"0", b"4294967295", b"99999999999999999999", b"9" * 5000),
    *(b"", b"\xff", b"\0", b"[" * 20_000, b"&a *a", b"!!python/object:os.system", b"../bystander.txt"),
)


def damage_bytes(content: bytes, rng: Random) -> bytes:
    """A few bits turned, a piece cut out, doubled, zeroed or put in."""
    for _ in range(rng.randint(1, 3)):
        a, b = sorted(rng.randrange(len(content) + 1) for _ in range(2))
        change = rng.randrange(7)
        if change == 0 and content:
            i = min(a, len(content) - 1)
            content = content[:i] + bytes([content[i] ^ 1 << rng.randrange(8)]) + content[i + 1 :]
        elif change == 1:
            content = content[:a]
        elif change == 2:
            content = content[:a] + content[b:]
        elif change == 3:
            content = content[:b] + content[a:]
        elif change == 4:
            content = content[:a] + bytes(b - a) + content[b:]
        elif change == 5:
            content = content[:a] + bytes(rng.randrange(256) for _ in range(8)) + content[a:]
        else:
            content = content[:a] + rng.choice(ODD_WORDS) + content[a:]
    return content


def damage_words(content: bytes, rng: Random) -> bytes:
    """One word of a text replaced."""
    words = content.split(b" ")
    words[rng.randrange(len(words))] = rng.choice(ODD_WORDS)
    return b" ".join(words)


def damage_json(content: bytes, rng: Random) -> bytes:
    """A value or two of one JSON text replaced, removed, renamed, nudged or taken from elsewhere."""
    try:
        data = json.loads(content)
    except (ValueError, RecursionError):
        return damage_bytes(content, rng)
    for _ in range(rng.randint(1, 2)):
        data = _change(data, rng)
    text = json.dumps(data)
    for token, raw in _RAW.items():
        text = text.replace(f'"{token}"', raw)
    return text.encode()


def damage_lines(content: bytes, rng: Random) -> bytes:
    """Lines doubled, swapped, dropped or damaged, or names exchanged between two."""
    lines = content.split(b"\n")
    i, j = rng.randrange(len(lines)), rng.randrange(len(lines))
    change = rng.randrange(6)
    if change == 0:
        lines.insert(j, lines[i])
    elif change == 1:
        lines[i], lines[j] = lines[j], lines[i]
    elif change == 2:
        del lines[i]
    elif change == 3:
        lines.insert(i, b"\r")
    elif change == 4:
        a, b = f"{rng.randrange(4):06d}".encode(), f"{rng.randrange(4):06d}".encode()
        lines[i] = lines[i].replace(a, b"\0").replace(b, a).replace(b"\0", b)
    else:
        lines[i] = damage_json(lines[i], rng) if lines[i] else rng.choice(ODD_WORDS)
    return b"\n".join(lines)


def damage_picture(content: bytes, rng: Random) -> bytes:
    """Another size, mode, format or declared size of a PNG; or its bytes."""
    change = rng.randrange(5)
    if change == 0 and content[:4] == b"\x89PNG":
        size = struct.pack(">II", *(rng.choice((0, 1, 60_000, 2**31 - 1)) for _ in range(2)))
        header = b"IHDR" + size + content[24:29]
        return content[:12] + header + struct.pack(">I", zlib.crc32(header)) + content[33:]
    if change == 1:
        return BOMB
    if change in (2, 3):
        mode = rng.choice(("1", "L", "P", "LA", "RGBA", "RGB", "I;16"))
        size_wh = rng.choice(((1, 1), (1, 3000), (96, 72), (224, 224)))
        picture = Image.fromarray(np.zeros(size_wh[::-1], np.uint16 if mode == "I;16" else np.uint8))
        kind = "JPEG" if mode in ("L", "RGB") and rng.random() < 0.5 else "PNG"
        buffer = BytesIO()
        (picture if mode == "I;16" else picture.convert(mode)).save(buffer, kind)
        return buffer.getvalue()
    return damage_bytes(content, rng)


def _bomb(side: int = 30_000) -> bytes:
    """A PNG of a hundred kilobytes that unpacks to gigabytes of black."""

    def chunk(name: bytes, content: bytes) -> bytes:
        return (
            struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))
        )

    packer = zlib.compressobj(9)
    row = bytes(side // 8 + 1)
    rows = b"".join(packer.compress(row * 100) for _ in range(side // 100)) + packer.flush()
    header = struct.pack(">IIBBBBB", side, side, 1, 3, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        chunk(*c) for c in ((b"IHDR", header), (b"PLTE", bytes(6)), (b"IDAT", rows), (b"IEND", b""))
    )


BOMB = _bomb()


def damage_entry(path: Path, outside: Path, rng: Random, *, pipes: bool = True) -> None:
    """A file or folder removed, or made a link to somewhere, a pipe, a folder, an empty file."""
    change = rng.randrange(6)
    parked = outside / "parked"
    if path.exists() or path.is_symlink():
        path.rename(parked)
    if change == 1:
        path.symlink_to(
            os.path.relpath(
                rng.choice((outside / "bystander.txt", outside / "bystanders", outside)), path.parent
            )
        )
    elif change == 2:
        path.symlink_to(path.name)
    elif change == 3 and pipes:
        os.mkfifo(path)
    elif change == 4:
        path.mkdir()
    elif change == 5:
        path.symlink_to(parked)


def _change(data: Any, rng: Random) -> Any:
    places = [place for place in _places(data) if place]
    if not places:
        return rng.choice(ODD_VALUES)
    place = rng.choice(places)
    *above, key = place
    holder = _at(data, tuple(above))
    change = rng.randrange(8)
    if change == 0:
        del holder[key]
    elif change == 1 and isinstance(holder, dict):
        holder[rng.choice(("name", "oddity", "x" * 70, "../up"))] = holder.pop(key)
    elif change == 2 and isinstance(holder, list):
        holder.insert(key, holder[key])
    elif change == 3:
        holder[key] = json.loads(json.dumps(_at(data, rng.choice(places))))
    elif change in (4, 5) and isinstance(holder[key], int | float) and abs(holder[key]) < 1e300:
        holder[key] *= rng.choice((-1, 0, 1e-9, 0.5, 2, 1000, 1e12, 1e300))
    else:
        holder[key] = deepcopy(rng.choice(ODD_VALUES))  # Or a later change could put one into itself.
    return data


def _places(data: Any, here: Place = ()) -> Iterator[Place]:
    yield here
    pairs = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for key, value in pairs:
        yield from _places(value, (*here, key))


def _at(data: Any, place: Place) -> Any:
    for key in place:
        data = data[key]
    return data


Damage = Callable[[bytes, Random], bytes]
