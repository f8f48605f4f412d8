# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
"""Pause and resume, the driver gone and back, reboot: ten times each, picture and GL back every time."""

from virtiogpud_vm import VM
from virtiogpud_vm.testing import Context
from virtiogpud_vm.workloads import wait_picture

ROUNDS = 10


def machine(context: Context) -> VM:
    return context.vm("vhost-user-gpu-pci", daemon=context.daemon())


def check_console(vm: VM, name: str, number: int) -> None:
    """Draws something of its own and looks for it: a picture of before would not do."""
    colour = number % 6 + 1                     # of the console: bit 0 red, 1 green, 2 blue
    shown = tuple(0xaa if colour >> bit & 1 else 0 for bit in range(3))
    shown = (0xaa, 0x55, 0) if colour == 3 else shown       # the console's yellow is a brown
    rows = number + 2
    bars = "".join(f"\\033[{30 + row};1H\\033[4{colour}m%80s" for row in range(rows))
    vm.run("for i in $(seq 100); do [ \"$(stty size </dev/tty1)\" = '50 160' ] && exit; sleep 0.1; done; exit 1",
           30, check=True)                      # the size of the framebuffer console
    vm.run(f"printf '\\033[2J{bars}\\033[0m\\033[H' >/dev/tty1", check=True)
    wait_picture(vm, f"{name}-{number}", lambda seen: seen.bounds(shown) == (0, 29 * 16, 80 * 8, rows * 16))


def check_gl(vm: VM) -> None:
    """A few frames on the screen, rendered by the host."""
    # It would end when its standard input can be read.
    result = vm.run("[ -p /tmp/silence ] || mkfifo /tmp/silence; timeout 100 kmscube --count 3 <>/tmp/silence", 120)
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


def test_console_at_the_end(vm: VM) -> None:
    check_console(vm, "end", 3)
