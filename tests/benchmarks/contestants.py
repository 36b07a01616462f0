"""Who is measured, and with which questions."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Protocol

import orjson

from benchmarks.loop import ByHand, Loop, Row
from benchmarks.questions import Question, pages
from benchmarks.through_dovtab import Dovtab

OWN_LISTS, BY_HAND = "account_list off", "account by hand"
NAMES = ("dovtab", OWN_LISTS, "loop", BY_HAND, "shillelagh")
LOOP_WITH_ORJSON = "loop with orjson"
# The API allows 250 a minute, and dovtab is careful before that.
FIT_IN_A_MINUTE = 200


class Contestant(Protocol):
    """Answers questions, on connections that stay open."""

    def ask(self, question: Question) -> list[Row]: ...

    def close(self) -> None: ...


def available() -> list[str]:
    """The names of those that are installed."""
    return [name for name in NAMES if name != "shillelagh" or find_spec(name)]


def requests(name: str, question: Question) -> int | None:
    """How many requests it takes somebody, about; None: it is no question for them.

    With the account's list and without it are two ways only if many Droplets are sought.
    """
    if name in (OWN_LISTS, BY_HAND) and not question.is_of_many:
        return None
    if name == BY_HAND:
        newest = question.rows + 1 if question.since else question.account.total
        return pages(newest)
    return question.most if name == "dovtab" else question.one_by_one


def enter(
    name: str, url: str, inventory: tuple[int, ...] = (), *, limited: bool = False
) -> Contestant:
    """A contestant, ready to ask.

    Args:
        url: the API's.
        inventory: the Droplets of the table ``inventory``; a loop needs none.
        limited: dovtab keeps to the rate limit, as it does for everybody.
    """
    match name:
        case "dovtab" | "account_list off":
            return Dovtab(url, inventory, account_list=name == "dovtab", limited=limited)
        case "shillelagh":
            from benchmarks.through_shillelagh import Shillelagh

            return Shillelagh(url, inventory)
        case "account by hand":
            return ByHand(url)
        case "loop with orjson":
            return Loop(url, orjson.loads, lambda value: orjson.dumps(value).decode())
    return Loop(url)
