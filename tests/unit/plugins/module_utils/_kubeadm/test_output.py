# SPDX-License-Identifier: GPL-3.0-or-later
"""What kubeadm printed, read back; recorded from the real tool."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.kubeops.cluster.plugins.module_utils._kubeadm import output
from ansible_collections.kubeops.cluster.plugins.module_utils._kubeadm.output import Phase

FIXTURES = Path(__file__).parents[3] / "fixtures" / "kubeadm" / "1.36.3"


def recorded(name: str) -> str:
    return (FIXTURES / name).read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("lines", "end", "expected"),
    [
        pytest.param([], 1.0, [], id="nothing said"),
        pytest.param(
            [(0.5, "[certs] a"), (1.0, "[certs] b"), (2.0, "[etcd] c")],
            5.0,
            [Phase("certs", 1.5), Phase("etcd", 3.0)],
            id="two",
        ),
        pytest.param(
            [(0.0, "[kubelet-start] a"), (1.0, "[etcd] b"), (3.0, "[kubelet-start] c")],
            4.0,
            [Phase("kubelet-start", 2.0), Phase("etcd", 2.0)],
            id="a phase speaks again",
        ),
        pytest.param([(0.0, "Your Kubernetes control-plane"), (1.0, "  [x] no")], 2.0, [], id="prose"),
    ],
)
def test_phases(lines: list[tuple[float, str]], end: float, expected: list[Phase]) -> None:
    assert output.phases(lines, end) == expected


def test_phases_of_an_upgrade() -> None:
    lines = list(enumerate(recorded("upgrade_node_dry_run.txt").splitlines()))
    assert output.phases(lines, len(lines)) == [
        Phase("upgrade", 2.0),
        Phase("upgrade/preflight", 2.0),
        Phase("preflight", 1.0),
        Phase("upgrade/control-plane", 1.0),
        Phase("upgrade/kubeconfig", 1.0),
        Phase("patches", 1.0),
        Phase("kubelet-start", 1.0),
        Phase("upgrade/kubelet-config", 1.0),
        Phase("upgrade/successful", 1.0),
    ]


def test_preflight_errors_are_kept_without_noise() -> None:
    message = output.error(recorded("init_preflight_stderr.txt"))
    assert message.startswith("[preflight] Some fatal errors occurred:")
    assert "[ERROR Port-6443]: Port 6443 is in use" in message
    assert "stack trace" not in message
    assert "RuntimeConfig" not in message
    assert output.failed_phase(message) == "preflight"
    assert "listens on a port" in output.likely_cause(message)[0]


def test_refused_configuration_names_the_field() -> None:
    assert 'unknown field "foo"' in output.error(recorded("validate_unknown_field_stderr.txt"))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Using token: abcdef.0123456789abcdef", "Using token: <token>"),
        ("key " + "a1" * 32, "key <certificate key>"),
        ("nothing here 1.2.3.4", "nothing here 1.2.3.4"),
    ],
)
def test_redact(text: str, shown: str) -> None:
    assert output.redact(text) == shown


def test_unknown_errors_have_no_invented_cause() -> None:
    assert output.likely_cause("error: the moon is full") == ("", "")


def test_config_maps_of_a_dry_run() -> None:
    found = output.dry_run_config_maps(recorded("init_dry_run_upload.txt"))
    assert set(found) == {"kubeadm-config", "kubelet-config"}
    assert found["kubeadm-config"]["ClusterConfiguration"].startswith(
        "apiServer: {}\napiVersion: kubeadm.k8s.io/v1beta4\n"
    )
    assert found["kubeadm-config"]["ClusterConfiguration"].endswith("scheduler: {}\n")
    assert "cgroupDriver: cgroupfs\n" in found["kubelet-config"]["kubelet"]


def test_file_of_a_dry_run() -> None:
    text = output.dry_run_file(recorded("upgrade_node_kubelet_config_dry_run.txt"), "/var/lib/kubelet/config.yaml")
    assert text.startswith("apiVersion: kubelet.config.k8s.io/v1beta1\n")
    assert text.rstrip().endswith("volumeStatsAggPeriod: 0s")
    assert output.dry_run_file("[upgrade] nothing", "/var/lib/kubelet/config.yaml") == ""


@pytest.mark.parametrize(
    ("log", "expected"),
    [
        ("I1121 fine\nE1121 12:00:00 bad\nI1121 fine", ["E1121 12:00:00 bad"]),
        ("all\nfine", ["all", "fine"]),
        ("", []),
    ],
)
def test_error_lines(log: str, expected: list[str]) -> None:
    assert output.error_lines(log) == expected


@pytest.mark.parametrize(("name", "tag"), [("etcd", "3.6.8-0"), ("coredns", "v1.14.2"), ("dns", "")])
def test_tags_of_images(name: str, tag: str) -> None:
    assert output.image_tag(recorded("config_images_list.txt"), name) == tag
