# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
"""virtiogpu-view, as what a VM's picture is seen in."""

import signal
import time
from collections.abc import Sequence
from pathlib import Path

from .daemon import Daemon
from .errors import LabError
from .picture import Picture
from .process import Process


class Viewer:
    """A running virtiogpu-view, connected to a daemon that has "--display-socket={display}".

    modes     the size of each head
    options   more of its command line ("--vnc", "5900")
    input     it has a keyboard and a tablet for the VM, which gets them with ``qemu_args``
    """

    def __init__(self, program: Path, daemon: Daemon, *, artefacts: Path, modes: Sequence[tuple[int, int]] = ((1280, 800),),
                 options: Sequence[str] = (), input: bool = False) -> None:
        artefacts.mkdir(parents=True, exist_ok=True)
        self._artefacts = artefacts
        self._modes = list(modes)
        words = [word for width, height in modes for word in ("--mode", f"{width}x{height}")]
        sockets = {name: daemon.socket_path.with_name(f"{name}.sock") for name in ("keyboard", "pointer") if input}
        words += [word for name, path in sockets.items() for word in (f"--{name}-socket", str(path))]
        self.qemu_args = [word for name, path in sockets.items() for word in (
            "-chardev", f"socket,id=view-{name},path={path}", "-device", f"vhost-user-input-pci,chardev=view-{name}")]
        self.process = Process([program, "--socket", daemon.display_path, *words, "--png", artefacts, *options],
                               artefacts / "viewer.log")
        end = time.monotonic() + 10
        while not all(path.exists() for path in sockets.values()):
            if self.process.poll() is not None or time.monotonic() > end:
                raise LabError(self.process.describe())
            time.sleep(0.02)

    def picture(self, head: int = 0, timeout: float = 5) -> Picture:
        """What is shown on a head: black when that is nothing."""
        path = self._artefacts / f"head-{head}.png"
        path.unlink(missing_ok=True)
        self.process.signal(signal.SIGUSR1)
        end = time.monotonic() + timeout
        while not path.exists():
            if self.process.poll() is not None:
                raise LabError(self.process.describe())
            if time.monotonic() > end:
                width, height = self._modes[head]
                return Picture(width, height, bytes(width * height * 3))
            time.sleep(0.02)
        picture = Picture.load(path)
        path.unlink()
        return picture

    def close(self) -> None:
        """Ends it."""
        self.process.stop()

    def __enter__(self) -> "Viewer":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
