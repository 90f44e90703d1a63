# SPDX-License-Identifier: GPL-3.0-or-later
"""The one error the command line prints without a traceback."""

from __future__ import annotations


class LabError(Exception):
    """What is wrong and what to do about it, in one sentence each."""
