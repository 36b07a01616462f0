"""A request of which the answer is here, or is going to be."""

from __future__ import annotations

from dataclasses import dataclass

from dovtab.api.exchange import Exchange, Request
from dovtab.engine.call import Call
from dovtab.engine.reading.answer import Answer


@dataclass(slots=True)
class Pending:
    """A request, and its answer or the call that will bring one.

    Attributes:
        exchange: there if the call is our own.
        generation: the cache's, when it went out before anybody wanted it.
    """

    request: Request
    answer: Answer | None = None
    call: Call[Answer] | None = None
    exchange: Exchange | None = None
    generation: int | None = None

    @property
    def done(self) -> bool:
        """Whether the answer is here."""
        return self.call is None or self.call.done

    def release(self) -> None:
        """Want it no longer."""
        if self.call is not None:
            self.call.release()
