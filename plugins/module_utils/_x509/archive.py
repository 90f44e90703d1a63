# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a saved PKI may be put back on a control plane (pure)."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from .._core.errors import KubeopsError
from .._kubeadm import paths
from . import estate, issue, load
from .model import Certificate, Unreadable
from .renewal import Found, embedded

# Every control plane has the same, so one that was replaced since must not come back on one of them.
SERVICE_ACCOUNTS = (f"{paths.PKI}/sa.key", f"{paths.PKI}/sa.pub")


def restorable(saved: Mapping[str, bytes], found: Sequence[Found], names: Sequence[str] = ()) -> dict[str, bytes]:
    """Return what of an archive is kubeadm's: its certificates, kubeconfigs, their keys, their CAs, service accounts'.

    A kubelet.conf belongs to the kubelet, and may embed a certificate that ended long ago.
    names: only these with their keys, where there are any.
    """
    named = [each for each in found if each.entry.name in names or not names]
    known = {path for each in named for path in (each.entry.path, each.entry.key_path)}
    if not names:
        known |= {path for each in found for path in (each.ca_path, each.ca_key_path)} | {*SERVICE_ACCOUNTS}
    return {path: content for path, content in saved.items() if path in known}


def absent(saved: Mapping[str, bytes], found: Sequence[Found], names: Sequence[str]) -> list[str]:
    """Say which of these names an archive holds nothing of."""
    paths = [each.entry.path for each in found if each.entry.name in names]
    return [f"{path} is not in the archive" for path in paths if path not in saved]


def unfit(
    saved: Mapping[str, bytes],
    changing: Collection[str],
    found: Sequence[Found],
    present: Mapping[str, bytes],
    node_name: str,
    now: datetime,
) -> list[str]:
    """Return everything that forbids to put these files back, empty where nothing does.

    saved: contents by path. changing: paths of those that the node has not as they are; the others are not judged.
    found: what the node has now; a CA that is missing or unreadable there forbids nothing.
    present: the service accounts' keys of the node, by path. node_name: empty where the node does not know it.
    """
    authorities = {each.ca_path: each.ca_cert for each in found if each.ca_path in saved}
    other = [
        f"{path}: the node's CA is another one by now"
        for path, present in authorities.items()
        if _known(present) and _known(present) != _known(saved[path])
    ]
    replaced = [
        f"{path}: the cluster's key for service accounts is another one by now"
        for path, content in present.items()
        if saved.get(path, content) != content
    ]
    return [*other, *replaced, *_keyed(saved, changing, found)] + [
        f"{each.entry.path}: {why}"
        for each in found
        if each.entry.path in saved and {each.entry.path, each.entry.key_path}.intersection(changing)
        for why in _problems(each, saved, node_name, now)
    ]


def _keyed(saved: Mapping[str, bytes], changing: Collection[str], found: Sequence[Found]) -> list[str]:
    """CAs' keys that are none."""
    pairs = {each.ca_key_path: each.ca_path for each in found if each.ca_key_path in saved and each.ca_path in saved}
    return [
        f"{key}: {why}"
        for key, path in pairs.items()
        if {key, path}.intersection(changing)
        for why in _not_a_pair(saved[key], saved[path])
    ]


def _not_a_pair(key: bytes, certificate: bytes) -> list[str]:
    try:
        return [] if issue.same_key(key, certificate) else ["it does not belong to the CA's certificate"]
    except KubeopsError as error:
        return [error.what]


def _problems(found: Found, saved: Mapping[str, bytes], node_name: str, now: datetime) -> list[str]:
    entry = found.entry
    pem, key = saved[entry.path], saved.get(entry.key_path)
    if entry.form == estate.KUBECONFIG:
        pem, defect = embedded(pem)
        key = pem
        if not pem:
            return [defect] if defect else []  # its user logs in by other means
    if key is None:
        return [f"{entry.key_path} is not in the archive"]
    try:
        certificates, mine = load.certificates(pem), issue.same_key(key, pem)
        signers = load.certificates(saved.get(found.ca_path) or found.ca_cert or b"")
    except KubeopsError as error:
        return [error.what]
    certificate = certificates[0]
    return [
        *([] if mine else ["its key belongs to another certificate"]),
        *([] if load.anchors(certificates, signers) else ["its CA did not sign it"]),
        *([] if certificate.not_after > now else [f"it ended at {certificate.not_after:%Y-%m-%d %H:%M} UTC"]),
        *_foreign(entry, certificate, node_name),
    ]


def _foreign(entry: estate.Entry, certificate: Certificate, node_name: str) -> list[str]:
    """What serves has the node's name in it."""
    if entry.use not in (estate.SERVER, estate.PEER) or not node_name or node_name in certificate.names:
        return []
    return [f"it is another node's: {', '.join(certificate.names) or 'no names'}, and this is {node_name}"]


def _known(pem: bytes | None) -> frozenset[str]:
    try:
        return frozenset(one.fingerprint for one in load.certificates(pem or b""))
    except Unreadable:
        return frozenset()
