# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
"""Vulkan in the guest: its driver for venus, and the programs of tests/guest, which draw and count with it."""

import re
from collections.abc import Sequence
from pathlib import Path

from .agent import Job, Result
from .errors import LabError
from .picture import Picture
from .vm import VM

PROGRAMS = ("blob-map", "vk-compute", "vk-memory", "vk-triangle")

# Without it, the loader starts the software renderer of the guest as well, which takes seconds. Small pieces of
# memory are not put together: each one is a blob.
_ENVIRONMENT = ("VK_DRIVER_FILES=/usr/share/vulkan/icd.d/virtio_icd.json VN_PERF=no_memory_suballoc"
                " MESA_SHADER_CACHE_DISABLE=1")


def missing_programs(build: Path) -> list[str]:
    """Those that are not built, for want of Vulkan's headers or a compiler of shaders."""
    return [name for name in PROGRAMS if not (build / "tests/guest" / name).exists()]


def put_programs(vm: VM, build: Path) -> None:
    """Puts the programs into the guest, unless it has them: after a reboot it has not."""
    if vm.run(f"[ -e /run/{PROGRAMS[-1]} ]").ok:
        return
    missing = missing_programs(build)
    if missing:
        raise LabError(f"not built: {', '.join(missing)}")
    for name in PROGRAMS:
        vm.agent.put_file(f"/run/{name}", build / "tests/guest" / name)


def start(vm: VM, program: str, *words: str) -> Job:
    """Starts one of the programs."""
    return vm.spawn(_command(program, words))


def run(vm: VM, program: str, *words: str, timeout: float = 120) -> str:
    """Runs one of the programs; gives the line that it ends with, LabError when something was wrong."""
    result = try_run(vm, program, *words, timeout=timeout)
    if not result.ok:
        raise LabError(f"in the guest, status {result.status}: {program} {' '.join(words)}\n{result.output[-2000:]}")
    return result.output.strip().splitlines()[-1]


def try_run(vm: VM, program: str, *words: str, timeout: float = 120) -> Result:
    """The same for what may fail."""
    return vm.run(_command(program, words), timeout)


def device_name(vm: VM, timeout: float = 120) -> str:
    """What vulkaninfo calls the guest's device."""
    output = vm.run(f"{_ENVIRONMENT} vulkaninfo --summary", timeout).output
    found = re.search(r"deviceName\s*=\s*(.*)", output)
    if not found:
        raise LabError(f"vulkaninfo finds no device:\n{output[-2000:]}")
    return found.group(1).strip()


def triangle(vm: VM, name: str, timeout: float = 120) -> tuple[str, Picture]:
    """Draws the triangle; gives what the program says and its picture, which is kept as NAME.png."""
    said = run(vm, "vk-triangle", "--output", "/tmp/triangle.ppm", timeout=timeout)
    picture = Picture.from_ppm(vm.agent.get("/tmp/triangle.ppm"))
    picture.save(vm.artefacts / f"{name}.png")
    return said, picture


def _command(program: str, words: Sequence[str]) -> str:
    return " ".join((_ENVIRONMENT, "exec", f"/run/{program}", *words))
