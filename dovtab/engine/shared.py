"""What the connections of a process share, if they use one token at one URL.

The client and its open connections, the quota, and the cache. A forked child
gets its own: two processes must not write into one socket.
"""

from __future__ import annotations

import os
import threading
import weakref
from collections import deque

from dovtab.api.client import Client
from dovtab.api.quota import Quota
from dovtab.api.token import Token
from dovtab.engine.cache import Cache
from dovtab.engine.posts import KEPT, Post


class Shared:
    """One account's client, quota and cache; they live while a connection does."""

    def __init__(self, api_url: str, token: Token) -> None:
        self.client = Client(api_url, token)
        self.quota = Quota()
        self.cache = Cache()
        # What was asked for lately, by any connection of the process.
        self.posts: deque[Post] = deque(maxlen=KEPT)


_all: weakref.WeakValueDictionary[tuple[int, str, Token], Shared]
_all = weakref.WeakValueDictionary()
_lock = threading.Lock()


def shared(api_url: str, token: Token) -> Shared:
    """The process's for this token and URL."""
    key = (os.getpid(), api_url, token)
    with _lock:
        found = _all.get(key)
        if found is None:
            found = _all[key] = Shared(api_url, token)
        return found
