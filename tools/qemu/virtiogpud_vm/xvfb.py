# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
"""A screen for windows where there is none: Xvfb, which can also be looked at."""

import os
import select
import socket
import struct
import tempfile
import time
from pathlib import Path

from .errors import LabError, LabTimeout
from .picture import Picture
from .process import Process


class Xvfb:
    """A running X server, large enough for windows of 4K screens; ``display`` is its name for DISPLAY.

    With ``pointer``, pictures have its pointer on them, whose shape is the guest's.
    """

    def __init__(self, artefacts: Path, width: int = 4096, height: int = 2304, *, pointer: bool = False,
                 timeout: float = 20) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="virtiogpud-xvfb-")
        read_end, write_end = os.pipe()
        try:
            self.process = Process(
                ["Xvfb", "-displayfd", str(write_end), "-screen", "0", f"{width}x{height}x24", "-nolisten", "tcp",
                 "-noreset", "-fbdir", self._folder.name, *([] if pointer else ["-nocursor"])],
                artefacts / "xvfb.log", pass_fds=[write_end])
            os.close(write_end)
            self.display = ":" + self._read_number(read_end, timeout)
        finally:
            os.close(read_end)

    def _read_number(self, fd: int, timeout: float) -> str:
        end = time.monotonic() + timeout
        text = b""
        while not text.endswith(b"\n"):
            readable, _, _ = select.select([fd], [], [], max(end - time.monotonic(), 0))
            if not readable:
                raise LabTimeout(f"Xvfb did not start in {timeout:.0f} s. {self.process.describe()}")
            data = os.read(fd, 64)
            if not data:
                raise LabError(f"Xvfb did not start. {self.process.describe()}")
            text += data
        return text.decode().strip()

    def picture(self) -> Picture:
        """What is in the largest window. All black, when there is none, is what is on the screen."""
        dump = Path(self._folder.name, "Xvfb_screen0").read_bytes()
        windows = XClient(self.display).windows()
        return Picture.from_xwd(dump, max(windows, key=lambda window: window[2] * window[3], default=None))

    def stop(self) -> None:
        self.process.stop()
        self._folder.cleanup()


class XClient:
    """Enough of the X protocol to ask where windows are."""

    def __init__(self, display: str) -> None:
        self._display = display.removeprefix(":")

    def windows(self) -> list[tuple[int, int, int, int]]:
        """x, y, width and height of every window that can be seen and is not in another one."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(10)
            connection.connect(f"/tmp/.X11-unix/X{self._display}")
            root = self._set_up(connection)
            # QueryTree, then GetWindowAttributes and GetGeometry of every child.
            tree = self._request(connection, 15, root)
            found = []
            for child in struct.unpack_from(f"<{struct.unpack_from('<H', tree, 16)[0]}I", tree, 32):
                attributes, geometry = self._request(connection, 3, child), self._request(connection, 14, child)
                viewable, input_only = attributes[26] == 2, struct.unpack_from("<H", attributes, 12)[0] == 2
                if viewable and not input_only:
                    found.append(struct.unpack_from("<hhHH", geometry, 12))
            return found

    def _set_up(self, connection: socket.socket) -> int:
        connection.sendall(struct.pack("<BxHHHHxx", ord("l"), 11, 0, 0, 0))
        status, length = struct.unpack("<B5xH", self._read(connection, 8))
        answer = self._read(connection, length * 4)
        if status != 1:
            raise LabError(f"Xvfb refuses us: {answer!r}")
        vendor, formats = struct.unpack_from("<H", answer, 16)[0], answer[21]
        return struct.unpack_from("<I", answer, 32 + (vendor + 3) // 4 * 4 + formats * 8)[0]

    def _request(self, connection: socket.socket, opcode: int, window: int) -> bytes:
        connection.sendall(struct.pack("<BxHI", opcode, 2, window))
        answer = self._read(connection, 32)
        if answer[0] != 1:
            raise LabError(f"X request {opcode} failed with error {answer[1]}")
        return answer + self._read(connection, struct.unpack_from("<I", answer, 4)[0] * 4)

    @staticmethod
    def _read(connection: socket.socket, size: int) -> bytes:
        data = b""
        while len(data) < size:
            more = connection.recv(size - len(data))
            if not more:
                raise LabError("Xvfb closed the connection")
            data += more
        return data
