# SPDX-License-Identifier: GPL-3.0-or-later
"""The base every node is an overlay of: Debian 12, built once and cached.

Its name carries a digest of the recipe, so a changed recipe makes a new base.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from pathlib import Path

from tests.lab.paths import Paths
from tests.lab.shell import locked, run, write

SUITE = "bookworm"
DEFAULT_MIRROR = "http://deb.debian.org/debian"
PACKAGES = (
    *("systemd", "systemd-sysv", "dbus", "openssh-server", "sudo", "netbase"),
    *("python3", "python3-apt", "python3-cryptography", "ca-certificates", "gpg"),
    *("containerd", "runc", "containernetworking-plugins", "haproxy", "keepalived"),
    *("iptables", "nftables", "conntrack", "ethtool", "socat", "iproute2", "iputils-ping"),
    *("procps", "kmod"),
)
# A bare machine runs none of the services that the roles set up.
DISABLED = (
    *("haproxy.service", "keepalived.service", "e2scrub_reap.service", "e2scrub_all.timer"),
    *("apt-daily.timer", "apt-daily-upgrade.timer", "fstrim.timer", "dpkg-db-backup.timer"),
)
# There is no hardware to manage, and udev would act on the host's devices.
MASKED = ("systemd-udevd.service", "systemd-udev-trigger.service", "console-getty.service")
REMOVED = ("usr/share/doc", "usr/share/man", "usr/share/locale", "usr/share/info", "var/log/apt")
KEPT_EMPTY = ("var/cache/apt/archives", "var/lib/apt/lists")
BOOT_SCRIPT = """\
#!/bin/sh
# systemd-nspawn mounts cgroup v1 controllers read-only; kubelet and runc write to them.
set -e
for controller in /sys/fs/cgroup/*/; do
    if [ -e "$controller/cgroup.procs" ]; then mount -o remount,bind,rw "$controller"; fi
done
# All nodes would show the host's UUID otherwise.
if [ -e /sys/class/dmi/id/product_uuid ]; then
    mount --bind /etc/lab/product_uuid /sys/class/dmi/id/product_uuid
fi
"""
FILES = {
    "usr/local/sbin/lab-boot": (BOOT_SCRIPT, 0o755),
    "etc/systemd/system/lab-boot.service": (
        "[Unit]\nDescription=What this kind of machine needs at boot\n"
        "DefaultDependencies=no\nBefore=sysinit.target\n\n"
        "[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/usr/local/sbin/lab-boot\n\n"
        "[Install]\nWantedBy=sysinit.target\n",
        0o644,
    ),
    # The kernel's log is the host's and all nodes share it.
    "etc/systemd/journald.conf.d/lab.conf": (
        "[Journal]\nStorage=persistent\nReadKMsg=no\nSystemMaxUse=64M\n",
        0o644,
    ),
    # kernel.pid_max belongs to the host.
    "etc/sysctl.d/50-pid-max.conf": ("", 0o644),
    # A node has no route to a distribution mirror.
    "etc/apt/sources.list": ("", 0o644),
}


def recipe_digest() -> str:
    recipe = (SUITE, PACKAGES, DISABLED, MASKED, REMOVED, FILES)
    return hashlib.sha256(json.dumps(recipe).encode()).hexdigest()[:12]


def base_path(paths: Paths) -> Path:
    return paths.cache / f"base-{SUITE}-{recipe_digest()}"


def mirror_from_sources(text: str) -> str | None:
    """First mirror of the base's suite in the host's own apt sources (either format)."""
    for stanza in re.split(r"\n\s*\n", text):
        uris = re.search(r"^URIs:\s*(\S+)", stanza, re.M)
        if uris and re.search(rf"^Suites:.*\b{SUITE}(\s|$)", stanza, re.M):
            return uris.group(1)
    line = re.search(rf"^deb\s+(?:\[[^]]*\]\s+)?(\S+)\s+{SUITE}\s", text, re.M)
    return line.group(1) if line else None


def mirror() -> str:
    """KUBEOPS_LAB_MIRROR, else the host's own mirror, else Debian's."""
    sources = [Path("/etc/apt/sources.list"), *sorted(Path("/etc/apt/sources.list.d").glob("*"))]
    text = "\n\n".join(path.read_text() for path in sources if path.is_file())
    return os.environ.get("KUBEOPS_LAB_MIRROR") or mirror_from_sources(text) or DEFAULT_MIRROR


def ensure_base(paths: Paths) -> Path:
    """Path of the base; built first when this recipe's is not there."""
    base = base_path(paths)
    with locked(paths.cache / "lock"):
        if not base.exists():
            for stale in paths.cache.glob("building-*"):
                shutil.rmtree(stale)
            building = paths.cache / f"building-{base.name}"
            _debootstrap(building)
            _install_packages(building)
            _customise(building)
            building.rename(base)
    return base


# Mounts made on the way go away with the private mount namespace.
_PRIVATE = ("unshare", "--mount", "--propagation", "private")


def _debootstrap(root: Path) -> None:
    run([*_PRIVATE, "debootstrap", "--variant=minbase", SUITE, str(root), mirror()])


def _install_packages(root: Path) -> None:
    """With apt inside the new root: debootstrap does not resolve virtual packages."""
    shutil.copy("/etc/resolv.conf", root / "etc/resolv.conf")
    write(root / "usr/sbin/policy-rc.d", "#!/bin/sh\nexit 101\n", 0o755)
    options = ["-y", "--no-install-recommends", "-o", "Dpkg::Options::=--force-unsafe-io"]
    install = ["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "install", *options]
    in_root = 'root=$1; shift; mount -t proc proc "$root/proc"; exec chroot "$root" "$@"'
    run([*_PRIVATE, "sh", "-ec", in_root, "sh", str(root), *install, *PACKAGES])
    (root / "usr/sbin/policy-rc.d").unlink()


def _customise(root: Path) -> None:
    for name, (content, mode) in FILES.items():
        write(root / name, content, mode)
    in_root = ["systemctl", f"--root={root}", "--quiet"]
    run([*in_root, "disable", *DISABLED])
    run([*in_root, "mask", *MASKED])
    run([*in_root, "enable", "lab-boot.service"])
    run([*in_root, "set-default", "multi-user.target"])
    _without_pam_systemd(root / "etc/pam.d/common-session")
    for key in (root / "etc/ssh").glob("ssh_host_*"):
        key.unlink()
    for name in (*REMOVED, *KEPT_EMPTY):
        shutil.rmtree(root / name, ignore_errors=True)
    for name in KEPT_EMPTY:
        (root / name / "partial").mkdir(parents=True)
    write(root / "etc/machine-id", "")


def _without_pam_systemd(session: Path) -> None:
    """The first login after boot can wait two minutes for it."""
    lines = session.read_text().splitlines(keepends=True)
    write(session, "".join(line for line in lines if "pam_systemd" not in line))
