# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
"""Child processes with a log file that never outlive us."""

import os
import shutil
import signal
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from .errors import LabError


def tail(path: Path, lines: int = 15) -> str:
    """The last lines of a log, indented; says so when there are none."""
    try:
        text = path.read_bytes()[-16384:].decode(errors="replace")
    except OSError:
        text = ""
    found = text.replace("\r", "").splitlines()[-lines:]
    return "\n".join("    " + line for line in found) if found else "    (empty)"


class Process:
    """A running program. Standard output and error are added to ``log``."""

    def __init__(self, command: Sequence[str | Path], log: Path, *, environment: Mapping[str, str] | None = None,
                 pass_fds: Iterable[int] = (), inherit_stdio: bool = False) -> None:
        self.name = Path(command[0]).name
        self.command = [str(word) for word in command]
        self.log = log
        if not shutil.which(self.command[0]):
            raise LabError(f"there is no program {self.command[0]}")
        with open(log, "ab") as output:
            self._log_start = output.tell()
            # setpriv, so that it ends when we are killed, turns into the program. Ctrl-C is for us only.
            self._popen = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", "--", *self.command],
                stdin=None if inherit_stdio else subprocess.DEVNULL,
                stdout=None if inherit_stdio else output,
                stderr=None if inherit_stdio else subprocess.STDOUT,
                env={**os.environ, **(environment or {})},
                pass_fds=tuple(pass_fds), process_group=None if inherit_stdio else 0)

    @property
    def pid(self) -> int:
        return self._popen.pid

    def poll(self) -> int | None:
        """The exit status (negative: the signal), or None while it runs."""
        return self._popen.poll()

    def wait(self, timeout: float | None = None) -> int | None:
        """The exit status, or None when it still runs after ``timeout`` seconds."""
        try:
            return self._popen.wait(timeout)
        except subprocess.TimeoutExpired:
            return None

    def output(self) -> str:
        """What is in the log since this program was started."""
        return self.log.read_bytes()[self._log_start:].decode(errors="replace")

    def signal(self, number: int) -> None:
        if self.poll() is None:
            self._popen.send_signal(number)

    def stop(self, timeout: float = 5) -> int:
        """Ends the process, by force when it takes longer than ``timeout``; gives its exit status."""
        self.signal(signal.SIGTERM)
        status = self.wait(timeout)
        if status is None:
            self.signal(signal.SIGKILL)
            status = self._popen.wait()
        return status

    def describe(self) -> str:
        """For error messages: how it ended, and the end of its log."""
        status = self.poll()
        state = "running" if status is None else f"ended with status {status}"
        return f"{self.name} ({state}), the end of {self.log}:\n{tail(self.log)}"
