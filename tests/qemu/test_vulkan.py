# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
"""Vulkan in a Linux guest: QEMU's generic device passes on what venus needs, virtiogpu-view shows the picture."""

import os
import random
import signal
import time
from pathlib import Path

from virtiogpud_vm import VM, Daemon, vulkan
from virtiogpud_vm.daemon import children
from virtiogpud_vm.testing import Context
from virtiogpud_vm.workloads import check_console, gpu_features, shows_desktop, wait_picture, weston

BLOBS = ("--blobs", "1000", "--draws", "3")              # of 4 KiB to 64 MiB, small ones more likely
CONTEXTS = 50
WORKER_KILLS = 3
REBOOTS = 3


def start(context: Context) -> VM:
    context.need_vulkan_programs()
    daemon = context.daemon("--display-socket={display}")
    return context.vm("vhost-user-test-device-pci", daemon=daemon, viewer=context.view(daemon))


def machine(context: Context) -> VM:
    return start(context)


def workers(daemon: Daemon) -> list[int]:
    """The processes of Vulkan contexts: what the server has started."""
    return [pid for name, pids in daemon.processes().items() if name.startswith("virgl_render")
            for server in pids for pid in children(server)]


def check(vm: VM, name: str, number: int) -> None:
    """QEMU and the daemon are there, and the console is drawn."""
    assert vm.daemon and vm.daemon.alive and vm.process.poll() is None, vm.describe()
    check_console(vm, name, number)


def test_driver_finds_what_venus_needs(vm: VM) -> None:
    assert {"virgl", "resource_blob", "host_visible", "context_init"} <= gpu_features(vm)


def test_device_is_venus(vm: VM) -> None:
    assert "Venus" in vulkan.device_name(vm)


def test_compute(vm: VM, context: Context) -> None:
    vulkan.put_programs(vm, context.build)
    assert "compute ok" in vulkan.run(vm, "vk-compute", "--words", "1000000")


def test_triangle(vm: VM, context: Context) -> None:
    vulkan.put_programs(vm, context.build)
    said, picture = vulkan.triangle(vm, "triangle")
    assert "triangle ok" in said and len(picture.colours()) > 1000, picture.describe()


def test_memory_is_seen_on_both_sides(vm: VM, context: Context) -> None:
    vulkan.put_programs(vm, context.build)
    assert "vk-memory ok: 1000 blobs" in vulkan.run(vm, "vk-memory", *BLOBS, timeout=300)
    check(vm, "memory", 1)


def test_blobs_are_mapped(vm: VM, context: Context) -> None:
    vulkan.put_programs(vm, context.build)
    assert "blob-map ok: 1000 blobs" in vulkan.run(vm, "blob-map", *BLOBS, timeout=300)
    check(vm, "blobs", 2)


def test_contexts_come_and_go(vm: VM, context: Context) -> None:
    vulkan.put_programs(vm, context.build)
    vulkan.run(vm, "blob-map", "--cycles", str(CONTEXTS), "--blobs", "2", "--largest", "65536", timeout=300)
    assert f"{CONTEXTS} times" in vulkan.run(vm, "vk-compute", "--cycles", str(CONTEXTS), "--words", "1000", timeout=300)
    check(vm, "contexts", 3)


def test_desktop_is_seen_in_the_viewer(vm: VM) -> None:
    with weston(vm) as log:
        wait_picture(vm, "weston", shows_desktop, 120)
        assert vm.run(f"grep -q 'GL renderer: virgl' {log}").ok, vm.run(f"cat {log}").output
    check(vm, "after-weston", 4)


def test_worker_may_die(vm: VM, context: Context) -> None:
    """Who has used it is told; the machine and those that come afterwards are not concerned."""
    assert vm.daemon
    vulkan.put_programs(vm, context.build)
    for number in range(WORKER_KILLS):
        job = vulkan.start(vm, "vk-memory", "--blobs", "1000000", "--largest", "65536")
        end = time.monotonic() + 60
        while not workers(vm.daemon):
            assert time.monotonic() < end and job.status is None, job.output
            time.sleep(0.1)
        time.sleep(random.uniform(0, 3))
        found = workers(vm.daemon)
        assert found and job.status is None, job.output
        for pid in found:
            os.kill(pid, signal.SIGKILL)
        assert not job.wait(180).ok, job.output
        assert "compute ok" in vulkan.run(vm, "vk-compute")
        check(vm, "worker-died", number)


def test_reboot_with_live_blobs(vm: VM, context: Context) -> None:
    for number in range(REBOOTS):
        vulkan.put_programs(vm, context.build)
        jobs = [vulkan.start(vm, program, "--hold", "--blobs", "6", "--largest", "0x100000")
                for program in ("blob-map", "vk-memory")]
        for job in jobs:
            job.wait_output("holding", 120)
        vm.reset()
        vm.wait_ready()
        check(vm, "reboot", number)
    vulkan.put_programs(vm, context.build)
    assert "compute ok" in vulkan.run(vm, "vk-compute")


def test_two_machines(vm: VM, context: Context) -> None:
    """On one host, each with its own daemon, at work at the same time."""
    other = start(context)
    other.wait_ready()
    jobs = []
    for machine_ in (vm, other):
        vulkan.put_programs(machine_, context.build)
        jobs.append(vulkan.start(machine_, "vk-memory", "--blobs", "200", "--largest", "0x100000"))
    for job in jobs:
        assert "vk-memory ok: 200 blobs" in job.wait(300).output, job.output
    check(vm, "one-of-two", 5)
    check(other, "two-of-two", 6)
