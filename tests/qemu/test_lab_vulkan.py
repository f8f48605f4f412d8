# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
"""The programs that tests of Vulkan run in guests, with QEMU's own GPU and its venus, so that a failure here is never
the daemon's."""

from virtiogpud_vm import VM, vulkan
from virtiogpud_vm.testing import Context


def machine(context: Context) -> VM:
    context.need_vulkan_programs()
    return context.vm("virtio-gpu-gl-pci", display="sdl,gl=on", gpu_options="blob=on,hostmem=1G,venus=on")


def test_device_is_venus(vm: VM, context: Context) -> None:
    vulkan.put_programs(vm, context.build)
    assert "Venus" in vulkan.device_name(vm)
    assert vulkan.try_run(vm, "vk-compute", "--device", "nothing").status == 1


def test_compute_and_triangle(vm: VM, context: Context) -> None:
    vulkan.put_programs(vm, context.build)
    assert "compute ok" in vulkan.run(vm, "vk-compute")
    said, picture = vulkan.triangle(vm, "triangle")
    assert "triangle ok" in said and len(picture.colours()) > 1000, picture.describe()


def test_memory(vm: VM, context: Context) -> None:
    vulkan.put_programs(vm, context.build)
    assert "ok" in vulkan.run(vm, "vk-memory", "--blobs", "20", "--largest", "0x100000")
    assert "ok" in vulkan.run(vm, "blob-map", "--blobs", "20", "--largest", "0x100000")
    spoilt = vulkan.try_run(vm, "blob-map", "--blobs", "10", "--largest", "0x10000", "--spoil", "5")
    assert spoilt.status == 1 and "at byte" in spoilt.output, spoilt
