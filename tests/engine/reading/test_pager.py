"""A list is whole or an error, also while rows arrive at its head."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from hypothesis import given
from hypothesis import strategies as st

from dovtab.api.exchange import Request
from dovtab.api.pages import Page
from dovtab.engine.reading.pager import page_request, read_list
from dovtab.errors import AnswerError
from memory_account import RESOURCE

assert RESOURCE.reads.list is not None
LIST = Request(RESOURCE.reads.list, {"droplet_id": 1})


class Server:
    """A list, newest first, to which rows are added before some of the requests."""

    def __init__(self, count: int, arrivals: dict[int, int]) -> None:
        self.ids = list(range(count, 0, -1))
        self.arrivals = arrivals
        self.requests = 0

    def page(self, request: Request) -> Page[tuple[int]]:
        for _ in range(self.arrivals.get(self.requests, 0)):
            self.ids.insert(0, len(self.ids) + 1)
        self.requests += 1
        page, size = int(request.query["page"]), int(request.query["per_page"])
        rows = [(id,) for id in self.ids[(page - 1) * size : page * size]]
        return Page(rows, len(self.ids), page * size < len(self.ids))

    def get(
        self, requests: Iterable[Request], *, count: int, fresh: bool
    ) -> Iterator[tuple[Request, Page[tuple[int]]]]:
        yield from ((request, self.page(request)) for request in requests)


@given(
    count=st.integers(0, 60),
    size=st.integers(1, 20),
    first_size=st.integers(1, 20),
    limit=st.none() | st.integers(0, 70),
    arrivals=st.dictionaries(st.integers(0, 8), st.integers(0, 5), max_size=4),
)
def test_whatever_was_there_comes_once(
    count: int, size: int, first_size: int, limit: int | None, arrivals: dict[int, int]
) -> None:
    server = Server(count, arrivals)
    first = server.page(page_request(LIST, 1, first_size))
    there = set(server.ids)
    pages = read_list(
        LIST,
        server.get,
        first,
        first_size,
        per_page=size,
        wanted=lambda total: total if limit is None else min(total, limit),
    )
    found: list[int] = []
    try:
        found += [id for _, rows in pages for (id,) in rows]
    except AnswerError:
        # In a list that does not stand still it may be impossible to tell.
        assert arrivals
        return
    assert len(found) == len(set(found))
    assert there <= set(found)


@given(count=st.integers(0, 60), size=st.integers(1, 20))
def test_a_list_that_stands_still_takes_as_many_requests_as_it_has_pages(
    count: int, size: int
) -> None:
    server = Server(count, {})
    first = server.page(page_request(LIST, 1, size))
    pages = list(read_list(LIST, server.get, first, size, per_page=size))
    assert server.requests == max(1, -(-count // size))
    assert [id for _, rows in pages for (id,) in rows] == server.ids
    assert [request.query["page"] for request, _ in pages] == list(
        range(1, server.requests + 1)
    )
