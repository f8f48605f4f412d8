# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
"""Pause and resume, the driver gone and back, reboot: ten times each, picture and GL back every time."""

from virtiogpud_vm import VM, Picture
from virtiogpud_vm.testing import Context
from virtiogpud_vm.workloads import wait_picture

ROUNDS = 10


def machine(context: Context) -> VM:
    return context.vm("vhost-user-gpu-pci", daemon=context.daemon())


def check_console(vm: VM, name: str, number: int) -> None:
    """Draws something of its own and looks for it: a picture of before would not do."""
    lines = number % 7 + 3
    text = "".join(f"round {number} of {name} line {line}\\n\\n" for line in range(lines))
    vm.run(f"printf '\\033[2J\\033[H{text}' >/dev/tty1", check=True)
    wait_picture(vm, f"{name}-{number}", lambda seen: seen.text_lines() in (lines, lines + 1))


def check_gl(vm: VM) -> None:
    """A few frames on the screen, rendered by the host."""
    result = vm.run("sleep infinity | timeout 100 kmscube --count 3", 120)
    assert "virgl" in result.output, result.output


def check(vm: VM, name: str, number: int) -> None:
    check_console(vm, name, number)
    check_gl(vm)
    assert vm.daemon and vm.daemon.alive, vm.describe()


def test_pause_and_resume(vm: VM) -> None:
    for number in range(ROUNDS):
        vm.pause()
        vm.resume()
        check(vm, "resume", number)


def test_pause_in_the_middle_of_a_cube(vm: VM) -> None:
    job = vm.spawn("sleep infinity | exec stdbuf -oL kmscube")
    job.wait_output("Rendered", 120)
    for _ in range(ROUNDS):
        vm.pause()
        vm.resume()
        frames = job.output.count("Rendered")
        assert vm.agent.wait_for(lambda: job.output.count("Rendered") > frames, 30), job.output[-500:]
    job.kill()
    job.wait(30)


def test_driver_unbind_and_bind(vm: VM) -> None:
    device = vm.run("basename $(readlink -f /sys/class/drm/card0/device/virtio* | head -n 1)", check=True).output.strip()
    driver = "/sys/bus/virtio/drivers/virtio_gpu"
    for number in range(ROUNDS):
        vm.run(f"echo {device} >{driver}/unbind && [ ! -e /dev/dri/card0 ] && echo {device} >{driver}/bind", 60,
               check=True)
        vm.run("for i in $(seq 100); do [ -e /dev/dri/card0 ] && exit; sleep 0.1; done; exit 1", 30, check=True)
        check(vm, "bind", number)


def test_reboot(vm: VM) -> None:
    for number in range(ROUNDS):
        vm.reset()
        vm.wait_ready()
        check(vm, "reboot", number)


def test_screen_is_the_whole_time_the_daemons(vm: VM) -> None:
    picture = wait_picture(vm, "end", Picture.has_text)
    assert picture.width == 1280 and picture.height == 800, picture.describe()
