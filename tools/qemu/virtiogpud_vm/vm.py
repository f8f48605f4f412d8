# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
"""QEMU with the guest image and one GPU."""

import os
import re
import socket
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from .accel import accelerator
from .agent import Agent, Job, Result
from .daemon import Daemon
from .display_peer import DisplayPeer
from .errors import LabError, LabTimeout
from .lab import Guest, Qemu
from .picture import Picture
from .process import Process, tail
from .qmp import Qmp
from .viewer import Viewer
from .xvfb import Xvfb

_AGENT_PORT = "org.virtiogpud.agent"


@dataclass(frozen=True)
class GpuDevice:
    """A GPU that QEMU can have."""

    vhost_user: bool
    description: str
    options: str = ""


GPU_DEVICES: Mapping[str, GpuDevice] = {
    "vhost-user-gpu-pci": GpuDevice(True, "a daemon; display and 3D through QEMU"),
    "vhost-user-vga": GpuDevice(True, "the same with a VGA, for firmware"),
    "vhost-user-test-device-pci": GpuDevice(True, "a daemon; QEMU forwards everything and shows nothing",
                                            "virtio-id=16,num_vqs=2,config_size=20,vq_size=256"),
    "virtio-gpu-pci": GpuDevice(False, "QEMU's own, 2D"),
    "virtio-gpu-gl-pci": GpuDevice(False, "QEMU's own, 3D; wants a display with gl=on"),
}


class VM:
    """A virtual machine. It runs from the constructor's return on; ``wait_ready`` waits for the guest.

    gpu           a row of GPU_DEVICES
    daemon        for the vhost-user devices: what to connect to; it is not stopped with the VM
    viewer        what the daemon shows the picture on, where QEMU does not; not stopped either
    display       what follows QEMU's -display. One with gl=on gets an Xvfb, unless ``session`` is set:
                  then the window opens on the screen of the user's session
    pointer       with an Xvfb: show the pointer on pictures, in the shape that the guest gives it
    gpu_options   more properties of the GPU, as on QEMU's command line ("xres=1024,yres=768")
    kernel_args   more of the guest's kernel command line (lab.gpu=manual: do not load virtio_gpu)
    qemu_args     more of QEMU's command line, in front of the GPU's
    qemu          another QEMU than the lab's
    artefacts     folder for logs and pictures; made when missing
    """

    def __init__(self, gpu: str = "vhost-user-gpu-pci", *, artefacts: Path, daemon: Daemon | None = None,
                 viewer: DisplayPeer | Viewer | None = None, display: str = "none", session: bool = False, pointer: bool = False, gpu_options: str = "",
                 kernel_args: str = "", qemu_args: Sequence[str] = (), memory_mib: int = 2048, cpus: int = 2,
                 accel: str | None = None, guest: Guest | None = None, qemu: Qemu | None = None, serial_stdio: bool = False) -> None:
        self.device = GPU_DEVICES[gpu]
        if self.device.vhost_user and daemon is None:
            raise LabError(f"{gpu} needs a daemon")
        self.gpu = gpu
        self.daemon = daemon
        self.viewer = viewer
        self.artefacts = artefacts
        self.guest = guest or Guest.find()
        self.accel = accel or accelerator(self.guest)
        self.xvfb: Xvfb | None = None
        self._display = display
        self._serial_stdio = serial_stdio
        artefacts.mkdir(parents=True, exist_ok=True)
        self.serial_log = artefacts / "serial.log"
        self.started = time.monotonic()
        try:
            qemu = qemu or Qemu()
            environment = dict(qemu.environment)
            if "gl=on" in display and not session:
                self.xvfb = Xvfb(artefacts, pointer=pointer)
                environment |= {"DISPLAY": self.xvfb.display, "SDL_VIDEODRIVER": "x11", "GDK_BACKEND": "x11",
                                "WAYLAND_DISPLAY": "", "LIBGL_ALWAYS_SOFTWARE": "1"}
            qmp_here, qmp_there = socket.socketpair()
            agent_here, agent_there = socket.socketpair()
            with qmp_there, agent_there:
                command = [*qemu.command, *self._machine(memory_mib, cpus, kernel_args), *qemu_args, *self._gpu(gpu_options),
                           *self._ports(qmp_there.fileno(), agent_there.fileno())]
                self.process = Process(command, artefacts / "qemu.log", environment=environment,
                                       pass_fds=[qmp_there.fileno(), agent_there.fileno()],
                                       inherit_stdio=serial_stdio)
        except BaseException:
            if self.xvfb:
                self.xvfb.stop()
            raise
        self.agent = Agent(agent_here)
        self.qmp = Qmp(qmp_here)
        try:
            self.qmp.negotiate()
        except LabError as error:
            report = self.describe()
            self.stop()
            raise LabError(f"QEMU did not start: {error}\n{report}") from error

    # --- QEMU's command line -----------------------------------------------------------------

    def _machine(self, memory_mib: int, cpus: int, kernel_args: str) -> list[str]:
        serial = "mon:stdio" if self._serial_stdio else f"file:{self.serial_log}"
        return [
            "-machine", f"q35,memory-backend=mem,accel={self.accel}",
            "-cpu", "host" if self.accel == "kvm" else "max", "-smp", str(cpus), "-m", f"{memory_mib}M",
            "-object", f"memory-backend-memfd,id=mem,size={memory_mib}M,share=on",
            "-nodefaults", "-vga", "none", "-display", self._display,
            "-kernel", str(self.guest.kernel), "-initrd", str(self.guest.initramfs),
            "-append", f"console=tty0 console=ttyS0 {kernel_args}".strip(),
            "-drive", f"file={self.guest.disk},if=virtio,format=raw,snapshot=on",
            "-device", "virtio-keyboard-pci", "-device", "virtio-tablet-pci", "-device", "virtio-rng-pci",
            "-serial", serial,
        ]

    def _gpu(self, gpu_options: str) -> list[str]:
        arguments = []
        device = ",".join(part for part in (self.gpu, "id=gpu", self.device.options, gpu_options) if part)
        if self.device.vhost_user:
            assert self.daemon is not None
            arguments += ["-chardev", f"socket,id=gpu-socket,path={self.daemon.socket_path}"]
            device += ",chardev=gpu-socket"
        return [*arguments, "-device", device]

    @staticmethod
    def _ports(qmp: int, agent: int) -> list[str]:
        return [
            "-chardev", f"socket,id=qmp,fd={qmp}", "-qmp", "chardev:qmp",
            "-device", "virtio-serial-pci", "-chardev", f"socket,id=agent,fd={agent}",
            "-device", f"virtserialport,chardev=agent,name={_AGENT_PORT}",
        ]

    # --- the guest ---------------------------------------------------------------------------

    def wait_ready(self, timeout: float = 120, *, gpu: bool = True) -> float:
        """Waits for the guest's agent and (with ``gpu``) for the GPU's driver. Gives the seconds
        from the start of QEMU to the agent."""
        try:
            if not self.agent.wait_ready(timeout):
                raise LabTimeout(f"the guest did not start in {timeout:.0f} s")
            seconds = time.monotonic() - self.started
            if gpu and not self.run("for i in $(seq 300); do [ -e /dev/dri/card0 ] && exit; sleep 0.1; done; exit 1",
                                    timeout).ok:
                raise LabError("the guest has no GPU (/dev/dri/card0)")
        except LabError as error:
            raise type(error)(f"{error}\n{self.describe()}") from error
        return seconds

    def run(self, command: str, timeout: float = 60, *, check: bool = False) -> Result:
        """Runs a shell command in the guest: see Agent.run."""
        try:
            return self.agent.run(command, timeout, check=check)
        except LabTimeout as error:
            raise LabTimeout(f"{error}\n{self.describe()}") from error

    def spawn(self, command: str) -> Job:
        """Starts a shell command in the guest: see Job."""
        return self.agent.spawn(command)

    def reset(self) -> None:
        """Pushes the reset button. Follow with ``wait_ready``.."""
        self.agent.forget_ready()
        self.started = time.monotonic()
        self.qmp.execute("system_reset")

    def pause(self) -> None:
        self.qmp.execute("stop")

    def resume(self) -> None:
        self.qmp.execute("cont")

    # --- what can be seen --------------------------------------------------------------------

    def screendump(self, name: str, head: int = 0) -> Picture:
        """QEMU's own idea of what is on an output of the GPU, kept as NAME.png. It knows pixels only, not
        what a display with gl=on shows from a texture or a dma-buf: see ``picture``."""
        path = self.artefacts / f"{name}.png"
        path.unlink(missing_ok=True)
        self.qmp.execute("screendump", filename=str(path.resolve()), format="png", device="gpu", head=head)
        return Picture.load(path)

    def picture(self, name: str, head: int = 0) -> Picture:
        """What a person would see on an output, kept as NAME.png: with a viewer its picture, else QEMU's window
        where there is an Xvfb, else the screendump."""
        if self.viewer:
            picture = self.viewer.picture(head)
        elif self.xvfb:
            picture = self.xvfb.picture()
        else:
            return self.screendump(name, head)
        picture.save(self.artefacts / f"{name}.png")
        return picture

    # --- the end -----------------------------------------------------------------------------

    def describe(self) -> str:
        """For error messages: the ends of all logs."""
        parts = [self.process.describe()]
        if not self._serial_stdio:
            parts.append(f"the guest's serial port, the end of {self.serial_log}:\n{tail(self.serial_log)}")
        if self.daemon:
            parts.append("the daemon: " + self.daemon.process.describe())
        parts.append(self._describe_cpus())
        return "\n".join(parts)

    def _describe_cpus(self) -> str:
        """What the machine does: a guest that hangs is where it was when asked again."""
        try:
            text = "the machine is " + self.qmp.execute("query-status", 5)["status"]
            for _ in range(3):
                registers = self.qmp.execute("human-monitor-command", 5, command_line="info registers -a")
                text += "\n" + " ".join(re.findall(r"(?:RIP|EIP)=\w+|HLT=1", registers))
                time.sleep(0.3)
            return text
        except (LabError, OSError, KeyError) as error:
            return f"QEMU does not say what the machine does: {error}"

    def stop(self, timeout: float = 10) -> int:
        """Ends QEMU; gives its exit status (negative: the signal)."""
        if self.process.poll() is None:
            try:
                self.qmp.execute("quit", timeout=timeout)
            except LabError:
                pass
        status = self.process.wait(timeout)
        if status is None:
            status = self.process.stop(timeout)
        self.agent.close()
        self.qmp.close()
        if self.xvfb:
            self.xvfb.stop()
        return status

    def __enter__(self) -> "VM":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
