"""What BI tools do over ODBC and JDBC: list the tables of a hub, look at one, join."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from host_programs import DEBIAN_PYTHON, FOLDER, JAVA_STARTS_SOON, needs

import dovtab
from built import needs_extension
from dovtab.simulator import Simulator

VIEWS = ["droplet_tags", "recent_droplet_actions"]
TABLES = ["droplet_actions", "droplets"]
# As Excel and Power BI, or DBeaver, ask for the first rows.
PREVIEW = "SELECT * FROM droplet_actions LIMIT 100"
JOIN = (
    "SELECT i.name, count(*) FROM inventory.inventory AS i JOIN droplet_actions AS a"
    " ON a.droplet_id = i.droplet_id WHERE i.team = 'blue' GROUP BY i.name ORDER BY i.droplet_id"
)
ACT = "INSERT INTO droplet_actions(droplet_id, type) VALUES (1, 'reboot')"
Ask = Callable[[], dict[str, Any]]

pytestmark = needs_extension

ODBC = """
import json, sys
import pyodbc

source, preview, join, act = sys.argv[1:]
db = pyodbc.connect(source, autocommit=True)
cursor = db.cursor()
tables = sorted((t.table_type, t.table_name) for t in cursor.tables())
columns = [c.column_name for c in cursor.columns(table="droplet_actions")]
first = [list(row) for row in cursor.execute(preview)]
cursor.execute("ATTACH 'inventory.db' AS inventory")
joined = [list(row) for row in cursor.execute(join)]
try:
    cursor.execute(act)
    said = ""
except pyodbc.Error as error:
    said = str(error)
print(json.dumps({"tables": tables, "columns": columns, "first": len(first), "joined": joined, "said": said}))
"""

JAVA = """
import java.sql.*;
import java.util.*;
import org.sqlite.SQLiteConfig;
public class Tools {
    public static void main(String[] arguments) throws SQLException {
        SQLiteConfig config = new SQLiteConfig();
        config.enableLoadExtension(true);
        List<String> tables = new ArrayList<>(), columns = new ArrayList<>(), joined = new ArrayList<>();
        int first = 0;
        String said = "";
        try (Connection db = config.createConnection("jdbc:sqlite:digitalocean.db");
                Statement statement = db.createStatement()) {
            statement.execute("SELECT load_extension('" + arguments[0] + "')");
            DatabaseMetaData meta = db.getMetaData();
            try (ResultSet rows = meta.getTables(null, null, "%", new String[] {"TABLE", "VIEW"})) {
                while (rows.next()) {
                    tables.add("[\\"" + rows.getString("TABLE_TYPE") + "\\", \\"" + rows.getString("TABLE_NAME") + "\\"]");
                }
            }
            try (ResultSet rows = meta.getColumns(null, null, "droplet_actions", "%")) {
                while (rows.next()) columns.add("\\"" + rows.getString("COLUMN_NAME") + "\\"");
            }
            try (ResultSet rows = statement.executeQuery(arguments[1])) {
                while (rows.next()) first++;
            }
            statement.execute("ATTACH 'inventory.db' AS inventory");
            try (ResultSet rows = statement.executeQuery(arguments[2])) {
                while (rows.next()) joined.add("[\\"" + rows.getString(1) + "\\", " + rows.getInt(2) + "]");
            }
            try {
                statement.executeUpdate(arguments[3]);
            } catch (SQLException error) {
                said = error.getMessage().replace("\\"", "'");
            }
        }
        System.out.println("{\\"tables\\": " + tables + ", \\"columns\\": " + columns
            + ", \\"first\\": " + first + ", \\"joined\\": " + joined + ", \\"said\\": \\"" + said + "\\"}");
    }
}
"""


@pytest.fixture
def run(fleet: Simulator, folder: Path) -> Callable[..., dict[str, Any]]:
    def run_program(*command: str) -> dict[str, Any]:
        environment = os.environ | {
            "DIGITALOCEAN_TOKEN": fleet.token,
            "DIGITALOCEAN_API_URL": fleet.url,
        }
        ran = subprocess.run(
            [*command, PREVIEW, JOIN, ACT],
            cwd=folder,
            env=environment,
            capture_output=True,
            encoding="utf-8",
            timeout=120,
        )
        assert ran.returncode == 0, ran.stdout + ran.stderr
        found: dict[str, Any] = json.loads(ran.stdout)
        return found

    return run_program


def over_odbc(run: Callable[..., dict[str, Any]], folder: Path) -> dict[str, Any]:
    needs("pyodbc")
    (folder / "tools.py").write_text(ODBC)
    source = f"Driver=SQLite3;Database=digitalocean.db;LoadExt={dovtab.loadable_path()}.so"
    return run(DEBIAN_PYTHON, "tools.py", source)


def over_jdbc(run: Callable[..., dict[str, Any]], folder: Path) -> dict[str, Any]:
    needs("jdbc")
    (folder / "Tools.java").write_text(JAVA)
    return run(
        "java",
        *JAVA_STARTS_SOON,
        "-cp",
        f"{FOLDER}/jdbc/*",
        "Tools.java",
        dovtab.loadable_path(),
    )


@pytest.mark.parametrize("over", [over_odbc, over_jdbc])
def test_a_hub_is_listed_looked_at_and_joined(
    fleet: Simulator,
    folder: Path,
    run: Callable[..., dict[str, Any]],
    over: Callable[..., dict[str, Any]],
) -> None:
    found = over(run, folder)
    names = [[kind, name] for kind, name in found["tables"] if "sqlite" not in name]
    assert sorted(names) == [*(["TABLE", n] for n in TABLES), *(["VIEW", n] for n in VIEWS)]
    assert found["columns"][:2] == ["id", "resource_id"]
    assert found["first"] == 60
    assert found["joined"] == [[f"web-{n}", 5] for n in range(1, 13, 2)]
    assert "starting actions is off" in found["said"]
    # The preview is one request; the join asks for each of its six Droplets.
    assert [r.path for r in fleet.requests].count("/v2/actions") == 1
    assert len(fleet.requests) == 7
    assert {r.method for r in fleet.requests} == {"GET"}
