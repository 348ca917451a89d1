"""How a job can end that took its process along."""

from __future__ import annotations

import signal


class JobProcessDied(RuntimeError):
    """The process ended before the function did.

    `exit_code` is that of the process; negative for the number of the signal that killed it.
    """

    def __init__(self, exit_code: int) -> None:
        super().__init__(exit_code)
        self.exit_code = exit_code

    def __str__(self) -> str:
        if self.exit_code >= 0:
            return f"The function ended its process with exit code {self.exit_code}"
        try:
            name = signal.Signals(-self.exit_code).name
        except ValueError:
            name = f"signal {-self.exit_code}"
        hint = "; the system may be out of memory" if name == "SIGKILL" else ""
        return f"The process of the function was killed by {name}{hint}"


class MemoryLimitExceeded(MemoryError):
    """The function asked for more than `memory_limit`."""
