/* A program with many threads, or many connections: threads EXTENSION MODE QUERY EXPECTED.
**
**     own       each thread has a connection of its own
**     shared    all have the same
**     anew      each opens a connection, loads, asks and closes it, again and again
**     one       no thread: the same, 200 times
**
** Prints every answer that is not EXPECTED, then how many files and threads it has more than
** after the first connection was closed. */
#include <dirent.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { THREADS = 16, TIMES = 12, CONNECTIONS = 200 };
static const char *extension, *mode, *query, *expected;
static sqlite3 *shared;

static sqlite3 *open_loaded(void) {
    sqlite3 *db = NULL;
    char *error = NULL;
    sqlite3_open_v2(":memory:", &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_FULLMUTEX, NULL);
    sqlite3_enable_load_extension(db, 1);
    if (sqlite3_load_extension(db, extension, NULL, &error) != SQLITE_OK) {
        printf("load: %s\n", error);
        exit(1);
    }
    return db;
}

static void close_it(sqlite3 *db) {
    if (sqlite3_close(db) != SQLITE_OK) printf("not closed\n");
}

static void ask(sqlite3 *db) {
    sqlite3_stmt *statement = NULL;
    const char *answer = NULL;
    int rc = sqlite3_prepare_v2(db, query, -1, &statement, NULL);
    if (rc == SQLITE_OK) rc = sqlite3_step(statement);
    if (rc == SQLITE_ROW) answer = (const char *)sqlite3_column_text(statement, 0);
    if (answer == NULL || strcmp(answer, expected) != 0) {
        printf("%s\n", answer != NULL ? answer : sqlite3_errmsg(db));
    }
    sqlite3_finalize(statement);
}

static void *work(void *given) {
    sqlite3 *db = strcmp(mode, "own") == 0 ? open_loaded() : shared;
    int i;
    (void)given;
    for (i = 0; i < TIMES; i++) {
        if (strcmp(mode, "anew") == 0) db = open_loaded();
        ask(db);
        if (strcmp(mode, "anew") == 0) close_it(db);
    }
    if (strcmp(mode, "own") == 0) close_it(db);
    return NULL;
}

static int entries(const char *folder) {
    DIR *list = opendir(folder);
    int count = 0;
    while (readdir(list) != NULL) count++;
    closedir(list);
    return count;
}

int main(int argc, char **argv) {
    pthread_t threads[THREADS];
    int files, tasks, i;
    alarm(50);
    if (argc != 5) return 2;
    extension = argv[1], mode = argv[2], query = argv[3], expected = argv[4];
    close_it(open_loaded());
    files = entries("/proc/self/fd"), tasks = entries("/proc/self/task");
    if (strcmp(mode, "one") == 0) {
        for (i = 0; i < CONNECTIONS; i++) {
            sqlite3 *db = open_loaded();
            if (i % 20 == 0) ask(db);
            close_it(db);
        }
    } else {
        if (strcmp(mode, "shared") == 0) shared = open_loaded();
        for (i = 0; i < THREADS; i++) pthread_create(&threads[i], NULL, work, NULL);
        for (i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
        if (shared != NULL) close_it(shared);
    }
    printf("%d %d\n", entries("/proc/self/fd") - files, entries("/proc/self/task") - tasks);
    return 0;
}
