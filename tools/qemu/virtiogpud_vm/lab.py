# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
"""Where things are: the checkout, the lab's cache, the guest image."""

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from .errors import LabError

CHECKOUT = Path(__file__).resolve().parents[3]


def cache_folder() -> Path:
    """The folder that tools/lab keeps its things in. It exists afterwards."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    folder = Path(os.environ.get("VIRTIOGPUD_CACHE") or Path(base) / "virtiogpud")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def build_folder() -> Path:
    """Where tools/check builds the project."""
    name = "build-native" if os.environ.get("NATIVE") == "1" else "build-lab"
    return CHECKOUT / os.environ.get("VIRTIOGPUD_BUILD", name)


@dataclass(frozen=True)
class Guest:
    """The files that a virtual machine is started from."""

    disk: Path
    kernel: Path
    initramfs: Path

    @staticmethod
    def find() -> "Guest":
        """The guest image of tools/lab, which makes it when it is missing and may do so."""
        paths = _ask_lab("guest-image")
        if paths is None:
            raise LabError("there is no guest image (tools/lab guest-image makes it)")
        found = dict(line.split("=", 1) for line in paths)
        return Guest(Path(found["disk"]), Path(found["kernel"]), Path(found["initramfs"]))


@dataclass(frozen=True)
class Qemu:
    """A QEMU for x86: the words that start it, and what its environment needs."""

    command: tuple[str, ...] = ("qemu-system-x86_64",)
    environment: Mapping[str, str] = field(default_factory=dict)

    @staticmethod
    def find_stable() -> "Qemu":
        """Debian stable's QEMU, which tools/lab has unpacked or does so now, if it may."""
        lines = _ask_lab("stable-qemu")
        if lines is None:
            raise LabError("Debian stable's QEMU is not there (tools/lab stable-qemu unpacks it)")
        usr = Path(lines[0], "usr")
        libraries = usr / "lib/x86_64-linux-gnu"
        data = (usr / "share/qemu", usr / "share/seabios", usr / "lib/ipxe/qemu")
        # With its own libraries, as those of the lab may be too new for it.
        return Qemu((str(usr / "lib64/ld-linux-x86-64.so.2"), "--library-path", str(libraries),
                     str(usr / "bin/qemu-system-x86_64"), *(word for path in data for word in ("-L", str(path)))),
                    {"QEMU_MODULE_DIR": str(libraries / "qemu")})


def _ask_lab(command: str) -> list[str] | None:
    """The lines that a command of tools/lab prints; None when it failed, which it says itself."""
    done = subprocess.run([CHECKOUT / "tools/lab", command], stdout=subprocess.PIPE, text=True, check=False)
    return done.stdout.splitlines() if done.returncode == 0 else None
