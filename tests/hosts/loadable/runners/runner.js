// Node with better-sqlite3. It has no interrupt: its calls hold the only thread.
// NODE_PATH names the folder that has better-sqlite3.
"use strict";

const readline = require("node:readline");
const Database = require("better-sqlite3");

const [extension, file] = process.argv.slice(2);
const say = (answer) => process.stdout.write(JSON.stringify(answer) + "\n");

function answer({ sql, interrupt_after }) {
  if (interrupt_after !== undefined) return { unsupported: "interrupt" };
  try {
    const statement = db.prepare(sql);
    if (statement.reader) return { rows: statement.raw().all() };
    statement.run();
    return { rows: [] };
  } catch (error) {
    return { error: error.message };
  }
}

const db = new Database(file);
try {
  db.loadExtension(extension);
} catch (error) {
  say({ error: error.message });
  process.exit();
}
say({ ready: db.prepare("SELECT sqlite_version()").pluck().get() });
const lines = readline.createInterface({ input: process.stdin });
lines.on("line", (line) => say(answer(JSON.parse(line))));
lines.on("close", () => db.close());
