# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
"""The QEMU of Debian stable, which is older than the lab's."""

from virtiogpud_vm import Picture
from virtiogpud_vm.testing import Context
from virtiogpud_vm.workloads import gpu_features, wait_picture


def test_console(context: Context) -> None:
    vm = context.vm("vhost-user-gpu-pci", daemon=context.daemon(), qemu=context.need_stable_qemu())
    vm.wait_ready()
    assert {"virgl", "edid"} <= gpu_features(vm)
    wait_picture(vm, "console", Picture.has_text)
