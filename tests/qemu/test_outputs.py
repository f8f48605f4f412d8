# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
"""A viewer's outputs: more than one, and with sizes that change while Linux runs."""

from virtiogpud_vm import VM, Picture
from virtiogpud_vm.testing import Context
from virtiogpud_vm.workloads import kmscube, wait_picture


def wait_mode(vm: VM, connector: str, mode: str) -> None:
    """Until this is what the guest would choose for an output. Linux asks the device when that says so, and
    lists what it knows when somebody asks Linux."""
    folder = f"/sys/class/drm/card0-{connector}"
    vm.run(f"for i in $(seq 30); do echo detect >{folder}/status; read -r mode <{folder}/modes;"
           f" [ \"$mode\" = {mode} ] && exit; sleep 0.2; done; cat {folder}/modes; exit 1", 60, check=True)


def test_two(context: Context) -> None:
    daemon = context.daemon("--display-socket={display}", "--scanouts=2")
    viewer = context.viewer(daemon, modes=((1024, 768), (800, 600)))
    vm = context.vm("vhost-user-test-device-pci", daemon=daemon, viewer=viewer)
    vm.wait_ready()
    assert vm.run("cat /sys/class/drm/card0-*/status", check=True).output == "connected\n" * 2
    wait_mode(vm, "Virtual-1", "1024x768")
    wait_mode(vm, "Virtual-2", "800x600")
    wait_picture(vm, "first", lambda seen: (seen.width, seen.height) == (1024, 768) and seen.has_text())
    wait_picture(vm, "second", lambda seen: (seen.width, seen.height) == (800, 600) and seen.has_text(), head=1)


def test_mode_changes(context: Context) -> None:
    """The viewer comes back with another size: the guest hears of it, and draws in it."""
    daemon = context.daemon("--display-socket={display}")
    viewer = context.viewer(daemon, modes=((1024, 768),))
    vm = context.vm("vhost-user-test-device-pci", daemon=daemon, viewer=viewer)
    vm.wait_ready()
    wait_mode(vm, "Virtual-1", "1024x768")
    wait_picture(vm, "before", Picture.has_text)
    for width, height in ((1440, 900), (800, 600)):
        viewer.close()
        viewer = vm.viewer = context.viewer(daemon, modes=((width, height),))
        wait_mode(vm, "Virtual-1", f"{width}x{height}")
        seen = kmscube(vm, 3, picture=f"cube-{width}x{height}").pictures[0]
        assert (seen.width, seen.height) == (width, height) and len(seen.colours()) > 1000, seen.describe()
