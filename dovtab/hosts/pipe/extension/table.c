/* Tables: xConnect and xCreate, xBestIndex, and how they end.
** https://sqlite.org/vtab.html */
#include "dovtab.h"

#include <stdlib.h>
#include <string.h>

int table_fail(Table *table, int code) {
    USE_API_OF(table);
    sqlite3_free(table->base.zErrMsg);
    table->base.zErrMsg = NULL;
    if (code != SQLITE_NOMEM && table->channel->error != NULL) {
        table->base.zErrMsg = sqlite3_mprintf("%s", table->channel->error);
    }
    return code;
}

/* Ask for the table's columns; again, if the helper is another one. */
static int introduce(Table *table, int flags) {
    Channel *channel = table->channel;
    Answer answer;
    char *schema;
    int columns, rc = channel_ask(channel, &table->connect, 't', &answer, flags);
    if (rc != SQLITE_OK) return rc;
    read_u8(&answer.reader); /* whether it is writable is known */
    columns = (int)read_u32(&answer.reader);
    schema = read_text(&answer.reader);
    /* Cursors that are open have room for as many columns as there were. */
    if (schema == NULL || columns < 1 || columns > 2000 ||
        (table->schema != NULL &&
         (columns != table->columns || strcmp(schema, table->schema) != 0))) {
        rc = channel_fail(channel, SQLITE_ERROR, "dovtab: its helper described no table");
        free(schema);
    } else {
        free(table->schema);
        table->schema = schema;
        table->columns = columns;
        table->generation = channel->generation;
    }
    free(answer.body);
    return rc;
}

int table_ready(Table *table, int flags) {
    int rc = channel_ready(table->channel, flags);
    if (rc != SQLITE_OK || table->generation == table->channel->generation) return rc;
    return introduce(table, flags);
}

static void table_free(Table *table) {
    USE_API_OF(table);
    writer_free(&table->connect);
    free(table->schema);
    channel_release(table->channel);
    sqlite3_free(table);
}

/* https://sqlite.org/vtab.html#the_xconnect_method */
static int table_connect(sqlite3 *db, void *given, int argc, const char *const *argv,
                         sqlite3_vtab **made, char **error) {
    Module *module = given;
    USE_API_OF(module);
    Table *table = sqlite3_malloc(sizeof *table);
    int rc, i;
    if (table == NULL) return SQLITE_NOMEM;
    memset(table, 0, sizeof *table);
    table->api = module->api;
    table->channel = module->channel;
    channel_hold(table->channel);
    table->id = ++table->channel->last_id;
    writer_begin(&table->connect, 'T');
    write_u32(&table->connect, table->id);
    for (i = 0; i < 3; i++) write_text(&table->connect, argv[i]);
    write_u32(&table->connect, (uint32_t)(argc - 3));
    for (i = 3; i < argc; i++) {
        write_u8(&table->connect, TEXT_TAG);
        write_text(&table->connect, argv[i]);
    }
    rc = table_ready(table, 0);
    if (rc == SQLITE_OK) {
        rc = sqlite3_declare_vtab(db, table->schema);
        /* Constraints are checked before anything is changed. */
        if (rc == SQLITE_OK) rc = sqlite3_vtab_config(db, SQLITE_VTAB_CONSTRAINT_SUPPORT, 1);
    } else if (rc != SQLITE_NOMEM && table->channel->error != NULL) {
        *error = sqlite3_mprintf("%s", table->channel->error);
    }
    if (rc == SQLITE_OK) {
        *made = &table->base;
    } else {
        table_free(table);
    }
    return rc;
}

/* https://sqlite.org/vtab.html#the_xdisconnect_method */
static int table_disconnect(sqlite3_vtab *base) {
    Table *table = (Table *)base;
    Writer message;
    writer_begin(&message, 'D');
    write_u32(&message, table->id);
    channel_tell(table->channel, &message, table->generation);
    writer_free(&message);
    table_free(table);
    return SQLITE_OK;
}

/* https://sqlite.org/vtab.html#sqlite_extension_xdestroy */
static int table_destroy(sqlite3_vtab *base) {
    int rc = transaction_may_drop((Table *)base);
    return rc == SQLITE_OK ? table_disconnect(base) : rc;
}

/* What the engine may know of a query. https://sqlite.org/c3ref/index_info.html */
static void write_index(Table *table, Writer *question, sqlite3_index_info *info) {
    USE_API_OF(table);
    int knows_sets = table->channel->version >= 3038000, i;
    write_u32(question, table->id);
    write_u32(question, (uint32_t)info->nConstraint);
    for (i = 0; i < info->nConstraint; i++) {
        write_u32(question, (uint32_t)info->aConstraint[i].iColumn);
        write_u8(question, info->aConstraint[i].op);
        write_u8(question, info->aConstraint[i].usable);
        write_u8(question, (unsigned)(knows_sets && info->aConstraint[i].usable &&
                                      sqlite3_vtab_in(info, i, -1)));
    }
    write_u32(question, (uint32_t)info->nOrderBy);
    write_u32(question, knows_sets ? (uint32_t)sqlite3_vtab_distinct(info) : 0);
    write_i64(question, (int64_t)info->colUsed);
}

/* What it makes of it. Which values of xFilter are sets is kept in idxNum, a bit each. */
static int read_plan(Table *table, Reader *reader, sqlite3_index_info *info) {
    USE_API_OF(table);
    char *text;
    int i;
    if (read_u8(reader) == 0) return SQLITE_OK; /* all rows, one after the other */
    if (read_u32(reader) != (uint32_t)info->nConstraint) reader->bad = 1;
    for (i = 0; i < info->nConstraint && !reader->bad; i++) {
        int index = (int)read_u32(reader), omit = (int)read_u8(reader), is_set = (int)read_u8(reader);
        if (index < 0 || index > info->nConstraint || (is_set && index > SETS)) {
            reader->bad = 1;
            break;
        }
        info->aConstraintUsage[i].argvIndex = index;
        info->aConstraintUsage[i].omit = (unsigned char)omit;
        if (index > 0 && is_set) {
            if (table->channel->version < 3038000) {
                reader->bad = 1;
                break;
            }
            sqlite3_vtab_in(info, i, 1);
            info->idxNum |= 1 << (index - 1);
        }
    }
    info->estimatedCost = read_double(reader);
    info->estimatedRows = read_i64(reader);
    if (read_u8(reader)) info->idxFlags = SQLITE_INDEX_SCAN_UNIQUE;
    text = read_text(reader);
    if (text == NULL) return SQLITE_ERROR;
    info->idxStr = sqlite3_mprintf("%s", text);
    info->needToFreeIdxStr = 1;
    free(text);
    return info->idxStr != NULL ? SQLITE_OK : SQLITE_NOMEM;
}

/* https://sqlite.org/vtab.html#the_xbestindex_method */
static int table_best_index(sqlite3_vtab *base, sqlite3_index_info *info) {
    Table *table = (Table *)base;
    Writer question;
    Answer answer;
    /* No statement is running yet that could be interrupted. */
    int rc = table_ready(table, 0);
    if (rc != SQLITE_OK) return table_fail(table, rc);
    writer_begin(&question, 'B');
    write_index(table, &question, info);
    rc = channel_ask(table->channel, &question, 'b', &answer, 0);
    writer_free(&question);
    if (rc != SQLITE_OK) return table_fail(table, rc);
    rc = read_plan(table, &answer.reader, info);
    free(answer.body);
    if (rc == SQLITE_ERROR) {
        rc = channel_fail(table->channel, rc, "dovtab: its helper made no plan of it");
    }
    return rc == SQLITE_OK ? rc : table_fail(table, rc);
}

static void module_free(void *given) {
    Module *module = given;
    channel_release(module->channel);
    free(module);
}

int module_register(Channel *channel, const char *name, int creatable, int writable) {
    USE_API_OF(channel);
    Module *module = calloc(1, sizeof *module);
    sqlite3_module *methods;
    if (module == NULL) return SQLITE_NOMEM;
    module->api = channel->api;
    module->channel = channel;
    channel_hold(channel);
    methods = &module->methods;
    methods->iVersion = 2; /* SQLite tells of savepoints */
    methods->xConnect = table_connect;
    /* The same function: there is a table without CREATE VIRTUAL TABLE; none: only that. */
    methods->xCreate = creatable ? table_connect : NULL;
    methods->xBestIndex = table_best_index;
    methods->xDisconnect = table_disconnect;
    methods->xDestroy = table_destroy;
    cursor_methods(methods);
    if (writable) transaction_methods(methods);
    /* On failure, too, SQLite frees it. */
    return sqlite3_create_module_v2(channel->db, name, methods, module, module_free);
}
