"""The emulated controller's process: ports on its own loopback address, and its parent's control pipe."""

import asyncio
import contextlib
import json
import os
import struct
import sys
import time
from collections.abc import Callable
from typing import Any

from synth.hardware.arms import rtde_wire
from synth.hardware.arms.rtde_wire import FrameBuffer, Kind, Recipe
from synth.hardware.simulated import dashboard, faults
from synth.hardware.simulated.controller_core import ControllerCore, ControllerOptions
from synth.hardware.simulated.controller_readings import read
from synth.hardware.simulated.motion import ArmTruth
from synth.hardware.simulated.rtde_variables import type_of

DASHBOARD_PORT, RTDE_PORT, REALTIME_PORT, SECONDARY_PORT = 29999, 30004, 30003, 30002
MAX_RATE_HZ = 125.0
IDLE_PERIOD_S = 0.05
MAX_UNSENT_BYTES = 1 << 18


class _Peer(asyncio.Protocol):
    """One connection; in a black hole its bytes vanish."""

    def __init__(self, server: "ControllerServer") -> None:
        self.server = server
        self.transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.server.peers.add(self)
        if not self.server.core.network_down:
            self.greet()

    def connection_lost(self, exc: Exception | None) -> None:
        self.server.peers.discard(self)

    def data_received(self, data: bytes) -> None:
        self.server.core.advance()
        if not self.server.core.network_down:
            self.take(data)

    def greet(self) -> None: ...

    def take(self, data: bytes) -> None: ...


class _DashboardPeer(_Peer):
    def greet(self) -> None:
        self._text = ""
        self.transport.write(f"{dashboard.GREETING}\n".encode())

    def take(self, data: bytes) -> None:
        *lines, self._text = (self._text + data.decode("ascii", "replace")).split("\n")
        for line in lines:
            self.transport.write(f"{dashboard.answer(self.server.core, line)}\n".encode())
        self.server.pump(changed=True)


class _ScriptPeer(_Peer):
    _text = b""

    def take(self, data: bytes) -> None:
        self._text += data
        if self._text.endswith(b"\nend\n"):
            self.server.core.upload(self._text.decode("utf-8", "replace"))
            self._text = b""
            self.server.pump()


class _SecondaryPeer(_ScriptPeer):
    def greet(self) -> None:
        self.transport.write(self.server.core.options.configuration.to_message())


class _RtdePeer(_Peer):
    def greet(self) -> None:
        self._frames = FrameBuffer()
        self._inputs: list[tuple[list[str], Recipe]] = []
        self._names: list[str] = []
        self._outputs = Recipe([])
        self._last = b""
        self.is_started = False
        self.period_s = 1 / MAX_RATE_HZ
        self.due_s = 0.0

    def take(self, data: bytes) -> None:
        try:
            for kind, payload in self._frames.feed(data):
                self._answer(kind, payload)
        except (ValueError, IndexError, struct.error):
            self.transport.abort()

    def _answer(self, kind: int, payload: bytes) -> None:
        core = self.server.core
        match kind:
            case Kind.VERSION:
                self._send(Kind.VERSION, b"\x01")
            case Kind.CONTROLLER_VERSION:
                self._send(Kind.CONTROLLER_VERSION, struct.pack(">4I", *core.options.polyscope))
            case Kind.OUTPUTS:
                (rate_hz,) = struct.unpack_from(">d", payload)
                self.period_s = 1 / min(max(rate_hz, 1.0), MAX_RATE_HZ)
                self._names, types = _named(payload[8:], type_of)
                if "NOT_FOUND" not in types:
                    self._outputs = Recipe(types)
                self._send(Kind.OUTPUTS, b"\x01" + ",".join(types).encode())
            case Kind.INPUTS:
                names, types = _named(payload, self._input_type)
                is_usable = not {"NOT_FOUND", "IN_USE"} & set(types)
                if is_usable:
                    self._inputs.append((names, Recipe(types)))
                self._send(
                    Kind.INPUTS, bytes([len(self._inputs) if is_usable else 0]) + ",".join(types).encode()
                )
            case Kind.START | Kind.PAUSE:
                self.is_started = kind == Kind.START
                self._send(Kind(kind), b"\x01")
                self.server.pump(changed=self.is_started)
            case Kind.DATA:
                names, recipe = self._inputs[payload[0] - 1]
                core.write_inputs(names, recipe.unpack(payload[1:]))
                self.server.pump(changed=True)

    def _input_type(self, name: str) -> str:
        is_taken = "register" in name and int(name.rpartition("_")[2]) in self.server.core.taken_registers
        return "IN_USE" if is_taken else type_of(name)

    def send_state(self) -> None:
        if not self.server.core.is_frozen or not self._last:
            self._last = b"\x01" + self._outputs.pack([read(self.server.core, name) for name in self._names])
        self._send(Kind.DATA, self._last)

    def _send(self, kind: Kind, payload: bytes) -> None:
        if self.transport.get_write_buffer_size() < MAX_UNSENT_BYTES:
            self.transport.write(rtde_wire.frame(kind, payload))


def _named(names: bytes, types: Callable[[str], str]) -> tuple[list[str], list[str]]:
    found = [name for name in names.decode("ascii").split(",") if name]
    return found, [types(name) for name in found]


class ControllerServer:
    """Sockets and clock around one ``ControllerCore``."""

    def __init__(self, options: ControllerOptions) -> None:
        self.core = ControllerCore(options)
        self.peers: set[_Peer] = set()
        self.address = ""
        self._listeners: list[asyncio.Server] = []
        self._timer: asyncio.TimerHandle | None = None
        self._n_failures_seen = 0
        self._reopening: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Listen on the first free address; raises OSError when none of many is."""
        pid = os.getpid()
        for attempt in range(64):
            # Live processes have different ids, so a clash is rare: another program, a second pid namespace.
            self.address = f"127.{64 + (pid >> 16 & 63)}.{(pid >> 8 & 255) ^ attempt}.{max(pid & 255, 1)}"
            try:
                await self._listen()
            except OSError:
                continue
            return
        raise OSError("no free loopback address")

    async def _listen(self) -> None:
        loop = asyncio.get_running_loop()
        ports: list[tuple[int, Callable[[], _Peer]]] = [
            (DASHBOARD_PORT, lambda: _DashboardPeer(self)),
            (RTDE_PORT, lambda: _RtdePeer(self)),
            (REALTIME_PORT, lambda: _ScriptPeer(self)),
            (SECONDARY_PORT, lambda: _SecondaryPeer(self)),
        ]
        try:
            for port, peer in ports:
                self._listeners.append(await loop.create_server(peer, self.address, port, reuse_address=True))
        except OSError:
            self._close_listeners()
            raise

    def _close_listeners(self) -> None:
        for listener in self._listeners:
            listener.close()
        self._listeners.clear()

    def pump(self, *, changed: bool = False) -> None:
        """Let time pass, tell the clients, and come back when something is due."""
        core = self.core
        changed |= core.advance()
        self._follow_network()
        now_s = time.monotonic()
        wait_s = IDLE_PERIOD_S
        if not core.network_down:
            for peer in self.peers:
                if isinstance(peer, _RtdePeer) and peer.is_started:
                    if changed or now_s >= peer.due_s:
                        peer.send_state()
                        peer.due_s = now_s + peer.period_s
                    wait_s = min(wait_s, peer.due_s - now_s)
        if self._timer:
            self._timer.cancel()
        wait_s = max(min(wait_s, core.next_event_s()), 2e-4)
        self._timer = asyncio.get_running_loop().call_later(wait_s, self.pump)

    def _follow_network(self) -> None:
        if self.core.n_network_failures != self._n_failures_seen:
            self._n_failures_seen = self.core.n_network_failures
            if self.core.network_down == "closed":
                self._close_listeners()
                for peer in list(self.peers):
                    peer.transport.abort()
            else:  # What was under way is lost: these connections never speak again.
                for peer in self.peers:
                    if isinstance(peer, _RtdePeer):
                        peer.is_started = False
        if not self.core.network_down and not self._listeners and self._reopening is None:
            self._reopening = asyncio.get_running_loop().create_task(self._listen())
            self._reopening.add_done_callback(lambda _task: setattr(self, "_reopening", None))

    def request(self, message: dict[str, Any]) -> dict[str, Any]:
        """One message of the parent and its answer."""
        core = self.core
        core.advance()
        match message["do"]:
            case "arm_state":
                arm = core.arm
                return {
                    "q_true_rad": arm.q_true_rad.tolist(),
                    "is_moving": arm.is_moving,
                    "arrival_index": arm.n_arrivals,
                    "target_key": arm.key,
                    "controller_time_s": core.time_s,
                }
            case "inject":
                core.inject(faults.RobotFault.from_dict(message["fault"]))
            case "operator_clears_stop":
                core.operator_clears_stop()
            case "break_connections":
                for peer in list(self.peers):
                    peer.transport.abort()
            case "operator_jogs_to":
                core.arm.place(message["q_rad"])
            case "unlock_requests":
                return {"unlock_requests": core.unlock_requests}
        self.pump(changed=True)
        return {}


class _ControlPipe(asyncio.Protocol):
    """JSON lines of the parent; its end is ours."""

    def __init__(self, server: ControllerServer) -> None:
        self._server = server
        self._text = b""

    def data_received(self, data: bytes) -> None:
        *lines, self._text = (self._text + data).split(b"\n")
        for line in lines:
            message = json.loads(line)
            _say({"id": message["id"], **self._server.request(message)})

    def connection_lost(self, exc: Exception | None) -> None:
        os._exit(0)


def _say(message: dict[str, Any]) -> None:
    with contextlib.suppress(BrokenPipeError):
        sys.stdout.write(json.dumps(message) + "\n")
        sys.stdout.flush()


async def _leave_with_parent(parent_pid: int) -> None:
    # A fork of the parent may keep the pipe open after its death. PR_SET_PDEATHSIG would be no cure: it fires
    # when the parent's thread ends, not the parent.
    while os.getppid() == parent_pid:
        await asyncio.sleep(0.25)
    os._exit(0)


async def _serve(options: ControllerOptions, parent_pid: int, request_id: int) -> None:
    server = ControllerServer(options)
    try:
        await server.open()
    except OSError as error:
        _say({"id": request_id, "error": str(error)})
        return
    _say({"id": request_id, "address": server.address})
    server.pump()
    await asyncio.get_running_loop().connect_read_pipe(lambda: _ControlPipe(server), sys.stdin)
    await _leave_with_parent(parent_pid)


def main() -> None:
    """Run until the parent goes. The first line of stdin holds the options."""
    first = sys.stdin.readline()  # The parent waits for our answer before it writes more.
    if not first:
        return
    given = json.loads(first)
    options = ControllerOptions(
        q_rad=tuple(given["q_rad"]),
        arm=given["arm"],
        truth=ArmTruth.from_dict(given["truth"]),
        pace=given["pace"],
        seed=given["seed"],
        polyscope=tuple(given["polyscope"]),
        joint_range_rad=given["joint_range_rad"],
    )
    asyncio.run(_serve(options, given["parent_pid"], given["id"]))
