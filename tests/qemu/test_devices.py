# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
"""Firmware's picture, and the daemon without any renderer."""

from virtiogpud_vm import Picture
from virtiogpud_vm.testing import Context
from virtiogpud_vm.workloads import gpu_features, kmscube, shows_desktop, wait_picture, weston


def test_2d_only(context: Context) -> None:
    daemon = context.daemon("--renderer", "none")
    vm = context.vm("vhost-user-gpu-pci", daemon=daemon)
    vm.wait_ready()
    features = gpu_features(vm)
    assert "edid" in features and "virgl" not in features, features
    wait_picture(vm, "console", Picture.has_text)
    with weston(vm, renderer="pixman"):
        wait_picture(vm, "weston", shows_desktop, 120)


def test_vga_shows_firmware_and_linux(context: Context) -> None:
    vm = context.vm("vhost-user-vga", daemon=context.daemon(), qemu_args=["-boot", "menu=on,splash-time=3000"])
    wait_picture(vm, "firmware", lambda seen: (seen.width, seen.height) == (720, 400) and seen.has_text(), 20)
    vm.wait_ready()
    wait_picture(vm, "console", lambda seen: seen.width == 1280 and seen.has_text())
    measure = kmscube(vm, 3, picture="kmscube")
    assert "virgl" in measure.renderer, measure.output
    assert len(measure.pictures[0].colours()) > 1000, measure.pictures[0].describe()
