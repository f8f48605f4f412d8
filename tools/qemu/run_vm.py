# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
"""The program behind tools/run-vm: a virtual machine to play with, its serial port on the terminal."""

import argparse
import os
import shlex
import signal
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from virtiogpud_vm import GPU_DEVICES, VM, Daemon, LabError, build_folder


def parse() -> argparse.Namespace:
    build = build_folder()
    screen = os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    parser = argparse.ArgumentParser(
        prog="tools/run-vm", description="Boots a Linux guest whose GPU is the daemon as built here.",
        epilog="The environment's WRAPPER is put before the daemon, for example WRAPPER='strace -f -o trace'.")
    parser.add_argument("--gpu", choices=GPU_DEVICES, default="vhost-user-gpu-pci",
                        help="QEMU's device (default: vhost-user-gpu-pci)")
    parser.add_argument("--gpu-options", default="", metavar="A=B,…", help="more properties of the device")
    parser.add_argument("--daemon", type=Path, default=build / "virtiogpud", metavar="PROGRAM",
                        help=f"the daemon (default: {build.name}/virtiogpud)")
    parser.add_argument("--daemon-options", default="", metavar="WORDS",
                        help="its options; {socket} stands for the path of the socket, where it is not --socket-path")
    parser.add_argument("--display", default="sdl,gl=on" if screen else "none",
                        help="QEMU's display (default: sdl,gl=on, or none where there is no screen)")
    parser.add_argument("--memory", type=int, default=2048, metavar="MIB", help="the guest's (default: 2048)")
    parser.add_argument("--cpus", type=int, default=2)
    parser.add_argument("--kernel-args", default="", metavar="WORDS", help="more of the kernel's command line")
    parser.add_argument("--logs", type=Path, metavar="FOLDER", help="where logs are kept (default: a temporary folder)")
    parser.add_argument("qemu", nargs="*", metavar="-- QEMU OPTIONS", help="more of QEMU's command line")
    return parser.parse_args()


def main() -> int:
    options = parse()
    with ExitStack() as stack:
        logs = options.logs or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="virtiogpud-vm-")))
        daemon = None
        if GPU_DEVICES[options.gpu].vhost_user:
            daemon = stack.enter_context(Daemon(
                options.daemon, shlex.split(options.daemon_options), artefacts=logs,
                wrapper=shlex.split(os.environ.get("WRAPPER", ""))))
        monitor = logs / "qmp.sock"
        print(f"logs: {logs}\n"
              f"QMP: {monitor}\n"
              "This terminal is the guest's serial port, with a shell. Ctrl-A X ends the machine, Ctrl-A C is\n"
              "QEMU's monitor (screendump FILE -f png takes a picture).", flush=True)
        # Ctrl-C is the guest's.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        vm = stack.enter_context(VM(
            options.gpu, artefacts=logs, daemon=daemon, display=options.display, session=True,
            gpu_options=options.gpu_options, kernel_args=f"lab.shell {options.kernel_args}",
            qemu_args=["-qmp", f"unix:{monitor},server=on,wait=off", *options.qemu],
            memory_mib=options.memory, cpus=options.cpus, serial_stdio=True))
        status = vm.process.wait()
        if daemon and not daemon.alive:
            print(daemon.process.describe(), file=sys.stderr)
        return 1 if status else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except LabError as failed:
        sys.exit(f"run-vm: {failed}")
