/* INSERT, and what befalls its transaction. The engine queues the rows and sends them in xSync.
**
** SQLite tells of every savepoint that is undone, also of the one that it makes for a statement,
** so that the engine has exactly the rows that stand. What has been asked for lives in the
** helper: if that is another one, it is lost, and the transaction must not seem to have done it.
**
** Sources: https://sqlite.org/vtab.html#the_xupdate_method,
** https://sqlite.org/vtab.html#the_xsavepoint_xrelease_and_xrollbackto_methods */
#include "dovtab.h"

#include <stdlib.h>

enum { INSERT, UPDATE, DELETE };
enum { BEGIN, COMMIT, ROLLBACK, SAVEPOINT, RELEASE, ROLLBACK_TO };

static void tell(Table *table, int event, int number) {
    Writer message;
    writer_begin(&message, 'X');
    write_u32(&message, table->id);
    write_u8(&message, (unsigned)event);
    write_u32(&message, (uint32_t)number);
    channel_tell(table->channel, &message, table->begun_generation);
    writer_free(&message);
}

static int is_lost(Table *table) {
    return table->channel->descriptor < 0 ||
           table->begun_generation != table->channel->generation;
}

static int transaction_begin(sqlite3_vtab *base) {
    Table *table = (Table *)base;
    int rc = table_ready(table, 0);
    if (rc != SQLITE_OK) return table_fail(table, rc);
    table->begun = 1;
    table->inserted = 0;
    table->begun_generation = table->channel->generation;
    tell(table, BEGIN, 0);
    return SQLITE_OK;
}

/* Whether a row may be inserted now. */
static int may_insert(Table *table, int *trigger) {
    Channel *channel = table->channel;
    int rc = table_ready(table, MAY_STOP);
    if (rc != SQLITE_OK) return rc;
    if (!table->begun) {
        return channel_fail(channel, SQLITE_ERROR,
                            "the transaction was rolled back while this INSERT ran: nothing of"
                            " it is sent");
    }
    if (is_lost(table)) {
        return channel_fail(channel, SQLITE_ERROR,
                            RESTARTED " within this transaction: nothing was sent; ROLLBACK, and"
                                      " begin it again");
    }
    /* SQLite looks less often; but what is looked up next would be interrupted, too. */
    if (channel_is_interrupted(channel)) {
        return channel_fail(channel, SQLITE_INTERRUPT, "interrupted");
    }
    *trigger = statement_has_trigger(channel);
    if (*trigger < 0) {
        return channel_fail(channel, SQLITE_ERROR,
                            "actions are started by a statement that can be told from others, and"
                            " this one cannot");
    }
    return SQLITE_OK;
}

static int transaction_update(sqlite3_vtab *base, int argc, sqlite3_value **argv,
                              sqlite3_int64 *rowid) {
    Table *table = (Table *)base;
    Channel *channel = table->channel;
    USE_API_OF(table);
    int inserts = argc > 1 && sqlite3_value_type(argv[0]) == SQLITE_NULL;
    int operation = inserts ? INSERT : argc > 1 ? UPDATE : DELETE;
    int trigger = 0, first = argc > 1 ? 2 : 1, i, rc;
    Writer question;
    Answer answer;
    rc = may_insert(table, &trigger);
    if (rc != SQLITE_OK) return table_fail(table, rc);
    writer_begin(&question, 'U');
    rc = statements_write(channel, &question, 0);
    write_u8(&question, (unsigned)trigger);
    write_u32(&question, table->id);
    write_u8(&question, (unsigned)operation);
    write_value(sqlite3_api, &question, argv[inserts ? 1 : 0]);
    write_u32(&question, (uint32_t)(argc - first));
    for (i = first; i < argc; i++) write_value(sqlite3_api, &question, argv[i]);
    if (rc == SQLITE_OK) rc = channel_ask(channel, &question, 'u', &answer, MAY_STOP);
    writer_free(&question);
    if (rc != SQLITE_OK) {
        /* It ends, and SQLite may have counted nothing: the next may look like this one. But an
        ** INSERT OR IGNORE goes on. */
        if (rc != SQLITE_CONSTRAINT || sqlite3_vtab_on_conflict(channel->db) != SQLITE_IGNORE) {
            statements_forget(channel);
        }
        return table_fail(table, rc);
    }
    table->inserted = 1;
    *rowid = read_i64(&answer.reader);
    free(answer.body);
    return SQLITE_OK;
}

static int transaction_sync(sqlite3_vtab *base) {
    Table *table = (Table *)base;
    Channel *channel = table->channel;
    Writer question;
    Answer answer;
    int rc;
    if (!table->inserted) return SQLITE_OK;
    table->inserted = 0;
    /* Another helper knows nothing of it. */
    rc = channel_ready(channel, MAY_STOP);
    if (rc == SQLITE_OK && is_lost(table)) {
        rc = channel_fail(channel, SQLITE_ERROR,
                          RESTARTED ", and what this transaction asked for is lost: nothing of it"
                                    " was sent");
    }
    if (rc != SQLITE_OK) return table_fail(table, rc);
    writer_begin(&question, 'Y');
    rc = statements_write(channel, &question, 0);
    write_u32(&question, table->id);
    if (rc == SQLITE_OK) rc = channel_ask(channel, &question, 'k', &answer, MAY_STOP | ACTS);
    writer_free(&question);
    statements_forget(channel);
    if (rc != SQLITE_OK) return table_fail(table, rc);
    free(answer.body);
    return SQLITE_OK;
}

static int over(sqlite3_vtab *base, int event) {
    Table *table = (Table *)base;
    if (table->begun) tell(table, event, 0);
    if (event == ROLLBACK) statement_undone(table->channel);
    table->begun = 0;
    table->inserted = 0;
    return SQLITE_OK;
}

static int transaction_commit(sqlite3_vtab *base) { return over(base, COMMIT); }

static int transaction_rollback(sqlite3_vtab *base) { return over(base, ROLLBACK); }

static int within(sqlite3_vtab *base, int event, int number) {
    Table *table = (Table *)base;
    if (table->begun) tell(table, event, number);
    if (event == ROLLBACK_TO) statement_undone(table->channel);
    return SQLITE_OK;
}

static int transaction_savepoint(sqlite3_vtab *base, int number) {
    return within(base, SAVEPOINT, number);
}

static int transaction_release(sqlite3_vtab *base, int number) {
    return within(base, RELEASE, number);
}

static int transaction_rollback_to(sqlite3_vtab *base, int number) {
    return within(base, ROLLBACK_TO, number);
}

int transaction_may_drop(Table *table) {
    Writer question;
    Answer answer;
    int rc;
    if (!table->inserted || is_lost(table)) return SQLITE_OK;
    writer_begin(&question, 'Z');
    write_u32(&question, table->id);
    rc = channel_ask(table->channel, &question, 'k', &answer, 0);
    writer_free(&question);
    if (rc == SQLITE_OK) free(answer.body);
    /* SQLite does not pass on what we say of it, and this has words of its own. */
    return rc == SQLITE_OK ? rc : SQLITE_LOCKED;
}

void transaction_methods(sqlite3_module *methods) {
    methods->xUpdate = transaction_update;
    methods->xBegin = transaction_begin;
    methods->xSync = transaction_sync;
    methods->xCommit = transaction_commit;
    methods->xRollback = transaction_rollback;
    methods->xSavepoint = transaction_savepoint;
    methods->xRelease = transaction_release;
    methods->xRollbackTo = transaction_rollback_to;
}
