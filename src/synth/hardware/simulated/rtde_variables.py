"""The RTDE variables that the emulated controller offers: their wire types, and values at rest."""

from synth.hardware.arms.rtde_wire import Value

_TYPES = {
    **dict.fromkeys(["timestamp", "speed_scaling", "target_speed_fraction", "payload"], "DOUBLE"),
    **dict.fromkeys(["actual_execution_time", "actual_momentum", "actual_main_voltage"], "DOUBLE"),
    **dict.fromkeys(["actual_robot_voltage", "actual_robot_current"], "DOUBLE"),
    **{f"standard_analog_{way}{i}": "DOUBLE" for way in ("input", "output") for i in range(2)},
    **dict.fromkeys(["target_q", "target_qd", "target_qdd", "target_current", "target_moment"], "VECTOR6D"),
    **dict.fromkeys(["actual_q", "actual_qd", "actual_current", "joint_control_output"], "VECTOR6D"),
    **dict.fromkeys(["actual_TCP_pose", "actual_TCP_speed", "actual_TCP_force"], "VECTOR6D"),
    **dict.fromkeys(["target_TCP_pose", "target_TCP_speed", "joint_temperatures"], "VECTOR6D"),
    **dict.fromkeys(["actual_joint_voltage", "ft_raw_wrench", "payload_inertia"], "VECTOR6D"),
    **dict.fromkeys(["actual_tool_accelerometer", "payload_cog"], "VECTOR3D"),
    **dict.fromkeys(["actual_digital_input_bits", "actual_digital_output_bits"], "UINT64"),
    **dict.fromkeys(["runtime_state", "robot_status_bits", "safety_status_bits"], "UINT32"),
    **dict.fromkeys(["robot_mode", "safety_mode"], "INT32"),
    "joint_mode": "VECTOR6INT32",
    **{f"{way}_int_register_{i}": "INT32" for way in ("input", "output") for i in range(48)},
    **{f"{way}_double_register_{i}": "DOUBLE" for way in ("input", "output") for i in range(48)},
    "external_force_torque": "VECTOR6D",
}
_ZERO: dict[str, Value] = {"VECTOR6D": (0.0,) * 6, "VECTOR3D": (0.0,) * 3, "VECTOR6INT32": (255,) * 6}


def type_of(name: str) -> str:
    """The wire type of an RTDE variable, or NOT_FOUND."""
    return _TYPES.get(name, "NOT_FOUND")


def zero_of(name: str) -> Value:
    """What a variable reads that nothing here ever sets."""
    kind = type_of(name)
    return _ZERO.get(kind, 0.0 if kind == "DOUBLE" else 0)
