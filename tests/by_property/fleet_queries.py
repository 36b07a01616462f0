"""Random queries over the tables of `by_property.fleet`."""

from __future__ import annotations

from hypothesis import strategies as st

from by_property.fleet import SINCES
from by_property.time_queries import compared
from by_property.whole_queries import ORDERS, TYPES, limits

FIRST_ID = 2_300_000_000
DROPLETS = [*map(str, range(1, 16)), "'2'", "' 5 '", "6.0", "1.5", "'abc'", "NULL", "99", "0"]
# Of Droplets that are there.
IDS = [str(FIRST_ID + n) for n in (0, 2, 28, 56, 168, 200)] + ["NULL", "7"]
NAMES = [
    "'web-1'",
    "'WEB-1'",
    "'web-1 '",
    "'gpu-1'",
    "'db-2'",
    "'7'",
    "7",
    "''",
    "NULL",
    "'no'",
]
TAGS = ["'web'", "'eu'", "'db'", "7", "'no'", "''", "' '", "NULL"]
SETS = [
    "SELECT id FROM inventory",
    "SELECT d.id FROM D d",
    "SELECT droplet_id FROM D d WHERE d.name = 'web-1' COLLATE NOCASE",
    "SELECT t.droplet_id FROM T t WHERE t.droplet_id IN (1, 2, 8, 11) AND t.type = 'backup'",
]

droplets, ids, names = map(st.sampled_from, (DROPLETS, IDS, NAMES))
since_times, tags = st.sampled_from(list(SINCES)), st.sampled_from(TAGS)


def some(values: st.SearchStrategy[str], most: int) -> st.SearchStrategy[str]:
    return st.lists(values, max_size=most).map(", ".join)


# One or two, or as many as one list is read for.
few_or_many = some(droplets, 3) | st.lists(droplets, min_size=7, max_size=12, unique=True).map(
    ", ".join
)


def since(alias: str) -> st.SearchStrategy[str]:
    """Started then or later."""
    return since_times.map(
        lambda text: (
            f"{{{{{alias}.since = {text}||{alias}.started_at >= "
            f"{repr(SINCES[text]) if SINCES[text] else 'NULL'}}}}}"
        )
    )


def tagged(alias: str) -> st.SearchStrategy[str]:
    """Of a Droplet with this tag."""
    return tags.map(
        lambda tag: (
            f"{{{{{alias}.tag_name = {tag}||EXISTS (SELECT 1 FROM tags t WHERE"
            f" t.droplet_id = {alias}.droplet_id AND t.tag = {tag})}}}}"
        )
    )


def own(alias: str) -> st.SearchStrategy[str]:
    """What finds every row by its Droplet."""
    key = st.sampled_from([f"{alias}.droplet_id", f"{alias}.resource_id"])
    return st.one_of(
        st.builds("{} = {}".format, key, droplets),
        st.builds("{} IN ({})".format, key, few_or_many),
        st.builds("{} IN ({})".format, key, st.sampled_from(SETS)),
        tagged(alias),
    )


def rest(alias: str) -> st.SearchStrategy[str]:
    """What is true of some rows."""
    a = f"{alias}."
    return st.one_of(
        st.builds("{} = {}".format, st.sampled_from([f"{a}id", f"{a}action_id"]), ids),
        st.builds((a + "id IN ({})").format, some(ids, 5)),
        st.builds((a + "droplet_id {} {}").format, st.sampled_from(["<", "<>", ">="]), droplets),
        st.builds((a + "status = '{}'").format, st.sampled_from(["completed", "errored"])),
        st.builds((a + "type = '{}'").format, st.sampled_from(TYPES)),
        st.builds((a + "started_at < '{}'").format, st.just(SINCES["'2100-01-01 10:00'"])),
        compared(alias),
    )  # fmt: skip


def of_droplet(alias: str) -> st.SearchStrategy[str]:
    """A term about a Droplet."""
    a = f"{alias}."
    key = st.sampled_from([f"{a}id", f"{a}droplet_id", f"{a}rowid"])
    name = st.sampled_from(["", "", " COLLATE NOCASE", " COLLATE RTRIM"])
    return st.one_of(
        st.builds("{} {} {}".format, key, st.sampled_from(["=", "IS", "<>", "<"]), droplets),
        st.builds("{} IN ({})".format, key, few_or_many),
        st.builds("{} IN ({})".format, key, st.sampled_from(SETS)),
        st.builds("{} NOT IN ({})".format, key, some(droplets, 4)),
        st.builds("({} = {} OR {} = {})".format, key, droplets, key, droplets),
        st.builds((a + "name {} {}{}").format, st.sampled_from(["=", "=", "IS", "<>"]), names, name),
        st.builds((a + "name IN ({})").format, some(names, 3)),
        st.builds("({}name = {} OR {} = {})".format, st.just(a), names, key, droplets),
        st.just(f"{a}status = 'active'"),
    )  # fmt: skip


def every(*terms: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """A WHERE clause with one of each, and what else ``rest`` gives."""
    return st.tuples(*terms).map(lambda found: " WHERE " + " AND ".join(filter(None, found)))


def up_to(most: int, terms: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.lists(terms, max_size=most).map(" AND ".join)


nothing = st.just("")
no_tags = own("a").filter(lambda term: "tag_name" not in term)
actions = st.builds(
    "SELECT {} FROM T a{}{}{}".format,
    st.sampled_from(["a.*", "a.id, a.droplet_id, a.action_id"]),
    every(own("a"), since("a") | nothing, up_to(2, rest("a")), tagged("a") | nothing).filter(
        lambda clause: clause.count(".tag_name") < 2
    ),
    st.sampled_from(ORDERS),
    limits,
)
of_account = st.builds(
    "SELECT a.* FROM E a{}{}{}".format,
    every(since("a"), up_to(2, st.just("a.status = 'completed'"))),
    st.sampled_from(ORDERS),
    limits,
)
fleets = st.builds(
    "SELECT d.* FROM D d{}{}{}".format,
    every(of_droplet("d"), up_to(2, of_droplet("d")), tagged("d") | nothing),
    st.sampled_from(["", " ORDER BY d.id", " ORDER BY d.name, d.id DESC"]),
    limits,
)


def since_any(texts: list[str], more: str, order: str) -> str:
    """Each row once for each of these times that it started after."""
    theirs = ", ".join(f"({repr(SINCES[text]) if SINCES[text] else 'NULL'})" for text in texts)
    return (
        f"SELECT a.id, a.type FROM{{{{ T a WHERE a.since IN ({', '.join(texts)}) AND||"
        f" T a JOIN (SELECT DISTINCT column1 AS s FROM (VALUES {theirs})) s"
        f" ON a.started_at >= s.s WHERE}}}} a.droplet_id {more}{order}"
    )


since_in = st.builds(
    since_any,
    st.lists(since_times, min_size=1, max_size=3),
    st.builds("= {}".format, droplets) | st.builds("IN ({})".format, few_or_many),
    st.sampled_from(["", " ORDER BY a.id, a.type"]),
)
JOINS = [
    "D d JOIN T a USING (droplet_id)",
    "D d JOIN T a ON a.droplet_id = d.id",
    "D d LEFT JOIN T a ON a.droplet_id = d.droplet_id AND a.status = 'errored'",
    "T a JOIN D d ON d.id = a.resource_id",
    "T a JOIN D d USING (droplet_id)",
    "D d LEFT JOIN T a USING (droplet_id)",
    "inventory d JOIN T a ON a.droplet_id = d.id",
    "inventory d LEFT JOIN T a ON a.droplet_id = d.id",
    "inventory d JOIN T a ON a.droplet_id = d.id JOIN D e ON e.id = a.droplet_id",
    "inventory i JOIN D d ON d.id = i.id JOIN T a ON a.droplet_id = d.id",
    "inventory i LEFT JOIN D d ON d.id = i.id LEFT JOIN T a ON a.droplet_id = i.number",
    "inventory d JOIN T a ON a.droplet_id = d.number AND a.started_at < d.since",
    "D d JOIN D e ON e.name = d.name JOIN T a ON a.droplet_id = e.id",
    "D d JOIN T a ON a.droplet_id = d.id JOIN T b ON b.droplet_id = d.id AND b.id = a.id",
    "inventory d JOIN T a ON a.droplet_id = d.number AND {{a.since = d.since||a.started_at >= d.since}}",
    "inventory d LEFT JOIN T a ON a.resource_id = d.id AND {{a.since = d.since||a.started_at >= d.since}}",
]
joins = st.builds(
    "SELECT d.name, a.id, a.type FROM {}{}{}{}".format,
    st.sampled_from(JOINS),
    st.one_of(
        nothing,
        every(rest("a")),
        st.builds(" WHERE {}".format, of_droplet("d").filter(lambda term: "droplet_id" not in term and "rowid" not in term and "status" not in term)),
    ),
    st.sampled_from(["", " ORDER BY a.id, d.name, d.id"]),
    limits,
)  # fmt: skip
since_joins = st.builds(
    "SELECT d.name, a.id FROM {} d {}JOIN T a ON a.droplet_id = d.id AND {}{}".format,
    st.sampled_from(["D", "inventory"]),
    st.sampled_from(["", "LEFT "]),
    since("a"),
    st.sampled_from(["", " AND a.type = 'reboot'"]),
)
tag_joins = st.builds(
    "SELECT d.name, a.id FROM D d {}JOIN T a ON a.droplet_id = d.id WHERE {} AND {}".format,
    st.sampled_from(["", "LEFT "]),
    tagged("d"),
    of_droplet("d"),
)
SCALARS = [
    "(SELECT max(a.id) FROM T a WHERE a.droplet_id = d.id)",
    "EXISTS (SELECT 1 FROM T a WHERE a.droplet_id = d.id AND a.type = 'backup')",
    "(SELECT count(*) FROM T a WHERE a.resource_id = d.id)",
    "(SELECT a.type FROM T a WHERE a.droplet_id = d.id ORDER BY a.id DESC LIMIT 1)",
    "(SELECT e.name FROM D e WHERE e.id = d.id)",
    "(SELECT count(*) FROM D e WHERE e.name = d.name)",
    "CASE WHEN d.id > 5 THEN (SELECT min(a.id) FROM T a WHERE a.droplet_id = d.id) END",
    "coalesce((SELECT e.id FROM D e WHERE e.id = d.id), (SELECT max(e.id) FROM D e))",
]
subqueries = st.builds(
    "SELECT d.name, {} FROM {} d{}".format,
    st.sampled_from(SCALARS),
    st.sampled_from(["D", "inventory"]),
    st.sampled_from(
        [
            "",
            " WHERE EXISTS (SELECT 1 FROM T b WHERE b.droplet_id = d.id AND b.type = 'create')",
            " WHERE NOT EXISTS (SELECT 1 FROM T b WHERE b.droplet_id = d.id AND b.id < 2300000090)",
            " WHERE d.id IN (SELECT b.droplet_id FROM T b WHERE b.droplet_id IN (1, 4, 12))",
            " WHERE d.id NOT IN (SELECT e.id FROM D e WHERE e.name = 'web-1')",
        ]
    ),
)
backwards = st.builds(
    "SELECT a.id, (SELECT d.name FROM D d WHERE d.id = a.droplet_id) FROM T a{}".format,
    every(no_tags, up_to(2, rest("a"))),
)

queries = st.one_of(
    actions, of_account, fleets, since_in, joins, since_joins, tag_joins, subqueries, backwards
)
