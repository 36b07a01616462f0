/* A program that does what its standard input says, a line each, and says what came of it.
**
**     o N PATH   open connection N          x N SQL   run it, and print its rows
**     l N        load the extension         p N SQL   prepare it
**     c N        close it                   s N       step it
**     t 0 TOKEN  the token from now on      r N       reset it
**     w TEXT     say TEXT                   f N       finalize it
**
** SIGUSR1 interrupts connection 0.
** Its SQL has functions that use the connection while a statement of it is running: run(SQL)
** gives the last value or the error, step() steps what was prepared on connection 0, and gives
** the first value; reset() resets it. */
#include <sqlite3.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { CONNECTIONS = 4 };
static sqlite3 *connections[CONNECTIONS];
static sqlite3_stmt *statements[CONNECTIONS];

static void say_error(sqlite3 *db, int rc) { printf("error %d %s\n", rc & 0xff, sqlite3_errmsg(db)); }

static int last_value(void *given, int columns, char **values, char **names) {
    char **value = given;
    (void)names;
    sqlite3_free(*value);
    *value = columns > 0 && values[0] != NULL ? sqlite3_mprintf("%s", values[0]) : NULL;
    return 0;
}

static void run(sqlite3_context *context, int argc, sqlite3_value **argv) {
    char *value = NULL, *error = NULL;
    const char *sql = argc == 1 ? (const char *)sqlite3_value_text(argv[0]) : NULL;
    if (sql == NULL) return;
    if (sqlite3_exec(sqlite3_context_db_handle(context), sql, last_value, &value, &error)) {
        sqlite3_free(value);
        value = sqlite3_mprintf("error: %s", error);
    }
    sqlite3_result_text(context, value, -1, SQLITE_TRANSIENT);
    sqlite3_free(value);
    sqlite3_free(error);
}

static void step_prepared(sqlite3_context *context, int argc, sqlite3_value **argv) {
    (void)argc;
    (void)argv;
    if (sqlite3_step(statements[0]) == SQLITE_ROW) {
        sqlite3_result_value(context, sqlite3_column_value(statements[0], 0));
    } else {
        sqlite3_result_text(context, sqlite3_errmsg(connections[0]), -1, SQLITE_TRANSIENT);
    }
}

static void reset_prepared(sqlite3_context *context, int argc, sqlite3_value **argv) {
    (void)argc;
    (void)argv;
    sqlite3_result_int(context, sqlite3_reset(statements[0]));
}

static void say_row(sqlite3_stmt *statement) {
    int i;
    printf("row ");
    for (i = 0; i < sqlite3_column_count(statement); i++) {
        const char *text = (const char *)sqlite3_column_text(statement, i);
        printf("%s%s", i > 0 ? "|" : "", text != NULL ? text : "");
    }
    printf("\n");
}

static void execute(sqlite3 *db, const char *sql) {
    sqlite3_stmt *statement = NULL;
    int rc = sqlite3_prepare_v2(db, sql, -1, &statement, NULL);
    while (rc == SQLITE_OK && (rc = sqlite3_step(statement)) == SQLITE_ROW) {
        say_row(statement);
        rc = SQLITE_OK;
    }
    if (rc == SQLITE_DONE || rc == SQLITE_OK) {
        printf("ok\n");
    } else {
        say_error(db, rc);
    }
    sqlite3_finalize(statement);
}

static void step(sqlite3 *db, sqlite3_stmt *statement) {
    int rc = sqlite3_step(statement);
    if (rc == SQLITE_ROW) {
        say_row(statement);
    } else if (rc == SQLITE_DONE) {
        printf("done\n");
    } else {
        say_error(db, rc);
    }
}

static void say(sqlite3 *db, int rc) {
    if (rc == SQLITE_OK) {
        printf("ok\n");
    } else {
        say_error(db, rc);
    }
}

static int opened(const char *path, sqlite3 **made) {
    int rc = sqlite3_open(path, made);
    sqlite3 *db = *made;
    if (rc != SQLITE_OK) return rc;
    sqlite3_create_function(db, "run", 1, SQLITE_UTF8, NULL, run, NULL, NULL);
    sqlite3_create_function(db, "step", 0, SQLITE_UTF8, NULL, step_prepared, NULL, NULL);
    sqlite3_create_function(db, "reset", 0, SQLITE_UTF8, NULL, reset_prepared, NULL, NULL);
    return sqlite3_enable_load_extension(db, 1);
}

static void load(sqlite3 *db, const char *extension) {
    char *error = NULL;
    if (sqlite3_load_extension(db, extension, NULL, &error) == SQLITE_OK) {
        printf("ok\n");
    } else {
        printf("error 1 %s\n", error != NULL ? error : "");
    }
    sqlite3_free(error);
}

static void obey(char *line, const char *extension) {
    int n = line[0] != 0 && line[1] != 0 ? line[2] - '0' : -1;
    char *text = n >= 0 && line[3] == ' ' ? line + 4 : line + strlen(line);
    if (line[0] == 'w') {
        printf("%s\n", line + 2);
        return;
    }
    if (n < 0 || n >= CONNECTIONS) exit(2);
    switch (line[0]) {
        case 'o': say(connections[n], opened(text, &connections[n])); return;
        case 'l': load(connections[n], extension); return;
        case 'x': execute(connections[n], text); return;
        case 'p': say(connections[n], sqlite3_prepare_v2(connections[n], text, -1, &statements[n], NULL)); return;
        case 's': step(connections[n], statements[n]); return;
        case 'r': sqlite3_reset(statements[n]); return;
        case 'f': sqlite3_finalize(statements[n]); statements[n] = NULL; return;
        case 'c': say(connections[n], sqlite3_close(connections[n])); connections[n] = NULL; return;
        case 't': setenv("DIGITALOCEAN_TOKEN", text, 1); return;
        default: exit(2);
    }
}

static void interrupt(int signal) {
    (void)signal;
    sqlite3_interrupt(connections[0]);
}

int main(int argc, char **argv) {
    static char line[1 << 16];
    /* What hangs must not hang a test for ever. */
    alarm(120);
    signal(SIGUSR1, interrupt);
    if (argc != 2) return 2;
    while (fgets(line, sizeof line, stdin) != NULL) {
        line[strcspn(line, "\n")] = 0;
        obey(line, argv[1]);
        fflush(stdout);
    }
    return 0;
}
