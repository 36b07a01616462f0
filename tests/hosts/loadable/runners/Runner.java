// JDBC with Xerial's sqlite-jdbc. Interrupt: Statement.cancel() from a timer.
// Java has no JSON of its own, so a second connection's SQLite reads and writes it.

import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
import java.util.Scanner;
import java.util.Timer;
import java.util.TimerTask;
import org.sqlite.SQLiteConfig;

public class Runner {
    static Connection json;
    static final Timer timer = new Timer(true);

    public static void main(String[] args) throws SQLException {
        json = DriverManager.getConnection("jdbc:sqlite::memory:");
        SQLiteConfig config = new SQLiteConfig();
        config.enableLoadExtension(true);
        try (Connection memory = json; Connection db = config.createConnection("jdbc:sqlite:" + args[1])) {
            try (PreparedStatement load = db.prepareStatement("SELECT load_extension(?)")) {
                load.setString(1, args[0]);
                load.execute();
            } catch (SQLException error) {
                say("error", quoted(error.getMessage()));
                return;
            }
            List<String> version = query(db, "SELECT sqlite_version()", 0);
            say("ready", version.get(0).replaceAll("[\\[\\]]", ""));
            Scanner lines = new Scanner(System.in, "UTF-8");
            while (lines.hasNextLine()) {
                String request = lines.nextLine();
                try {
                    double after = Double.parseDouble(extract(request, "coalesce(?1 ->> 'interrupt_after', 0)"));
                    List<String> rows = query(db, extract(request, "?1 ->> 'sql'"), after);
                    say("rows", "[" + String.join(", ", rows) + "]");
                } catch (SQLException error) {
                    say("error", quoted(error.getMessage()));
                }
            }
        }
    }

    /** Gives each row as a JSON array. */
    static List<String> query(Connection db, String sql, double after) throws SQLException {
        List<String> rows = new ArrayList<>();
        try (Statement statement = db.createStatement()) {
            TimerTask interrupt = new TimerTask() {
                public void run() {
                    try {
                        statement.cancel();
                    } catch (SQLException ended) {
                        // It has just ended by itself.
                    }
                }
            };
            if (after > 0) timer.schedule(interrupt, (long) (after * 1000));
            try {
                if (!statement.execute(sql)) return rows;
                ResultSet found = statement.getResultSet();
                while (found.next()) {
                    List<String> row = new ArrayList<>();
                    for (int i = 1; i <= found.getMetaData().getColumnCount(); i++) {
                        row.add(quoted(found.getObject(i)));
                    }
                    rows.add(row.toString());
                }
            } finally {
                interrupt.cancel();
            }
        }
        return rows;
    }

    static String quoted(Object value) throws SQLException {
        return extract(value, "json_quote(?1)");
    }

    static String extract(Object value, String expression) throws SQLException {
        try (PreparedStatement statement = json.prepareStatement("SELECT " + expression)) {
            statement.setObject(1, value);
            return statement.executeQuery().getString(1);
        }
    }

    static void say(String key, String value) {
        byte[] line = ("{\"" + key + "\": " + value + "}\n").getBytes(java.nio.charset.StandardCharsets.UTF_8);
        System.out.write(line, 0, line.length);
        System.out.flush();
    }
}
