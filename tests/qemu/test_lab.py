# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
"""The lab itself: its machine starts, its agent works, its screen can be read, its own display tells right from
wrong. With QEMU's own GPU, so that a failure here is never the daemon's."""

import os
import socket
import struct
import tempfile

from virtiogpud_vm import VM, DisplayPeer, LabError, Picture
from virtiogpud_vm.testing import Context
from virtiogpud_vm.workloads import wait_picture


def machine(context: Context) -> VM:
    return context.vm("virtio-gpu-pci")


def test_console_shows_text(vm: VM) -> None:
    wait_picture(vm, "console", lambda seen: (seen.width, seen.height) == (1280, 800) and seen.has_text()
                 and 0.001 < seen.share_not_black() < 0.3)


def test_agent_gives_output_and_status(vm: VM) -> None:
    result = vm.run("echo out; echo err >&2; exit 3")
    assert (result.status, result.output) == (3, "out\nerr\n"), result


def test_agent_runs_jobs_side_by_side(vm: VM) -> None:
    slow = vm.spawn("echo started; sleep 600")
    slow.wait_output("started", 20)
    assert vm.run("echo quick").output == "quick\n"
    slow.kill(15)
    assert slow.wait(20).status == 128 + 15


def test_files_come_back_as_they_went(vm: VM) -> None:
    data = bytes(range(256)) * 1000
    vm.agent.put("/tmp/file", data)
    assert vm.agent.get("/tmp/file") == data


def test_picture_tells_a_drawing_from_black(vm: VM) -> None:
    vm.run("setterm --cursor off --clear all >/dev/tty1 2>/dev/null; printf '\\033[?25l\\033[2J' >/dev/tty1; sleep 1")
    vm.run("dd if=/dev/zero of=/dev/fb0 bs=5120 count=800 2>/dev/null", check=True)
    wait_picture(vm, "black", Picture.is_black)
    # 100 rows of blue from row 200 on: 4 bytes a pixel, blue first.
    vm.run("head -c 512000 /dev/zero | sed 's/\\x00\\x00\\x00\\x00/\\xff\\x00\\x00\\x00/g' >/tmp/blue"
           " && dd if=/tmp/blue of=/dev/fb0 bs=5120 seek=200 2>/dev/null", check=True)
    picture = wait_picture(vm, "blue", lambda picture: picture.bounds((0, 0, 255)) == (0, 200, 1280, 100))
    assert not picture.is_black(), picture.describe()


def test_reset_starts_the_guest_anew(vm: VM) -> None:
    vm.run("touch /tmp/mark", check=True)
    vm.reset()
    vm.wait_ready()
    assert not vm.run("[ -e /tmp/mark ]").ok


class FakeDaemon:
    """The other end of a DisplayPeer's connection."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory()
        path = os.path.join(self._folder.name, "display.sock")
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(path)
            listener.listen()
            self.peer = DisplayPeer(path, modes=[(4, 2), (640, 480)])
            self.socket, _ = listener.accept()
        self.socket.settimeout(20)

    def send(self, request: int, *numbers: int, pixels: bytes = b"", fds: tuple[int, ...] = ()) -> None:
        payload = struct.pack(f"={len(numbers)}I", *numbers) + pixels
        socket.send_fds(self.socket, [struct.pack("=III", request, 0, len(payload)) + payload], list(fds))

    def answer(self) -> tuple[int, bytes]:
        request, flags, size = struct.unpack("=III", self.socket.recv(12, socket.MSG_WAITALL))
        assert flags == 4
        return request, self.socket.recv(size, socket.MSG_WAITALL) if size else b""

    def __enter__(self) -> "FakeDaemon":
        return self

    def __exit__(self, *_: object) -> None:
        self.peer.close()
        self.socket.close()
        self._folder.cleanup()


def test_display_answers() -> None:
    with FakeDaemon() as daemon:
        daemon.send(1)
        assert daemon.answer() == (1, struct.pack("=Q", 1))
        daemon.send(3)
        request, info = daemon.answer()
        assert request == 3 and len(info) == 408
        assert struct.unpack_from("<12I", info, 24) == (0, 0, 4, 2, 1, 0, 4, 0, 640, 480, 1, 0)
        daemon.send(11, 1)
        request, edid = daemon.answer()
        assert request == 11 and len(edid) == 1056 and edid[32:40] == b"\0\xff\xff\xff\xff\xff\xff\0"


def test_display_keeps_pictures() -> None:
    red, blue = bytes((0, 0, 255, 0)), bytes((255, 0, 0, 0))
    with FakeDaemon() as daemon:
        assert daemon.peer.picture().is_black()
        daemon.send(7, 0, 4, 2)
        daemon.send(8, 0, 0, 0, 4, 2, pixels=red * 8)
        daemon.send(8, 0, 1, 1, 2, 1, pixels=blue * 2)
        assert daemon.peer.wait_output(lambda output: output.updates == 2, 20)
        picture = daemon.peer.picture()
        assert (picture.width, picture.height) == (4, 2)
        assert picture.bounds((0, 0, 255)) == (1, 1, 2, 1) and picture.share((255, 0, 0)) == 0.75

        daemon.send(6, 0, 5, 6, 1, 2, pixels=blue * 64 * 64)
        assert daemon.peer.wait_output(lambda output: output.cursor.visible, 20)
        cursor = daemon.peer.output().cursor
        assert (cursor.x, cursor.y, cursor.hot, cursor.pixels) == (5, 6, (1, 2), blue * 64 * 64)
        daemon.send(5, 0, 0, 0)
        assert daemon.peer.wait_output(lambda output: not output.cursor.visible, 20)


def test_display_reads_dmabufs() -> None:
    """A file stands for one: both can be mapped."""
    rows = [bytes((0, line, 0, 0)) * 3 for line in range(2)]
    with FakeDaemon() as daemon, tempfile.TemporaryFile() as file:
        file.write(rows[0] + b"gap." + rows[1])
        file.flush()
        daemon.send(9, 0, 0, 0, 3, 2, 3, 2, 16, 0, 0x34325258, fds=(file.fileno(),))
        daemon.send(10, 0, 0, 0, 3, 2)
        assert daemon.answer() == (10, b"")
        picture = daemon.peer.picture()
        assert [picture.pixel(2, line) for line in range(2)] == [(0, 0, 0), (0, 1, 0)]


def test_display_tells_nonsense() -> None:
    for request, numbers, complaint in ((8, (0, 0, 0, 1, 1), "UPDATE: 1x1 at 0,0 of 0x0"), (7, (16, 1, 1), "output 16"),
                                        (9, (0,) * 3 + (5, 5, 5, 5, 20, 0, 0), "0 descriptors"), (4, (0,), "4 bytes"),
                                        (12, (), "message 12"), (2, (2, 0), "not offered")):
        with FakeDaemon() as daemon:
            daemon.send(request, *numbers)
            try:
                daemon.peer.wait_output(lambda _: False, 20)
            except LabError as error:
                assert complaint in str(error), error
            else:
                raise AssertionError(f"nothing is wrong with message {request}, it says")
