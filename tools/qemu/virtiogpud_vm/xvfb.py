# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
"""A screen for windows where there is none: Xvfb, which can also be looked at."""

import os
import select
import tempfile
import time
from pathlib import Path

from .errors import LabError, LabTimeout
from .picture import Picture
from .process import Process


class Xvfb:
    """A running X server; ``display`` is its name for DISPLAY."""

    def __init__(self, artefacts: Path, width: int = 1280, height: int = 800, timeout: float = 20) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="virtiogpud-xvfb-")
        read_end, write_end = os.pipe()
        try:
            self.process = Process(
                ["Xvfb", "-displayfd", str(write_end), "-screen", "0", f"{width}x{height}x24", "-nolisten", "tcp",
                 "-noreset", "-fbdir", self._folder.name],
                artefacts / "xvfb.log", pass_fds=[write_end])
            os.close(write_end)
            self.display = ":" + self._read_number(read_end, timeout)
        finally:
            os.close(read_end)

    def _read_number(self, fd: int, timeout: float) -> str:
        end = time.monotonic() + timeout
        text = b""
        while not text.endswith(b"\n"):
            readable, _, _ = select.select([fd], [], [], max(end - time.monotonic(), 0))
            if not readable:
                raise LabTimeout(f"Xvfb did not start in {timeout:.0f} s. {self.process.describe()}")
            data = os.read(fd, 64)
            if not data:
                raise LabError(f"Xvfb did not start. {self.process.describe()}")
            text += data
        return text.decode().strip()

    def picture(self) -> Picture:
        """What is on the screen."""
        return Picture.from_xwd(Path(self._folder.name, "Xvfb_screen0").read_bytes())

    def stop(self) -> None:
        self.process.stop()
        self._folder.cleanup()
