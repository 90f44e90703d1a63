# SPDX-License-Identifier: GPL-3.0-or-later
"""What the gates ask other parts for is what these take."""

from __future__ import annotations

import yaml
from ansible_collections.kubeops.cluster.plugins.module_utils._gates.node import CERTIFICATES
from ansible_collections.kubeops.cluster.plugins.modules import cert_check


def test_the_check_of_certificates_gets_every_option() -> None:
    options = yaml.safe_load(cert_check.DOCUMENTATION)["options"]
    assert set(CERTIFICATES) == set(options) - {"fail_on"}
