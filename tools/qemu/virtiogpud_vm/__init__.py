# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
"""Virtual machines for the demo, the tests and the benchmark.

A ``VM`` is QEMU with the guest image of ``tools/lab``; a ``Daemon`` is a vhost-user GPU for it; a
``Picture`` is what can be seen on its screen; ``workloads`` are the things that draw in the guest.
Only the standard library is used. docs/testing.md shows all of it in use.
"""

from .accel import accelerator
from .agent import Agent, Job, Result
from .daemon import Daemon
from .display_peer import DisplayPeer
from .errors import LabError, LabTimeout
from .lab import CHECKOUT, Guest, Qemu, build_folder
from .picture import Picture
from .qmp import Qmp, QmpError
from .viewer import Viewer
from .vm import GPU_DEVICES, VM
from .xvfb import Xvfb

__all__ = [
    "CHECKOUT", "GPU_DEVICES", "VM", "Agent", "Daemon", "DisplayPeer", "Guest", "Job", "LabError",
    "LabTimeout", "Picture", "Qemu", "Qmp", "QmpError", "Result", "Viewer", "Xvfb", "accelerator", "build_folder",
]
