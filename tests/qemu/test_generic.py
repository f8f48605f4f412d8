# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
"""QEMU's generic vhost-user device: it forwards everything, and shows nothing. The picture comes by the
daemon's own display socket. With each kind of queue."""

from virtiogpud_vm import VM, Picture
from virtiogpud_vm.testing import Context
from virtiogpud_vm.workloads import check_console, gpu_features, kmscube, wait_picture

DEVICES = ["split", "packed"]
SIZE = (1024, 768)


def machine(context: Context, queues: str) -> VM:
    daemon = context.daemon("--display-socket={display}")
    return context.vm("vhost-user-test-device-pci", daemon=daemon, viewer=context.viewer(daemon, modes=[SIZE]),
                      gpu_options="packed=on" if queues == "packed" else "packed=off")


def check(vm: VM, name: str, number: int) -> None:
    check_console(vm, name, number, width=SIZE[0], height=SIZE[1])
    assert vm.daemon and vm.daemon.alive, vm.describe()


def check_cube(vm: VM, name: str) -> None:
    measure = kmscube(vm, 2, picture=name)
    assert "virgl" in measure.renderer, measure.output
    picture = measure.pictures[0]
    assert len(picture.colours()) > 1000 and 0.5 < picture.share((128, 128, 128), 2) < 0.95, picture.describe()


def test_driver_binds(vm: VM) -> None:
    assert {"virgl", "edid", "context_init"} <= gpu_features(vm)


def test_console_has_text(vm: VM) -> None:
    """Whether Linux draws it in a guest blob (where the features say so) or in a 2D resource."""
    wait_picture(vm, "console", lambda seen: (seen.width, seen.height) == SIZE and seen.has_text())
    check(vm, "console", 1)


def test_mode_and_edid_are_the_displays(vm: VM) -> None:
    assert vm.run("head -n 1 /sys/class/drm/card0-Virtual-1/modes", check=True).output == "1024x768\n"
    # In the EDID, the name of the monitor.
    assert vm.run("grep -c 'one mode' /sys/class/drm/card0-Virtual-1/edid", check=True).output == "1\n"


def test_cube(vm: VM) -> None:
    check_cube(vm, "cube")
    check(vm, "after-cube", 2)


def test_pause_and_resume(vm: VM) -> None:
    for number in range(10):
        vm.pause()
        vm.resume()
        check(vm, "resume", number)
    check_cube(vm, "cube-resumed")


def test_reboot(vm: VM) -> None:
    for number in range(3):
        vm.reset()
        vm.wait_ready()
        check(vm, "reboot", number)
    check_cube(vm, "cube-rebooted")


def test_display_may_go_and_come(vm: VM, context: Context) -> None:
    assert vm.daemon and vm.viewer
    vm.viewer.close()
    vm.run("printf 'nobody looks\\n' >/dev/tty1", check=True)
    vm.viewer = context.viewer(vm.daemon, modes=[SIZE])
    wait_picture(vm, "second-display", Picture.has_text)
    check(vm, "second-display", 4)
