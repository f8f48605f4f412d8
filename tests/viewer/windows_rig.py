# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
"""A viewer with windows, for its tests: with a compositor that is played, and what is to be seen."""

import signal
import struct
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from played_compositor import GLOBALS, PlayedCompositor, Thing
from viewer_rig import GET_DISPLAY_INFO, SCANOUT, TIMEOUT, Viewer, as_picture, check_same, noise


class Rig:
    """A viewer with windows of a compositor that is played."""

    def __init__(self, viewer: Viewer, compositor: PlayedCompositor) -> None:
        self.viewer = viewer
        self.compositor = compositor

    def window(self, head: int = 0) -> Thing:
        return self.compositor.windows[head]

    def front(self, head: int = 0) -> Thing:
        return self.compositor.front(self.window(head))

    def switch_on(self, head: int, width: int, height: int) -> None:
        self.viewer.send(SCANOUT, struct.pack("=3I", head, width, height))

    def expect(self, expected: bytes, head: int = 0) -> None:
        """Pictures are drawn until it is this one. Their fourth byte is of no meaning."""
        surface = self.front(head)

        def seen() -> bool:
            same = surface.buffer is not None and opaque(self.seen(head)) == opaque(expected)
            self.compositor.draw(surface)
            return same

        self.compositor.run(seen, "that picture")

    def seen(self, head: int) -> bytes:
        """The picture, with the pointer on it, where neither is scaled."""
        picture = self.front(head).buffer
        above = self.compositor.above(self.window(head))
        if not above.buffer:
            return picture.pixels()
        assert above.buffer.layout == 0 and above.of is self.front(head)
        viewport = self.compositor.made_for(above, "wp_viewport")
        x, y, width, height = (int(number) for number in viewport.source)
        assert viewport.size == (width, height), viewport
        place = self.compositor.made_for(above, "wl_subsurface").place
        shape = bytearray(64 * 64 * 4)
        for row in range(y, y + height):
            at = (row * 64 + x) * 4
            shape[at:at + width * 4] = above.buffer.pixels()[at:at + width * 4]
        return blended(picture.pixels(), picture.width, picture.height, bytes(shape), place[0] - x, place[1] - y)

    def modes(self) -> list[tuple[int, ...]]:
        info = self.viewer.ask(GET_DISPLAY_INFO)
        return [struct.unpack_from("=6I", info, 24 + 24 * i)[2:5] for i in range(16)]

    def reconnected(self) -> list[tuple[int, ...]]:
        """The viewer connects anew: its modes then."""
        self.viewer.accept()
        return self.modes()


@contextmanager
def rig(*options: str, heads: int = 1, sizes: tuple[tuple[int, int], ...] = ()) -> Iterator[Rig]:
    with tempfile.TemporaryDirectory(prefix="view-wayland-") as folder, \
            PlayedCompositor(Path(folder), TIMEOUT) as compositor:
        with Viewer("--wayland", *options, environment=compositor.environment) as viewer:
            compositor.open_windows(heads, sizes)
            yield Rig(viewer, compositor)


def opaque(pixels: bytes) -> bytes:
    """Pixels that the compositor is to take for red, green and blue only: the fourth byte is of no meaning."""
    plain = bytearray(pixels)
    plain[3::4] = bytes(len(pixels) // 4)
    return bytes(plain)



def blended(pixels: bytes, width: int, height: int, image: bytes, left: int, top: int) -> bytes:
    result = bytearray(pixels)
    for y in range(max(top, 0), min(top + 64, height)):
        for x in range(max(left, 0), min(left + 64, width)):
            at, of = (y * width + x) * 4, ((y - top) * 64 + x - left) * 4
            rest = 255 - image[of + 3]
            for channel in range(3):
                below = (result[at + channel] * rest + 127) // 255
                result[at + channel] = min(image[of + channel] + below, 255)
    return bytes(result)


@contextmanager
def dmabuf_rig(*takes: tuple[int, int], options: tuple[str, ...] = ()) -> Iterator[Rig]:
    with tempfile.TemporaryDirectory(prefix="view-wayland-") as folder, \
            PlayedCompositor(Path(folder), TIMEOUT, {**GLOBALS, "zwp_linux_dmabuf_v1": 3}) as compositor:
        compositor.takes = takes
        with Viewer("--wayland", "--mode", "64x48", *options, environment=compositor.environment) as viewer:
            compositor.open_windows(1)
            yield Rig(viewer, compositor)


def lines(viewer: Viewer) -> list[str]:
    return [line for line in viewer.log.read_text().splitlines() if "wayland" in line]


def goes_on(viewer: Viewer, folder: str) -> None:
    viewer.send(SCANOUT, struct.pack("=3I", 0, 64, 48))
    pixels = noise(64, 48, 1)
    viewer.show(0, 0, 0, 64, 48, pixels)
    viewer.folder = Path(folder)
    check_same(viewer.snapshot(), as_picture(64, 48, pixels))
    viewer.process.send_signal(signal.SIGTERM)
    assert viewer.ended() == 0, viewer.log.read_text()
