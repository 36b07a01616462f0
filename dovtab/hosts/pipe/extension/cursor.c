/* Scans: xFilter asks for rows, and gets a page of them; xNext asks for the next page.
** https://sqlite.org/vtab.html#the_xfilter_method */
#include "dovtab.h"

#include <stdlib.h>
#include <string.h>

typedef struct {
    sqlite3_vtab_cursor base; /* first: SQLite takes this for that */
    uint32_t id, statement;
    uint32_t generation;      /* of the conversation that it reads in */
    int more;                 /* pages may follow */
    int ended;
    uint32_t left;            /* rows of this page that were not looked at yet */
    Answer page;
    int64_t rowid;
    const unsigned char **cells;
} Cursor;

static Table *table_of(Cursor *cursor) { return (Table *)cursor->base.pVtab; }

static int cursor_open(sqlite3_vtab *base, sqlite3_vtab_cursor **opened) {
    Table *table = (Table *)base;
    USE_API_OF(table);
    size_t cells = (size_t)table->columns * sizeof(unsigned char *);
    Cursor *cursor = sqlite3_malloc64(sizeof *cursor + cells);
    int rc;
    if (cursor == NULL) return SQLITE_NOMEM;
    memset(cursor, 0, sizeof *cursor);
    cursor->cells = (const unsigned char **)(cursor + 1);
    cursor->id = ++table->channel->last_id;
    cursor->ended = 1;
    rc = statement_opening(table->channel, base, &cursor->statement);
    if (rc == SQLITE_OK) {
        *opened = &cursor->base;
    } else {
        sqlite3_free(cursor);
    }
    return rc;
}

/* Nobody reads on; what is on its way for it need not come. */
static void stop(Cursor *cursor) {
    Writer message;
    if (cursor->more) {
        writer_begin(&message, 'C');
        write_u32(&message, cursor->id);
        channel_tell(table_of(cursor)->channel, &message, cursor->generation);
        writer_free(&message);
    }
    free(cursor->page.body);
    memset(&cursor->page, 0, sizeof cursor->page);
    cursor->more = 0;
    cursor->left = 0;
    cursor->ended = 1;
}

static int cursor_close(sqlite3_vtab_cursor *base) {
    Cursor *cursor = (Cursor *)base;
    Table *table = table_of(cursor);
    USE_API_OF(table);
    stop(cursor);
    statement_unpin(table->channel, cursor->statement);
    sqlite3_free(cursor);
    return SQLITE_OK;
}

static int bad_page(Cursor *cursor) {
    Table *table = table_of(cursor);
    stop(cursor);
    return table_fail(table, channel_fail(table->channel, SQLITE_ERROR,
                                          "dovtab: its helper sent what is no row"));
}

/* Ask for a page; it replaces the one that is here. */
static int turn(Cursor *cursor, Writer *question) {
    Table *table = table_of(cursor);
    Answer page;
    int rc = channel_ask(table->channel, question, 'r', &page, MAY_STOP);
    writer_free(question);
    free(cursor->page.body);
    memset(&cursor->page, 0, sizeof cursor->page);
    cursor->more = 0;
    if (rc != SQLITE_OK) {
        stop(cursor);
        /* SQLite has words of its own for it, and programs know it by them. */
        return rc == SQLITE_INTERRUPT ? rc : table_fail(table, rc);
    }
    cursor->page = page;
    cursor->more = read_u8(&cursor->page.reader) == 0;
    cursor->left = read_u32(&cursor->page.reader);
    return cursor->page.reader.bad ? bad_page(cursor) : SQLITE_OK;
}

static int cursor_next(sqlite3_vtab_cursor *base) {
    Cursor *cursor = (Cursor *)base;
    Table *table = table_of(cursor);
    Channel *channel = table->channel;
    int i, rc;
    while (cursor->left == 0 && cursor->more) {
        Writer question;
        if (channel->descriptor < 0 || channel->generation != cursor->generation) {
            stop(cursor);
            return table_fail(table, channel_fail(channel, SQLITE_ERROR,
                                                  RESTARTED " while this query ran"));
        }
        writer_begin(&question, 'N');
        write_u32(&question, cursor->id);
        rc = turn(cursor, &question);
        if (rc != SQLITE_OK) return rc;
    }
    cursor->ended = cursor->left == 0;
    if (cursor->ended) return SQLITE_OK;
    cursor->left--;
    for (i = 0; i < table->columns; i++) cursor->cells[i] = read_value(&cursor->page.reader);
    cursor->rowid = read_i64(&cursor->page.reader);
    return cursor->page.reader.bad ? bad_page(cursor) : SQLITE_OK;
}

static int cursor_filter(sqlite3_vtab_cursor *base, int sets, const char *plan, int argc,
                         sqlite3_value **argv) {
    Cursor *cursor = (Cursor *)base;
    Table *table = table_of(cursor);
    Channel *channel = table->channel;
    USE_API_OF(table);
    Writer question;
    int i, rc;
    stop(cursor);
    rc = table_ready(table, MAY_STOP);
    if (rc != SQLITE_OK) return table_fail(table, rc);
    writer_begin(&question, 'F');
    rc = statements_write(channel, &question, cursor->statement);
    if (rc != SQLITE_OK) {
        writer_free(&question);
        return table_fail(table, rc);
    }
    write_u32(&question, cursor->id);
    write_u32(&question, table->id);
    write_text(&question, plan != NULL ? plan : "");
    write_u32(&question, (uint32_t)argc);
    for (i = 0; i < argc; i++) {
        if (i < SETS && (sets >> i & 1)) {
            write_set(sqlite3_api, &question, argv[i]);
        } else {
            write_value(sqlite3_api, &question, argv[i]);
        }
    }
    cursor->generation = channel->generation;
    rc = turn(cursor, &question);
    return rc == SQLITE_OK ? cursor_next(base) : rc;
}

static int cursor_eof(sqlite3_vtab_cursor *base) { return ((Cursor *)base)->ended; }

static int cursor_column(sqlite3_vtab_cursor *base, sqlite3_context *context, int column) {
    Cursor *cursor = (Cursor *)base;
    Table *table = table_of(cursor);
    if (!cursor->ended && column >= 0 && column < table->columns) {
        result_value(table->api, context, cursor->cells[column]);
    }
    return SQLITE_OK;
}

static int cursor_rowid(sqlite3_vtab_cursor *base, sqlite3_int64 *rowid) {
    *rowid = ((Cursor *)base)->rowid;
    return SQLITE_OK;
}

void cursor_methods(sqlite3_module *methods) {
    methods->xOpen = cursor_open;
    methods->xClose = cursor_close;
    methods->xFilter = cursor_filter;
    methods->xNext = cursor_next;
    methods->xEof = cursor_eof;
    methods->xColumn = cursor_column;
    methods->xRowid = cursor_rowid;
}
