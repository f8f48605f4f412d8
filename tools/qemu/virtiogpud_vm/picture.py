# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
"""Pictures of screens: reading and writing PNG, and telling what is on them."""

import re
import struct
import zlib
from collections import Counter
from itertools import accumulate
from pathlib import Path

from .errors import LabError

Colour = tuple[int, int, int]

_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_CHANNELS = {0: 1, 2: 3, 4: 2, 6: 4}


class Picture:
    """Pixels, 3 bytes (red, green, blue) each, rows from the top without gaps."""

    def __init__(self, width: int, height: int, data: bytes) -> None:
        assert len(data) == width * height * 3
        self.width = width
        self.height = height
        self.data = data

    # --- files -------------------------------------------------------------------------------

    @staticmethod
    def load(path: Path) -> "Picture":
        """Reads a PNG file: 8 bits a channel, no palette, not interlaced."""
        blob = path.read_bytes()
        if not blob.startswith(_PNG_SIGNATURE):
            raise LabError(f"{path} is not a PNG file")
        header, packed, at = b"", b"", len(_PNG_SIGNATURE)
        while at + 8 <= len(blob):
            length, kind = struct.unpack_from(">I4s", blob, at)
            if kind == b"IHDR":
                header = blob[at + 8:at + 8 + length]
            elif kind == b"IDAT":
                packed += blob[at + 8:at + 8 + length]
            at += length + 12
        width, height, depth, colour, _, _, interlace = struct.unpack(">IIBBBBB", header)
        if depth != 8 or colour not in _CHANNELS or interlace:
            raise LabError(f"{path}: a kind of PNG that is not read here (depth {depth}, colour type {colour})")
        channels = _CHANNELS[colour]
        raw = _unfilter(zlib.decompress(packed), width * channels, channels)
        return Picture(width, height, _to_rgb(raw, channels))

    def save(self, path: Path) -> None:
        """Writes a PNG file."""
        stride = self.width * 3
        rows = b"".join(b"\0" + self.data[at:at + stride] for at in range(0, len(self.data), stride))
        header = struct.pack(">IIBBBBB", self.width, self.height, 8, 2, 0, 0, 0)
        with open(path, "wb") as file:
            file.write(_PNG_SIGNATURE)
            for kind, body in ((b"IHDR", header), (b"IDAT", zlib.compress(rows, 4)), (b"IEND", b"")):
                file.write(struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)))

    @staticmethod
    def from_ppm(blob: bytes) -> "Picture":
        """Reads a PPM file (P6, 8 bits a channel, without comments)."""
        header = re.match(rb"P6\s+(\d+)\s+(\d+)\s+255\s", blob)
        if not header:
            raise LabError("a kind of PPM that is not read here")
        return Picture(int(header[1]), int(header[2]), blob[header.end():])

    @staticmethod
    def from_xwd(blob: bytes, area: tuple[int, int, int, int] | None = None) -> "Picture":
        """Reads an X window dump with 32 bits a pixel, as Xvfb keeps its screen in; of it, the part of
        ``area`` (x, y, width, height) that is on the screen."""
        fields = struct.unpack_from(">25I", blob)
        header, screen_width, screen_height, big_endian = fields[0], fields[4], fields[5], fields[7]
        bits, stride, masks, colours = fields[11], fields[12], fields[14:17], fields[19]
        if fields[1] != 7 or bits != 32 or masks != (0xff0000, 0xff00, 0xff):
            raise LabError("a kind of X window dump that is not read here")
        x, y, width, height = area or (0, 0, screen_width, screen_height)
        right, bottom = min(x + width, screen_width), min(y + height, screen_height)
        x, y = max(x, 0), max(y, 0)
        start = header + colours * 12
        pixels = b"".join(blob[start + line * stride + x * 4:start + line * stride + right * 4]
                          for line in range(y, bottom))
        out = bytearray(len(pixels) // 4 * 3)
        for channel in range(3):
            out[channel::3] = pixels[(1 + channel if big_endian else 2 - channel)::4]
        return Picture(right - x, bottom - y, bytes(out))

    # --- looking -----------------------------------------------------------------------------

    def pixel(self, x: int, y: int) -> Colour:
        at = (y * self.width + x) * 3
        return self.data[at], self.data[at + 1], self.data[at + 2]

    def row(self, y: int) -> bytes:
        return self.data[y * self.width * 3:(y + 1) * self.width * 3]

    def crop(self, x: int, y: int, width: int, height: int) -> "Picture":
        if x < 0 or y < 0 or x + width > self.width or y + height > self.height:
            raise LabError(f"no {width}x{height} at {x},{y} in a picture of {self.width}x{self.height}")
        rows = (self.row(line)[x * 3:(x + width) * 3] for line in range(y, y + height))
        return Picture(width, height, b"".join(rows))

    def colours(self) -> Counter[Colour]:
        """How many pixels there are of each colour."""
        return Counter(zip(self.data[0::3], self.data[1::3], self.data[2::3]))

    def share(self, colour: Colour, tolerance: int = 0) -> float:
        """The share (0 to 1) of pixels whose channels are all within ``tolerance`` of ``colour``."""
        near = sum(count for found, count in self.colours().items()
                   if max(abs(a - b) for a, b in zip(found, colour)) <= tolerance)
        return near / (self.width * self.height)

    def share_not_black(self) -> float:
        """The share (0 to 1) of pixels that can be told from black."""
        return 1 - self.share((0, 0, 0), 8)

    def brightest_grey(self) -> int:
        """Of the pixel that is nearest to white, its darkest channel (0 to 255)."""
        return max(min(colour) for colour in self.colours())

    def is_black(self) -> bool:
        """Nothing to see."""
        return max(self.data) <= 8

    def is_plain(self) -> bool:
        """One colour from edge to edge."""
        return self.data == self.data[:3] * (self.width * self.height)

    def bounds(self, colour: Colour, tolerance: int = 0) -> tuple[int, int, int, int] | None:
        """x, y, width and height of the smallest rectangle with all pixels of ``colour``; None: no such."""
        left, right, lines = self.width, -1, []
        row, hits = b"", []
        for y in range(self.height):
            if row != self.row(y):                          # many rows are like the one before
                row = self.row(y)
                hits = [x for x, found in enumerate(zip(row[0::3], row[1::3], row[2::3]))
                        if max(abs(a - b) for a, b in zip(found, colour)) <= tolerance]
            if hits:
                lines.append(y)
                left, right = min(left, hits[0]), max(right, hits[-1])
        if not lines:
            return None
        return left, lines[0], right - left + 1, lines[-1] - lines[0] + 1

    def text_lines(self) -> int:
        """How many lines of text there seem to be: bands of 5 to 40 rows with many changes between a
        darker and a lighter value along them, with rows without any in between."""
        lines, height = 0, 0
        for y in range(self.height + 1):
            busy = y < self.height and self._changes(y) >= 6
            if busy:
                height += 1
            else:
                lines += 5 <= height <= 40
                height = 0
        return lines

    def has_text(self) -> bool:
        """It looks like a console or a page: several lines of text."""
        return self.text_lines() >= 2

    def _changes(self, y: int) -> int:
        """How often a row goes from unlike its own most common value to that value or back."""
        green = self.row(y)[1::3]
        ground = Counter(green).most_common(1)[0][0]
        unlike = [abs(value - ground) > 48 for value in green]
        return sum(a != b for a, b in zip(unlike, unlike[1:]))

    def difference(self, other: "Picture") -> float:
        """The share (0 to 1) of pixels in which some channel differs by more than 16."""
        if (self.width, self.height) != (other.width, other.height):
            return 1.0
        if self.data == other.data:
            return 0.0
        far = bytes(abs(a - b) > 16 for a, b in zip(self.data, other.data))
        pixels = zip(far[0::3], far[1::3], far[2::3])
        return sum(map(any, pixels)) / (self.width * self.height)

    def describe(self) -> str:
        """For messages: size, number of colours, and the most common ones."""
        found = self.colours()
        top = ", ".join(f"#{r:02x}{g:02x}{b:02x} {100 * n / (self.width * self.height):.1f} %"
                        for (r, g, b), n in found.most_common(3))
        return f"{self.width}x{self.height}, {len(found)} colours ({top}), {self.text_lines()} lines of text"


def _unfilter(data: bytes, stride: int, step: int) -> bytes:
    """Undoes PNG's filters: data has rows of a filter type and stride bytes; step is a pixel's size."""
    out = []
    above = bytes(stride)
    for at in range(0, len(data), stride + 1):
        above = _ROW_FILTERS[data[at]](data[at + 1:at + 1 + stride], above, step)
        out.append(above)
    return b"".join(out)


def _row_none(row: bytes, _above: bytes, _step: int) -> bytes:
    return row


def _row_sub(row: bytes, _above: bytes, step: int) -> bytes:
    out = bytearray(len(row))
    for channel in range(step):
        out[channel::step] = bytes(accumulate(row[channel::step], lambda a, b: (a + b) & 255))
    return bytes(out)


def _row_up(row: bytes, above: bytes, _step: int) -> bytes:
    if not any(row):
        return above
    return bytes((a + b) & 255 for a, b in zip(row, above))


def _row_average(row: bytes, above: bytes, step: int) -> bytes:
    out = bytearray(row)
    for i, up in enumerate(above):
        left = out[i - step] if i >= step else 0
        out[i] = (out[i] + (left + up) // 2) & 255
    return bytes(out)


def _row_paeth(row: bytes, above: bytes, step: int) -> bytes:
    out = bytearray(row)
    for i, up in enumerate(above):
        left, corner = (out[i - step], above[i - step]) if i >= step else (0, 0)
        near_left, near_up, near_corner = abs(up - corner), abs(left - corner), abs(left + up - 2 * corner)
        if near_left <= near_up and near_left <= near_corner:
            guess = left
        elif near_up <= near_corner:
            guess = up
        else:
            guess = corner
        out[i] = (out[i] + guess) & 255
    return bytes(out)


_ROW_FILTERS = (_row_none, _row_sub, _row_up, _row_average, _row_paeth)


def _to_rgb(raw: bytes, channels: int) -> bytes:
    if channels == 3:
        return raw
    out = bytearray(len(raw) // channels * 3)
    for channel in range(3):
        out[channel::3] = raw[(channel if channels == 4 else 0)::channels]
    return bytes(out)
