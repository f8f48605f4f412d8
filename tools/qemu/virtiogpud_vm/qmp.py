# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
"""QEMU's machine protocol."""

import json
import socket
import time
from collections.abc import Callable
from typing import Any

from .errors import LabError, LabTimeout


class QmpError(LabError):
    """QEMU refused a command."""


class Qmp:
    """A connection to QEMU. Not for use by several threads.

    ``events`` has every event that came and was not asked for by ``wait_event`` yet, oldest first.
    """

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._buffer = b""
        self._last_id = 0
        self.events: list[dict[str, Any]] = []

    def negotiate(self, timeout: float = 20) -> None:
        """Reads the greeting and makes the connection ready for commands."""
        self._read_until(lambda message: "QMP" in message, timeout, "QEMU's greeting")
        self.execute("qmp_capabilities")

    def execute(self, command: str, timeout: float = 20, **arguments: Any) -> Any:
        """Runs a command and gives what it returns. An argument's ``_`` stands for ``-``."""
        self._last_id += 1
        number = self._last_id
        request: dict[str, Any] = {"execute": command, "id": number}
        if arguments:
            request["arguments"] = {key.replace("_", "-"): value for key, value in arguments.items()}
        try:
            self._connection.sendall(json.dumps(request).encode() + b"\n")
        except OSError as error:
            raise LabError(f"QEMU is gone: {command}: {error.strerror}") from error
        reply = self._read_until(lambda message: message.get("id") == number, timeout, f"the answer to {command}")
        if "error" in reply:
            raise QmpError(f"{command}: {reply['error'].get('desc', reply['error'])}")
        return reply["return"]

    def wait_event(self, name: str, timeout: float = 20) -> dict[str, Any]:
        """The next event of that name, which may have come already; takes it off ``events``."""
        for event in self.events:
            if event["event"] == name:
                self.events.remove(event)
                return event
        event = self._read_until(lambda message: message.get("event") == name, timeout, f"the event {name}")
        self.events.remove(event)
        return event

    def close(self) -> None:
        self._connection.close()

    def _read_until(self, wanted: Callable[[dict[str, Any]], bool], timeout: float, what: str) -> dict[str, Any]:
        end = time.monotonic() + timeout
        while True:
            message = self._read(end, what)
            if "event" in message:
                self.events.append(message)
            if wanted(message):
                return message

    def _read(self, end: float, what: str) -> dict[str, Any]:
        while b"\n" not in self._buffer:
            self._connection.settimeout(max(end - time.monotonic(), 0.001))
            try:
                data = self._connection.recv(65536)
            except TimeoutError:
                raise LabTimeout(f"waited in vain for {what}") from None
            except OSError as error:
                raise LabError(f"QEMU is gone: waiting for {what}: {error.strerror}") from error
            if not data:
                raise LabError(f"QEMU is gone: waiting for {what}")
            self._buffer += data
        line, self._buffer = self._buffer.split(b"\n", 1)
        return json.loads(line)
