"""The registers through which client and control script talk, at the offset the script was sent with."""

from collections.abc import Iterable, Sequence

from synth.hardware.arms.rtde_wire import Value


class Registers:
    """Input and output registers by their RTDE names; the script counts its own from ``offset``."""

    def __init__(self) -> None:
        self.named: dict[str, Value] = {}
        self.offset = 0
        self._n_writes = self._n_operations = 0

    def reset(self) -> None:
        """What a starting script finds: no command, no operation under way, ready."""
        self._n_writes = self._n_operations = 0
        self.named[self.command_name] = 0
        self.signal_operation(running=False)
        self.put_int(0, 1)

    @property
    def command_name(self) -> str:
        """The register that carries commands, and whose updates the watchdog counts."""
        return f"input_int_register_{self.offset}"

    def update(self, names: Sequence[str], values: Sequence[Value]) -> None:
        """What a client sent."""
        self.named.update(zip(names, values, strict=True))

    def take_int(self, index: int) -> int:
        """An input of the script."""
        value = self.named.get(f"input_int_register_{index + self.offset}", 0)
        assert isinstance(value, int)
        return value

    def take_doubles(self, first: int, count: int) -> list[float]:
        """Consecutive inputs of the script."""
        values = []
        for index in range(first + self.offset, first + self.offset + count):
            value = self.named.get(f"input_double_register_{index}", 0.0)
            assert isinstance(value, float)
            values.append(value)
        return values

    def put_int(self, index: int, value: int) -> None:
        """An output of the script."""
        self.named[f"output_int_register_{index + self.offset}"] = value

    def put_doubles(self, values: Iterable[float]) -> None:
        """Outputs of the script, from the first double on."""
        for index, value in enumerate(values):
            self.named[f"output_double_register_{index + self.offset}"] = float(value)

    def signal_operation(self, *, running: bool) -> None:
        """Bits 16 to 22 count writes, 24 to 30 operations, 15 says running: the client's own layout."""
        self._n_writes = (self._n_writes + 1) % 128
        self._n_operations = (self._n_operations + running) % 128
        self.put_int(2, self._n_writes << 16 | self._n_operations << 24 | running << 15)
