# SPDX-License-Identifier: GPL-3.0-or-later
"""Named systemd machines on this host, for everything that needs a node."""
