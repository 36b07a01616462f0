"""How much a transaction or a statement acts on: what ``max_actions`` limits.

A slip in a WHERE reaches the whole fleet, so more than the limit is asked about
where somebody can be asked, and is otherwise refused whole.

Pure.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from itertools import islice
from typing import NamedTuple

_SHOWN = 3


class Target(NamedTuple):
    """A Droplet; ``name`` is for people."""

    id: int
    name: str
    locked: bool = False


class Reach:
    """What is acted on, and how often with which type.

    Attributes:
        allowed: whether somebody who was asked has said yes.
    """

    def __init__(self) -> None:
        self.allowed = False
        self._names: dict[int, str] = {}
        self._types: Counter[str] = Counter()

    @property
    def shown(self) -> list[int]:
        """Those that the question names."""
        return list(islice(self._names, _SHOWN))

    def add(self, type: str, targets: Iterable[Target]) -> None:
        """An action of this type on each of these."""
        for target in targets:
            self._types[type] += 1
            self._names[target.id] = target.name

    def with_more(self, type: str, targets: Iterable[Target]) -> Reach:
        """The same and one POST more."""
        more = Reach()
        more.allowed = self.allowed
        more._names, more._types = dict(self._names), Counter(self._types)
        more.add(type, targets)
        return more

    def is_over(self, max_actions: int) -> bool:
        """Whether it is more than is allowed; 0: any number is."""
        return bool(max_actions) and not self.allowed and len(self._names) > max_actions

    def question_to_go_on(self) -> str:
        """What to ask of him if so much was done already, one after the other."""
        return f"{self._counted} so far, and it goes on to others. Go on? [y/N] "

    @property
    def stopped(self) -> str:
        """How far it has come."""
        return f"stopped after {self._counted}"

    def goes_on(self, noun: str, max_actions: int) -> str:
        """Why it stops there, and how it could go on."""
        return f"it goes on to more {noun}s than {self._limit(max_actions)}"

    def question(self, names: Mapping[int, Target]) -> str:
        """What to ask of somebody who can say yes; ``names`` knows some by name."""
        shown = ", ".join(
            names[id].name if id in names else self._names[id] for id in self.shown
        )
        others = len(self._names) - _SHOWN
        more = f" and {others} more" if others > 0 else ""
        return f"This starts {self._counted}, on {shown}{more}. Go on? [y/N] "

    def refusal(self, noun: str, max_actions: int) -> str:
        """Why it goes no further, and how it could."""
        return f"{self._counted} on {len(self._names)} {noun}s, more than {self._limit(max_actions)}"

    def _limit(self, max_actions: int) -> str:
        return (
            f"max_actions={max_actions}: take fewer at a time, or raise the setting"
            " max_actions (DOVTAB_MAX_ACTIONS, --max-actions N; 0: no limit)"
        )

    def __bool__(self) -> bool:
        return bool(self._types)

    @property
    def _counted(self) -> str:
        total = self._types.total()
        by_type = ", ".join(f"{type} {count}" for type, count in self._types.most_common())
        return f"{total} action{'s' if total > 1 else ''}: {by_type}"
