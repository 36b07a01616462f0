/* The entry points: what SELECT load_extension() and .load call.
** https://sqlite.org/loadext.html */
#include "dovtab.h"

#include <stdlib.h>

#define EXPORTED __attribute__((visibility("default")))
EXPORTED int sqlite3_dovtab_init(sqlite3 *, char **, Api *);
EXPORTED int sqlite3_dovtabauto_init(sqlite3 *, char **, Api *);
EXPORTED int sqlite3_dovtabread_init(sqlite3 *, char **, Api *);

/* In a file of a stranger's a table may have the name of one of ours, and a query would answer
** from its rows, and nobody would notice. https://sqlite.org/vtab.html#epovtab */
static int is_hidden(Channel *channel, const char *name, char **error) {
    USE_API_OF(channel);
    sqlite3_stmt *databases = NULL;
    int hidden = 0;
    if (sqlite3_prepare_v2(channel->db, "PRAGMA database_list", -1, &databases, NULL)) return 0;
    while (!hidden && sqlite3_step(databases) == SQLITE_ROW) {
        const char *database = (const char *)sqlite3_column_text(databases, 1);
        sqlite3_stmt *found = NULL;
        char *query = sqlite3_mprintf(
            "SELECT type FROM \"%w\".sqlite_master WHERE name = %Q COLLATE NOCASE"
            " AND type IN ('table', 'view') AND sql NOT LIKE 'CREATE VIRTUAL TABLE%%USING%%%q%%'",
            database, name, name);
        if (query != NULL && sqlite3_prepare_v2(channel->db, query, -1, &found, NULL) == SQLITE_OK &&
            sqlite3_step(found) == SQLITE_ROW) {
            const char *kind = (const char *)sqlite3_column_text(found, 0);
            int is_view = kind != NULL && kind[0] == 'v';
            hidden = 1;
            *error = sqlite3_mprintf(
                "the database %s has a %s %s of its own, which hides dovtab's: %s \"%w\".%s%s%s"
                " before dovtab is loaded, or use another database",
                database, kind, name, is_view ? "DROP VIEW" : "ALTER TABLE", database, name,
                is_view ? "" : " RENAME TO other_", is_view ? "" : name);
        }
        sqlite3_finalize(found);
        sqlite3_free(query);
    }
    sqlite3_finalize(databases);
    return hidden;
}

static int register_all(Channel *channel, Reader *manifest, char **error) {
    USE_API_OF(channel);
    uint32_t count, i;
    int rc = SQLITE_OK;
    free(read_text(manifest)); /* the version */
    count = read_u32(manifest);
    for (i = 0; i < count && rc == SQLITE_OK; i++) {
        char *name = read_text(manifest);
        int creatable = (int)read_u8(manifest), writable = (int)read_u8(manifest);
        /* Of a table that is only read people may have one of their own. */
        int may_be_hidden = creatable && !writable;
        if (manifest->bad) rc = SQLITE_CORRUPT;
        else if (!may_be_hidden && is_hidden(channel, name, error)) rc = SQLITE_ERROR;
        else rc = module_register(channel, name, creatable, writable);
        free(name);
    }
    if (rc != SQLITE_OK) return rc;
    count = read_u32(manifest);
    for (i = 0; i < count && rc == SQLITE_OK; i++) {
        char *name = read_text(manifest);
        int acts = (int)read_u8(manifest);
        rc = manifest->bad ? SQLITE_CORRUPT : function_register(channel, name, acts);
        free(name);
    }
    if (rc == SQLITE_OK) {
        /* What a file calls in a CHECK, an index or a column is ours now, and SQLite refuses that
        ** when it reads the schema. https://sqlite.org/pragma.html#pragma_writable_schema */
        sqlite3_exec(channel->db, "PRAGMA writable_schema = RESET", NULL, NULL, NULL);
    }
    return manifest->bad ? SQLITE_CORRUPT : rc;
}

static int load(sqlite3 *db, char **error, Api *sqlite3_api, int may_act) {
    Channel *channel;
    Reader manifest;
    char *reason = NULL;
    int rc;
    if (sqlite3_libversion_number() < 3031000) {
        *error = sqlite3_mprintf("dovtab needs SQLite 3.31 or newer, and this program has %s",
                                 sqlite3_libversion());
        return SQLITE_ERROR;
    }
    helper_prepare();
    if (channel_of(sqlite3_api, db) != NULL) return SQLITE_OK;
    channel = channel_new(sqlite3_api, db, may_act, &manifest, &reason);
    if (channel == NULL) {
        *error = sqlite3_mprintf("%s", reason != NULL ? reason : "out of memory");
        free(reason);
        return SQLITE_ERROR;
    }
    rc = register_all(channel, &manifest, error);
    channel->registered = rc == SQLITE_OK;
    if (rc != SQLITE_OK && *error == NULL) {
        *error = sqlite3_mprintf("%s", rc == SQLITE_CORRUPT
                                           ? "dovtab: its helper said what cannot be understood"
                                       : channel->error != NULL ? channel->error
                                                                : sqlite3_errmsg(db));
    }
    channel_release(channel);
    return rc == SQLITE_OK ? SQLITE_OK : SQLITE_ERROR;
}

/* This connection. */
int sqlite3_dovtab_init(sqlite3 *db, char **error, Api *api) { return load(db, error, api, 1); }

/* This connection, which cannot start actions, whatever DOVTAB_ALLOW_ACTIONS says: for programs
** in which others write the SQL. What is loaded after it changes nothing of that. */
int sqlite3_dovtabread_init(sqlite3 *db, char **error, Api *api) {
    return load(db, error, api, 0);
}

/* It must not fail, or the program could open no database any more. */
static int load_quietly(sqlite3 *db, char **error, Api *sqlite3_api) {
    char *reason = NULL;
    (void)error;
    load(db, &reason, sqlite3_api, 1);
    sqlite3_free(reason);
    return SQLITE_OK;
}

/* This one, and every one that the program opens later, for pools of connections:
** SELECT load_extension('...', 'sqlite3_dovtabauto_init').
** https://sqlite.org/c3ref/auto_extension.html */
int sqlite3_dovtabauto_init(sqlite3 *db, char **error, Api *sqlite3_api) {
    int rc = load(db, error, sqlite3_api, 1);
    if (rc != SQLITE_OK) return rc;
    return sqlite3_auto_extension((void (*)(void))load_quietly);
}
