"""Whose an action is: one of this process's POSTs has it, and no other.

Two tokens may be of one account, so this is kept for all that goes to one URL. An
action that was found, and may be another POST's, is nobody's: as long as it is
not known what became of that one.
"""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from collections.abc import Iterable

from dovtab.engine.acting.posts import KEPT, Post

# For so long a POST that nobody knows of may still turn out to have run.
RIVAL_SECONDS = 120.0
_KEPT_IDS = 10 * KEPT


class Claims:
    """The POSTs that were sent to one URL, and the actions that are known to be theirs."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._posts: deque[Post] = deque(maxlen=KEPT)
        self._owners: OrderedDict[int, Post] = OrderedDict()

    def add(self, post: Post) -> None:
        """A POST is about to be sent: until more is known, its outcome is unknown."""
        with self._lock:
            self._posts.append(post)

    def claim(self, post: Post, ids: Iterable[int]) -> bool:
        """Take actions for this POST, all or none; False: one of them is another's."""
        with self._lock:
            wanted = dict.fromkeys(ids, post)
            if any(self._owners.get(id, post) is not post for id in wanted):
                return False
            self._owners.update(wanted)
            while len(self._owners) > _KEPT_IDS:
                self._owners.popitem(last=False)
            return True

    def ids(self) -> set[int]:
        """The actions that are somebody's."""
        with self._lock:
            return set(self._owners)

    def has_rival(self, post: Post, parent: int) -> bool:
        """Whether what is found on a Droplet could be another POST's that nobody knows of."""
        since = (post.sent_at or 0.0) - RIVAL_SECONDS
        with self._lock:
            others = list(self._posts)
        return any(
            other is not post
            and (other.logged is None or other.logged != post.logged)
            and other.table.name == post.table.name
            and other.outcome == "unknown"
            and (other.sent_at or 0.0) >= since
            and other.type == post.type
            and other.parent in (None, parent)
            for other in others
        )
