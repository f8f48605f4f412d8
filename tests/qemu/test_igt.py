# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
"""The tests of igt-gpu-tools that igt.list names, in a guest. Each program of them runs once, when the first of
its subtests is asked for."""

import re
from collections.abc import Callable
from functools import cache
from pathlib import Path

from virtiogpud_vm import VM
from virtiogpud_vm.testing import Context

FOLDER = "/usr/libexec/igt-gpu-tools"
TIMEOUT = 120           # of a program, seconds


def machine(context: Context) -> VM:
    return context.vm("vhost-user-gpu-pci", daemon=context.daemon())


def read_list() -> dict[str, list[str]]:
    """Subtests by their program."""
    found: dict[str, list[str]] = {}
    for line in Path(__file__).with_name("igt.list").read_text().splitlines():
        program, *subtests = line.partition("#")[0].split() or [""]
        if program:
            found.setdefault(program, []).extend(subtests)
    return found


SUBTESTS = read_list()


@cache
def outcome(vm: VM, program: str) -> tuple[str, dict[str, str]]:
    """A program's output, and the results of its subtests; under the empty name its own result."""
    chosen = f"--run-subtest {','.join(SUBTESTS[program])}" if SUBTESTS[program] else ""
    output = vm.run(f"cd {FOLDER} && IGT_FORCE_DRIVER=virtio_gpu timeout -k 5 {TIMEOUT} ./{program} {chosen}",
                    TIMEOUT + 30).output
    (vm.artefacts / f"{program}.log").write_text(output)
    found = re.findall(r"^(?:Subtest (\S+): )?([A-Z]+) \([0-9.]+s\)$", output, re.MULTILINE)
    return output, dict(found)


def make_test(program: str, subtest: str) -> Callable[[VM], None]:
    def test(vm: VM) -> None:
        output, results = outcome(vm, program)
        result = results.get(subtest, "no result")
        assert result == "SUCCESS", f"{result} ({vm.artefacts / program}.log)\n{output[-1000:]}"
        assert vm.daemon and vm.daemon.alive, vm.describe()
    return test


for program_name, names in SUBTESTS.items():
    for subtest_name in names or [""]:
        globals()[f"test_{program_name}" + f".{subtest_name}" * bool(subtest_name)] = make_test(
            program_name, subtest_name)
