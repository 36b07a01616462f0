"""Who is measured."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Protocol

import orjson

from benchmarks.loop import Loop, Row
from benchmarks.questions import Question
from benchmarks.through_dovtab import Dovtab

NAMES = ("dovtab", "loop", "shillelagh")
LOOP_WITH_ORJSON = "loop with orjson"


class Contestant(Protocol):
    """Answers questions, on connections that stay open."""

    def ask(self, question: Question) -> list[Row]: ...

    def close(self) -> None: ...


def available() -> list[str]:
    """The names of those that are installed."""
    return [name for name in NAMES if name != "shillelagh" or find_spec(name)]


def enter(name: str, url: str, inventory: tuple[int, ...] = ()) -> Contestant:
    """A contestant, ready to ask.

    Args:
        url: the API's.
        inventory: the Droplets of the table ``inventory``; a loop needs none.
    """
    if name == "dovtab":
        return Dovtab(url, inventory)
    if name == "shillelagh":
        from benchmarks.through_shillelagh import Shillelagh

        return Shillelagh(url, inventory)
    if name == LOOP_WITH_ORJSON:
        return Loop(url, orjson.loads, lambda value: orjson.dumps(value).decode())
    return Loop(url)
