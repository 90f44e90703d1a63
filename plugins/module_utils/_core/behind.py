# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Work that is done in another thread, in order, a few pieces behind."""

from __future__ import annotations

import queue
import threading
from types import TracebackType
from typing import Callable

PIECES = 4  # so many may wait, which bounds the memory


class Behind:
    """Calls work with every piece that is put; an error of it is raised by the next put, or at the end."""

    def __init__(self, work: Callable[[bytes], None]) -> None:
        self._work = work
        self._pieces: queue.Queue[bytes | None] = queue.Queue(PIECES)
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)

    def put(self, piece: bytes) -> None:
        """Hand a piece over; waits while too many are waiting."""
        self._raise()
        self._pieces.put(piece)

    def __enter__(self) -> Behind:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._pieces.put(None)
        self._thread.join()
        if error is None:
            self._raise()

    def _run(self) -> None:
        while (piece := self._pieces.get()) is not None:
            if self._error is None:
                try:
                    self._work(piece)
                except BaseException as error:
                    self._error = error

    def _raise(self) -> None:
        if self._error is not None:
            raise self._error
