# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
"""What the tests of virtiogpu-vtest share: a bridge with a backend of its own, and a client of its protocol.

A test program is called with PROGRAM BACKEND DRAWS [CASE…].
"""

import array
import mmap
import os
import select
import socket
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
PROGRAM, BACKEND, DRAWS = (Path(name).resolve() for name in sys.argv[1:4])
TIMEOUT = 120 if os.environ.get("KIT_SANITIZED") else 60
QUIET = 0.3     # seconds in which nothing may come

(GET_CAPS, RESOURCE_CREATE, RESOURCE_UNREF, TRANSFER_GET, TRANSFER_PUT, SUBMIT_CMD, BUSY_WAIT, CREATE_RENDERER, GET_CAPS2,
 PING, VERSION, RESOURCE_CREATE2, TRANSFER_GET2, TRANSFER_PUT2, GET_PARAM, GET_CAPSET, CONTEXT_INIT, CREATE_BLOB,
 SYNC_CREATE, SYNC_UNREF, SYNC_READ, SYNC_WRITE, SYNC_WAIT, SUBMIT_CMD2) = range(1, 25)
WAIT = 1
FOR_EVER = 0xffffffff
VENUS = 4     # a capability set
BUFFER, TEXTURE_2D = 0, 2
RGBA8, R8 = 67, 64
VERTEX_BUFFER, RENDER_TARGET, CUSTOM = 1 << 4, 1 << 1, 1 << 17
NOP, CLEAR, TRANSFER3D = 0, 7, 43


def words(*numbers: int) -> bytes:
    return struct.pack(f"={len(numbers)}I", *(number & 0xffffffff for number in numbers))


class Skip(Exception):
    """What is missing for a test."""


class Lost(Exception):
    """The bridge has ended the connection."""


class Client:
    """A program's end of the protocol."""

    def __init__(self, path: Path, version: int | None = 3, name: bytes = b"tests\0") -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(str(path))
        self.sock.settimeout(TIMEOUT)
        if version is not None:
            self.sock.sendall(words(len(name), CREATE_RENDERER) + name)
            assert self.ask(VERSION, version) == (min(version, 3) if version >= 2 else 0,)

    def close(self) -> None:
        self.sock.close()

    def send(self, command: int, *body: int, data: bytes = b"", length: int | None = None) -> None:
        try:
            self.sock.sendall(words(len(body) if length is None else length, command) + words(*body) + data)
        except (BrokenPipeError, ConnectionResetError) as error:
            raise Lost from error

    def receive(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            try:
                more = self.sock.recv(size - len(data))
            except ConnectionResetError as error:
                raise Lost from error
            if not more:
                raise Lost
            data += more
        return data

    def answer(self, command: int) -> tuple[int, ...]:
        length, got = struct.unpack("=2I", self.receive(8))
        assert got == command, f"an answer to {got}, not to {command}"
        return struct.unpack(f"={length}I", self.receive(4 * length))

    def ask(self, command: int, *body: int) -> tuple[int, ...]:
        self.send(command, *body)
        return self.answer(command)

    def receive_fd(self) -> int:
        fds = array.array("i")
        data, control, flags, _ = self.sock.recvmsg(1, socket.CMSG_SPACE(fds.itemsize))
        assert len(data) == 1 and len(control) == 1 and not flags & socket.MSG_CTRUNC
        fds.frombytes(control[0][2])
        return fds[0]

    def wait(self) -> None:
        assert self.ask(BUSY_WAIT, 0, WAIT) == (0,)

    def quiet(self) -> None:
        """Nothing comes, and the connection stays."""
        readable, _, _ = select.select([self.sock], [], [], QUIET)
        assert not readable, "something came"

    def is_lost(self) -> bool:
        """Ends within the time limit, whatever comes before."""
        try:
            while self.receive(1):
                pass
        except Lost:
            return True

    def buffer(self, size: int, bind: int = VERTEX_BUFFER) -> tuple[int, mmap.mmap]:
        """A buffer and the memory that is shared for it."""
        resource, = self.ask(RESOURCE_CREATE2, 0, BUFFER, R8, bind, size, 1, 1, 1, 0, 0, size)
        return resource, self.mapped(size)

    def mapped(self, size: int) -> mmap.mmap:
        fd = self.receive_fd()
        try:
            return mmap.mmap(fd, size)
        finally:
            os.close(fd)

    def put(self, resource: int, offset: int, size: int) -> None:
        self.send(TRANSFER_PUT2, resource, 0, offset, 0, 0, size, 1, 1, size, offset)

    def get(self, resource: int, offset: int, size: int) -> None:
        self.send(TRANSFER_GET2, resource, 0, offset, 0, 0, size, 1, 1, size, offset)


class Bridge:
    """The program, with a backend of its own."""

    def __init__(self, *options: str, renderer: str = "virgl", backend: str | None = None,
                 program: tuple[str | Path, ...] = ()) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="vtest-")
        self.folder = Path(self._folder.name)
        self.path = self.folder / "vtest"
        self.log = self.folder / "log"
        command = backend or f"{BACKEND} --socket-path {{socket}} --renderer {renderer} --renderer-timeout 60"
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [PROGRAM, "--backend", command, "--socket", self.path, *options, *(("--", *program) if program else ())],
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, text=True)

    def text(self) -> str:
        return self.log.read_text(errors="replace")

    def wait_line(self, text: str) -> None:
        deadline = time.monotonic() + TIMEOUT
        while text not in self.text():
            assert self.process.poll() is None and time.monotonic() < deadline, f"no {text!r} in: {self.text()}"
            time.sleep(0.01)

    def connect(self, version: int | None = 3) -> Client:
        self.wait_line("programs connect to")
        return Client(self.path, version)

    def environment(self) -> dict[str, str]:
        """What programs need to draw on it."""
        self.wait_line("programs connect to")
        mesa = {"LIBGL_ALWAYS_SOFTWARE": "1", "GALLIUM_DRIVER": "virpipe", "VTEST_SOCKET_NAME": str(self.path)}
        return {**os.environ, **mesa}

    def run(self, *command: str | Path, seconds: float = TIMEOUT, **environment: str) -> subprocess.CompletedProcess:
        """A program that draws on it."""
        return subprocess.run([str(word) for word in command], env={**self.environment(), **environment}, text=True,
                              stdin=subprocess.DEVNULL, capture_output=True, timeout=seconds, check=False)

    def start(self, *command: str | Path) -> subprocess.Popen:
        """The same, beside others."""
        return subprocess.Popen([str(word) for word in command], env=self.environment(), text=True,
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def descendants(self, name: str) -> list[int]:
        """Processes of the backend with this program."""
        done = subprocess.run(["ps", "-eo", "pid=,ppid=,args="], capture_output=True, text=True, check=True)
        rows = [line.split(None, 2) for line in done.stdout.splitlines()]
        mine = {self.process.pid}
        for _ in rows:
            mine |= {int(row[0]) for row in rows if int(row[1]) in mine}
        return [int(row[0]) for row in rows if int(row[0]) in mine and name in row[2].split()[0]]

    def fds(self) -> int:
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def stop(self) -> int:
        """Tells it to end: its status. 0 means that the kit has found nothing wrong either."""
        if self.process.poll() is None:
            self.process.terminate()
        return self.process.wait(TIMEOUT)

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()
        self._folder.cleanup()


@contextmanager
def bridge(*options: str, status: int = 0, **arguments) -> Iterator[Bridge]:
    """A bridge that has to end with this status when it is told to."""
    made = Bridge(*options, **arguments)
    try:
        try:
            yield made
        except (AssertionError, Lost, OSError) as error:
            raise AssertionError(f"{type(error).__name__} {error}; log: {made.text()[-600:]}") from error
        ended = made.stop()
        assert ended == status, f"status {ended}: {made.text()}"
    finally:
        made.close()


def failures(output: str) -> str:
    return "; ".join(line for line in output.splitlines() if line.startswith("not ok")) or output[-1000:]


def run_cases(all_cases: Sequence[Callable[[], None]]) -> int:
    """Runs those that are wanted, and reports as TAP: the exit status."""
    wanted = sys.argv[4:]
    failed = 0
    cases = [case for case in all_cases if not wanted or case.__name__ in wanted]
    for number, case in enumerate(cases, 1):
        try:
            case()
            print(f"ok {number} - {case.__name__}", flush=True)
        except Skip as missing:
            print(f"ok {number} - {case.__name__} # SKIP {missing}", flush=True)
        except (AssertionError, Lost, OSError, ValueError, struct.error, subprocess.SubprocessError) as error:
            failed += 1
            text = " ".join(f"{type(error).__name__}: {error}".split())
            print(f"not ok {number} - {case.__name__} # {text[:1500]}", flush=True)
    print(f"1..{len(cases)}")
    return 1 if failed else 0
