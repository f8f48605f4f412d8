# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
"""The lab itself: its machine starts, its agent works, its screen can be read. With QEMU's own GPU, so
that a failure here is never the daemon's."""

from virtiogpud_vm import VM, Picture
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
