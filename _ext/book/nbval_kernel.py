"""A kernel for nbval that starts as the build's kernels do, notices its own death and keeps what it sent."""

import os
import signal
import time
from collections.abc import Mapping
from pathlib import Path
from queue import Empty
from typing import Any

from jupyter_client.manager import KernelManager
from nbformat.v4 import output_from_msg
from nbval.kernel import RunningKernel

from .execute import OwnSpecs

POLL = 0.5
"""Seconds between two looks at whether the kernel's process still lives."""
GRACE = 5.0
"""Seconds that an interrupted cell has to end."""

OUTPUTS = {"display_data", "execute_result", "stream", "error"}
REVISIONS = {"clear_output", "update_display_data"}
"""Messages that change outputs sent before: no chapter needs them, and outputs with them are not kept."""


class KernelDiedError(RuntimeError):
    """The process of a kernel is gone; says how it ended."""


class Kernel(RunningKernel):  # type: ignore[misc]  # nbval has no types
    """A running kernel in `folder`; `log` takes what its process writes to standard error.

    Raises
    ------
    KernelDiedError
        The process ended before it answered, or it does not answer.
    """

    def __init__(self, folder: Path, environment: Mapping[str, str], log: Path, startup_timeout: float) -> None:
        self.log, self.interrupted = log, False
        self.request, self.messages = "", list[dict[str, Any]]()
        self.km = KernelManager(kernel_spec_manager=OwnSpecs())
        with log.open("wb") as stderr:
            self.km.start_kernel(cwd=str(folder), env=dict(environment), stderr=stderr)
        self.kc = self.km.client()
        self.kc.start_channels()
        try:
            self.kc.wait_for_ready(timeout=startup_timeout)
            self._ensure_iopub_up()
        except (RuntimeError, Empty) as error:
            cause = f"it gave no answer ({error})" if self.is_alive() else self.obituary()
            self.stop()
            raise KernelDiedError(cause) from None

    def execute_cell_input(self, cell_input: str, allow_stdin: bool | None = None) -> str:
        """Send the code as nbclient sends it, with history, and return the id of the request."""
        self.messages = []
        self.request = self.kc.execute(cell_input, store_history=True, allow_stdin=allow_stdin, stop_on_error=False)
        return self.request

    def get_message(self, stream: str, timeout: float | None = None) -> Any:
        """Return the next message of a stream; raise `Empty` after `timeout`, `KernelDiedError` within seconds."""
        limit = GRACE if self.interrupted and timeout is not None else timeout
        deadline = float("inf") if limit is None else time.monotonic() + limit
        while True:
            left = deadline - time.monotonic()
            try:
                message = super().get_message(stream, timeout=max(0.0, min(POLL, left)))
            except Empty:
                if not self.is_alive():
                    raise KernelDiedError(self.obituary()) from None
                if left <= 0:
                    raise
                continue
            if stream == "iopub" and message["parent_header"].get("msg_id") == self.request:
                self.messages.append(message)
            return message

    def outputs(self) -> list[Any] | None:
        """Return what the last cell sent, as nbclient stores it; None where it raised or did not come to its end."""
        kinds = [message["msg_type"] for message in self.messages]
        states = [message["content"].get("execution_state") for message in self.messages]
        if "idle" not in states or {"error", *REVISIONS} & set(kinds):
            return None
        return [output_from_msg(message) for message in self.messages if message["msg_type"] in OUTPUTS]  # type: ignore[no-untyped-call]

    def raised(self) -> str:
        """Return the exception of the last cell, if it raised one."""
        errors = [message["content"] for message in self.messages if message["msg_type"] == "error"]
        return f"{errors[0]['ename']}: {errors[0]['evalue']}" if errors else ""

    def interrupt(self) -> None:
        """Interrupt the cell, and from then on wait for the kernel no longer than `GRACE`."""
        self.interrupted = True
        super().interrupt()

    def stop(self) -> None:
        """End the kernel, alive or not, and close its channels; once is enough, twice does no harm."""
        if hasattr(self, "km"):
            super().stop()

    def obituary(self) -> str:
        """Return how the process ended, with what it wrote to standard error last."""
        process = getattr(self.km.provisioner, "process", None)
        return "\n".join([_end(process.poll() if process else None), *_gist(self.log)])


def _end(status: int | None) -> str:
    if status is None:
        return "its process is gone"
    if status >= 0 or os.name == "nt":
        return f"its process ended with status {status}"
    names = {number.value: number.name for number in signal.Signals}
    hint = "; so ends a process when memory runs out" if status == -signal.SIGKILL else ""
    return f"its process was ended by {names.get(-status, f'signal {-status}')}{hint}"


def _gist(log: Path, lines: int = 6) -> list[str]:
    """Return the first and the last lines of a log: a crash is named in the first, an exception in the last."""
    text = [line for line in log.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
    return text if len(text) <= 2 * lines else [*text[:lines], "…", *text[-lines:]]
