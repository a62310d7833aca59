"""A body that takes its time."""

from __future__ import annotations

import io
from collections.abc import Callable


class Held(io.BytesIO):
    """``wsgi.input`` of a request: before its last bytes come, something happens."""

    def __init__(self, data: bytes, meanwhile: Callable[[], object]) -> None:
        super().__init__(data)
        self.meanwhile: Callable[[], object] | None = meanwhile

    def read(self, size: int | None = -1, /) -> bytes:
        if self.meanwhile is not None:
            act, self.meanwhile = self.meanwhile, None
            act()
        return super().read(size)
