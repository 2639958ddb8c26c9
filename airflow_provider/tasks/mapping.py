"""Readable names for mapped task instances; for operators and sensors alike."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from airflow.sdk.definitions.mappedoperator import OperatorPartial


class NamedWhenMapped:
    """
    An operator whose mapped instances are named by what they refresh, unless the author names them.

    Airflow takes ``map_index_template`` from ``partial()`` alone (3.1 and 3.2; a default in the signature
    counts since 3.3), so the default is put in there.
    """

    #: The template; ``task`` is the unmapped operator, its fields rendered.
    default_map_index_template: ClassVar[str]

    @classmethod
    def partial(cls, **kwargs: Any) -> OperatorPartial:
        """Begin a mapped task."""
        begun: OperatorPartial = super().partial(**kwargs)  # type: ignore[misc]
        if begun.kwargs.get("map_index_template") is None:
            begun.kwargs["map_index_template"] = cls.default_map_index_template
        return begun
