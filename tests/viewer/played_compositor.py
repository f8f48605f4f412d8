# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
"""A Wayland compositor that is played: it draws when it is told to, and says what it is told to say."""

import array
import mmap
import os
import select
import socket
import struct
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

# Requests of each interface, by number: the name, and the kinds of the arguments: i(nt), u(int), o(bject), s(tring),
# h (descriptor), n(ew object) with its interface.
REQUESTS: dict[str, tuple[tuple[str, ...], ...]] = {
    "wl_display": (("sync", "n:wl_callback"), ("get_registry", "n:wl_registry")),
    "wl_registry": (("bind", "u", "s", "u", "n:"),),
    "wl_compositor": (("create_surface", "n:wl_surface"), ("create_region", "n:wl_region")),
    "wl_subcompositor": (("destroy",), ("get_subsurface", "n:wl_subsurface", "o", "o")),
    "wl_subsurface": (("destroy",), ("set_position", "i", "i"), ("place_above", "o"), ("place_below", "o"),
                      ("set_sync",), ("set_desync",)),
    "wl_shm": (("create_pool", "n:wl_shm_pool", "h", "i"),),
    "wl_shm_pool": (("create_buffer", "n:wl_buffer", "i", "i", "i", "i", "u"), ("destroy",), ("resize", "i")),
    "wl_buffer": (("destroy",),),
    "wl_surface": (("destroy",), ("attach", "o", "i", "i"), ("damage", "i", "i", "i", "i"), ("frame", "n:wl_callback"),
                   ("set_opaque_region", "o"), ("set_input_region", "o"), ("commit",), ("set_buffer_transform", "i"),
                   ("set_buffer_scale", "i"), ("damage_buffer", "i", "i", "i", "i")),
    "wp_viewporter": (("destroy",), ("get_viewport", "n:wp_viewport", "o")),
    "wp_viewport": (("destroy",), ("set_source", "i", "i", "i", "i"), ("set_destination", "i", "i")),
    "xdg_wm_base": (("destroy",), ("create_positioner", "n:xdg_positioner"), ("get_xdg_surface", "n:xdg_surface", "o"),
                    ("pong", "u")),
    "xdg_surface": (("destroy",), ("get_toplevel", "n:xdg_toplevel"), ("get_popup", "n:xdg_popup", "o", "o"),
                    ("set_window_geometry", "i", "i", "i", "i"), ("ack_configure", "u")),
    "xdg_toplevel": (("destroy",), ("set_parent", "o"), ("set_title", "s"), ("set_app_id", "s")),
    "zxdg_decoration_manager_v1": (("destroy",), ("get_toplevel_decoration", "n:zxdg_toplevel_decoration_v1", "o")),
    "zxdg_toplevel_decoration_v1": (("destroy",), ("set_mode", "u"), ("unset_mode",)),
    "zwp_linux_dmabuf_v1": (("destroy",), ("create_params", "n:zwp_linux_buffer_params_v1")),
    "wl_region": (("destroy",), ("add", "i", "i", "i", "i"), ("subtract", "i", "i", "i", "i")),
    "wl_seat": (("get_pointer", "n:wl_pointer"), ("get_keyboard", "n:wl_keyboard"), ("get_touch", "n:wl_touch"),
                ("release",)),
    "wl_pointer": (("set_cursor", "u", "o", "i", "i"), ("release",)),
    "wl_keyboard": (("release",),),
    "zwp_keyboard_shortcuts_inhibit_manager_v1": (
        ("destroy",), ("inhibit_shortcuts", "n:zwp_keyboard_shortcuts_inhibitor_v1", "o", "o")),
    "zwp_keyboard_shortcuts_inhibitor_v1": (("destroy",),),
    "zwp_linux_buffer_params_v1": (("destroy",), ("add", "h", "u", "u", "u", "u", "u"), ("create", "i", "i", "u", "u")),
}
GLOBALS = {"wl_compositor": 4, "wl_subcompositor": 1, "wl_shm": 1, "wp_viewporter": 1, "xdg_wm_base": 1,
           "zxdg_decoration_manager_v1": 1}
OWN_NUMBERS = 0xff000000    # of things that the compositor makes


@dataclass
class Thing:
    """An object of the client's."""

    number: int
    interface: str
    of: "Thing | None" = None                           # what it was made of, or for
    # buffers
    memory: mmap.mmap | None = None
    width: int = 0
    height: int = 0
    released: bool = True
    # surfaces
    coming: "Thing | None" = None                       # attached and not committed
    attached: bool = False
    buffer: "Thing | None" = None
    damage: list[tuple[int, int, int, int]] = field(default_factory=list)
    shown_damage: list[tuple[int, int, int, int]] = field(default_factory=list)
    frames: list["Thing"] = field(default_factory=list)
    asked: list["Thing"] = field(default_factory=list)  # frames of what is committed
    pictures: int = 0                                   # that were committed
    # dma-bufs
    layout: int = 0
    modifier: int = -1
    # viewports, subsurfaces, windows
    transform: int = 0
    source: tuple[float, ...] = ()
    size: tuple[int, int] = (0, 0)
    place: tuple[int, int] = (0, 0)
    title: str = ""
    app_id: str = ""
    acked: int = 0
    takes_input: bool = True
    # pointers: who was told last to be its image (event, surface, hot point)
    cursor: tuple[int, "Thing | None", int, int] | None = None
    # what keys are asked for
    seat: "Thing | None" = None

    def pixels(self) -> bytes:
        assert self.memory
        return self.memory[:self.width * self.height * 4]


class PlayedCompositor:
    """Serves one client. What it asks for is handled in run()."""

    def __init__(self, folder: Path, timeout: float, offered: dict[str, int] | None = None) -> None:
        self.path = folder / "compositor"
        self.timeout = timeout
        self.offered = GLOBALS if offered is None else offered
        self.things: dict[int, Thing] = {}
        self.windows: list[Thing] = []                  # toplevels
        self._data = b""
        self._fds: list[int] = []
        self._serial = 0
        self._made = OWN_NUMBERS
        self.takes: tuple[tuple[int, int], ...] = ()    # formats and modifiers of dma-bufs
        self.imports: list[Thing] = []                  # what was asked, and is not answered
        self.pongs: list[int] = []
        self.bound: dict[int, tuple[Thing, int]] = {}   # globals: the client's object for it, and its version
        self.when_bound: Callable[[int], None] = lambda number: None
        self._registry: Thing | None = None
        self._globals = list(self.offered.items())      # all that there ever were; the first has number 1
        self._listening = socket.socket(socket.AF_UNIX)
        self._listening.bind(str(self.path))
        self._listening.listen()
        self._listening.settimeout(timeout)
        self.sock: socket.socket | None = None
        self._together: bytes | None = None             # events that are to be sent at once

    @property
    def environment(self) -> dict[str, str]:
        return {"WAYLAND_DISPLAY": str(self.path)}

    def accept(self) -> None:
        self.sock = self._listening.accept()[0]
        self.things = {1: Thing(1, "wl_display")}

    def close(self) -> None:
        if self.sock:
            self.sock.close()
        self._listening.close()

    def __enter__(self) -> "PlayedCompositor":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
        for fd in self._fds:
            os.close(fd)

    # --- time goes on ---

    def run(self, until: Callable[[], bool], why: str = "") -> None:
        """Serves the client until that is so."""
        end = time.monotonic() + self.timeout
        while not until():
            assert time.monotonic() < end, f"the client does not do it: {why}"
            self._serve(0.01)

    def settle(self, seconds: float = 0.1) -> None:
        """Serves the client until it has wanted nothing for so long."""
        while self._serve(seconds):
            pass

    def _serve(self, seconds: float) -> bool:
        assert self.sock
        if not select.select([self.sock], [], [], seconds)[0]:
            return False
        try:
            data, control, _, _ = self.sock.recvmsg(1 << 16, socket.CMSG_SPACE(28 * 4))
        except ConnectionResetError:
            return False
        for _, _, words in control:
            numbers = array.array("i")
            numbers.frombytes(words)
            self._fds += numbers
        if not data:
            return False
        self._data += data
        while len(self._data) >= 8:
            number, word = struct.unpack_from("=II", self._data)
            size = word >> 16
            if len(self._data) < size:
                break
            payload, self._data = self._data[8:size], self._data[size:]
            self._take(self.things[number], word & 0xffff, payload)
        return True

    # --- what the client says ---

    def _take(self, thing: Thing, opcode: int, payload: bytes) -> None:
        name, *kinds = REQUESTS[thing.interface][opcode]
        words: list = []
        for kind in kinds:
            if kind == "h":
                words.append(self._fds.pop(0))
                continue
            word, = struct.unpack_from("=i" if kind == "i" else "=I", payload)
            payload = payload[4:]
            if kind == "s":
                words.append(payload[:word - 1].decode())
                payload = payload[(word + 3) & ~3:]
            elif kind == "o":
                words.append(self.things.get(word))
            elif kind.startswith("n:"):
                words.append(self._add(word, kind[2:] or words[1], thing))
            else:
                words.append(word)
        handler = getattr(self, f"_{thing.interface}_{name}", None)
        if handler:
            handler(thing, *words)
        if name in ("destroy", "release"):
            self._forget(thing)

    def _add(self, number: int, interface: str, of: Thing) -> Thing:
        self.things[number] = Thing(number, interface, of)
        return self.things[number]

    def _forget(self, thing: Thing) -> None:
        """Its number may be used again."""
        self.things.pop(thing.number, None)
        if thing.number < OWN_NUMBERS:
            self.event(self.things[1], 1, "I", thing.number)
        for those in (self.windows, self.imports):
            if thing in those:
                those.remove(thing)

    def event(self, thing: Thing, opcode: int, kinds: str = "", *words: object) -> None:
        """Words are packed as struct does, and strings (s), arrays of bytes (a), fractions (f) and descriptors (h)."""
        payload, fds = b"", []
        for kind, word in zip(kinds, words, strict=True):
            if kind in "sa":
                data = str(word).encode() + b"\0" if kind == "s" else bytes(word)      # type: ignore[call-overload]
                payload += struct.pack("=I", len(data)) + data + bytes(-len(data) % 4)
            elif kind == "f":
                payload += struct.pack("=i", round(word * 256))                         # type: ignore[operator]
            elif kind == "h":
                fds.append(word)
            else:
                payload += struct.pack("=" + kind, word)
        assert self.sock
        message = struct.pack("=II", thing.number, (len(payload) + 8) << 16 | opcode) + payload
        try:
            if self._together is not None:
                self._together += message
            elif fds:
                socket.send_fds(self.sock, [message], fds)                              # type: ignore[arg-type]
            else:
                self.sock.sendall(message)
        except BrokenPipeError:
            pass    # the client has gone: nobody has to hear of it

    @contextmanager
    def at_once(self) -> Iterator[None]:
        """The client reads all of these events before it does anything about one. They have no descriptors."""
        assert self.sock
        self._together = b""
        yield
        events, self._together = self._together, None
        self.sock.sendall(events)

    def _wl_display_sync(self, _: Thing, callback: Thing) -> None:
        self.event(callback, 0, "I", 0)
        self._forget(callback)

    def _wl_display_get_registry(self, _: Thing, registry: Thing) -> None:
        self._registry = registry
        for number, (interface, version) in enumerate(self._globals, 1):
            self.event(registry, 0, "IsI", number, interface, version)

    def _wl_subcompositor_get_subsurface(self, _: Thing, made: Thing, surface: Thing, parent: Thing) -> None:
        made.of = surface
        surface.of = parent

    def _wl_subsurface_set_position(self, thing: Thing, x: int, y: int) -> None:
        thing.place = (x, y)

    def _wl_shm_create_pool(self, _: Thing, pool: Thing, fd: int, size: int) -> None:
        pool.memory = mmap.mmap(fd, size, mmap.MAP_SHARED, mmap.PROT_READ)
        os.close(fd)

    def _wl_shm_pool_create_buffer(self, pool: Thing, made: Thing, offset: int, width: int, height: int, stride: int,
                                   layout: int) -> None:
        assert (offset, stride) == (0, width * 4) and layout in (0, 1), (offset, stride, layout)
        made.memory, made.width, made.height, made.layout = pool.memory, width, height, layout

    def _wl_surface_attach(self, surface: Thing, buffer: Thing | None, _x: int, _y: int) -> None:
        surface.coming, surface.attached = buffer, True

    def _wl_surface_damage_buffer(self, surface: Thing, *rect: int) -> None:
        surface.damage.append(rect)         # type: ignore[arg-type]

    def _wl_surface_set_buffer_transform(self, surface: Thing, transform: int) -> None:
        surface.transform = transform

    def _wl_surface_frame(self, surface: Thing, callback: Thing) -> None:
        surface.frames.append(callback)

    def _wl_surface_commit(self, surface: Thing) -> None:
        if surface.attached:
            before, surface.buffer = surface.buffer, surface.coming
            if surface.coming:
                surface.coming.released = False
                surface.pictures += 1
            if before and before is not surface.buffer:
                self.release(before)
        surface.attached = False
        surface.shown_damage, surface.damage = surface.damage, []
        surface.asked, surface.frames = surface.asked + surface.frames, []

    def _wp_viewporter_get_viewport(self, _: Thing, made: Thing, surface: Thing) -> None:
        made.of = surface

    def _wp_viewport_set_source(self, viewport: Thing, *numbers: int) -> None:
        viewport.source = tuple(number / 256 for number in numbers)

    def _wp_viewport_set_destination(self, viewport: Thing, width: int, height: int) -> None:
        viewport.size = (width, height)

    def _xdg_wm_base_get_xdg_surface(self, _: Thing, made: Thing, surface: Thing) -> None:
        made.of = surface

    def _xdg_wm_base_pong(self, _: Thing, serial: int) -> None:
        self.pongs.append(serial)

    def _xdg_surface_get_toplevel(self, _: Thing, made: Thing) -> None:
        self.windows.append(made)

    def _xdg_surface_ack_configure(self, surface: Thing, serial: int) -> None:
        surface.acked = serial

    def _xdg_toplevel_set_title(self, window: Thing, title: str) -> None:
        window.title = title

    def _xdg_toplevel_set_app_id(self, window: Thing, name: str) -> None:
        window.app_id = name

    def _wl_registry_bind(self, _: Thing, number: int, interface: str, version: int, made: Thing) -> None:
        assert version <= self._globals[number - 1][1], (interface, version)
        self.bound[number] = (made, version)
        self.when_bound(number)
        for fourcc, modifier in self.takes if interface == "zwp_linux_dmabuf_v1" else ():
            self.event(made, 1, "III", fourcc, modifier >> 32, modifier & 0xffffffff)

    def _wl_surface_set_input_region(self, surface: Thing, _region: Thing | None) -> None:
        surface.takes_input = False     # those that are empty

    def _wl_region_add(self, *_: object) -> None:
        raise AssertionError("an input region that is not empty")

    def _wl_pointer_set_cursor(self, pointer: Thing, serial: int, surface: Thing | None, x: int, y: int) -> None:
        pointer.cursor = (serial, surface, x, y)

    def _zwp_keyboard_shortcuts_inhibit_manager_v1_inhibit_shortcuts(self, _: Thing, made: Thing, surface: Thing,
                                                                     seat: Thing) -> None:
        made.of, made.seat = surface, seat

    def _zwp_linux_buffer_params_v1_add(self, params: Thing, fd: int, plane: int, offset: int, stride: int, high: int,
                                        low: int) -> None:
        assert (plane, offset) == (0, 0), (plane, offset)
        params.memory = mmap.mmap(fd, 0, mmap.MAP_SHARED, mmap.PROT_READ)
        os.close(fd)
        params.modifier = high << 32 | low
        params.place = (stride, 0)

    def _zwp_linux_buffer_params_v1_create(self, params: Thing, width: int, height: int, fourcc: int, flags: int) -> None:
        assert flags == 0 and params.place[0] == width * 4, (flags, params.place)
        params.width, params.height, params.layout = width, height, fourcc
        self.imports.append(params)

    # --- what it does ---

    def offer(self, interface: str, version: int) -> int:
        """Another global, from now on or, before the client is there, from the beginning: its number."""
        self._globals.append((interface, version))
        if self._registry:
            self.event(self._registry, 0, "IsI", len(self._globals), interface, version)
        return len(self._globals)

    def withdraw(self, number: int) -> None:
        assert self._registry
        self.event(self._registry, 1, "I", number)

    def ping(self) -> None:
        """All that was sent has been taken in."""
        shell = self.all_of("xdg_wm_base")[0]
        before = len(self.pongs)
        self.event(shell, 0, "I", before)
        self.run(lambda: len(self.pongs) > before, "a pong")

    def all_of(self, interface: str) -> list[Thing]:
        return [each for each in self.things.values() if each.interface == interface]

    def answer_import(self, good: bool) -> Thing | None:
        """Of the dma-buf that was asked for first: the buffer, if it can be shown."""
        self.run(lambda: len(self.imports) > 0, "an import")
        params = self.imports.pop(0)
        if not good:
            self.event(params, 1)
            return None
        made = self._add(self._made, "wl_buffer", params)
        self._made += 1
        made.memory, made.width, made.height, made.layout = params.memory, params.width, params.height, params.layout
        made.modifier = params.modifier
        self.event(params, 0, "I", made.number)
        return made

    hold_buffers = False        # none is released

    def release(self, buffer: Thing) -> None:
        if not self.hold_buffers and buffer.number in self.things:
            buffer.released = True
            self.event(buffer, 0)

    def open_windows(self, count: int, sizes: Sequence[tuple[int, int]] = ()) -> None:
        """The client connects, and shows so many windows, of sizes as they are given (0: as it likes)."""
        self.accept()
        self.run(lambda: len(self.windows) == count, f"{count} windows")
        for number, window in enumerate(self.windows):
            self.resize(window, *(sizes[number] if number < len(sizes) else (0, 0)))

    def resize(self, window: Thing, width: int, height: int) -> None:
        self._serial += 1
        serial = self._serial
        self.event(window, 0, "iiI", width, height, 0)
        self.event(window.of, 0, "I", serial)
        self.run(lambda: window.of.acked == serial, "ack_configure")

    def draw(self, surface: Thing) -> None:
        """What is committed is on the screen now."""
        asked, surface.asked = surface.asked, []
        for callback in asked:
            if callback.number in self.things:
                self.event(callback, 0, "I", 0)
                self._forget(callback)

    def back(self, window: Thing) -> Thing:
        return window.of.of

    def front(self, window: Thing) -> Thing:
        """The surface that has the picture."""
        return next(each for each in self.things.values()
                    if each.interface == "wl_surface" and each.of is self.back(window))

    def above(self, window: Thing) -> Thing:
        """The surface that has the pointer."""
        return next(each for each in self.things.values()
                    if each.interface == "wl_surface" and each.of is self.front(window))

    def made_for(self, surface: Thing, interface: str) -> Thing:
        """The surface's viewport, or subsurface."""
        return next(each for each in self.things.values() if each.interface == interface and each.of is surface)
