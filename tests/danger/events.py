"""What happens in one night, and what is true of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tests.danger.worlds import Source, World


@dataclass(frozen=True)
class Event:
    """
    One thing that goes wrong, or only looks like it.

    :param happens: bends the source or the world before the night
    :param heals: undoes it before the next night; what a user would expect to be enough
    :param truth: the texts that ought to be live, if not those of the source
    :param dated: the peer's loader tells a time with each document
    :param replaces: ours alone, with ``strategy="replace"``
    """

    name: str
    happens: Callable[[World, Source], None]
    heals: Callable[[World, Source], None] = lambda world, source: world.mend()
    truth: Callable[[dict[str, str]], dict[str, str]] = dict
    dated: bool = False
    replaces: bool = False


def _empties(world: World, source: Source) -> None:
    source.ends_after = 0


def _comes_back(world: World, source: Source) -> None:
    source.ends_after = source.breaks_after = None


def _breaks(world: World, source: Source) -> None:
    source.breaks_after = 2


def _ends_early(world: World, source: Source) -> None:
    source.ends_after = 2


def _memory_lost(world: World, source: Source) -> None:
    world.lose_memory()
    del source.texts["e.md"]


def _emptied(world: World, source: Source) -> None:
    world.empty()


def _changes(source: Source) -> None:
    source.texts["c.md"] = "Another text of c."


def _refused(world: World, source: Source) -> None:
    _changes(source)
    world.refuse_next()


def _fails(world: World, source: Source) -> None:
    _changes(source)
    world.fail_next()


def _answer_lost(world: World, source: Source) -> None:
    source.texts["f.md"] = "Text of f."
    world.lose_next_answer()


def _renamed(world: World, source: Source) -> None:
    source.texts["z.md"] = source.texts.pop("e.md")


def _touched(world: World, source: Source) -> None:
    source.modified += 1


def _same_text(world: World, source: Source) -> None:
    source.texts["copy of a.md"] = source.texts["a.md"]


def _same_text_leaves(world: World, source: Source) -> None:
    del source.texts["copy of a.md"]


def _withdrawn(world: World, source: Source) -> None:
    del source.texts["e.md"]


EVENTS: Sequence[Event] = (
    Event("a document is withdrawn", _withdrawn),
    Event("the source is empty: a mount is gone", _empties, _comes_back),
    Event("reading the source breaks off after two of five", _breaks, _comes_back),
    Event("the source ends after two of five, without an error", _ends_early, _comes_back),
    Event("record manager or manifest is lost, and a document is withdrawn", _memory_lost),
    Event("our entries are deleted behind our back", _emptied),
    Event("an update is refused", _refused),
    Event("an update is accepted, and comes to nothing", _fails),
    Event("", _fails, replaces=True),
    Event("a new document is stored, and the answer is lost", _answer_lost),
    Event("a file is renamed", _renamed),
    Event("a file is touched: only its time changes", _touched, dated=True),
    Event("the same text stands in two files, then one of them is withdrawn", _same_text, _same_text_leaves),
)


def compare(world: World, wanted: dict[str, str], before: dict[str, str]) -> str:
    """
    Say how what is live differs from what ought to be.

    :param before: what was live before the event, and so might have been kept
    """
    live = world.live()
    texts = dict(live)
    twins = sum(count - 1 for count in Counter(key for key, _ in live).values())
    lost = sorted(set(wanted) - set(texts))
    old = sorted(
        key for key, text in texts.items() if key in wanted and text != wanted[key] and key in before
    )
    orphans = sorted(set(texts) - set(wanted))
    told = [f"**{len(lost)} missing**"] if lost else []
    told += [f"{len(old)} with its old text"] if old else []
    told += [f"**{len(orphans)} too many**"] if orphans else []
    told += [f"**{twins} twin{'s' if twins > 1 else ''}**"] if twins else []
    told += ["**somebody else's entry is gone**"] if not world.theirs() else []
    return ", ".join(told) or "right"


def play(event: Event, world: World) -> tuple[str, str]:
    """Play three nights, an ordinary one first; return what is to be said of the second and of the third."""
    source = Source()
    world.night(source)
    before = dict(source.texts)
    assert compare(world, before, {}) == "right", (event.name, world.name)
    world.sent()
    event.happens(world, source)
    world.sent()
    cells = []
    for night in range(2):
        if night:
            event.heals(world, source)
        said = world.night(source)
        sent = ", ".join(f"{count} {what}" for what, count in sorted(world.sent().items())) or "nothing"
        cells.append(f"{compare(world, event.truth(source.texts), before)}; {said}; done: {sent}")
    return cells[0], cells[1]
