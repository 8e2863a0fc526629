"""The inside of the emulated UR controller: modes, registers, script, watchdog. No sockets, no threads.

What the genuine client's control script does on a controller is done here at once: a command number arrives
in ``input_int_register_0``, ``output_int_register_0`` answers (1 ready, 2 done), and results show beside it.
"""

import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from enum import IntEnum

import numpy as np

from synth.geometry import se3
from synth.geometry.arm import ArmModel, forward
from synth.geometry.arms import ARM_MODELS, DEFAULT_ARM
from synth.geometry.se3 import Array
from synth.hardware.arms.rtde_wire import Value
from synth.hardware.arms.secondary_wire import Configuration
from synth.hardware.robot import RobotMode, SafetyMode
from synth.hardware.simulated import faults
from synth.hardware.simulated.motion import Arm, ArmTruth, inverse_kinematics
from synth.hardware.simulated.registers import Registers

SERIAL = "20230300000"
POLYSCOPE = (5, 21, 3, 1234567)
BOOT_SCRIPT_S = 0.02  # Wall seconds between upload and a running script.
STEADY_AFTER_S = 0.1
STOP_DECELERATION_RAD_S2 = 20.0
STRIKES_HALF_WAY = (
    faults.ProtectiveStopFault,
    faults.EmergencyStopFault,
    faults.SafetyStopFault,
    faults.ConnectionLostFault,
    faults.ScriptDiesFault,
    faults.StaleDataFault,
)
STRIKES_AT_ONCE = (
    faults.SlowSpeedFault,
    faults.RemoteControlOffFault,
    faults.SlowBootFault,
    faults.RegistersTakenFault,
)
REALTIME_COMMANDS = {6, 9, 10, 11, 24, 25, 26, 27, 38, 58}  # Answered with "ready" straight away.


class RuntimeState(IntEnum):
    """runtime_state of Universal Robots' RTDE guide."""

    STOPPING = 0
    STOPPED = 1
    PLAYING = 2
    PAUSING = 3
    PAUSED = 4
    RESUMING = 5


@dataclass(frozen=True)
class ControllerOptions:
    """How an emulated controller starts.

    arm: which one, by name. pace: simulated seconds per wall second. joint_range_rad: six limits set at the
    pendant, None = the arm's own.
    """

    q_rad: tuple[float, ...]
    arm: str = DEFAULT_ARM
    truth: ArmTruth = field(default_factory=ArmTruth)
    pace: float = 1.0
    seed: int = 0
    polyscope: tuple[int, int, int, int] = POLYSCOPE
    joint_range_rad: tuple[tuple[float, float], ...] | None = None

    @property
    def configuration(self) -> Configuration:
        """What it says of its limits and kinematics."""
        limit = self.model.joint_limit_rad
        ranges = np.stack([-limit, limit], axis=1) if self.joint_range_rad is None else self.joint_range_rad
        return Configuration(np.asarray(ranges), self.model.joint_speed_limit_rad_s, self.truth.dh)

    @property
    def model(self) -> ArmModel:
        """What is known of the arm."""
        return ARM_MODELS[self.arm]


class ControllerCore:
    """One controller and its arm. Call ``advance`` before reading; every method is quick and none blocks."""

    def __init__(self, options: ControllerOptions, clock: Callable[[], float] = time.monotonic) -> None:
        self.options = options
        self._clock = clock
        self._wall_s = clock()
        self.time_s = 0.0
        self.arm = Arm(options.q_rad, options.truth, options.seed)
        self.robot_mode = RobotMode.RUNNING
        self.set_safety(SafetyMode.NORMAL)
        self.runtime = RuntimeState.STOPPED
        self.is_remote = True
        self.slider = 1.0
        self.tcp: tuple[float, ...] = (0.0,) * 6
        self.payload_kg, self.cog_m = 0.0, (0.0, 0.0, 0.0)
        self.taken_registers = range(0)
        self.network_down: str | None = None
        self.n_network_failures = 0
        self.network_back_s = self.frozen_until_s = self._booted_s = self._script_starts_s = 0.0
        self.unlock_requests = 0
        self.registers = Registers()
        self._executing = self._awaits_arrival = self._is_async = False
        self._watchdog_s: float | None = None
        self._input_s = 0.0
        self._faults: list[faults.RobotFault] = []
        self._tcp_cache: tuple[bytes, tuple[float, ...]] = (b"", ())

    # ---------------------------------------------------------------- time

    def advance(self) -> bool:
        """Let the time that passed happen; True when something a client waits for changed."""
        now_s = self._clock()
        dt_s, self._wall_s = (now_s - self._wall_s) * self.options.pace, now_s
        self.time_s += dt_s
        changed = False
        if self.network_down and now_s >= self.network_back_s:
            self.network_down = None
        if self.robot_mode == RobotMode.BOOTING and now_s >= self._booted_s:
            self.robot_mode = RobotMode.RUNNING
        if self._script_starts_s and now_s >= self._script_starts_s:
            self._start_script()
            changed = True
        if (
            self._watchdog_s
            and now_s - self._input_s > self._watchdog_s
            and self.runtime == RuntimeState.PLAYING
        ):
            self._end_script()
            changed = True
        dt_s *= self.slider
        half_s = self.arm.until_half_s
        if self.arm.is_moving and 0 < half_s <= dt_s and (striking := self._due(STRIKES_HALF_WAY)):
            self.arm.advance(half_s)
            dt_s -= half_s
            for fault in striking:
                self._strike(fault)
            changed = True
        if self.arm.advance(dt_s):
            self._arrived()
            changed = True
        return changed

    def next_event_s(self) -> float:
        """Wall seconds until the arm arrives or a script starts; infinite when nothing is under way."""
        waits = [np.inf]
        if self.arm.is_moving:
            waits.append(self.arm.left_s / (self.slider * self.options.pace))
            if self.arm.until_half_s > 0 and self._faults:
                waits.append(self.arm.until_half_s / (self.slider * self.options.pace))
        if self._script_starts_s:
            waits.append(self._script_starts_s - self._wall_s)
        return max(float(min(waits)), 0.0)

    def _arrived(self) -> None:
        if self._is_async:
            self._is_async = False
            self.registers.signal_operation(running=False)
        if self._awaits_arrival:
            self._awaits_arrival = False
            self.registers.put_int(0, 2)
        self._faults = [_count_down(f) for f in self._faults]
        self._strike_at_once()

    # ---------------------------------------------------------------- faults

    def inject(self, fault: faults.RobotFault) -> None:
        """Let ``fault`` happen once its moves are counted down."""
        self._faults.append(fault)
        self._strike_at_once()

    def operator_clears_stop(self) -> None:
        """What a person does at the pendant: release, acknowledge, switch the arm on; no program runs."""
        self.set_safety(SafetyMode.NORMAL)
        self.robot_mode, self.runtime = RobotMode.RUNNING, RuntimeState.STOPPED

    def _due(self, kinds: tuple[type[faults.RobotFault], ...]) -> list[faults.RobotFault]:
        due = [f for f in self._faults if f.after_moves == 0 and isinstance(f, kinds)]
        self._faults = [f for f in self._faults if f not in due or f.persistent]
        return due

    def _strike_at_once(self) -> None:
        for fault in self._due(STRIKES_AT_ONCE):
            self._faults = [f for f in self._faults if f is not fault]
            self._strike(fault)

    def _strike(self, fault: faults.RobotFault) -> None:
        lasting_s = np.inf if fault.persistent else getattr(fault, "for_s", 0.0)
        match fault:
            case faults.ProtectiveStopFault():
                self._pause_for_safety(SafetyMode.PROTECTIVE_STOP)
            case faults.EmergencyStopFault():
                self._end_script(STOP_DECELERATION_RAD_S2)
                self.set_safety(SafetyMode.ROBOT_EMERGENCY_STOP)
                self.robot_mode = RobotMode.POWER_OFF
            case faults.SafetyStopFault():
                self._pause_for_safety(fault.mode, fault.status)
            case faults.ConnectionLostFault():
                self.network_down, self.network_back_s = fault.how, self._wall_s + lasting_s
                self.n_network_failures += 1
            case faults.ScriptDiesFault():
                self._end_script()
            case faults.StaleDataFault():
                self.frozen_until_s = self._wall_s + lasting_s
            case faults.SlowSpeedFault():
                self.slider = fault.fraction
            case faults.RemoteControlOffFault():
                self.is_remote = False
            case faults.SlowBootFault():
                self.robot_mode, self._booted_s = RobotMode.BOOTING, self._wall_s + lasting_s
            case faults.RegistersTakenFault():
                self.taken_registers = range(48 if fault.both_ranges else 24)

    @property
    def is_frozen(self) -> bool:
        """Whether every reading repeats the last one."""
        return self._wall_s < self.frozen_until_s

    def set_safety(self, mode: int, status: str = "") -> None:
        """What RTDE and the dashboard say of the safety system; ``status`` for a mode beyond `SafetyMode`."""
        self.safety_mode, self.safety_status = mode, status or SafetyMode(mode).name

    def _pause_for_safety(self, mode: int, status: str = "") -> None:
        self.arm.stop(STOP_DECELERATION_RAD_S2)
        self.runtime = RuntimeState.PAUSED
        self.set_safety(mode, status)

    # ---------------------------------------------------------------- the control script

    def upload(self, script: str) -> None:
        """A whole script arrived on the script port; it runs a moment later unless the arm may not."""
        if self.safety_mode != SafetyMode.NORMAL or self.robot_mode != RobotMode.RUNNING:
            return
        offset = re.search(r"# int register offset\n(\d+)", script)
        self.registers.offset = int(offset.group(1)) if offset else 0
        self._script_starts_s = self._wall_s + BOOT_SCRIPT_S

    def stop_program(self) -> None:
        """The program ends; the arm decelerates."""
        self._end_script()

    def _start_script(self) -> None:
        self._script_starts_s = 0.0
        self.runtime = RuntimeState.PLAYING
        self._executing = self._awaits_arrival = self._is_async = False
        self._watchdog_s = None
        self.registers.reset()

    def _end_script(self, deceleration_rad_s2: float = 4.0) -> None:
        self.arm.stop(deceleration_rad_s2)
        self.runtime = RuntimeState.STOPPED
        self._awaits_arrival = self._is_async = False
        self._watchdog_s = None

    def write_inputs(self, names: Sequence[str], values: Sequence[Value]) -> None:
        """Input registers as a client sent them; the script answers at once."""
        self.registers.update(names, values)
        if self.registers.command_name in names:
            self._input_s = self._wall_s
        if self.runtime != RuntimeState.PLAYING:
            return
        command = self.registers.take_int(0)
        if command == 0:
            self._executing = False
            self.registers.put_int(0, 1)
        elif command in REALTIME_COMMANDS:
            self._execute(command)
            self.registers.put_int(0, 1)
        elif not self._executing:
            self._executing = True
            self._execute(command)
            if self.runtime == RuntimeState.PLAYING and not self._awaits_arrival:
                self.registers.put_int(0, 2)

    def _execute(self, command: int) -> None:
        for fault in self._faults:
            if (
                isinstance(fault, faults.RefusedCommandFault)
                and fault.command == command
                and not fault.after_moves
            ):
                self._faults = [f for f in self._faults if f is not fault or f.persistent]
                self._end_script()
                return
        match command:
            case 1:
                self._move_joints()
            case 17:
                mass_kg, *cog_m = self.registers.take_doubles(0, 4)
                self.payload_kg, self.cog_m = mass_kg, (cog_m[0], cog_m[1], cog_m[2])
            case 26:
                self.registers.put_doubles([0.002])
            case 29:
                self.tcp = tuple(self.registers.take_doubles(0, 6))
            case 30 | 46:
                near_rad = np.array(self.registers.take_doubles(6, 6)) if command == 30 else self.arm.q_rad
                q_rad = self._solve(_pose(self.registers.take_doubles(0, 6)), near_rad)
                if q_rad is None:  # The real script dies of this, too.
                    self._end_script()
                else:
                    self.registers.put_doubles(q_rad)
            case 31:
                self._pause_for_safety(SafetyMode.PROTECTIVE_STOP)
            case 33 | 34:
                self.arm.stop(max(self.registers.take_doubles(0, 1)[0], 0.1))
                if self._is_async:
                    self._is_async = False
                    self.registers.signal_operation(running=False)
                self._awaits_arrival = self.arm.is_moving
            case 35:
                frequency_hz = self.registers.take_doubles(0, 1)[0]
                self._watchdog_s = 1 / frequency_hz if frequency_hz > 0 else None
            case 36:
                self.registers.put_int(
                    1, int(self._solve(_pose(self.registers.take_doubles(0, 6)), self.arm.q_rad) is not None)
                )
            case 37:
                is_refused = bool(self._due((faults.UnsafeJointsFault,)))
                self.registers.put_int(
                    1, int(not is_refused and self._within_limits(self.registers.take_doubles(0, 6)))
                )
            case 40:
                self.registers.put_doubles(self.tcp)
            case 43:
                self.registers.put_doubles(self.tcp_pose(self.arm.q_rad))
            case 44:
                T = forward(self.registers.take_doubles(0, 6), self.arm.truth.dh) @ _pose(
                    self.registers.take_doubles(6, 6)
                )
                self.registers.put_doubles(_to_pose(T))
            case 47:
                self.registers.put_int(1, int(not self.arm.is_moving and self.arm.rest_s >= STEADY_AFTER_S))
            case 255:
                self._end_script()

    def _move_joints(self) -> None:
        *q_rad, speed_rad_s, acceleration_rad_s2 = self.registers.take_doubles(0, 8)
        if not self._within_limits(q_rad) or speed_rad_s <= 0 or acceleration_rad_s2 <= 0:
            self._end_script()
            return
        short = next((f for f in self._due((faults.PoseNotReachedFault,))), None)
        short_by_rad = short.short_by_rad if isinstance(short, faults.PoseNotReachedFault) else 0.0
        self.arm.move(np.array(q_rad), speed_rad_s, acceleration_rad_s2, short_by_rad)
        self._is_async = self.registers.take_int(1) == 1
        self._awaits_arrival = not self._is_async
        if self._is_async:
            self.registers.signal_operation(running=True)

    def _solve(self, T_base_tool: Array, near_rad: Array) -> Array | None:
        T_base_flange = T_base_tool @ se3.inverse(_pose(self.tcp))
        q_rad = inverse_kinematics(T_base_flange, near_rad, self.arm.truth.dh)
        return q_rad if q_rad is not None and self._within_limits(q_rad) else None

    def _within_limits(self, q_rad: Sequence[float] | Array) -> bool:
        low, high = self.options.configuration.joint_range_rad.T
        return bool(((low <= np.asarray(q_rad)) & (np.asarray(q_rad) <= high)).all())

    # ---------------------------------------------------------------- readings

    def tcp_pose(self, q_rad: Array) -> tuple[float, ...]:
        """Where the arm believes its tool to be at joints [6], as RTDE writes poses."""
        key = q_rad.tobytes() + repr(self.tcp).encode()
        if self._tcp_cache[0] != key:
            self._tcp_cache = key, _to_pose(forward(q_rad, self.arm.truth.dh) @ _pose(self.tcp))
        return self._tcp_cache[1]


def _count_down(fault: faults.RobotFault) -> faults.RobotFault:
    return replace(fault, after_moves=max(fault.after_moves - 1, 0))


def _pose(pose: Sequence[float]) -> Array:
    """The transform of a pose as RTDE writes it; loading SciPy for it would take longer than all else."""
    rotvec = np.array(pose[3:])
    angle = np.linalg.norm(rotvec)
    w, (x, y, z) = np.cos(angle / 2), rotvec * np.sinc(angle / (2 * np.pi)) / 2
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return se3.make(np.eye(3) + 2 * (w * cross + cross @ cross), pose[:3])


def _to_pose(T: Array) -> tuple[float, ...]:
    """The reverse, by the quaternion, from its largest part (Shepperd, 1978)."""
    R, wxyz = T[:3, :3], np.empty(4)
    i = int(np.argmax([R[0, 0], R[1, 1], R[2, 2], np.trace(R)]))
    if i == 3:
        wxyz[:] = 1 + np.trace(R), R[2, 1] - R[1, 2], R[0, 2] - R[2, 0], R[1, 0] - R[0, 1]
    else:
        j, k = (i + 1) % 3, (i + 2) % 3
        wxyz[0], wxyz[1 + i] = R[k, j] - R[j, k], 1 + R[i, i] - R[j, j] - R[k, k]
        wxyz[1 + j], wxyz[1 + k] = R[j, i] + R[i, j], R[k, i] + R[i, k]
    wxyz *= (1 if wxyz[0] >= 0 else -1) / np.linalg.norm(wxyz)
    half_turns = np.arctan2(np.linalg.norm(wxyz[1:]), wxyz[0]) / np.pi
    return (*T[:3, 3].tolist(), *(wxyz[1:] * 2 / np.sinc(half_turns)).tolist())
