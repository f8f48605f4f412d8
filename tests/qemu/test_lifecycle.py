# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
"""What happens to a machine in its life, on each of QEMU's devices with a display: pause and resume, the
driver gone and back, other modes, a second output, suspend, reboot. Picture and GL are back every time."""

import time

from virtiogpud_vm import VM, Picture
from virtiogpud_vm.testing import Context
from virtiogpud_vm.workloads import check_console, show_pattern, shows_pattern, wait_picture

DEVICES = ["vhost-user-gpu-pci", "vhost-user-vga"]
ROUNDS = 20
GL_EVERY = 5            # rounds, as starting GL takes longest


def machine(context: Context, device: str) -> VM:
    """The GPU is a PCI Express device as libvirt makes it, which keeps its state while Linux suspends: Linux'
    driver does not restore it. What rodata=off leaves out takes emulation half a second a boot. One processor:
    emulated on a busy host, Linux sometimes hangs while it starts the second one."""
    return context.vm(device, daemon=context.daemon(), qemu_args=["-device", "pcie-root-port,id=gpu-port"],
                      gpu_options="bus=gpu-port,max_outputs=2,x-pcie-pm-no-soft-reset=on", kernel_args="rodata=off", cpus=1)


def is_vga_text(picture: Picture) -> bool:
    """What firmware and Linux show before Linux loads the GPU's driver."""
    return (picture.width, picture.height) == (720, 400) and picture.has_text()


def check_gl(vm: VM) -> None:
    """A few frames on the screen, rendered by the host."""
    # It would end when its standard input can be read.
    result = vm.run("[ -p /tmp/silence ] || mkfifo /tmp/silence; timeout 100 kmscube --count 3 <>/tmp/silence", 120)
    assert "virgl" in result.output, result.output


def check(vm: VM, name: str, number: int) -> None:
    check_console(vm, name, number)
    if number % GL_EVERY == 0:
        check_gl(vm)
    assert vm.daemon and vm.daemon.alive, vm.describe()


def test_console_has_text(vm: VM) -> None:
    wait_picture(vm, "console", lambda seen: (seen.width, seen.height) == (1280, 800) and seen.has_text())


def test_pause_and_resume(vm: VM) -> None:
    for number in range(ROUNDS):
        vm.pause()
        vm.resume()
        check(vm, "resume", number)


def test_pause_in_the_middle_of_a_cube(vm: VM) -> None:
    job = vm.spawn("sleep infinity | exec stdbuf -oL kmscube")
    job.wait_output("Rendered", 120)
    for _ in range(ROUNDS // 2):
        vm.pause()
        vm.resume()
        frames = job.output.count("Rendered")
        assert vm.agent.wait_for(lambda: job.output.count("Rendered") > frames, 30), job.output[-500:]
    job.kill()
    job.wait(30)


def test_driver_unbind_and_bind(vm: VM) -> None:
    device = vm.run("basename $(readlink -f /sys/class/drm/card0/device/virtio* | head -n 1)", check=True).output.strip()
    driver = "/sys/bus/virtio/drivers/virtio_gpu"
    for number in range(ROUNDS // 2):
        vm.run(f"echo {device} >{driver}/unbind && [ ! -e /dev/dri/card0 ] && echo {device} >{driver}/bind", 60,
               check=True)
        vm.run("for i in $(seq 100); do [ -e /dev/dri/card0 ] && exit; sleep 0.1; done; exit 1", 30, check=True)
        check(vm, "bind", number)


def test_other_modes(vm: VM) -> None:
    for width, height in ((1024, 768), (640, 480), (1920, 1080)):
        with show_pattern(vm, ("Virtual-1", width, height)):
            wait_picture(vm, f"mode-{width}x{height}", shows_pattern(width, height))
    check_console(vm, "after-modes", 1)


def test_two_outputs(vm: VM) -> None:
    """QEMU tells the guest of a second output when a window is opened for it: here the guest is told to take
    one for connected."""
    check_console(vm, "one-output", 2)
    vm.run("echo on >/sys/class/drm/card0-Virtual-2/status", check=True)
    with show_pattern(vm, ("Virtual-2", 1024, 768)):
        wait_picture(vm, "second", shows_pattern(1024, 768), head=1)
        wait_picture(vm, "first", lambda seen: (seen.width, seen.height) == (1280, 800) and
                     seen.share((0xaa, 0x55, 0)) > 0.03)            # the console's bars
    with show_pattern(vm, ("Virtual-1", 800, 600), ("Virtual-2", 640, 480)):
        # modetest draws one buffer for both, side by side.
        wait_picture(vm, "both-first", shows_pattern(800, 600, drawn=1440))
        wait_picture(vm, "both-second", shows_pattern(640, 480, x=800, drawn=1440), head=1)
    vm.run("echo detect >/sys/class/drm/card0-Virtual-2/status", check=True)
    check_console(vm, "one-output-again", 3)


def bind_console(vm: VM, bind: bool) -> None:
    """Whether Linux' console draws on the GPU."""
    vm.run("for i in /sys/class/vtconsole/*; do grep -q 'frame buffer' $i/name || continue;"
           f" echo {int(bind)} >$i/bind && exit; done; exit 1", check=True)


def test_suspend_to_idle(vm: VM) -> None:
    # Commands while the device sleeps would be lost, and the queue with them: so there is no cursor that blinks, and
    # what Linux says about all this is not drawn.
    vm.run("modprobe button", check=True)
    bind_console(vm, False)
    job = vm.spawn("echo freeze >/sys/power/state")
    end = time.monotonic() + 60
    while "Suspending console" not in vm.serial_log.read_text(errors="replace"):
        assert time.monotonic() < end, vm.describe()
        time.sleep(0.1)
    while job.status is None:                   # the power button does nothing before the guest sleeps
        time.sleep(1)
        vm.qmp.execute("system_powerdown")
        assert time.monotonic() < end, vm.describe()
    assert vm.run("cat /sys/power/suspend_stats/success", check=True).output == "1\n", vm.describe()
    bind_console(vm, True)
    check(vm, "suspended", GL_EVERY)


def test_reboot(vm: VM) -> None:
    for number in range(ROUNDS):
        vm.reset()
        if vm.gpu == "vhost-user-vga":
            wait_picture(vm, f"firmware-{number}", is_vga_text)
        vm.wait_ready()
        check(vm, "reboot", number)


def test_console_at_the_end(vm: VM) -> None:
    check_console(vm, "end", 3)
