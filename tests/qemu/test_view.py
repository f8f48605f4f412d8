# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
"""virtiogpu-view is the display of QEMU's generic device, which has none: VNC clients see what Linux draws."""

import signal
import subprocess
import time
from pathlib import Path

from virtiogpud_vm import VM, LabError, Picture
from virtiogpud_vm.process import Process
from virtiogpud_vm.testing import Context
from virtiogpud_vm.workloads import show_pattern, shows_pattern

PORT = 5951


def capture(folder: Path) -> Picture:
    path = folder / "vnc.png"
    path.unlink(missing_ok=True)
    done = subprocess.run(["vncdo", "-s", f"127.0.0.1::{PORT}", "capture", str(path)], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60, check=False)
    if done.returncode != 0:
        raise LabError(done.stdout)
    return Picture.load(path)


def test_vnc(context: Context) -> None:
    context.need_program("vncdo")
    daemon = context.daemon("--display-socket={display}")
    folder = context.artefacts
    viewer = Process([context.build / "viewer/virtiogpu-view", "--socket", daemon.display_path, "--mode", "1024x768",
                      "--vnc", str(PORT), "--png", folder], folder / "viewer.log")
    try:
        vm: VM = context.vm("vhost-user-test-device-pci", daemon=daemon)
        vm.wait_ready()
        end = time.monotonic() + 60
        while not (seen := capture(folder)).has_text():
            assert time.monotonic() < end, seen.describe()
        seen.save(folder / "console.png")
        assert (seen.width, seen.height) == (1024, 768), seen.describe()
        with show_pattern(vm, ("Virtual-1", 800, 600)):
            while not shows_pattern(800, 600)(seen):
                assert time.monotonic() < end, seen.describe()
                seen = capture(folder)
            seen.save(folder / "pattern.png")
            viewer.signal(signal.SIGUSR1)
            snapshot = folder / "head-0.png"
            while not snapshot.exists():
                assert time.monotonic() < end
                time.sleep(0.05)
            assert Picture.load(snapshot).difference(seen) < 0.05
    finally:
        viewer.stop()
