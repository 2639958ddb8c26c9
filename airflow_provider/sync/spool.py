"""Texts that cannot be read twice wait here, compressed, until they are sent."""

from __future__ import annotations

import tempfile
import threading
import zlib
from types import TracebackType
from typing import Self


class Spool:
    """
    A temporary file that is gone when it is closed, or when its process dies.

    It has no name on disk where the system allows that, so nothing is left behind by a kill either.
    """

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile(prefix="knowledge-")  # noqa: SIM115 - closed by close()
        self._places: dict[str, tuple[int, int]] = {}
        self._lock = threading.Lock()

    def put(self, name: str, content: bytes) -> None:
        """Keep a content."""
        packed = zlib.compress(content, 1)
        with self._lock:
            start = self._file.seek(0, 2)
            self._file.write(packed)
        self._places[name] = (start, len(packed))

    def get(self, name: str) -> bytes:
        """Return a content; safe from any thread."""
        start, length = self._places[name]
        with self._lock:
            self._file.seek(start)
            packed = self._file.read(length)
        return zlib.decompress(packed)

    def __contains__(self, name: str) -> bool:
        return name in self._places

    @property
    def size(self) -> int:
        """Bytes on disk."""
        with self._lock:
            return self._file.seek(0, 2)

    def close(self) -> None:
        """Remove it."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
