# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
"""The host's end of the guest's agent (tools/guest/agent.c says how the two speak)."""

import os
import signal
import socket
import struct
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from .errors import LabError, LabTimeout

_HEADER = struct.Struct("<III")
_CHUNK = 32768
_RUN, _KILL, _PUT, _PING, _READY, _OUTPUT, _DONE = range(1, 8)


@dataclass(frozen=True)
class Result:
    """How a command in the guest ended."""

    status: int
    output: str

    @property
    def ok(self) -> bool:
        return self.status == 0


class Job:
    """A command that runs in the guest."""

    def __init__(self, agent: "Agent", number: int, command: str) -> None:
        self._agent = agent
        self.number = number
        self.written = bytearray()
        self.command = command
        self.status: int | None = None

    @property
    def output(self) -> str:
        """What it has written so far, to standard output and error."""
        return self.written.decode(errors="replace")

    @property
    def output_bytes(self) -> bytes:
        return bytes(self.written)

    def wait(self, timeout: float) -> Result:
        """Waits for it to end. After ``timeout`` seconds it is killed, and LabTimeout raised."""
        if not self._agent.wait_for(lambda: self.status is not None, timeout):
            self.kill()
            raise LabTimeout(f"in the guest, after {timeout:.0f} s, still running: {self.command}\n"
                             f"its output ends with:\n{self.output[-1000:]}")
        assert self.status is not None
        return Result(self.status, self.output)

    def wait_output(self, text: str, timeout: float) -> None:
        """Waits until ``text`` is in the output."""
        found = self._agent.wait_for(lambda: text in self.output or self.status is not None, timeout)
        if text in self.output:
            return
        why = f"ended with status {self.status}" if found else f"still running after {timeout:.0f} s"
        raise LabTimeout(f"in the guest: no {text!r} from: {self.command} ({why})\n{self.output[-1000:]}")

    def kill(self, number: int = signal.SIGKILL) -> None:
        """Sends a signal to the command and everything that it started in its process group."""
        self._agent.send_kill(self.number, number)

    def stop(self, timeout: float = 20) -> Result:
        """Asks it to end (SIGTERM) and waits for that."""
        self.kill(signal.SIGTERM)
        return self.wait(timeout)


class Agent:
    """The connection to the agent. A thread of its own reads what the guest sends."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._changed = threading.Condition()
        self._send_lock = threading.Lock()
        self._jobs: dict[int, Job] = {}
        self._last_number = 0
        self._ready = False
        self._closed = False
        self._reader = threading.Thread(target=self._read_all, daemon=True)
        self._reader.start()

    def wait_ready(self, timeout: float) -> bool:
        """Waits for the guest to have started. False when it has not."""
        self.wait_for(lambda: self._ready, timeout)
        return self._ready

    def forget_ready(self) -> None:
        """To be called before the guest starts anew. Jobs of the old one end with status -1."""
        with self._changed:
            self._ready = False
            for job in self._jobs.values():
                job.status = -1
            self._jobs.clear()
            self._changed.notify_all()

    def spawn(self, command: str) -> Job:
        """Starts a shell command in the guest."""
        return self._start(_RUN, command.encode(), command)

    def run(self, command: str, timeout: float = 60, *, check: bool = False) -> Result:
        """Runs a shell command in the guest; with ``check``, LabError unless it ends with status 0."""
        result = self.spawn(command).wait(timeout)
        if check and not result.ok:
            raise LabError(f"in the guest, status {result.status}: {command}\n{result.output[-2000:]}")
        return result

    def put(self, path: str, data: bytes, timeout: float = 60) -> None:
        """Writes a file in the guest. It is executable."""
        for offset in range(0, max(len(data), 1), _CHUNK):
            payload = struct.pack("<I", offset) + path.encode() + b"\0" + data[offset:offset + _CHUNK]
            status = self._start(_PUT, payload, f"put {path}").wait(timeout).status
            if status != 0:
                raise LabError(f"in the guest: cannot write {path}: {os.strerror(status)}")

    def put_file(self, path: str, source: Path, timeout: float = 60) -> None:
        """Copies a file of the host into the guest."""
        self.put(path, source.read_bytes(), timeout)

    def get(self, path: str, timeout: float = 60) -> bytes:
        """The contents of a file in the guest."""
        job = self.spawn(f"cat '{path}'")
        if not job.wait(timeout).ok:
            raise LabError(f"in the guest: {job.output.strip()}")
        return job.output_bytes

    def close(self) -> None:
        try:
            self._connection.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self._reader.join()
        self._connection.close()

    # --- for Job -----------------------------------------------------------------------------

    def wait_for(self, condition: Callable[[], bool], timeout: float) -> bool:
        """Waits until ``condition()`` holds, or the connection ends (LabError)."""
        end = time.monotonic() + timeout
        with self._changed:
            while not condition():
                if self._closed:
                    raise LabError("the guest's agent is gone")
                left = end - time.monotonic()
                if left <= 0:
                    return False
                self._changed.wait(min(left, 1))
        return True

    def send_kill(self, number: int, signal_number: int) -> None:
        self._send(_KILL, number, struct.pack("<I", signal_number))

    def _start(self, kind: int, payload: bytes, about: str) -> Job:
        with self._changed:
            self._last_number += 1
            job = Job(self, self._last_number, about)
            self._jobs[job.number] = job
        self._send(kind, job.number, payload)
        return job

    # --- the wire ----------------------------------------------------------------------------

    def _send(self, kind: int, number: int, payload: bytes) -> None:
        try:
            with self._send_lock:
                self._connection.sendall(_HEADER.pack(kind, number, len(payload)) + payload)
        except OSError as error:
            raise LabError(f"the guest's agent is gone: {error.strerror}") from error

    def _read_all(self) -> None:
        try:
            while True:
                kind, number, length = _HEADER.unpack(self._read(_HEADER.size))
                self._receive(kind, number, self._read(length))
        except (OSError, EOFError):
            with self._changed:
                self._closed = True
                self._changed.notify_all()

    def _read(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            more = self._connection.recv(size - len(data))
            if not more:
                raise EOFError
            data += more
        return data

    def _receive(self, kind: int, number: int, payload: bytes) -> None:
        with self._changed:
            job = self._jobs.get(number)
            if kind == _READY:
                self._ready = True
            elif job and kind == _OUTPUT:
                job.written += payload
            elif job and kind == _DONE:
                job.status = struct.unpack("<I", payload)[0]
                del self._jobs[number]
            self._changed.notify_all()
