# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
"""A viewer with windows that somebody types and points in, for its tests; listening_guest is in LISTENING_GUEST."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from played_compositor import GLOBALS, PlayedCompositor
from played_seat import KEYBOARD, POINTER, ListeningGuest, PlayedSeat
from viewer_rig import TIMEOUT, Viewer
from windows_rig import Rig

KEY_ESC, KEY_ENTER, KEY_LEFTCTRL, KEY_A, KEY_S, KEY_LEFTSHIFT, KEY_CAPSLOCK = 1, 28, 29, 30, 31, 42, 58
KEY_LEFTALT, KEY_MICMUTE = 56, 248
BTN_LEFT, BTN_RIGHT, BTN_MIDDLE, BTN_EXTRA = 0x110, 0x111, 0x112, 0x114


class Desk(Rig):
    """A viewer with windows, somebody at a seat, and a guest at each device."""

    def __init__(self, viewer: Viewer, compositor: PlayedCompositor) -> None:
        super().__init__(viewer, compositor)
        self.seat: PlayedSeat = None            # type: ignore[assignment]
        self.keyboard: ListeningGuest = None    # type: ignore[assignment]
        self.pointer: ListeningGuest = None     # type: ignore[assignment]

    def surface(self, head: int = 0) -> int:
        """What is typed in."""
        return self.compositor.back(self.window(head)).number

    def light(self, head: int, width: int, height: int) -> None:
        """The head has this size, and is shown."""
        self.switch_on(head, width, height)
        self.expect(bytes(width * height * 4), head)

    def expect_nothing(self) -> None:
        self.compositor.ping()
        for guest in (self.keyboard, self.pointer):
            if guest:
                guest.expect_nothing()

    def goes_on(self) -> None:
        """It is typed as ever."""
        self.seat.type_in(self.surface())
        for state in (1, 0):
            self.seat.key(KEY_S, state)
        self.keyboard.expect_keys((KEY_S, 1), (KEY_S, 0))


@contextmanager
def desk(*options: str, heads: int = 1, size: tuple[int, int] = (64, 48), capabilities: int = KEYBOARD | POINTER,
         version: int = 8, devices: int = KEYBOARD | POINTER, offered: dict[str, int] | None = None) -> Iterator[Desk]:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="view-input-")))
        compositor = stack.enter_context(PlayedCompositor(folder, TIMEOUT, {**GLOBALS, **(offered or {})}))
        seat = PlayedSeat(compositor, capabilities, version)
        sockets = {"keyboard": KEYBOARD, "pointer": POINTER}
        words = [f"--{name}-socket={folder / name}" for name, device in sockets.items() if devices & device]
        modes = ["--mode", f"{size[0]}x{size[1]}"] * heads
        viewer = stack.enter_context(Viewer("--wayland", *modes, *words, *options, environment=compositor.environment))
        made = Desk(viewer, compositor)
        made.seat = seat
        for name, device in sockets.items():
            if devices & device:
                guest = ListeningGuest(os.environ["LISTENING_GUEST"], folder / name, TIMEOUT)
                stack.callback(guest.close)
                setattr(made, name, guest)
        compositor.open_windows(heads)
        for head in range(heads):
            made.light(head, *size)
        yield made
        assert "the sandbox refuses" not in viewer.log.read_text(), viewer.log.read_text()


def position(pixel: int, pixels: int) -> int:
    """The middle of a pixel, in the tablet's numbers."""
    return (2 * pixel + 1) * 32768 // (2 * pixels)
