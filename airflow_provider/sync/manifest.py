"""
An optional file beside the vendor's list: ownership where titles bear no mark, tombstones, and a faster look.

It is a cache wherever the titles bear the mark: lost, it costs a second reading of the source and a second
request to delete. Without the mark it is all there is to know, and losing it makes orphans.
"""

from __future__ import annotations

import json
import time
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
    :ivar entries: key hash and digest, by entry id
    :ivar tombstones: when a deletion was accepted, by entry id
    :ivar glances: what a file looked like (size and date) when it had this digest, by key hash
    """

    path: str | None
    header: dict[str, str]
    recipe: str = ""
    entries: dict[str, tuple[str, str]] = field(default_factory=dict)
    tombstones: dict[str, float] = field(default_factory=dict)
    glances: dict[str, list[Any]] = field(default_factory=dict)

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
            of.glances = dict(data["glances"]) if data["recipe"] == recipe else {}
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

    def buried(self, entry_id: int | str) -> bool:
        """Was its deletion accepted less than a day ago? It is then neither ours nor missing."""
        at = self.tombstones.get(str(entry_id))
        return at is not None and time.time() - at < _DAY

    def bury(self, entry_id: int | str) -> None:
        """Note an accepted deletion."""
        self.tombstones[str(entry_id)] = time.time()

    def save(self) -> None:
        """Write it, if anything changed: one PUT on an object store; on a disk beside it, then renamed."""
        if self.path is None or (data := self._data()) == self._saved:
            return
        from airflow.providers.common.compat.sdk import ObjectStoragePath

        now = time.time()
        self.tombstones = {each: at for each, at in self.tombstones.items() if now - at < _DAY}
        data = self._data()
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
                "glances": self.glances,
            }
        )
