/* A program that forks: forks EXTENSION REPORT QUERY [ignore] [closed].
**
** It loads the extension and asks, and so does a child, on the connection that it inherits and
** on one of its own; then the program once more. A second child lives longer than the program,
** until its standard input ends, and asks again. All answers are lines of the file REPORT.
**
** With "ignore" SIGCHLD is ignored; with "closed" standard input, output and error are closed. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *extension, *query;
static FILE *report;

static sqlite3 *open_loaded(void) {
    sqlite3 *db = NULL;
    char *error = NULL;
    sqlite3_open(":memory:", &db);
    sqlite3_enable_load_extension(db, 1);
    if (sqlite3_load_extension(db, extension, NULL, &error) != SQLITE_OK) {
        fprintf(report, "load: %s\n", error);
        exit(1);
    }
    return db;
}

static void ask(sqlite3 *db, const char *who) {
    sqlite3_stmt *statement = NULL;
    int rc = sqlite3_prepare_v2(db, query, -1, &statement, NULL);
    if (rc == SQLITE_OK) rc = sqlite3_step(statement);
    fprintf(report, "%s: %s\n", who,
            rc == SQLITE_ROW ? (const char *)sqlite3_column_text(statement, 0) : sqlite3_errmsg(db));
    fflush(report);
    sqlite3_finalize(statement);
}

static void first_child(sqlite3 *inherited) {
    sqlite3 *own = open_loaded();
    ask(inherited, "child, inherited");
    ask(own, "child, own");
    sqlite3_close(own);
    sqlite3_close(inherited);
    exit(0);
}

static void second_child(int until_it_ends) {
    sqlite3 *own = open_loaded();
    char byte;
    ask(own, "heir");
    while (read(until_it_ends, &byte, 1) > 0) {
    }
    ask(own, "heir, alone");
    sqlite3_close(own);
    exit(0);
}

int main(int argc, char **argv) {
    int i, input = 0, status = 0;
    pid_t child;
    sqlite3 *db;
    alarm(50);
    if (argc < 4) return 2;
    extension = argv[1], query = argv[3];
    for (i = 4; i < argc; i++) {
        if (strcmp(argv[i], "ignore") == 0) signal(SIGCHLD, SIG_IGN);
        if (strcmp(argv[i], "closed") == 0) {
            input = fcntl(0, F_DUPFD, 20);
            for (status = 0; status < 3; status++) close(status);
        }
    }
    i = open(argv[2], O_CREAT | O_WRONLY | O_APPEND, 0600);
    report = fdopen(fcntl(i, F_DUPFD, 20), "a");
    close(i);
    db = open_loaded();
    ask(db, "program");
    fflush(report);
    child = fork();
    if (child == 0) first_child(db);
    waitpid(child, &status, 0);
    ask(db, "program, again");
    if (waitpid(-1, &status, WNOHANG) != -1 || errno != ECHILD) fprintf(report, "a stray child\n");
    if (fork() == 0) second_child(input);
    sqlite3_close(db);
    return 0;
}
