# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
"""The daemon behind each of QEMU's devices for it, and without any renderer."""

import time

from virtiogpud_vm import Picture
from virtiogpud_vm.testing import Context
from virtiogpud_vm.workloads import kmscube, wait_picture, weston


def test_2d_only(context: Context) -> None:
    daemon = context.daemon("--renderer", "none")
    vm = context.vm("vhost-user-gpu-pci", daemon=daemon)
    vm.wait_ready()
    assert "features: -virgl +edid" in vm.run("dmesg", check=True).output
    wait_picture(vm, "console", Picture.has_text)
    with weston(vm, renderer="pixman"):
        wait_picture(vm, "weston", lambda seen: len(seen.colours()) > 200 and seen.share_not_black() > 0.6, 120)


def test_vga_shows_firmware_and_linux(context: Context) -> None:
    vm = context.vm("vhost-user-vga", daemon=context.daemon(), qemu_args=["-boot", "menu=on,splash-time=3000"])
    wait_picture(vm, "firmware", lambda seen: (seen.width, seen.height) == (720, 400) and seen.has_text(), 20)
    vm.wait_ready()
    wait_picture(vm, "console", lambda seen: seen.width == 1280 and seen.has_text())
    measure = kmscube(vm, 3, picture="kmscube")
    assert "virgl" in measure.renderer, measure.output
    assert len(measure.pictures[0].colours()) > 1000, measure.pictures[0].describe()


def test_generic_device(context: Context) -> None:
    """QEMU shows nothing then, but forwards everything: contexts of chosen kinds, our own modes."""
    daemon = context.daemon("--mode", "1024x768")
    vm = context.vm("vhost-user-test-device-pci", daemon=daemon)
    for _ in range(2):
        vm.wait_ready()
        messages = vm.run("dmesg", check=True).output
        assert "features: +virgl +edid" in messages and "+context_init" in messages, messages[-2000:]
        assert vm.run("head -n 1 /sys/class/drm/card0-Virtual-1/modes", check=True).output == "1024x768\n"
        assert "virgl" in kmscube(vm, 3).renderer
        vm.pause()
        time.sleep(0.2)
        vm.resume()
        assert "virgl" in kmscube(vm, 3).renderer
        vm.reset()
    assert daemon.alive and vm.process.poll() is None
