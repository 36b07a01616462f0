/* Which statement is calling, without the program's trace or authorizer: of each there is one,
** and it is the program's.
**
** Theory of operation. SQLite lists the statements of a connection. One that is busy and has no
** row to give is inside sqlite3_step: it calls us, or has called what calls us. One that has a
** row is waiting for its program, and calls nobody; but from SQLite 3.41 on it may also be on its
** way to the next row. Where it could be this one or that, both are told to the engine, which lets
** nothing act.
**
** That a statement is the one that called before has to be certain: what an action's function
** gave is given again within one statement, and never in the next. Its address is not enough,
** nor how often it was run: a program that prepares each anew may get the same of both. So it is
** known as long as something holds it in mind that SQLite itself takes away at its end:
**
**   a cursor          from xOpen to xClose
**   auxiliary data    from the first call of a function to sqlite3_reset()
**   what it changed   an INSERT has neither of them. But when it ends, SQLite counts its rows,
**                     and while it runs it does not; or undoes them, and tells.
**
** Sources: https://sqlite.org/c3ref/next_stmt.html, https://sqlite.org/c3ref/stmt_busy.html,
** https://sqlite.org/c3ref/data_count.html, https://sqlite.org/c3ref/get_auxdata.html */
#include "dovtab.h"

#include <stdlib.h>
#include <string.h>

struct Statement {
    sqlite3_stmt *stmt;
    char *text;            /* at the same address there may be another one by now */
    int run;               /* how often it has been run */
    uint32_t id;
    int pins;              /* what holds it in mind */
    int has_called;        /* one of them is a function's: it is known whenever it calls again */
    int changes;           /* of the connection, when it was last seen; -1: it is over */
    uint32_t generation;   /* of the conversation in which it was described; 0: of none */
    int executing;         /* what is_executing() gave */
    int trigger;           /* what statement_has_trigger() gives, once somebody has looked */
};

enum { NOBODY_LOOKED = -2 };
enum { PERHAPS = 1, CERTAINLY };

static int is_executing(Channel *channel, sqlite3_stmt *stmt) {
    USE_API_OF(channel);
    if (!sqlite3_stmt_busy(stmt) || sqlite3_stmt_isexplain(stmt)) return 0;
    if (sqlite3_data_count(stmt) == 0) return CERTAINLY;
    return channel->version >= 3041000 ? PERHAPS : 0;
}

static const char *text_in(Channel *channel, sqlite3_stmt *stmt) {
    USE_API_OF(channel);
    const char *text = sqlite3_sql(stmt);
    return text != NULL ? text : "";
}

static Statement *known(Channel *channel, sqlite3_stmt *stmt) {
    USE_API_OF(channel);
    int run = sqlite3_stmt_status(stmt, SQLITE_STMTSTATUS_RUN, 0), i;
    for (i = 0; i < channel->statement_count; i++) {
        Statement *one = &channel->statements[i];
        if (one->stmt != stmt || one->run != run) continue;
        if (strcmp(one->text, text_in(channel, stmt)) != 0) continue;
        if (one->pins > 0 || one->changes == sqlite3_total_changes(channel->db)) return one;
    }
    return NULL;
}

static Statement *by_id(Channel *channel, uint32_t id) {
    int i;
    for (i = 0; i < channel->statement_count; i++) {
        if (channel->statements[i].id == id) return &channel->statements[i];
    }
    return NULL;
}

/* It has ended, and the other side hears of it. */
static void ended(Channel *channel, Statement *one) {
    size_t after = (size_t)(channel->statements + channel->statement_count - (one + 1));
    uint32_t id = one->id, generation = one->generation;
    Writer message;
    free(one->text);
    memmove(one, one + 1, after * sizeof *one);
    channel->statement_count--;
    if (generation == 0) return;
    writer_begin(&message, 'E');
    write_u32(&message, id);
    channel_tell(channel, &message, generation);
    writer_free(&message);
}

static Statement *add(Channel *channel, sqlite3_stmt *stmt) {
    USE_API_OF(channel);
    size_t size = (size_t)(channel->statement_count + 1) * sizeof(Statement);
    Statement *more = realloc(channel->statements, size), *one;
    char *text = strdup(text_in(channel, stmt));
    if (more != NULL) channel->statements = more;
    if (more == NULL || text == NULL) {
        free(text);
        return NULL;
    }
    one = &more[channel->statement_count++];
    memset(one, 0, sizeof *one);
    one->stmt = stmt;
    one->text = text;
    one->run = sqlite3_stmt_status(stmt, SQLITE_STMTSTATUS_RUN, 0);
    one->id = ++channel->last_id;
    one->trigger = NOBODY_LOOKED;
    return one;
}

static void reverse(Statement *first, Statement *end) {
    for (; first < end; first++) {
        Statement other = *--end;
        *end = *first;
        *first = other;
    }
}

/* See which are executing; 0: no memory. The oldest stay first. */
static int look(Channel *channel) {
    USE_API_OF(channel);
    sqlite3_stmt *stmt = NULL;
    int before = channel->statement_count, i;
    for (i = 0; i < before; i++) channel->statements[i].executing = 0;
    while ((stmt = sqlite3_next_stmt(channel->db, stmt)) != NULL) {
        int executing = is_executing(channel, stmt);
        Statement *one;
        if (!executing) continue;
        one = known(channel, stmt);
        if (one == NULL) one = add(channel, stmt);
        if (one == NULL) return 0;
        one->executing = executing;
        one->changes = sqlite3_total_changes(channel->db);
    }
    /* SQLite lists what was prepared last first. */
    reverse(channel->statements + before, channel->statements + channel->statement_count);
    for (i = channel->statement_count - 1; i >= 0; i--) {
        Statement *one = &channel->statements[i];
        if (!one->executing && one->pins == 0) ended(channel, one);
    }
    return 1;
}

/* A line of what EXPLAIN says of a statement: an opcode, and what it is about, or NULL for any.
** 1: there is one; 0: there is none; -1: nobody knows.
** https://sqlite.org/opcode.html */
static int explain_has(Channel *channel, sqlite3_stmt *stmt, const char *opcode,
                       const char *about) {
    USE_API_OF(channel);
    const char *text = sqlite3_sql(stmt), *found, *p4;
    char *explain = text != NULL ? sqlite3_mprintf("EXPLAIN %s", text) : NULL;
    sqlite3_stmt *lines = NULL;
    int has = 0, rc;
    if (explain == NULL) return -1;
    rc = sqlite3_prepare_v2(channel->db, explain, -1, &lines, NULL);
    sqlite3_free(explain);
    if (rc != SQLITE_OK) return -1;
    while ((rc = sqlite3_step(lines)) == SQLITE_ROW) {
        found = (const char *)sqlite3_column_text(lines, 1);
        p4 = (const char *)sqlite3_column_text(lines, 5);
        if (found == NULL || strcmp(found, opcode) != 0) continue;
        if (about == NULL || (p4 != NULL && strcmp(p4, about) == 0)) has = 1;
    }
    sqlite3_finalize(lines);
    return rc == SQLITE_DONE ? has : -1;
}

static int executing_count(Channel *channel, int least) {
    int count = 0, i;
    for (i = 0; i < channel->statement_count; i++) {
        count += channel->statements[i].executing >= least;
    }
    return count;
}

/* Of several that are executing the innermost; but the oldest may have been prepared last. */
static Statement *innermost(Channel *channel) {
    int least = executing_count(channel, CERTAINLY) > 0 ? CERTAINLY : PERHAPS, i;
    Statement *last = NULL;
    for (i = 0; i < channel->statement_count; i++) {
        if (channel->statements[i].executing >= least) last = &channel->statements[i];
    }
    return last;
}

int statement_opening(Channel *channel, sqlite3_vtab *table, uint32_t *id) {
    USE_API_OF(channel);
    Statement *caller;
    char about[64];
    int i;
    *id = 0;
    if (!look(channel)) return SQLITE_NOMEM;
    caller = innermost(channel);
    if (executing_count(channel, caller != NULL ? caller->executing : PERHAPS) > 1) {
        sqlite3_snprintf(sizeof about, about, "vtab:%p", (void *)table);
        for (i = channel->statement_count - 1; i >= 0; i--) {
            Statement *one = &channel->statements[i];
            if (one->executing && explain_has(channel, one->stmt, "VOpen", about) == 1) {
                caller = one;
                break;
            }
        }
    }
    if (caller == NULL) return SQLITE_OK;
    caller->pins++;
    *id = caller->id;
    return SQLITE_OK;
}

void statement_unpin(Channel *channel, uint32_t id) {
    Statement *one = by_id(channel, id);
    if (one != NULL && --one->pins == 0) ended(channel, one);
}

/* What SQLite takes away when a statement ends. */
typedef struct {
    Channel *channel;
    uint32_t id;
} Pin;

/* SQLite's own functions keep what is a statement's, and not an argument's, under a number below
** 0, and so does this: no argument is. */
enum { PIN = -0x646f76 };

static void pin_free(void *given) {
    Pin *pin = given;
    statement_unpin(pin->channel, pin->id);
    channel_release(pin->channel);
    free(pin);
}

int statement_calling(Channel *channel, sqlite3_context *context, const char *function,
                      uint32_t *id) {
    USE_API_OF(channel);
    Pin *pin = sqlite3_get_auxdata(context, PIN);
    Statement *caller = NULL;
    int count = 0, i;
    *id = pin != NULL ? pin->id : NOBODY_KNOWS;
    if (!look(channel)) return SQLITE_NOMEM;
    if (pin != NULL) return SQLITE_OK;
    for (i = 0; i < channel->statement_count; i++) {
        Statement *one = &channel->statements[i];
        /* Nothing but its own text can call a function that is DIRECTONLY. */
        if (!one->executing || strcasestr(one->text, function) == NULL) continue;
        if (one->executing == PERHAPS && one->has_called) continue;
        caller = one;
        count++;
    }
    /* Of none or of several the engine has something to say. */
    if (count != 1) return SQLITE_OK;
    *id = caller->id;
    pin = malloc(sizeof *pin);
    if (pin == NULL) return SQLITE_NOMEM;
    pin->channel = channel;
    pin->id = caller->id;
    caller->pins++;
    caller->has_called = 1;
    channel_hold(channel);
    sqlite3_set_auxdata(context, PIN, pin, pin_free);
    return sqlite3_get_auxdata(context, PIN) == pin ? SQLITE_OK : SQLITE_NOMEM;
}

static void write_file(Writer *question, const char *name, const char *file) {
    write_text(question, name != NULL ? name : "");
    write_text(question, file != NULL ? file : "");
}

/* The databases of the connection and their files. */
static void write_files(Channel *channel, Writer *question) {
    USE_API_OF(channel);
    size_t at = write_count(question);
    sqlite3_stmt *list = NULL;
    uint32_t count = 0;
    if (channel->version >= 3039000) {
        const char *name;
        while ((name = sqlite3_db_name(channel->db, (int)count)) != NULL) {
            write_file(question, name, sqlite3_db_filename(channel->db, name));
            count++;
        }
    } else if (sqlite3_prepare_v2(channel->db, "PRAGMA database_list", -1, &list, NULL) ==
               SQLITE_OK) {
        while (sqlite3_step(list) == SQLITE_ROW) {
            write_file(question, (const char *)sqlite3_column_text(list, 1),
                       (const char *)sqlite3_column_text(list, 2));
            count++;
        }
        sqlite3_finalize(list);
    }
    set_count(question, at, count);
}

static void describe(Channel *channel, Writer *question, Statement *one) {
    USE_API_OF(channel);
    int reads = sqlite3_stmt_readonly(one->stmt);
    char *expanded = NULL;
    write_u8(question, (unsigned)(reads != 0));
    write_text(question, one->text);
    if (!reads) return;
    /* What it is run ahead with. */
    if (sqlite3_bind_parameter_count(one->stmt) > 0) expanded = sqlite3_expanded_sql(one->stmt);
    write_text(question, expanded != NULL ? expanded : "");
    sqlite3_free(expanded);
    write_files(channel, question);
}

static int write_one(Channel *channel, Writer *question, Statement *one) {
    int is_new = one->generation != channel->generation;
    /* What it has done so far is known to nobody any more. */
    if (is_new && one->generation != 0 && one->pins > 0) {
        return channel_fail(channel, SQLITE_ERROR, RESTARTED " while this statement ran");
    }
    write_u32(question, one->id);
    write_u8(question, (unsigned)is_new);
    if (is_new) describe(channel, question, one);
    one->generation = channel->generation;
    return SQLITE_OK;
}

int statements_write(Channel *channel, Writer *question, uint32_t id) {
    Statement *caller;
    int least, i;
    if (!look(channel)) return SQLITE_NOMEM;
    caller = by_id(channel, id);
    if (caller != NULL) caller->executing = CERTAINLY;
    least = id == NOBODY_KNOWS ? PERHAPS : CERTAINLY;
    write_u32(question, (uint32_t)executing_count(channel, least));
    for (i = 0; i < channel->statement_count; i++) {
        Statement *one = &channel->statements[i];
        if (one == caller || one->executing < least) continue;
        if (write_one(channel, question, one) != SQLITE_OK) return SQLITE_ERROR;
    }
    /* Who is known to be calling is the innermost, whatever its place. */
    return caller == NULL ? SQLITE_OK : write_one(channel, question, caller);
}

int statement_has_trigger(Channel *channel) {
    USE_API_OF(channel);
    int i;
    if (!look(channel)) return -1;
    for (i = channel->statement_count - 1; i >= 0; i--) {
        Statement *one = &channel->statements[i];
        if (!one->executing || sqlite3_stmt_readonly(one->stmt)) continue;
        if (one->trigger == NOBODY_LOOKED) {
            one->trigger = explain_has(channel, one->stmt, "Program", NULL);
        }
        return one->trigger;
    }
    return -1;
}

void statements_forget(Channel *channel) {
    int i;
    for (i = 0; i < channel->statement_count; i++) channel->statements[i].changes = -1;
}

void statement_undone(Channel *channel) {
    Statement *one = look(channel) ? innermost(channel) : NULL;
    if (one != NULL) one->changes = -1;
}

void statements_free(Channel *channel) {
    int i;
    for (i = 0; i < channel->statement_count; i++) free(channel->statements[i].text);
    free(channel->statements);
    channel->statements = NULL;
    channel->statement_count = 0;
}
