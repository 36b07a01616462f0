"""What belongs to one running statement: how many requests it has made."""

from __future__ import annotations

from dovtab.errors import TooManyRequestsError


class Statement:
    """One execution of one SQL statement, its subqueries and joins included."""

    __slots__ = ("requests",)

    def __init__(self) -> None:
        self.requests = 0

    def spend(self, allowed: int) -> None:
        """Count one more request.

        Raises:
            TooManyRequestsError: it would be one more than ``allowed``.
        """
        if self.requests >= allowed:
            raise TooManyRequestsError(
                f"this statement made {self.requests} requests and needs more than"
                f" max_requests={allowed}: narrow it (WHERE droplet_id = ...), or raise"
                " the setting max_requests (DOVTAB_MAX_REQUESTS)"
            )
        self.requests += 1
