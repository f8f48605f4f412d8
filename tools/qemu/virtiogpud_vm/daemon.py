# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
"""A vhost-user GPU: virtiogpud, or any other program that listens on a socket."""

import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from .errors import LabError, LabTimeout
from .process import Process


def _listens(path: Path) -> bool:
    """Is there a listening socket? Connecting to see would be a VMM's session to the daemon."""
    accepts_connections = 0x10000
    for line in Path("/proc/net/unix").read_text().splitlines()[1:]:
        words = line.split()
        if words[-1] == str(path) and int(words[3], 16) & accepts_connections:
            return True
    return False


def children(pid: int) -> list[int]:
    """The processes that a process has started."""
    return [int(child) for task in Path(f"/proc/{pid}/task").iterdir()
            for child in (task / "children").read_text().split()]


class Daemon:
    """A running daemon; ``socket_path`` is where it listens.

    ``{socket}`` in ``options`` stands for the path; without it, ``--socket-path PATH`` is added.
    ``{display}`` stands for ``display_path``, for a DisplayPeer: "--display-socket={display}". The
    log is ``daemon.log`` in ``artefacts``. To run it under a debugger, give ``wrapper`` (words
    before the program).
    """

    def __init__(self, program: str | Path, options: Sequence[str] = (), *, artefacts: Path,
                 environment: Mapping[str, str] | None = None, wrapper: Sequence[str] = (),
                 pass_fds: Sequence[int] = (), timeout: float = 20) -> None:
        # Short, for the length of a socket's path is limited.
        self._folder = tempfile.TemporaryDirectory(prefix="vgpud-")
        self.socket_path = Path(self._folder.name, "gpu.sock")
        self.display_path = Path(self._folder.name, "display.sock")
        words = [word.replace("{socket}", str(self.socket_path)).replace("{display}", str(self.display_path))
                 for word in options]
        if not any("{socket}" in word for word in options):
            words += ["--socket-path", str(self.socket_path)]
        artefacts.mkdir(parents=True, exist_ok=True)
        self.process = Process([*wrapper, program, *words], artefacts / "daemon.log", environment=environment,
                               pass_fds=pass_fds)
        self._wait_socket(timeout)

    def _wait_socket(self, timeout: float) -> None:
        end = time.monotonic() + timeout
        while not _listens(self.socket_path):
            if self.process.wait(0.02) is not None:
                raise LabError(f"the daemon did not start. {self.process.describe()}")
            if time.monotonic() > end:
                self.stop()
                raise LabTimeout(f"the daemon made no socket in {timeout:.0f} s. {self.process.describe()}")

    @property
    def alive(self) -> bool:
        return self.process.poll() is None

    def processes(self) -> dict[str, list[int]]:
        """The pids of its processes, by name (which the kernel cuts off after 15 characters)."""
        found: dict[str, list[int]] = {}
        waiting = [self.process.pid]
        while waiting:
            pid = waiting.pop()
            found.setdefault(Path(f"/proc/{pid}/comm").read_text().strip(), []).append(pid)
            waiting += children(pid)
        return found

    def log(self) -> str:
        """Everything that it has logged."""
        return self.process.output()

    def stop(self, timeout: float = 5) -> int:
        """Ends it; gives its exit status (negative: the signal)."""
        status = self.process.stop(timeout)
        self._folder.cleanup()
        return status

    def __enter__(self) -> "Daemon":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
