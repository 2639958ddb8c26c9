"""
An optional file beside the vendor's list: tombstones, what files looked like, and when an entry was seen last.

It is a cache: lost, it costs a second reading of the source, a second request to delete, and a hand's edit that is
not noticed.
"""

from __future__ import annotations

import json
import time
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any, Final

from airflow_provider.errors import ManifestError

FORMAT: Final = 1

#: Seconds for which an accepted deletion may leave the entry in the list; the vendor says 24 hours.
_DAY = 24 * 3600.0


@dataclass
class Manifest:
    """
    What a sync keeps of itself in object storage.

    :param path: its address; None keeps nothing
    :param header: names destination and sync; a manifest of another is refused
    :param recipe: how documents are read; what was read otherwise is forgotten
    :ivar entries: key hash and digest, by entry id, where the vendor does not show what it holds
    :ivar tombstones: when a deletion was accepted, by entry id
    :ivar stat_cache: what a file looked like (size and date) when it had this digest, by key hash
    :ivar markers: the vendor's own time of each entry when its text was known to be ours, by entry id
    """

    path: str | None
    header: dict[str, str]
    recipe: str = ""
    entries: dict[str, tuple[str, str]] = field(default_factory=dict)
    tombstones: dict[str, float] = field(default_factory=dict)
    stat_cache: dict[str, list[Any]] = field(default_factory=dict)
    markers: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._saved = self._data()

    @staticmethod
    def read(path: str | None, header: dict[str, str], recipe: str) -> Manifest:
        """
        Read it; one that is not there is a new one.

        :raises ManifestError: it is another sync's, or none at all
        """
        if path is None:
            return Manifest(path, header, recipe)
        from airflow.providers.common.compat.sdk import ObjectStoragePath

        try:
            data = json.loads(ObjectStoragePath(path).read_text(encoding="utf-8"))
            found = {name: data["header"].get(name) for name in header}
            known, of = data["format"], Manifest(path, header, recipe)
            of.entries = {each: (key, digest) for each, (key, digest) in data["entries"].items()}
            of.tombstones = {each: float(at) for each, at in data["tombstones"].items()}
            of.stat_cache = dict(data["glances"]) if data["recipe"] == recipe else {}
            of.markers = {each: str(at) for each, at in data.get("markers", {}).items()}
        except FileNotFoundError:
            return Manifest(path, header, recipe)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ManifestError(
                f"{path} is no manifest of this provider ({type(error).__name__}). Nothing was sent."
            ) from None
        if known != FORMAT or found != header:
            raise ManifestError(
                f"{path} is the manifest of {found}, format {known}, not of {header}. Nothing was sent. Give each sync "
                "a manifest of its own."
            )
        of._saved = of._data()
        return of

    def check(self) -> None:
        """
        Write it as it is, before anything is sent: its place may take nothing.

        :raises ManifestError: it cannot be written
        """
        if self.path is None:
            return
        try:
            self._write(self._data())
        except Exception as error:
            raise ManifestError(
                f"The manifest {self.path} cannot be written ({type(error).__name__}: {error}). Nothing was sent."
            ) from error

    def buried(self, entry_id: int | str) -> bool:
        """Was its deletion accepted less than a day ago? It is then neither ours nor missing."""
        at = self.tombstones.get(str(entry_id))
        return at is not None and time.time() - at < _DAY

    def bury(self, entry_id: int | str) -> None:
        """Note an accepted deletion."""
        self.tombstones[str(entry_id)] = time.time()

    def note_markers(self, markers: dict[str, str], held: Collection[str]) -> None:
        """
        Note when entries were last known to hold what we sent.

        :param held: the ids of all entries there are; others are forgotten
        """
        self.markers = {each: at for each, at in {**self.markers, **markers}.items() if each in held}

    def save(self) -> None:
        """Write it, if anything changed: one PUT on an object store; on a disk beside it, then renamed."""
        if self.path is None or self._data() == self._saved:
            return
        now = time.time()
        self.tombstones = {each: at for each, at in self.tombstones.items() if now - at < _DAY}
        self._write(self._data())

    def _write(self, data: str) -> None:
        from airflow.providers.common.compat.sdk import ObjectStoragePath

        assert self.path is not None
        place = ObjectStoragePath(self.path)
        if place.protocol == "file":
            place.parent.mkdir(parents=True, exist_ok=True)
            beside = place.parent / f"{place.name}.new"
            beside.write_text(data, encoding="utf-8")
            place.fs.mv(beside.path, place.path)
        else:
            place.write_text(data, encoding="utf-8")
        self._saved = data

    def _data(self) -> str:
        return json.dumps(
            {
                "format": FORMAT,
                "header": self.header,
                "recipe": self.recipe,
                "entries": self.entries,
                "tombstones": self.tombstones,
                "glances": self.stat_cache,
                "markers": self.markers,
            }
        )
