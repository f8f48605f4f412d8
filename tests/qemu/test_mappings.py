# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
"""Memory of renderers in a guest, aimed at QEMU: it maps each blob for the guest, tells all its devices of it, has a table
with few places, and drops everything at a reset. Whatever the guest does, QEMU and the daemon go on, and the memory
that is mapped next is the right one."""

import random
import time
from collections.abc import Callable

from virtiogpud_vm import VM, vulkan
from virtiogpud_vm.agent import Job
from virtiogpud_vm.testing import Context

PLACES = 8                  # of QEMU's table, one of which the guest's own memory takes
MOST = 256                  # blobs mapped at a time: what the daemon allows
SMALL = ("--largest", "16384")

Case = Callable[[VM], None]


def machine(context: Context) -> VM:
    context.need_vulkan_programs()
    return context.vm("vhost-user-test-device-pci", daemon=context.daemon("--headless"))


def blobs(vm: VM, count: int, live: int, *words: str) -> None:
    assert "blob-map ok" in vulkan.run(vm, "blob-map", "--blobs", str(count), "--live", str(live), *(words or SMALL))


def hold(vm: VM, count: int, *words: str) -> Job:
    job = vulkan.start(vm, "blob-map", "--hold", "--blobs", str(count), "--live", str(count), *(words or SMALL))
    job.wait_output("holding", 120)
    return job


def end(vm: VM, signal: str = "KILL") -> None:
    """All that hold something."""
    vm.run(f"kill -{signal} $(pidof blob-map); while pidof blob-map >/dev/null; do sleep 0.1; done", check=True)


def of_size(size: int, count: int = 3) -> Case:
    return lambda vm: blobs(vm, count, 1, "--smallest", str(size), "--largest", str(size), "--live-bytes", str(size))


def held(count: int, signal: str) -> Case:
    def case(vm: VM) -> None:
        hold(vm, count)
        end(vm, signal)
    return case


def at_once(processes: int, count: int) -> Case:
    """Several processes that map and unmap."""
    def case(vm: VM) -> None:
        jobs = [vulkan.start(vm, "blob-map", "--blobs", str(count), "--live", "3", *SMALL) for _ in range(processes)]
        for job in jobs:
            assert "blob-map ok" in job.wait(180).output, job.output
    return case


def too_many(vm: VM) -> None:
    """The guest is told that there is no memory, and uses what it has."""
    hold(vm, 100)
    result = vulkan.try_run(vm, "blob-map", "--blobs", str(MOST - 90), "--live", str(MOST - 90), *SMALL)
    assert not result.ok and "mmap" in result.output, result.output
    end(vm)


def cycles(vm: VM) -> None:
    """Contexts that come and go, each with something mapped in the end."""
    blobs(vm, 3, 3, "--cycles", "30", *SMALL)


def killed_while_it_maps(vm: VM) -> None:
    for _ in range(5):
        vulkan.start(vm, "blob-map", "--blobs", "1000000", "--live", "5", *SMALL)
        time.sleep(random.uniform(0.2, 1))
        end(vm)


def paused(count: int, times: int) -> Case:
    """As many as QEMU can start the device with."""
    def case(vm: VM) -> None:
        hold(vm, count)
        for _ in range(times):
            vm.pause()
            vm.resume()
        blobs(vm, 2, 1)
        end(vm)
    return case


def paused_while_it_maps(vm: VM) -> None:
    """Whatever QEMU was being asked for."""
    for _ in range(10):
        vulkan.start(vm, "blob-map", "--blobs", "1000000", "--live", "3", *SMALL)
        time.sleep(random.uniform(0.2, 0.6))
        vm.pause()
        vm.resume()
        end(vm)
    check_and_leave(vm)


def reset_while_it_maps(vm: VM) -> None:
    for _ in range(3):
        vulkan.put_programs(vm, vm_build[0])
        vulkan.start(vm, "blob-map", "--blobs", "1000000", "--live", "3", *SMALL)
        time.sleep(random.uniform(0.2, 0.6))
        vm.reset()
        vm.wait_ready()
    check_and_leave(vm)


def check_and_leave(vm: VM) -> None:
    """QEMU may have lost the means to map anything from now on, as it could not have been asked without harm."""
    check_alive(vm)
    assert vm.run("cat /dev/urandom | head -c 100000 >/dev/fb0; echo drawn").output.endswith("drawn\n")
    vm.stop()


def check_alive(vm: VM) -> None:
    assert vm.process.poll() is None and vm.daemon and vm.daemon.alive, vm.describe()


def restart(vm: VM) -> None:
    vm.reset()
    vm.wait_ready()
    vulkan.put_programs(vm, vm_build[0])


def reset(count: int, settle: float = 0.5) -> Case:
    def case(vm: VM) -> None:
        if count:
            hold(vm, count)
        time.sleep(settle)
        restart(vm)
    return case


def unbind(vm: VM) -> None:
    """The driver goes while something is mapped, as far as it lets itself be removed."""
    job = hold(vm, 5)
    vm.run("for d in /sys/bus/virtio/drivers/virtio_gpu/virtio*; do echo ${d##*/} >/sys/bus/virtio/drivers/virtio_gpu/unbind & done;"
           " sleep 2", 60)
    end(vm)
    job.wait(60)
    restart(vm)


CASES: dict[str, Case] = {
    "one_page": of_size(4096),
    "two_pages": of_size(8192),
    "odd_number_of_pages": of_size(5 * 4096),
    "a_mebibyte": of_size(1 << 20),
    "sixteen_mebibytes": of_size(16 << 20, 2),
    "as_large_as_graphics_memory_may_be": of_size(128 << 20, 1),
    "many_after_one_another": lambda vm: blobs(vm, 300, 1),
    "few_at_a_time": lambda vm: blobs(vm, 100, 3),
    "one_less_than_the_table_has_places": lambda vm: blobs(vm, 30, PLACES - 2),
    "as_many_as_the_table_has_places": lambda vm: blobs(vm, 30, PLACES - 1),
    "one_more_than_the_table_has_places": lambda vm: blobs(vm, 30, PLACES),
    "twice_as_many": lambda vm: blobs(vm, 60, 2 * PLACES),
    "very_many": lambda vm: blobs(vm, 120, 100),
    "almost_the_most": lambda vm: blobs(vm, MOST - 6, MOST - 6, "--smallest", "4096", "--largest", "4096"),
    "more_than_the_most": too_many,
    "more_than_the_most_again": too_many,
    "killed_with_one": held(1, "KILL"),
    "killed_with_a_full_table": held(PLACES - 1, "KILL"),
    "killed_with_more": held(40, "KILL"),
    "ended_with_some": held(5, "TERM"),
    "ended_with_many": held(40, "TERM"),
    "killed_while_it_maps": killed_while_it_maps,
    "two_at_once": at_once(2, 40),
    "six_at_once": at_once(6, 20),
    "contexts_that_come_and_go": cycles,
    "paused_with_none": paused(1, 1),
    "paused_with_some": paused(4, 1),
    "paused_again_and_again": paused(4, 10),
    "paused_with_a_full_table": paused(PLACES - 2, 3),
    "reset_with_none": reset(0),
    "reset_with_some": reset(4),
    "reset_with_a_full_table": reset(PLACES - 1),
    "reset_with_more": reset(40),
    "the_driver_goes": unbind,
    "reset_while_it_maps": reset_while_it_maps,
    "paused_while_it_maps": paused_while_it_maps,
}

# After these the machine is not used any more.
LAST = {"reset_while_it_maps", "paused_while_it_maps"}

# Where the programs are: for cases that boot.
vm_build = []


def _test(name: str, case: Case) -> Callable[..., None]:
    def test(vm: VM, context: Context) -> None:
        vm_build[:] = [context.build]
        vulkan.put_programs(vm, context.build)
        case(vm)
        if name not in LAST:
            blobs(vm, 5, 2)
            check_alive(vm)
    test.__name__ = f"test_{name}"
    return test


globals().update({f"test_{name}": _test(name, case) for name, case in CASES.items()})
