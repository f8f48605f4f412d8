# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
"""Where things are: the checkout, the lab's cache, the guest image."""

import os
import subprocess
from dataclasses import dataclass
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
        done = subprocess.run([CHECKOUT / "tools/lab", "guest-image"], stdout=subprocess.PIPE, text=True,
                              check=False)
        if done.returncode != 0:
            raise LabError("there is no guest image (tools/lab guest-image makes it)")
        paths = dict(line.split("=", 1) for line in done.stdout.splitlines())
        return Guest(Path(paths["disk"]), Path(paths["kernel"]), Path(paths["initramfs"]))
