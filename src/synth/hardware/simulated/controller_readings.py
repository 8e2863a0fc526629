"""What the emulated controller's RTDE variables read."""

from synth.hardware.arms.rtde_wire import Value
from synth.hardware.robot import RobotMode, SafetyMode
from synth.hardware.simulated.controller_core import ControllerCore, RuntimeState
from synth.hardware.simulated.rtde_variables import zero_of

_SAFETY_BITS: dict[int, int] = {
    SafetyMode.NORMAL: 1 << 0,
    SafetyMode.REDUCED: 1 << 1,
    SafetyMode.PROTECTIVE_STOP: 1 << 2 | 1 << 10,
    SafetyMode.ROBOT_EMERGENCY_STOP: 1 << 6 | 1 << 7 | 1 << 10,
}


def read(core: ControllerCore, name: str) -> Value:
    """The present value of an RTDE variable."""
    match name:
        case "timestamp":
            return core.time_s
        case "actual_q" | "target_q":
            return tuple(core.arm.q_rad.tolist())
        case "actual_qd" | "target_qd":
            return tuple(core.arm.qd_rad_s.tolist())
        case "actual_TCP_pose" | "target_TCP_pose":
            return core.tcp_pose(core.arm.q_rad)
        case "robot_mode" | "safety_mode":
            return int(getattr(core, name))
        case "runtime_state":
            return int(core.runtime)
        case "robot_status_bits":
            is_on = core.robot_mode >= RobotMode.POWER_ON
            return int(is_on) | int(core.runtime == RuntimeState.PLAYING) << 1
        case "safety_status_bits":
            return _SAFETY_BITS.get(core.safety_mode, 0)
        case "speed_scaling":
            return 1.0
        case "target_speed_fraction":
            return core.slider
        case "payload":
            return core.payload_kg
        case "payload_cog":
            return core.cog_m
    return core.registers.named.get(name, zero_of(name))
