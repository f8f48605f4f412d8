# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
"""Things that draw in the guest, with their measures taken and their pictures kept."""

import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from .edid import one_mode
from .errors import LabError, LabTimeout
from .picture import Picture
from .vm import VM


def gpu_features(vm: VM) -> set[str]:
    """What the guest's driver says that the device has: virgl, edid, resource_blob, context_init, …"""
    lines = re.findall(r"\[drm\] features: (.*)", vm.run("dmesg", check=True).output)
    return {word[1:] for line in lines for word in line.split() if word.startswith("+")}


@dataclass(frozen=True)
class Measure:
    """What a program in the guest said about itself."""

    value: float
    unit: str
    output: str
    renderer: str = ""
    pictures: list[Picture] = field(default_factory=list)


def kmscube(vm: VM, seconds: float = 10, *, options: str = "", start_timeout: float = 120,
            picture: str | None = None) -> Measure:
    """A turning cube straight on the screen: frames per second, after the first frames have come.

    ``picture``: keep what can be seen in the middle under this name.
    """
    # It ends when its standard input can be read.
    job = vm.spawn(f"sleep infinity | exec stdbuf -oL kmscube {options}")
    pictures = []
    try:
        job.wait_output("Rendered", start_timeout)
        time.sleep(seconds / 2)
        if picture:
            pictures.append(vm.picture(picture))
        time.sleep(seconds / 2)
    except LabError as error:
        raise type(error)(f"kmscube: {error}\n{vm.describe()}") from error
    finally:
        job.kill()
    job.wait(20)
    found = re.search(r'renderer: "(.*)"', job.output)
    return Measure(_frame_rate(job.output), "fps", job.output, found.group(1) if found else "", pictures)


def _frame_rate(output: str) -> float:
    """From kmscube's sums of frames and seconds: the first frames, which have the start in them, do not count."""
    sums = [(int(frames), float(seconds))
            for frames, seconds in re.findall(r"Rendered (\d+) frames in ([0-9.]+) sec", output)]
    first, last = sums[0] if len(sums) > 1 else (0, 0.0), sums[-1]
    return (last[0] - first[0]) / (last[1] - first[1])


def glmark2(vm: VM, scenes: Sequence[str] = ("build", "texture"), *, seconds: float = 10, timeout: float = 300,
            picture: str | None = None) -> Measure:
    """glmark2-es2-drm: the score of some scenes of so many seconds each.

    It takes the largest mode that the screen has: see ``load_gpu``. ``picture``: keep what can be seen
    in the middle of the first scene under this name.
    """
    words = " ".join(f"-b {scene}:duration={seconds:g}" for scene in scenes)
    # The driver shows no buffers with an alpha channel, which it would choose by itself.
    job = vm.spawn(f"exec stdbuf -oL glmark2-es2-drm --visual-config red=8:green=8:blue=8:alpha=0 {words}")
    pictures = []
    try:
        if picture:
            job.wait_output(f"[{scenes[0]}]", timeout)
            time.sleep(seconds / 2)
            pictures.append(vm.picture(picture))
        output = job.wait(timeout).output
    except LabError as error:
        raise type(error)(f"glmark2: {error}\n{vm.describe()}") from error
    score = re.search(r"glmark2 Score: (\d+)", output)
    # After the score, it may find that what was on the screen before has gone.
    if not score or "Error" in output[:score.start()]:
        raise LabError(f"glmark2 gave no score:\n{output[-2000:]}")
    found = re.search(r"GL_RENDERER: +(.*)", output)
    return Measure(float(score.group(1)), "score", output, found.group(1) if found else "", pictures)


def load_gpu(vm: VM, width: int = 1280, height: int = 800, refresh: int = 60) -> None:
    """Loads the guest's driver so that the screen has one mode only, whatever the device's EDID says:
    for measures that can be compared. Linux paces page flips by the mode's refresh rate. The VM has to be
    started with kernel_args="lab.gpu=manual"."""
    vm.agent.run("mkdir -p /usr/lib/firmware/edid", check=True)
    vm.agent.put("/usr/lib/firmware/edid/one-mode.bin", one_mode(width, height, refresh))
    vm.run("modprobe drm && echo edid/one-mode.bin >/sys/module/drm/parameters/edid_firmware && modprobe virtio_gpu"
           " && for i in $(seq 100); do [ -e /dev/dri/card0 ] && exit; sleep 0.1; done; exit 1", 60, check=True)


def start_udev(vm: VM, timeout: float = 120) -> None:
    """Programs that look for devices by udev (compositors) find them afterwards."""
    vm.run("pgrep -x systemd-udevd >/dev/null || pgrep -x udevd >/dev/null || {"
           " /usr/lib/systemd/systemd-udevd --daemon && udevadm trigger --action=add && udevadm settle; }",
           timeout, check=True)


@contextmanager
def weston(vm: VM, *, renderer: str = "gl", terminal: bool = True, timeout: float = 180) -> Iterator[str]:
    """A Wayland desktop on the GPU, with a terminal window; gives the name of its log in the guest.

    ``renderer``: "gl" (3D) or "pixman" (2D).
    """
    start_udev(vm, timeout)
    log = "/run/weston.log"
    job = vm.spawn(
        f"rm -f {log} $XDG_RUNTIME_DIR/wayland-lab; LIBSEAT_BACKEND=builtin SEATD_VTBOUND=0 exec weston"
        f" --backend=drm --renderer={renderer} --socket=wayland-lab --idle-time=0 --log={log}")
    try:
        _wait_command(vm, "[ -e $XDG_RUNTIME_DIR/wayland-lab ]", timeout, log)
        _wait_command(vm, f"grep -q 'Output .* enabled' {log}", timeout, log)
        window = vm.spawn("WAYLAND_DISPLAY=wayland-lab exec weston-terminal") if terminal else None
        yield log
        if window:
            window.kill()
            window.wait(20)
    finally:
        job.kill(15)
        try:
            job.wait(20)
        except LabTimeout:
            pass


def shows_desktop(picture: Picture) -> bool:
    """Weston's desktop is there, and no longer fading in: a condition for ``wait_picture``."""
    return picture.share_not_black() > 0.6 and len(picture.colours()) > 200 and picture.brightest_grey() > 180


def _wait_command(vm: VM, command: str, timeout: float, log: str) -> None:
    result = vm.run(f"for i in $(seq {int(timeout * 5)}); do {command} && exit; sleep 0.2; done; cat {log}; exit 1",
                    timeout + 30)
    if not result.ok:
        raise LabTimeout(f"weston did not start in {timeout:.0f} s:\n{result.output[-3000:]}")


@contextmanager
def show_pattern(vm: VM, *outputs: tuple[str, int, int]) -> Iterator[None]:
    """The test pattern of modetest on some outputs, each a connector's name and the mode that it is given;
    seen when ``shows_pattern`` says so. The console has the other outputs, and afterwards all of them."""
    words = " ".join(f"-s {connector}:{width}x{height}" for connector, width, height in outputs)
    # It ends when its standard input can be read.
    job = vm.spawn(f"sleep infinity | exec stdbuf -oL modetest -M virtio_gpu {words}")
    try:
        job.wait_output("setting mode", 60)
        yield
    finally:
        job.kill()
        job.wait(20)


def shows_pattern(width: int, height: int, *, x: int = 0, drawn: int = 0) -> Callable[[Picture], bool]:
    """The test pattern, made for this size, or the part of one ``drawn`` pixels wide that starts at ``x``: a
    condition for ``wait_picture``."""
    bars = [tuple(192 * (index >> bit & 1) for bit in (1, 2, 0)) for index in range(7, 0, -1)]
    places = range(width // 16, width, width // 8)

    def shows(picture: Picture) -> bool:
        return (picture.width, picture.height) == (width, height) and all(
            picture.pixel(place, height // 3) == bars[(x + place) * 7 // (drawn or width)] for place in places)
    return shows


def check_console(vm: VM, name: str, number: int, *, width: int = 1280, height: int = 800) -> Picture:
    """Draws bars on the console, as many and in the colour that ``number`` says, and looks for them: a
    picture of before would not do. Waits until the console has the given size. Gives the picture."""
    colour = number % 6 + 1                                 # of the console: bit 0 red, 1 green, 2 blue
    shown = tuple(0xaa if colour >> bit & 1 else 0 for bit in range(3))
    shown = (0xaa, 0x55, 0) if colour == 3 else shown       # the console's yellow is a brown
    rows = number % 10 + 2
    bars = "".join(f"\\033[{30 + row};1H\\033[4{colour}m%80s" for row in range(rows))
    vm.run(f"for i in $(seq 600); do [ \"$(stty size </dev/tty1)\" = '{height // 16} {width // 8}' ] && exit;"
           " sleep 0.1; done; exit 1", 70, check=True)
    vm.run(f"printf '\\033[2J{bars}\\033[0m\\033[H' >/dev/tty1", check=True)
    return wait_picture(vm, f"{name}-{number}",
                        lambda seen: seen.bounds(shown) == (0, 29 * 16, 80 * 8, rows * 16))


def wait_picture(vm: VM, name: str, wanted: Callable[[Picture], bool], timeout: float = 60, *,
                 head: int = 0) -> Picture:
    """Looks at an output, as NAME.png, until ``wanted(picture)`` is true; gives the last picture,
    LabTimeout when it never was."""
    end = time.monotonic() + timeout
    while True:
        picture = vm.picture(name, head)
        if wanted(picture):
            return picture
        if time.monotonic() > end:
            raise LabTimeout(f"the screen was not as wanted in {timeout:.0f} s, it is: {picture.describe()}"
                             f" ({vm.artefacts / name}.png)")
        time.sleep(0.2)
