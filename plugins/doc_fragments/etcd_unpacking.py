# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options by which modules open compressed and encrypted snapshots."""

from __future__ import annotations


class ModuleDocFragment:
    """What an encrypted snapshot is opened with."""

    DOCUMENTATION = r"""
options:
  decryption_file:
    description:
      - Opens encrypted snapshots, by the ending of their names - the identity file of age for C(.age), the file whose
        first line is the passphrase for C(.enc) of openssl. Compressed ones need nothing.
      - A file on the host the module runs on. Its content is never read by the module, and is in no command line.
    type: path
"""
