# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
"""A display for daemons: the VMM's side of the vhost-user-gpu display protocol (QEMU, docs/interop/
vhost-user-gpu), which keeps a picture for each output."""

import array
import mmap
import os
import socket
import struct
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from .edid import one_mode
from .errors import LabError
from .picture import Picture

MAX_SCANOUTS = 16

_HEADER = struct.Struct("=III")
_REPLY = 4
_FEATURE_EDID = 1
_CURSOR_SIDE = 64
_LARGEST_SIDE = 16384
_OK_DISPLAY_INFO, _OK_EDID = 0x1101, 0x1104


@dataclass
class Cursor:
    """What the guest has made of the pointer on an output: pixels are b, g, r, a, 64 x 64 of them."""

    x: int = 0
    y: int = 0
    hot: tuple[int, int] = (0, 0)
    visible: bool = False
    pixels: bytes = b""


@dataclass
class Output:
    """What is shown on an output; pixels are b, g, r, x. Without width: nothing."""

    width: int = 0
    height: int = 0
    pixels: bytearray = field(default_factory=bytearray)
    updates: int = 0                                        # how many came for this size
    cursor: Cursor = field(default_factory=Cursor)


class Nonsense(Exception):
    """The daemon has sent what the protocol forbids."""


class DisplayPeer:
    """A connection to a daemon's --display-socket. A thread of its own reads what the daemon sends.

    modes: the size of each output that there is, the others are off. What the daemon does wrong is kept,
    and raised by everything that is asked for afterwards.
    """

    def __init__(self, path: Path, modes: Sequence[tuple[int, int]] = ((1280, 800),)) -> None:
        self._modes = list(modes)
        self._changed = threading.Condition()
        self._outputs = [Output() for _ in range(MAX_SCANOUTS)]
        self._dmabufs = [_NO_DMABUF] * MAX_SCANOUTS
        self._error = ""
        self._connection = socket.socket(socket.AF_UNIX)
        self._connection.connect(str(path))
        self._reader = threading.Thread(target=self._serve, daemon=True)
        self._reader.start()

    # --- looking -----------------------------------------------------------------------------

    def output(self, scanout: int = 0) -> Output:
        """A copy of an output."""
        with self._changed:
            self._check()
            found = self._outputs[scanout]
            return Output(found.width, found.height, bytearray(found.pixels), found.updates,
                          Cursor(**vars(found.cursor)))

    def picture(self, scanout: int = 0) -> Picture:
        """What is shown on an output, without the pointer: black when that is nothing."""
        output = self.output(scanout)
        if not output.updates:
            width, height = self._modes[scanout]
            return Picture(width, height, bytes(width * height * 3))
        pixels = bytearray(output.width * output.height * 3)
        for channel in range(3):
            pixels[channel::3] = output.pixels[2 - channel::4]
        return Picture(output.width, output.height, bytes(pixels))

    def wait_output(self, condition: Callable[[Output], bool], timeout: float, scanout: int = 0) -> bool:
        """Waits until condition(output) holds; False when it does not in time."""
        end = time.monotonic() + timeout
        with self._changed:
            while not condition(self._outputs[scanout]):
                self._check()
                left = end - time.monotonic()
                if left <= 0:
                    return False
                self._changed.wait(min(left, 1))
        return True

    def close(self) -> None:
        """Goes away, as a viewer may at any time."""
        try:
            self._connection.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self._reader.join()
        self._error = "it was closed"
        self._connection.close()
        for dmabuf in self._dmabufs:
            dmabuf.close()

    def __enter__(self) -> "DisplayPeer":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _check(self) -> None:
        if self._error:
            raise LabError(f"the display: {self._error}")

    # --- the wire ----------------------------------------------------------------------------

    def _serve(self) -> None:
        try:
            while True:
                self._serve_message()
        except EOFError:
            error = "the daemon has closed its socket"
        except OSError as failed:
            error = f"the daemon's socket: {failed.strerror}"
        except (Nonsense, struct.error) as failed:
            error = f"the daemon broke the protocol: {failed}"
        with self._changed:
            self._error = error
            self._changed.notify_all()

    def _serve_message(self) -> None:
        head, fds = self._read_header()
        try:
            request, _, size = _HEADER.unpack(head)
            if request not in _MESSAGES:
                raise Nonsense(f"message {request}")
            name, expected, handler = _MESSAGES[request]
            if size != expected and request != _UPDATE or size > 20 + 4 * _LARGEST_SIDE ** 2:
                raise Nonsense(f"{name} of {size} bytes")
            payload = self._read(size)
            with self._changed:
                try:
                    answer = handler(self, payload, fds)
                except Nonsense as error:
                    raise Nonsense(f"{name}: {error}") from error
                self._changed.notify_all()
            if answer is not None:
                self._connection.sendall(_HEADER.pack(request, _REPLY, len(answer)) + answer)
        finally:
            for fd in fds:
                os.close(fd)

    def _read_header(self) -> tuple[bytes, list[int]]:
        """A header, and the descriptors that come with its first byte."""
        fds = array.array("i")
        head, ancillary, _, _ = self._connection.recvmsg(_HEADER.size, socket.CMSG_SPACE(4 * fds.itemsize))
        for level, kind, data in ancillary:
            if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                fds.frombytes(data[:len(data) - len(data) % fds.itemsize])
        if not head:
            raise EOFError
        return head + self._read(_HEADER.size - len(head)), list(fds)

    def _read(self, size: int) -> bytearray:
        data = bytearray(size)
        view, at = memoryview(data), 0
        while at < size:
            count = self._connection.recv_into(view[at:])
            if not count:
                raise EOFError
            at += count
        return data

    def _find(self, scanout: int) -> Output:
        if scanout >= MAX_SCANOUTS:
            raise Nonsense(f"output {scanout}")
        return self._outputs[scanout]

    # --- messages: payload and descriptors in, the answer's payload out ------------------------

    def _get_features(self, _payload: bytes, _fds: list[int]) -> bytes:
        return struct.pack("=Q", _FEATURE_EDID)

    def _set_features(self, payload: bytes, _fds: list[int]) -> None:
        chosen = struct.unpack("=Q", payload)[0]
        if chosen & ~_FEATURE_EDID:
            raise Nonsense(f"features {chosen:#x} were not offered")

    def _get_display_info(self, _payload: bytes, _fds: list[int]) -> bytes:
        x, rows = 0, []
        for width, height in self._modes:
            rows.append(struct.pack("<6I", x, 0, width, height, 1, 0))
            x += width
        return struct.pack("<I20x", _OK_DISPLAY_INFO) + b"".join(rows).ljust(MAX_SCANOUTS * 24, b"\0")

    def _get_edid(self, payload: bytes, _fds: list[int]) -> bytes:
        scanout = struct.unpack("=I", payload)[0]
        if scanout >= len(self._modes):
            raise Nonsense(f"output {scanout}")
        blob = one_mode(*self._modes[scanout])
        return struct.pack("<I20xII", _OK_EDID, len(blob), 0) + blob.ljust(1024, b"\0")

    def _set_scanout(self, payload: bytes, _fds: list[int]) -> None:
        scanout, width, height = struct.unpack("=3I", payload)
        output = self._find(scanout)
        if max(width, height) > _LARGEST_SIDE or (width == 0) != (height == 0):
            raise Nonsense(f"{width}x{height}")
        output.width, output.height, output.updates = width, height, 0
        output.pixels = bytearray(width * height * 4)

    def _update(self, payload: bytearray, _fds: list[int]) -> None:
        scanout, x, y, width, height = struct.unpack_from("=5I", payload)
        output = self._find(scanout)
        self._check_rectangle(output, x, y, width, height)
        if len(payload) != 20 + width * height * 4:
            raise Nonsense(f"{len(payload)} bytes for {width}x{height}")
        _copy(output, (x, y, width, height), memoryview(payload)[20:], width * 4)
        output.updates += 1

    @staticmethod
    def _check_rectangle(output: Output, x: int, y: int, width: int, height: int) -> None:
        if not width or not height or x + width > output.width or y + height > output.height:
            raise Nonsense(f"{width}x{height} at {x},{y} of {output.width}x{output.height}")

    def _set_dmabuf(self, payload: bytes, fds: list[int]) -> None:
        scanout, x, y, width, height, _, _, stride, _, _ = struct.unpack("=9Ii", payload)
        output = self._find(scanout)
        self._dmabufs[scanout].close()
        self._dmabufs[scanout] = _NO_DMABUF
        output.width, output.height, output.updates = width, height, 0
        output.pixels = bytearray()
        if not width:
            return
        if len(fds) != 1 or max(width, height, stride // 4) > _LARGEST_SIDE or stride < (x + width) * 4:
            raise Nonsense(f"{width}x{height} at {x},{y}, stride {stride}, {len(fds)} descriptors")
        output.pixels = bytearray(width * height * 4)
        self._dmabufs[scanout] = _Dmabuf(os.dup(fds[0]), stride, (y * stride) + x * 4)

    def _update_dmabuf(self, payload: bytes, _fds: list[int]) -> bytes:
        scanout, x, y, width, height = struct.unpack("=5I", payload)
        output, dmabuf = self._find(scanout), self._dmabufs[scanout]
        self._check_rectangle(output, x, y, width, height)
        if dmabuf is _NO_DMABUF:
            raise Nonsense("no dma-buf is shown")
        pixels = dmabuf.read(output.width, output.height)
        _copy(output, (x, y, width, height), pixels[y * dmabuf.stride + x * 4:], dmabuf.stride)
        output.updates += 1
        return b""

    def _move_cursor(self, payload: bytes, _fds: list[int]) -> None:
        scanout, x, y = struct.unpack("=3I", payload)
        cursor = self._find(scanout).cursor
        cursor.x, cursor.y, cursor.visible = x, y, bool(cursor.pixels)

    def _hide_cursor(self, payload: bytes, _fds: list[int]) -> None:
        self._find(struct.unpack("=3I", payload)[0]).cursor.visible = False

    def _set_cursor(self, payload: bytes, _fds: list[int]) -> None:
        scanout, x, y, hot_x, hot_y = struct.unpack_from("=5I", payload)
        self._find(scanout).cursor = Cursor(x, y, (hot_x, hot_y), True, bytes(payload[20:]))


def _copy(output: Output, area: tuple[int, int, int, int], pixels: memoryview, stride: int) -> None:
    """Puts rows of pixels, stride bytes from one to the next, at their place."""
    x, y, width, height = area
    if width == output.width and stride == width * 4:
        output.pixels[y * stride:(y + height) * stride] = pixels[:height * stride]
        return
    for line in range(height):
        at = ((y + line) * output.width + x) * 4
        output.pixels[at:at + width * 4] = pixels[line * stride:line * stride + width * 4]


class _Dmabuf:
    """Linear, as a display without the feature DMABUF2 is given no other."""

    def __init__(self, fd: int, stride: int, offset: int) -> None:
        self.stride = stride
        self._fd = fd
        self._offset = offset

    def read(self, width: int, height: int) -> memoryview:
        """The rows of the picture."""
        end = self._offset + (height - 1) * self.stride + width * 4
        try:
            with mmap.mmap(self._fd, end, mmap.MAP_SHARED, mmap.PROT_READ) as mapped:
                return memoryview(mapped[self._offset:])
        except (OSError, ValueError) as error:
            raise Nonsense(f"a dma-buf that cannot be read: {error}") from error

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
        self._fd = -1


_NO_DMABUF = _Dmabuf(-1, 0, 0)
_UPDATE = 8
# Name, size of the payload (UPDATE's has pixels behind it), handler.
_MESSAGES: dict[int, tuple[str, int, Callable[[DisplayPeer, bytearray, list[int]], bytes | None]]] = {
    1: ("GET_PROTOCOL_FEATURES", 0, DisplayPeer._get_features),
    2: ("SET_PROTOCOL_FEATURES", 8, DisplayPeer._set_features),
    3: ("GET_DISPLAY_INFO", 0, DisplayPeer._get_display_info),
    4: ("CURSOR_POS", 12, DisplayPeer._move_cursor),
    5: ("CURSOR_POS_HIDE", 12, DisplayPeer._hide_cursor),
    6: ("CURSOR_UPDATE", 20 + _CURSOR_SIDE ** 2 * 4, DisplayPeer._set_cursor),
    7: ("SCANOUT", 12, DisplayPeer._set_scanout),
    _UPDATE: ("UPDATE", 20, DisplayPeer._update),
    9: ("DMABUF_SCANOUT", 40, DisplayPeer._set_dmabuf),
    10: ("DMABUF_UPDATE", 20, DisplayPeer._update_dmabuf),
    11: ("GET_EDID", 4, DisplayPeer._get_edid),
}
