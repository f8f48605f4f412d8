# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
"""The description of a monitor that knows one mode only, to make programs use that one."""

import struct


def one_mode(width: int, height: int, refresh: int = 60) -> bytes:
    """An EDID 1.4 base block with one detailed timing, blanked as CVT does with reduced blanking."""
    blank_x, blank_y = 160, max(height * 3 // 100, 12)
    clock = (width + blank_x) * (height + blank_y) * refresh // 10000
    if not 0 < clock < 65536 or width > 4095 or height > 4095:
        raise ValueError(f"a mode of {width}x{height} at {refresh} Hz does not fit an EDID")
    front_x, sync_x, front_y, sync_y = 48, 32, 3, 6
    timing = struct.pack(
        "<H16B", clock,
        width & 255, blank_x & 255, width >> 8 << 4 | blank_x >> 8,
        height & 255, blank_y & 255, height >> 8 << 4 | blank_y >> 8,
        front_x, sync_x, front_y << 4 | sync_y, 0,
        0, 0, 0, 0, 0, 0x1a)
    name = struct.pack(">HBBB13s", 0, 0, 0xfc, 0, b"one mode\n    ")
    unused = struct.pack(">HBBB13s", 0, 0, 0x10, 0, bytes(13))
    block = (
        b"\0\xff\xff\xff\xff\xff\xff\0"
        + struct.pack(">H", (ord("L") - 64) << 10 | (ord("A") - 64) << 5 | (ord("B") - 64))
        + struct.pack("<HIBB", 1, 1, 1, 30)
        + bytes([1, 4])                                         # version 1.4
        + bytes([0xa0, 0, 0, 120, 0x06])                        # digital, 8 bits; sRGB, preferred timing
        + bytes([0xee, 0x91, 0xa3, 0x54, 0x4c, 0x99, 0x26, 0x0f, 0x50, 0x54])   # sRGB's colours
        + bytes(3) + bytes([1]) * 16                            # no established or standard timings
        + timing + name + unused + unused
        + bytes([0])
    )
    return block + bytes([-sum(block) & 255])
