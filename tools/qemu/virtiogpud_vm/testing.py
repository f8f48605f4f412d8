# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
"""What tests with virtual machines (tests/qemu/test_*.py) are given."""

import shutil
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from .daemon import Daemon
from .display_peer import DisplayPeer
from .errors import LabError
from .lab import Qemu
from .viewer import Viewer
from .vm import VM
from .vulkan import missing_programs


class Skip(Exception):
    """Raised by a test that cannot run here; the text says what is missing."""


class Context:
    """Where a test finds and leaves things. What it starts through this is ended after the test (or,
    for what a file's ``machine`` starts, after the file)."""

    def __init__(self, build: Path, artefacts: Path) -> None:
        self.build = build
        self.artefacts = artefacts
        self._started = ExitStack()
        artefacts.mkdir(parents=True, exist_ok=True)

    @property
    def program(self) -> Path:
        """The daemon, as built."""
        path = self.build / "virtiogpud"
        if not path.exists():
            raise Skip(f"{path} is not built")
        return path

    def need_program(self, name: str) -> Path:
        """A program of the lab or the host."""
        found = shutil.which(name)
        if not found:
            raise Skip(f"{name} is not installed")
        return Path(found)

    def need_file(self, path: str) -> Path:
        """A file or device of the host, for example /dev/udmabuf."""
        if not Path(path).exists():
            raise Skip(f"{path} is not there")
        return Path(path)

    def need_stable_qemu(self) -> Qemu:
        """Debian stable's QEMU."""
        try:
            return Qemu.find_stable()
        except LabError as error:
            raise Skip(str(error)) from error

    def daemon(self, *options: str, **arguments: Any) -> Daemon:
        """Starts the daemon with some options: see Daemon."""
        return self._started.enter_context(
            Daemon(self.program, options, artefacts=self.artefacts, **arguments))

    def viewer(self, daemon: Daemon, **arguments: Any) -> DisplayPeer:
        """Connects a display to a daemon that has "--display-socket={display}": see DisplayPeer."""
        return self._started.enter_context(DisplayPeer(daemon.display_path, **arguments))

    def view(self, daemon: Daemon, **arguments: Any) -> Viewer:
        """Starts virtiogpu-view for such a daemon: see Viewer."""
        program = self.build / "viewer/virtiogpu-view"
        if not program.exists():
            raise Skip(f"{program} is not built")
        return self._started.enter_context(Viewer(program, daemon, artefacts=self.artefacts, **arguments))

    def need_vulkan_programs(self) -> None:
        """The programs of tests/guest."""
        missing = missing_programs(self.build)
        if missing:
            raise Skip(f"not built: {', '.join(missing)}")

    def vm(self, gpu: str, **arguments: Any) -> VM:
        """Starts a virtual machine: see VM. Does not wait for the guest."""
        return self._started.enter_context(VM(gpu, artefacts=self.artefacts, **arguments))

    def close(self) -> None:
        """Ends what was started, the last first."""
        self._started.close()
