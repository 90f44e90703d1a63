# SPDX-License-Identifier: GPL-3.0-or-later
"""Write the generated pages (``python -m tools.docs``), or say which are stale (``--check``)."""
