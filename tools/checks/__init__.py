# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of `make lint` that no linter has: each prints all its findings and exits 1 when there are any."""
