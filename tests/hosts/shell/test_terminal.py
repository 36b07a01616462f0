"""The shell on a terminal of 80 and of 120 columns: nothing is broken, and all can be read."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest
from terminal import Terminal

from dovtab.simulator import Simulator

TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"
Open = Callable[..., Terminal]


@pytest.fixture
def opened() -> Iterator[Open]:
    terminals: list[Terminal] = []

    def open_terminal(columns: int, *arguments: str, **environment: str) -> Terminal:
        terminals.append(Terminal(list(arguments), columns, **environment))
        return terminals[-1]

    yield open_terminal
    for terminal in terminals:
        terminal.close()


@pytest.fixture(params=[80, 120])
def columns(request: pytest.FixtureRequest) -> int:
    return int(request.param)


def prompts(count: int) -> Callable[[str], bool]:
    # With a star where something is not committed.
    shown = re.compile(r"^dovtab demo\*?>", re.M)
    return lambda text: (
        len(shown.findall(text)) >= count and bool(re.search(shown.pattern + r"\Z", text, re.M))
    )


def test_a_session(opened: Open, columns: int) -> None:
    terminal = opened(columns, "--demo")
    typed = [
        ".tables",
        "SELECT * FROM droplet_actions LIMIT 1;",
        "SELECT id, type, started_at, completed_at, status FROM droplet_actions LIMIT 2;",
        "EXPLAIN QUERY PLAN SELECT * FROM droplets(3164444);",
        "BEGIN; INSERT INTO droplet_actions(droplet_id, type) VALUES (3164444, 'reboot');",
        "SELECT * FROM dovtab_plan;",
        "ROLLBACK;",
        "INSERT INTO droplet_actions(droplet_id, type) VALUES (1, 'reboot');",
    ]
    for number, line in enumerate(typed, start=1):
        terminal.until(prompts(number))
        terminal.type(f"{line}\n")
    text = terminal.until(prompts(len(typed) + 1))
    # The tables, and what is in them, which goes on below itself.
    assert re.search(
        r"^droplet_actions +what was done to each Droplet; INSERT starts more$", text, re.M
    )
    # A row that is too wide is a record, and its JSON is marked where it is shortened.
    assert re.search(
        rf"^── 1 of 1 ──\n +id  \d{{10}}\n.*\n +completed_at  {TIME}\n", text, re.M
    )
    (region,) = re.findall(r"^ +region  (.*)$", text, re.M)
    assert region.endswith("…")
    assert "(… is shortened JSON" in text
    # One that just fits is a table, with lines or without.
    times = re.findall(
        rf"^(?:│ )?\d{{10}}.*{TIME}.*{TIME}.*(?:completed|errored|in-progress)", text, re.M
    )
    assert len(times) == 2
    assert re.search(r"^`--SCAN droplets VIRTUAL TABLE INDEX 0:GET /v2/droplets/", text, re.M)
    assert re.search(r"│ +1 │ +3164444 │ NULL +│ reboot │ NULL +│ NULL +│", text)
    # That it is not committed is seen at the prompt.
    assert "\ndovtab demo*> SELECT * FROM dovtab_plan;" in text
    assert "\ndovtab demo> INSERT" in text
    # An error is broken between words.
    error = text[text.index("POST /v2/droplets/1/actions: 404") :].partition("\ndovtab demo>")[
        0
    ]
    assert "The resource you were accessing could not be found." in " ".join(error.split())
    assert max(map(len, error.splitlines())) <= columns


@pytest.mark.parametrize(
    ("options", "prompt", "told"),
    [
        (
            [],
            "dovtab>",
            "The token comes from DIGITALOCEAN_TOKEN. INSERT starts actions: at once",
        ),
        (["--read-only"], "dovtab read-only>", "Starting actions is off."),
        (["--dry-run"], "dovtab dry-run>", "Actions are rehearsed: none is sent."),
        (["--context", "prod"], "dovtab prod>", "The token comes from DIGITALOCEAN_TOKEN_PROD"),
    ],
)
def test_the_prompt_says_whose_account_it_is_and_how_far_it_goes(
    opened: Open, options: list[str], prompt: str, told: str
) -> None:
    """Whoever has two terminals open acts in the wrong one."""
    tokens = {"DIGITALOCEAN_TOKEN": "simulator", "DIGITALOCEAN_TOKEN_PROD": "simulator"}
    terminal = opened(80, *options, **tokens)
    text = terminal.until(lambda text: text.endswith(prompt))
    assert told in " ".join(text.split())
    assert "simulator" not in text


def test_colours_are_seen_on_a_dark_ground_and_on_a_light_one(opened: Open) -> None:
    """None but red, for an error, is chosen here: the rest is the terminal's own."""
    terminal = opened(80, "--demo")
    terminal.until(prompts(1))
    terminal.type("SELECT 1 AS a, NULL AS b, 'x' AS c;\n")
    terminal.until(prompts(2))
    terminal.type("SELECT nothing;\n")
    terminal.until(prompts(3))
    assert terminal.colours <= {("default", "default"), ("red", "default")}


def test_completion_at_the_prompt(opened: Open, columns: int) -> None:
    terminal = opened(columns, "--demo", INPUTRC="/dev/null")
    terminal.until(prompts(1))
    terminal.type("SELECT * FROM droplet_a\t a WHERE a.sta\t")
    terminal.until(lambda text: "FROM droplet_actions a WHERE a.sta" in text)
    terminal.type("\t")
    terminal.until(lambda text: re.search(r"a\.started_at +a\.status", text))
    terminal.type("tus = 'comp\t")
    terminal.until(lambda text: text.endswith("a.status = 'completed'"))
    terminal.type(";\n")
    terminal.until(lambda text: "── 1 of" in text)


def test_rows_are_a_table_on_a_terminal_wherever_the_statement_comes_from(
    opened: Open, columns: int
) -> None:
    text = opened(
        columns, "--demo", ":memory:", "SELECT name FROM inventory LIMIT 1"
    ).to_the_end()
    assert text == "╭────────╮\n│ name   │\n├────────┤\n│ web-01 │\n╰────────╯"


def test_a_page_of_the_reference_is_turned_over(opened: Open, columns: int) -> None:
    terminal = opened(columns, "--help", "acting", PAGER="head -4")
    text = terminal.to_the_end()
    assert text.startswith("Starting actions\n================\n\nPlan, and look at")


def test_progress_is_one_line_and_gone(
    opened: Open, columns: int, simulator: Simulator
) -> None:
    simulator.account.add_droplet(1)
    for _ in range(2000):
        simulator.account.add_action(1)
    simulator.latency = 0.2
    terminal = opened(
        columns,
        ":memory:",
        "SELECT count(*) FROM droplet_actions(1)",
        DIGITALOCEAN_API_URL=simulator.url,
        DIGITALOCEAN_TOKEN=simulator.token,
        DOVTAB_CONCURRENCY="1",
    )
    seen = terminal.until(lambda text: re.fullmatch(r"requests: \d+ of 10 \[00:0\d\]", text))
    assert "\n" not in seen
    assert (
        terminal.to_the_end()
        == "╭──────────╮\n│ count(*) │\n├──────────┤\n│     2000 │\n╰──────────╯"
    )
