# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
"""virtiogpu-view is the display of QEMU's generic device, which has none: VNC clients see what Linux draws, and
type and point at it."""

import signal
import struct
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from virtiogpud_vm import VM, LabError, Picture
from virtiogpud_vm.process import Process
from virtiogpud_vm.testing import Context
from virtiogpud_vm.workloads import show_pattern, shows_desktop, shows_pattern, wait_picture, weston

PORT = 5951
SIZE = (1024, 768)
EVENT = struct.Struct("<qqHHi")         # struct input_event
EV_SYN, EV_KEY, EV_ABS = 0, 1, 3
BTN_LEFT = 0x110


def vncdo(port: int, *words: str) -> None:
    done = subprocess.run(["vncdo", "-s", f"127.0.0.1::{port}", *words], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60, check=False)
    if done.returncode != 0:
        raise LabError(done.stdout)


def capture(folder: Path, port: int = PORT) -> Picture:
    path = folder / "vnc.png"
    path.unlink(missing_ok=True)
    vncdo(port, "capture", str(path))
    return Picture.load(path)


def wait(condition: Callable[[], object], what: str) -> None:
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end, what
        time.sleep(0.2)


def test_vnc(context: Context) -> None:
    context.need_program("vncdo")
    daemon = context.daemon("--display-socket={display}")
    folder = context.artefacts
    viewer = Process([context.build / "viewer/virtiogpu-view", "--socket", daemon.display_path, "--mode", "1024x768",
                      "--vnc", str(PORT), "--png", folder], folder / "viewer.log")
    try:
        vm: VM = context.vm("vhost-user-test-device-pci", daemon=daemon)
        vm.wait_ready()
        end = time.monotonic() + 60
        while not (seen := capture(folder)).has_text():
            assert time.monotonic() < end, seen.describe()
        seen.save(folder / "console.png")
        assert (seen.width, seen.height) == (1024, 768), seen.describe()
        with show_pattern(vm, ("Virtual-1", 800, 600)):
            while not shows_pattern(800, 600)(seen):
                assert time.monotonic() < end, seen.describe()
                seen = capture(folder)
            seen.save(folder / "pattern.png")
            viewer.signal(signal.SIGUSR1)
            snapshot = folder / "head-0.png"
            while not snapshot.exists():
                assert time.monotonic() < end
                time.sleep(0.05)
            assert Picture.load(snapshot).difference(seen) < 0.05
    finally:
        viewer.stop()


# --- input -------------------------------------------------------------------------------------


@contextmanager
def machine_with_input(context: Context, port: int) -> Iterator[VM]:
    """The viewer's keyboard and tablet are the guest's."""
    context.need_program("vncdo")
    daemon = context.daemon("--display-socket={display}")
    viewer = context.view(daemon, modes=[SIZE], options=["--vnc", str(port)], input=True)
    vm = context.vm("vhost-user-test-device-pci", daemon=daemon, viewer=viewer, qemu_args=viewer.qemu_args)
    vm.wait_ready()
    wait_picture(vm, "console", Picture.has_text, 60)
    yield vm
    assert viewer.process.poll() is None, viewer.process.describe()
    assert vm.stop() == 0 and not vm.process.output(), vm.describe()


def event_file(vm: VM, name: str) -> str:
    """The guest's device of this name, when there is a file for it, which may come later than the device."""
    files: list[str] = []

    def found() -> bool:
        text = vm.run("cat /proc/bus/input/devices", check=True).output
        device = next((part for part in text.split("\n\n") if f'Name="{name}"' in part), "")
        files[:] = [word for word in device.split() if word.startswith("event")]
        return bool(files)

    wait(found, f"the guest has no file for {name}")
    return "/dev/input/" + files[0]


def type_line(port: int, line: str) -> None:
    vncdo(port, "type", line, "key", "enter")


def check_typed(vm: VM, port: int, text: str) -> None:
    """What is typed reaches the shell on the console, which writes it to a file."""
    vm.run("rm -f /tmp/typed", check=True)
    type_line(port, f"printf %s '{text}' >/tmp/typed")
    wait(lambda: vm.run("test -s /tmp/typed").ok, "nothing was typed")
    assert vm.run("cat /tmp/typed", check=True).output == text


def test_typing(context: Context) -> None:
    """Letters of all kinds; also with Caps Lock on, after a pause in which a key went up, and after a reboot."""
    port = PORT + 1
    with machine_with_input(context, port) as vm:
        folder = context.artefacts
        event_file(vm, "virtiogpu-view keyboard")
        before = capture(folder, port)
        before.save(folder / "before-typing.png")
        check_typed(vm, port, "Hello, World #1")
        after = capture(folder, port)
        after.save(folder / "after-typing.png")
        assert after.has_text() and 0.001 < after.difference(before) < 0.5, after.difference(before)
        check_typed(vm, port, "~!@#$%^&*()_+{}|:\"<>?`1234567890-=[];,./\\ AZaz")
        for lock in (1, 0):
            vncdo(port, "key", "caplk")
            wait(lambda: f"{lock}\n" in vm.run("cat /sys/class/leds/*::capslock/brightness").output, "no light")
            check_typed(vm, port, f"Caps Lock is {lock}")
        held = subprocess.Popen(["vncdo", "-s", f"127.0.0.1::{port}", "keydown", "X", "pause", "3", "keyup", "X"],
                                stdin=subprocess.DEVNULL)
        time.sleep(1.5)
        vm.pause()
        assert held.wait(60) == 0
        vncdo(port, "type", "nothing")
        vm.resume()
        vncdo(port, "key", "ctrl-c")
        check_typed(vm, port, "after a pause")
        vm.reset()
        vm.wait_ready()
        wait_picture(vm, "rebooted", Picture.has_text, 60)
        check_typed(vm, port, "After a Reboot")


def test_pointing(context: Context) -> None:
    """The guest's tablet moves and clicks where the VNC client does."""
    port = PORT + 2
    with machine_with_input(context, port) as vm:
        job = vm.spawn(f"exec dd if={event_file(vm, 'virtiogpu-view pointer')} of=/tmp/events bs={EVENT.size}")
        wait(lambda: vm.run("test -e /tmp/events").ok, "nobody reads")
        points = [(0, 0), (1023, 767), (512, 384), (17, 700)]
        for x, y in points:
            vncdo(port, "move", str(x), str(y), "click", "1")

        def events() -> list[tuple[int, int, int]]:
            data = vm.agent.get("/tmp/events")
            return [EVENT.unpack_from(data, at)[2:] for at in range(0, len(data) - EVENT.size + 1, EVENT.size)]

        def clicks() -> list[tuple[int, int]]:
            """Where the pointer was when the button went down, in pixels."""
            place, found = {0: 0, 1: 0}, []
            for kind, code, value in events():
                if kind == EV_ABS:
                    place[code] = value
                if (kind, code, value) == (EV_KEY, BTN_LEFT, 1):
                    found.append((place[0] * SIZE[0] // 32768, place[1] * SIZE[1] // 32768))
            return found

        wait(lambda: len(clicks()) >= len(points), f"{events()}")
        assert clicks() == points, events()
        assert events()[-1][0] == EV_SYN and (EV_KEY, BTN_LEFT, 0) in events()[-4:], events()
        job.stop()


def test_desktop(context: Context) -> None:
    """libinput takes the devices for what they are: a terminal's window is typed in, another one clicked for."""
    port = PORT + 3
    with machine_with_input(context, port) as vm, weston(vm, renderer="pixman"):
        wait_picture(vm, "desktop", shows_desktop, 120)
        # The shell of the console hears it, too.
        type_line(port, "echo \"In $WAYLAND_DISPLAY\" >>/tmp/typed")
        wait(lambda: "In wayland-lab\n" in vm.run("cat /tmp/typed").output, "nothing was typed in the window")
        def launcher(picture: Picture) -> Picture:
            return picture.crop(12, 8, 10, 16)

        before = launcher(wait_picture(vm, "typed", shows_desktop))
        # The launcher in the corner lights up, and opens another terminal. (A click before that is lost in a slow guest.)
        vncdo(port, "move", "22", "16")
        wait_picture(vm, "pointed", lambda picture: launcher(picture).difference(before) > 0.5)
        vncdo(port, "move", "22", "16", "click", "1")
        wait(lambda: len(vm.run("pidof weston-terminal").output.split()) == 2, "nothing was clicked on")
