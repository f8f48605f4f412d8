# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
"""A Linux guest on the daemon: console, OpenGL, a desktop, and a renderer that dies."""

import os
import random
import signal
import time
from pathlib import Path

from virtiogpud_vm import VM, Daemon, Picture
from virtiogpud_vm.testing import Context
from virtiogpud_vm.workloads import gpu_features, kmscube, shows_desktop, wait_picture, weston

KILLS = 24
GL_LIBRARIES = ("libvirglrenderer", "libEGL", "libGLX", "libGL.", "libgallium", "libGLdispatch")


def machine(context: Context) -> VM:
    return context.vm("vhost-user-gpu-pci", daemon=context.daemon())


def renderer_pid(daemon: Daemon) -> int:
    pids = [pid for name, pids in daemon.processes().items() if name.startswith("render-virgl") for pid in pids]
    assert len(pids) == 1, daemon.processes()
    return pids[0]


def gl_libraries(pid: int) -> set[str]:
    maps = Path(f"/proc/{pid}/maps").read_text()
    return {library for library in GL_LIBRARIES if library in maps}


def cube_is_seen(picture: Picture) -> bool:
    return len(picture.colours()) > 1000 and 0.5 < picture.share((128, 128, 128), 2) < 0.95


def test_console_shows_text(vm: VM) -> None:
    wait_picture(vm, "console", lambda seen: seen.has_text() and 0.001 < seen.share_not_black() < 0.3)


def test_driver_finds_virgl_and_edid(vm: VM) -> None:
    assert {"virgl", "edid"} <= gpu_features(vm)
    edid = vm.run("cat /sys/class/drm/card0-Virtual-1/edid | wc -c", check=True).output
    assert int(edid) >= 128, edid


def test_cube_is_rendered_by_the_host(vm: VM) -> None:
    measure = kmscube(vm, 5, picture="kmscube")
    assert "virgl" in measure.renderer, measure.output
    assert cube_is_seen(measure.pictures[0]), measure.pictures[0].describe()


def test_gl_is_only_in_the_renderer_process(vm: VM) -> None:
    assert vm.daemon
    found = vm.daemon.processes()
    device = found["virtiogpud-dev"]
    assert len(device) == 1, found
    assert gl_libraries(device[0]) == set()
    assert gl_libraries(vm.daemon.process.pid) == set()
    assert {"libvirglrenderer", "libgallium"} <= gl_libraries(renderer_pid(vm.daemon))


def test_console_comes_back_after_the_cube(vm: VM) -> None:
    vm.run("printf 'still here\\n' >/dev/tty1", check=True)
    wait_picture(vm, "console-again", Picture.has_text)


def test_desktop_is_seen(vm: VM) -> None:
    with weston(vm) as log:
        wait_picture(vm, "weston", shows_desktop, 120)
        assert "virgl" in vm.run(f"cat {log}").output


def test_renderer_may_die_under_a_cube(vm: VM) -> None:
    assert vm.daemon
    job = vm.spawn("sleep infinity | exec stdbuf -oL kmscube")
    job.wait_output("Rendered", 120)
    first = renderer_pid(vm.daemon)
    os.kill(first, signal.SIGKILL)
    time.sleep(2)
    assert vm.daemon.alive
    assert vm.process.poll() is None
    job.kill()
    job.wait(60)
    told = [line for line in vm.daemon.log().splitlines() if "renderer virgl died" in line]
    assert len(told) == 1, vm.daemon.log()

    vm.run("printf '\\033[2J\\033[Hone\\ntwo\\nthree\\nfour\\n' >/dev/tty1", check=True)
    wait_picture(vm, "console-without-renderer", Picture.has_text)
    measure = kmscube(vm, 4, picture="kmscube-again")
    assert "virgl" in measure.renderer, measure.output
    assert cube_is_seen(measure.pictures[0]), measure.pictures[0].describe()
    assert renderer_pid(vm.daemon) != first


def test_vm_notices_nothing_of_many_kills(context: Context) -> None:
    """A cube that is started again and again, while its renderer is killed at random moments: QEMU and the console go on."""
    daemon = context.daemon("--renderer-restarts=64/1")
    with context.vm("vhost-user-gpu-pci", daemon=daemon) as vm:
        vm.wait_ready()
        device = daemon.processes()["virtiogpud-dev"]
        job = vm.spawn("while :; do sleep 4 | timeout 3 kmscube; done")
        kills = 0
        deadline = time.monotonic() + 300
        while kills < KILLS and time.monotonic() < deadline:
            time.sleep(random.uniform(0, 2))
            for pid in daemon.processes().get("render-virgl", []):
                os.kill(pid, signal.SIGKILL)
                kills += 1
            assert daemon.alive and vm.process.poll() is None
        assert kills == KILLS, kills
        job.kill()
        vm.run("sleep 5", check=True)
        assert vm.qmp.execute("query-status")["status"] == "running"
        assert daemon.processes()["virtiogpud-dev"] == device
        vm.run("printf '\\033[2J\\033[Hone\\ntwo\\nthree\\nfour\\n' >/dev/tty1", check=True)
        wait_picture(vm, "console-after-kills", Picture.has_text)
        measure = kmscube(vm, 4, picture="kmscube-after-kills")
        assert "virgl" in measure.renderer, measure.output
        assert cube_is_seen(measure.pictures[0]), measure.pictures[0].describe()
