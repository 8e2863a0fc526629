"""An emulated UR controller in a child process, which the genuine client drives over loopback.

It dies with its parent, however the parent dies, and then holds no port: its only ties are a pipe, whose end
it obeys, and its parent's process id, which it watches.
"""

import json
import os
import subprocess
import sys
import threading
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from synth.errors import RobotConnectionLost
from synth.geometry.arms import ARM_MODELS, DEFAULT_ARM
from synth.geometry.se3 import Array
from synth.hardware.simulated.controller_core import POLYSCOPE
from synth.hardware.simulated.faults import RobotFault
from synth.hardware.simulated.motion import ArmTruth

EXIT_TIMEOUT_S = 2.0


@dataclass(frozen=True, eq=False)
class ArmState:
    """Where the arm truly is: what a camera sees.

    q_true_rad: [6], with the repeatability error that no encoder shows. arrival_index: how many moves have
    ended. target_key: names the last commanded joints, equal for equal targets. controller_time_s: the
    simulated clock.
    """

    q_true_rad: Array
    is_moving: bool
    arrival_index: int
    target_key: int
    controller_time_s: float


class ControllerProcess:
    """The child process as a context manager; ``address`` is readable inside.

    q_start_rad: joints [6] at power-on. arm: which one, by name. pace: simulated seconds per wall second.
    seed: of the repeatability error. joint_range_rad: [6,2] limits set at the pendant, None = the arm's own.
    """

    def __init__(
        self,
        q_start_rad: ArrayLike,
        *,
        arm: str = DEFAULT_ARM,
        pace: float = 1.0,
        seed: int = 0,
        truth: ArmTruth | None = None,
        polyscope: tuple[int, int, int, int] = POLYSCOPE,
        joint_range_rad: ArrayLike | None = None,
    ) -> None:
        self._options = {
            "arm": arm,
            "q_rad": np.asarray(q_start_rad, dtype=float).tolist(),
            "truth": (truth or ArmTruth(ARM_MODELS[arm].dh)).to_dict(),
            "pace": pace,
            "seed": seed,
            "polyscope": polyscope,
            "joint_range_rad": None if joint_range_rad is None else np.asarray(joint_range_rad).tolist(),
            "parent_pid": os.getpid(),
        }
        self._lock = threading.Lock()
        self._n_asked = 0
        self._process: subprocess.Popen[str] | None = None
        self.address = ""

    @property
    def pid(self) -> int:
        """The child's process id."""
        assert self._process is not None, "enter the ControllerProcess first"
        return self._process.pid

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "synth.hardware.simulated.controller"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
            start_new_session=True,  # Ctrl-C is the parent's to handle.
        )
        try:
            started = self._ask(self._options)
            if "error" in started:
                raise RobotConnectionLost(f"The emulated controller did not start: {started['error']}")
            self.address = started["address"]
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        assert process.stdin
        assert process.stdout
        try:
            process.stdin.close()
            process.wait(EXIT_TIMEOUT_S)
        except (OSError, subprocess.TimeoutExpired):
            process.kill()
            process.wait()
        process.stdout.close()

    def arm_state(self) -> ArmState:
        """Where the arm is at this instant; quick, and safe from any thread."""
        state = self._ask({"do": "arm_state"})
        return ArmState(
            q_true_rad=np.array(state["q_true_rad"]),
            is_moving=state["is_moving"],
            arrival_index=state["arrival_index"],
            target_key=state["target_key"],
            controller_time_s=state["controller_time_s"],
        )

    def inject(self, fault: RobotFault) -> None:
        """Let a fault happen."""
        self._ask({"do": "inject", "fault": fault.to_dict()})

    def operator_clears_stop(self) -> None:
        """A person walks to the pendant, releases, acknowledges and powers on: no driver can do this."""
        self._ask({"do": "operator_clears_stop"})

    def break_connections(self) -> None:
        """Close every connection now, arm moving or not; new ones are welcome."""
        self._ask({"do": "break_connections"})

    def operator_jogs_to(self, q_rad: ArrayLike) -> None:
        """A person moves the arm to joints [6] by hand."""
        self._ask({"do": "operator_jogs_to", "q_rad": np.asarray(q_rad, dtype=float).tolist()})

    def unlock_requests(self) -> int:
        """How often a client asked to unlock a protective stop: synth never does."""
        return int(self._ask({"do": "unlock_requests"})["unlock_requests"])

    def _ask(self, message: dict[str, Any]) -> dict[str, Any]:
        with self._lock:
            process = self._process
            if process is None:
                raise RobotConnectionLost("The emulated controller is not running")
            assert process.stdin
            assert process.stdout
            try:
                self._n_asked += 1
                process.stdin.write(json.dumps({"id": self._n_asked, **message}) + "\n")
                process.stdin.flush()
                line = process.stdout.readline()
                while line and json.loads(line)["id"] != self._n_asked:  # Of a call that Ctrl-C cut short.
                    line = process.stdout.readline()
            except (OSError, ValueError):
                line = ""
            if not line:
                raise RobotConnectionLost("The emulated controller has ended; run the same command again")
            answer: dict[str, Any] = json.loads(line)
            return answer


if __name__ == "__main__":
    from synth.hardware.simulated.controller_server import main

    main()
