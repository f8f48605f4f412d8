# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
"""Is KVM of use? /dev/kvm may be there and still not get a kernel to run, so one is started."""

import json
import os
import platform
import shutil
import tempfile
import threading
import time
from pathlib import Path

from .lab import Guest, cache_folder
from .process import Process

_PROBE_SECONDS = 15
_probing = threading.Lock()


def accelerator(guest: Guest) -> str:
    """``kvm`` or ``tcg``. The answer is kept in the cache until the machine starts anew.

    The environment's VIRTIOGPUD_ACCEL, where set, is the answer.
    """
    forced = os.environ.get("VIRTIOGPUD_ACCEL")
    if forced:
        return forced
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        return "tcg"
    key = {"boot": _boot_id(), "machine": platform.node(), "kernel": str(guest.kernel),
           "qemu": shutil.which("qemu-system-x86_64")}
    answers = cache_folder() / f"kvm-{os.getuid()}.json"
    with _probing:
        try:
            kept = json.loads(answers.read_text())
        except (OSError, ValueError):
            kept = {}
        if kept.get("key") != key:
            kept = {"key": key, "accelerator": "kvm" if _kernel_runs(guest) else "tcg"}
            partial = answers.with_suffix(f".{os.getpid()}")
            partial.write_text(json.dumps(kept))
            partial.rename(answers)
    return kept["accelerator"]


def _boot_id() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def _kernel_runs(guest: Guest) -> bool:
    with tempfile.TemporaryDirectory(prefix="virtiogpud-kvm-") as folder:
        serial = Path(folder, "serial.log")
        qemu = Process(
            ["qemu-system-x86_64", "-machine", "q35,accel=kvm", "-cpu", "host", "-m", "512M", "-nodefaults",
             "-display", "none", "-no-reboot", "-kernel", guest.kernel, "-initrd", guest.initramfs,
             "-append", "console=ttyS0 lab.probe", "-serial", f"file:{serial}"],
            Path(folder, "qemu.log"))
        try:
            end = time.monotonic() + _PROBE_SECONDS
            while time.monotonic() < end:
                if serial.exists() and b"lab: probe ok" in serial.read_bytes():
                    return True
                if qemu.wait(0.1) is not None:
                    return serial.exists() and b"lab: probe ok" in serial.read_bytes()
            return False
        finally:
            qemu.stop(timeout=1)
