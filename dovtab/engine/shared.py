"""What the connections of a process share, if they use one token at one URL.

The client and its open connections, the quota, and the cache; and, whatever the
token, whose an action is. A forked child gets its own: two processes must not
write into one socket. The quota alone is shared further, through a file.
"""

from __future__ import annotations

import os
import threading
import weakref

from dovtab.api.shared_quota import SharedQuota, file_of
from dovtab.api.token import Token
from dovtab.engine.acting.claims import Claims
from dovtab.engine.reading.cache import Cache
from dovtab.engine.reading.lengths import Lengths


class Shared:
    """One account's client, quota and cache; they live while a connection does.

    Attributes:
        claims: of all tokens at this URL.
        users: the connections that have used it and are there.
    """

    def __init__(
        self, api_url: str, token: Token, claims: Claims, quota_folder: str | None = None
    ) -> None:
        # Only a request needs an HTTP library, and it takes a while to import.
        from dovtab.api.client import Client

        self.client = Client(api_url, token)
        self.quota = SharedQuota(file_of(quota_folder, api_url, token))
        self.cache = Cache()
        self.lengths = Lengths()
        self.claims = claims
        self.users: weakref.WeakSet[object] = weakref.WeakSet()


_all: weakref.WeakValueDictionary[tuple[int, str, Token], Shared]
_all = weakref.WeakValueDictionary()
_claims: weakref.WeakValueDictionary[tuple[int, str], Claims]
_claims = weakref.WeakValueDictionary()
_lock = threading.Lock()


def shared(api_url: str, token: Token, quota_folder: str | None = None) -> Shared:
    """The process's for this token and URL.

    Args:
        quota_folder: where it counts together with other processes; whoever comes first
            decides, for a process has one quota.
    """
    key = (os.getpid(), api_url, token)
    with _lock:
        found = _all.get(key)
        if found is None:
            claims = _claims.get(key[:2]) or Claims()
            _claims[key[:2]] = claims
            found = _all[key] = Shared(api_url, token, claims, quota_folder)
        return found


def _in_child() -> None:
    # Whoever held the old one at the fork is not there to let go of it.
    global _lock
    _lock = threading.Lock()
    for parents in list(_all.values()):
        parents.quota.leave_file()


os.register_at_fork(after_in_child=_in_child)
