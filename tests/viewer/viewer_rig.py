# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
"""What the tests of virtiogpu-view share: the program with a backend of ours, pictures, TAP. The program is the
first word of the test's command line."""

import array
import fcntl
import os
import random
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(CHECKOUT / "tools/qemu"))

from virtiogpud_vm import Picture  # noqa: E402

PROGRAM = Path(sys.argv[1]).resolve()
TIMEOUT = 60 if os.environ.get("KIT_SANITIZED") else 20

(GET_PROTOCOL_FEATURES, SET_PROTOCOL_FEATURES, GET_DISPLAY_INFO, CURSOR_POS, CURSOR_POS_HIDE, CURSOR_UPDATE, SCANOUT,
 UPDATE, DMABUF_SCANOUT, DMABUF_UPDATE, GET_EDID, DMABUF_SCANOUT2) = range(1, 13)
REPLY = 4
HEADER = struct.Struct("=III")
XRGB8888 = int.from_bytes(b"XR24", "little")
SHARED_MEMORY = 1 << 31         # in the flags of DMABUF_SCANOUT
SHARED_MEMORY_FEATURE = 1 << 48


class Skip(Exception):
    """What is missing for a test."""


class Viewer:
    """The program, and the backend's end of its socket."""

    def __init__(self, *options: str, environment: dict[str, str] | None = None) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="view-")
        self.folder = Path(self._folder.name)
        self.log = self.folder / "log"
        self._listening = socket.socket(socket.AF_UNIX)
        self._listening.bind(str(self.folder / "socket"))
        self._listening.listen()
        self._listening.settimeout(TIMEOUT)
        with self.log.open("w") as log:
            self.process = subprocess.Popen([PROGRAM, "--socket", self.folder / "socket", *options],
                                            stdin=subprocess.DEVNULL, stderr=log,
                                            env={**os.environ, **(environment or {})})
        self.sock: socket.socket = None         # type: ignore[assignment]
        self.accept()

    def accept(self) -> None:
        """The viewer connects, the first time or anew."""
        before, self.sock = self.sock, self._listening.accept()[0]
        self.sock.settimeout(TIMEOUT)
        if before:
            before.close()

    def send(self, request: int, payload: bytes = b"", fds: tuple[int, ...] = (), flags: int = 0) -> None:
        head = HEADER.pack(request, flags, len(payload))
        control = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else []
        self.sock.sendmsg([head], control)
        self.sock.sendall(payload)

    def receive(self, request: int) -> bytes:
        got, flags, size = HEADER.unpack(self._read(HEADER.size))
        assert (got, flags) == (request, REPLY), (got, flags)
        return self._read(size)

    def ask(self, request: int, payload: bytes = b"") -> bytes:
        self.send(request, payload)
        return self.receive(request)

    def show(self, head: int, x: int, y: int, width: int, height: int, pixels: bytes) -> None:
        self.send(UPDATE, struct.pack("=5I", head, x, y, width, height) + pixels)

    def settle(self) -> None:
        """Everything that was sent has been taken in."""
        self.ask(GET_PROTOCOL_FEATURES)

    def snapshot(self, head: int = 0) -> Picture:
        path = self.folder / f"head-{head}.png"
        path.unlink(missing_ok=True)
        self.settle()
        self.process.send_signal(signal.SIGUSR1)
        wait(path.exists, f"no {path.name}: {self.log.read_text()}")
        return Picture.load(path)

    def descriptors(self) -> int:
        """How many there are. Only root may look into processes that are not dumpable."""
        try:
            return len(os.listdir(f"/proc/{self.process.pid}/fd"))
        except PermissionError as error:
            raise Skip("only root can count the descriptors of this process") from error

    def ended(self) -> int:
        return self.process.wait(TIMEOUT)

    def _read(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            more = self.sock.recv(size - len(data))
            assert more, f"the viewer has gone: {self.log.read_text()}"
            data += more
        return data

    def __enter__(self) -> "Viewer":
        return self

    def __exit__(self, *_: object) -> None:
        self.sock.close()
        self._listening.close()
        status = self.process.poll()
        if status is None:
            status = self.ended()
        log = self.log.read_text()
        self._folder.cleanup()
        assert status in (0, 1) and "Sanitizer" not in log, (status, log)


def wait(condition: Callable[[], bool], why: str) -> None:
    end = time.monotonic() + TIMEOUT
    while not condition():
        assert time.monotonic() < end, why
        time.sleep(0.01)


@contextmanager
def png_viewer(*options: str) -> Iterator[Viewer]:
    """One that writes pictures to its folder."""
    with tempfile.TemporaryDirectory(prefix="view-png-") as folder:
        with Viewer("--png", folder, *options) as viewer:
            viewer.folder = Path(folder)
            yield viewer


def shared_memory(content: bytes, seals: int = fcntl.F_SEAL_SHRINK) -> int:
    """A descriptor, the caller's."""
    fd = os.memfd_create("shared", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    os.write(fd, content)
    fcntl.fcntl(fd, fcntl.F_ADD_SEALS, seals)
    return fd


def noise(width: int, height: int, seed: int) -> bytes:
    return random.Random(seed).randbytes(width * height * 4)


def as_picture(width: int, height: int, pixels: bytes) -> Picture:
    """Of pixels as they are sent: blue, green, red, nothing."""
    rgb = bytearray(width * height * 3)
    for channel in range(3):
        rgb[channel::3] = pixels[2 - channel::4]
    return Picture(width, height, bytes(rgb))


def check_same(seen: Picture, expected: Picture) -> None:
    assert (seen.width, seen.height) == (expected.width, expected.height), seen.describe()
    assert seen.data == expected.data, f"{seen.difference(expected):.3f} of it differs"


def run_cases(cases: tuple[Callable[[], None], ...]) -> int:
    """Those that the command line names, or all. The exit status."""
    wanted = sys.argv[2:]
    failed = 0
    chosen = [case for case in cases if not wanted or case.__name__ in wanted]
    for number, case in enumerate(chosen, 1):
        try:
            case()
            print(f"ok {number} - {case.__name__}", flush=True)
        except Skip as missing:
            print(f"ok {number} - {case.__name__} # SKIP {missing}", flush=True)
        except (AssertionError, OSError, ValueError, struct.error, subprocess.SubprocessError) as error:
            failed += 1
            text = " ".join(f"{type(error).__name__}: {error}".split())
            print(f"not ok {number} - {case.__name__} # {text[:1500]}", flush=True)
    print(f"1..{len(chosen)}")
    return 1 if failed or not chosen else 0
