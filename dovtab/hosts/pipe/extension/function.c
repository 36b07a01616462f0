/* SQL functions.
**
** They act, so they are DIRECTONLY: no view, trigger, default or index in a stranger's file can
** call them; and not DETERMINISTIC, or SQLite would call one for many rows.
** https://sqlite.org/c3ref/c_deterministic.html */
#include "dovtab.h"

#include <stdlib.h>
#include <string.h>

typedef struct {
    Api *api;
    Channel *channel;
    char *name;
    int acts;
} Function;

static int ask(Function *function, sqlite3_context *context, int argc, sqlite3_value **argv,
               Answer *answer) {
    Channel *channel = function->channel;
    int flags = MAY_STOP | (function->acts ? ACTS : 0), i, rc;
    uint32_t statement;
    Writer question;
    rc = channel_ready(channel, MAY_STOP);
    if (rc == SQLITE_OK) rc = statement_calling(channel, context, function->name, &statement);
    if (rc != SQLITE_OK) return rc;
    writer_begin(&question, 'S');
    rc = statements_write(channel, &question, statement);
    write_text(&question, function->name);
    write_u32(&question, (uint32_t)argc);
    for (i = 0; i < argc; i++) write_value(function->api, &question, argv[i]);
    if (rc == SQLITE_OK) rc = channel_ask(channel, &question, 'v', answer, flags);
    writer_free(&question);
    return rc;
}

static void call(Api *sqlite3_api, sqlite3_context *context, int argc, sqlite3_value **argv) {
    Function *function = sqlite3_user_data(context);
    const unsigned char *value;
    Answer answer;
    int rc = ask(function, context, argc, argv, &answer);
    if (rc == SQLITE_NOMEM) {
        sqlite3_result_error_nomem(context);
    } else if (rc == SQLITE_TOOBIG) {
        sqlite3_result_error_toobig(context);
    } else if (rc != SQLITE_OK) {
        const char *error = function->channel->error;
        sqlite3_result_error(context, error != NULL ? error : "dovtab: it failed", -1);
        sqlite3_result_error_code(context, rc);
    } else {
        value = read_value(&answer.reader);
        if (value != NULL) {
            result_value(sqlite3_api, context, value);
        } else {
            sqlite3_result_error(context, "dovtab: its helper gave what is no value", -1);
        }
        free(answer.body);
    }
}

/* A function is given nothing of ours before it calls SQLite, and each copy of SQLite in this
** process is called in a way of its own. So there is a function for each. */
enum { COPIES = 4 };
static Api *copies[COPIES];

#define FUNCTION_OF(copy)                                                                \
    static void call_##copy(sqlite3_context *context, int argc, sqlite3_value **argv) { \
        call(copies[copy], context, argc, argv);                                         \
    }
FUNCTION_OF(0)
FUNCTION_OF(1)
FUNCTION_OF(2)
FUNCTION_OF(3)
static void (*const calls[COPIES])(sqlite3_context *, int, sqlite3_value **) = {call_0, call_1,
                                                                                call_2, call_3};

static int copy_of(Api *api) {
    int copy;
    channels_lock();
    for (copy = 0; copy < COPIES && copies[copy] != NULL && copies[copy] != api; copy++) {
    }
    if (copy < COPIES) copies[copy] = api;
    channels_unlock();
    return copy < COPIES ? copy : -1;
}

static void function_free(void *given) {
    Function *function = given;
    channel_release(function->channel);
    free(function->name);
    free(function);
}

int function_register(Channel *channel, const char *name, int acts) {
    USE_API_OF(channel);
    int copy = copy_of(channel->api);
    Function *function = calloc(1, sizeof *function);
    if (copy < 0) {
        free(function);
        return channel_fail(channel, SQLITE_ERROR,
                            "dovtab: there are more than %d copies of SQLite in this program",
                            COPIES);
    }
    if (function == NULL) return SQLITE_NOMEM;
    function->api = channel->api;
    function->channel = channel;
    function->name = strdup(name);
    function->acts = acts;
    channel_hold(channel);
    /* How many arguments there must be the engine says better than SQLite. */
    return sqlite3_create_function_v2(channel->db, name, -1, SQLITE_UTF8 | SQLITE_DIRECTONLY,
                                      function, calls[copy], NULL, NULL, function_free);
}
