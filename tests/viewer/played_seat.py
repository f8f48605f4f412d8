# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
"""A seat of a compositor that is played, and a guest that listens to what comes of it."""

import os
import select
import subprocess
import time
from pathlib import Path

from played_compositor import PlayedCompositor, Thing

POINTER, KEYBOARD = 1, 2                        # capabilities
VERTICAL, HORIZONTAL = 0, 1                     # axes
EV_KEY, EV_REL, EV_ABS = 1, 2, 3
REL_HWHEEL, REL_WHEEL = 6, 8
QUIET = 0.06                                    # seconds in which nothing comes

Report = tuple[tuple[int, int, int], ...]       # events: type, code, value


class PlayedSeat:
    """The client's objects are looked for when they are needed."""

    serial = 100

    def __init__(self, compositor: PlayedCompositor, capabilities: int = POINTER | KEYBOARD, version: int = 8) -> None:
        self.compositor = compositor
        self.capabilities = capabilities
        before = compositor.when_bound

        def bound(number: int) -> None:
            before(number)
            if number == self.number:
                self.say_capabilities(self.capabilities)

        compositor.when_bound = bound
        self.number = compositor.offer("wl_seat", version)

    @property
    def seat(self) -> Thing:
        self.compositor.run(lambda: self.number in self.compositor.bound, "a seat")
        return self.compositor.bound[self.number][0]

    @property
    def version(self) -> int:
        return self.compositor.bound[self.number][1]

    def say_capabilities(self, capabilities: int) -> None:
        self.capabilities = capabilities
        self.compositor.event(self.seat, 0, "I", capabilities)

    def made(self, interface: str) -> list[Thing]:
        return [each for each in self.compositor.all_of(interface) if each.of is self.seat]

    def _one(self, interface: str) -> Thing:
        self.compositor.run(lambda: len(self.made(interface)) == 1, f"one {interface}")
        return self.made(interface)[0]

    @property
    def keyboard(self) -> Thing:
        return self._one("wl_keyboard")

    @property
    def pointer(self) -> Thing:
        return self._one("wl_pointer")

    def _serial(self) -> int:
        PlayedSeat.serial += 1
        return PlayedSeat.serial

    # --- the keyboard ---

    def keymap(self, fd: int) -> None:
        self.compositor.event(self.keyboard, 0, "IhI", 1, fd, 5)

    def type_in(self, surface: int, *held: int) -> None:
        keys = b"".join(code.to_bytes(4, "little") for code in held)
        self.compositor.event(self.keyboard, 1, "IIa", self._serial(), surface, keys)

    def stop_typing(self, surface: int) -> None:
        self.compositor.event(self.keyboard, 2, "II", self._serial(), surface)

    def key(self, code: int, state: int) -> None:
        self.compositor.event(self.keyboard, 3, "IIII", self._serial(), 0, code, state)

    # --- the pointer ---

    def point_in(self, surface: int, x: float, y: float) -> int:
        serial = self._serial()
        self.compositor.event(self.pointer, 0, "IIff", serial, surface, x, y)
        self.frame()
        return serial

    def stop_pointing(self, surface: int) -> None:
        self.compositor.event(self.pointer, 1, "II", self._serial(), surface)
        self.frame()

    def move(self, x: float, y: float) -> None:
        self.compositor.event(self.pointer, 2, "Iff", 0, x, y)
        self.frame()

    def button(self, code: int, state: int) -> None:
        self.compositor.event(self.pointer, 3, "IIII", self._serial(), 0, code, state)
        self.frame()

    def axis(self, axis: int, distance: float) -> None:
        self.compositor.event(self.pointer, 4, "IIf", 0, axis, distance)

    def frame(self) -> None:
        self.compositor.event(self.pointer, 5)

    def axis_stop(self, axis: int) -> None:
        self.compositor.event(self.pointer, 7, "II", 0, axis)

    def axis_discrete(self, axis: int, steps: int) -> None:
        self.compositor.event(self.pointer, 8, "Ii", axis, steps)

    def axis_parts(self, axis: int, parts: int) -> None:
        self.compositor.event(self.pointer, 9, "Ii", axis, parts)


class ListeningGuest:
    """What one of the devices reports."""

    def __init__(self, program: str, socket: Path, timeout: float) -> None:
        self.timeout = timeout
        self._data = b""
        self.process = subprocess.Popen([program, socket], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        assert self._line() == "ready"

    def _line(self) -> str:
        assert self.process.stdout
        end = time.monotonic() + self.timeout
        while b"\n" not in self._data:
            assert self._readable(end - time.monotonic()), "nothing was reported"
            more = os.read(self.process.stdout.fileno(), 4096)
            assert more, "the guest has gone"
            self._data += more
        line, self._data = self._data.split(b"\n", 1)
        return line.decode().strip()

    def _readable(self, seconds: float) -> bool:
        return bool(select.select([self.process.stdout], [], [], max(seconds, 0))[0])

    def report(self) -> Report:
        events = [tuple(int(number) for number in event.split(":")) for event in self._line().split()]
        return tuple(events)            # type: ignore[arg-type]

    def expect(self, *events: tuple[int, int, int]) -> None:
        """They are the next report."""
        seen = self.report()
        assert seen == events, f"{seen} was reported, not {events}"

    def expect_keys(self, *keys: tuple[int, int]) -> None:
        """Keys or buttons that go down or up, each in a report."""
        for code, value in keys:
            self.expect((EV_KEY, code, value))

    def expect_position(self, x: int, y: int) -> None:
        self.expect((EV_ABS, 0, x), (EV_ABS, 1, y))

    def reports(self) -> list[Report]:
        """Until none comes."""
        seen = []
        while b"\n" in self._data or self._readable(QUIET):
            seen.append(self.report())
        return seen

    def expect_nothing(self) -> None:
        seen = self.reports()
        assert not seen, f"{seen} was reported"

    def close(self) -> None:
        self.process.kill()
        self.process.communicate()
