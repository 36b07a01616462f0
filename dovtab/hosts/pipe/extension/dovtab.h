/* dovtab as a loadable SQLite extension: what its files share.
**
** The extension knows nothing of DigitalOcean and has no Python in it. It passes what SQLite
** calls on to a helper process, over one socket for each connection, and gives SQLite what
** comes back. dovtab/hosts/pipe/channel.py is the other end and lists what is said.
**
**     extension.c   entry points, and what is registered
**     table.c       xConnect, xBestIndex and their like
**     cursor.c      xFilter, xNext, xColumn
**     transaction.c xUpdate, and what befalls a transaction
**     function.c    SQL functions
**     statements.c  which statement is calling
**     channel.c     one connection's conversation
**     helper.c      the process, and programs that fork
**     python.c      which Python it runs
**     wire.c        bytes
**
** A program may have more than one copy of SQLite in it (Python with two packages does), and
** this file is mapped once. So there is no global sqlite3_api: every object knows its own, and
** every function that calls SQLite takes it from there.
*/
#ifndef DOVTAB_H
#define DOVTAB_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "sqlite3ext.h"

#if SQLITE_VERSION_NUMBER < 3039000
#error "the headers of SQLite 3.39 or newer are needed; the program may have an older one"
#endif

#include <stddef.h>
#include <stdint.h>

#include <sys/socket.h>
#ifdef MSG_NOSIGNAL
#define DOVTAB_NOSIGNAL MSG_NOSIGNAL
#else
#define DOVTAB_NOSIGNAL 0
#endif

typedef const sqlite3_api_routines Api;
/* The macros of sqlite3ext.h call functions by way of a variable of this name. */
#define USE_API_OF(object) Api *sqlite3_api = (object)->api

/* ---- wire.c ---- */

typedef struct Writer Writer; /* a message being written */
struct Writer {
    unsigned char *bytes; /* HEADER bytes, then the body */
    size_t size, room;
    int failed; /* no memory, or too large: nothing was lost but this message */
};

typedef struct Reader Reader; /* a message being taken apart */
struct Reader {
    const unsigned char *at, *end;
    int bad; /* it was not what was agreed on; everything read since is 0 */
};

enum { HEADER = 5, TEXT_TAG = 3 };
/* Values of xFilter that may be sets: the bits of idxNum. */
enum { SETS = 31 };
#define LARGEST_BODY ((uint32_t)1 << 30)

void writer_begin(Writer *, char kind);
void writer_end(Writer *);
void writer_free(Writer *);
void write_u8(Writer *, unsigned);
void write_u32(Writer *, uint32_t);
void write_i64(Writer *, int64_t);
void write_text(Writer *, const char *);
void write_value(Api *, Writer *, sqlite3_value *);
/* The values of an IN, taken whole. */
void write_set(Api *, Writer *, sqlite3_value *);
size_t write_count(Writer *);                    /* room for a number that is known later */
void set_count(Writer *, size_t at, uint32_t count);

unsigned read_u8(Reader *);
uint32_t read_u32(Reader *);
int64_t read_i64(Reader *);
double read_double(Reader *);
char *read_text(Reader *);                       /* sqlite3_malloc is not used: free() it */
const unsigned char *read_value(Reader *);       /* where it begins: it is whole */
/* A text to free(); NULL: no memory. */
char *text_of(const char *format, ...) __attribute__((format(printf, 1, 2)));
void result_value(Api *, sqlite3_context *, const unsigned char *value);

/* ---- python.c ---- */

/* Which interpreter runs the helper, and the folder that has the package; 0: there is none. */
int python_find(const char *library, char *python, char *packages, size_t size);

/* ---- helper.c ---- */

/* A socket to the helper, which is started if need be; -1 and an error. */
int helper_connect(char **error);
/* It does not answer: the next connection has another. */
void helper_abandon(void);
/* The last line that it has written, for an error; "" if there is none. */
void helper_last_line(char *line, size_t size);
/* Where this extension is; before anything else. */
void helper_prepare(void);

/* ---- channel.c ---- */

typedef struct Statement Statement;
typedef struct Channel Channel;
struct Channel {
    Api *api;
    sqlite3 *db;
    int version; /* sqlite3_libversion_number() */
    int references;
    int registered;              /* all that it has; half of it is none */
    int descriptor;              /* -1: there is no conversation */
    uint32_t generation;         /* how many conversations there were */
    unsigned char *manifest;     /* the version and what was registered */
    size_t manifest_size;
    Writer hello;                /* the environment when it was loaded */
    char *error;                 /* the last; for SQLite */
    int asking;                  /* an answer is awaited */
    uint32_t last_id;            /* of a table, a cursor, a statement */
    Statement *statements;       /* those that are known, the oldest first */
    int statement_count;
    Channel *next;
};

typedef struct Answer Answer; /* free its body */
struct Answer {
    unsigned char *body;
    Reader reader;
};

#define RESTARTED "dovtab: its helper ended, and was started anew"

/* What may happen to a question. */
enum { MAY_STOP = 1, /* an interrupt ends it */ ACTS = 2 /* a lost answer is no small matter */ };

Channel *channel_new(Api *, sqlite3 *, int may_act, Reader *manifest, char **error);
Channel *channel_of(Api *, sqlite3 *);          /* that a connection has loaded, or NULL */
void channel_hold(Channel *);
void channel_release(Channel *);
/* Whether the statement that is calling has been. */
int channel_is_interrupted(Channel *);
/* Before a question is asked: nothing is ever sent twice. */
int channel_ready(Channel *, int flags);
int channel_ask(Channel *, Writer *question, char answer_kind, Answer *, int flags);
void channel_tell(Channel *, Writer *message, uint32_t generation);
int channel_fail(Channel *, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* The descriptors of all of them, in a process that was forked. */
void channels_forked(void);
void channels_lock(void);
void channels_unlock(void);

/* ---- statements.c ---- */

/* The statement whose cursor is being opened; it is held in mind. */
int statement_opening(Channel *, sqlite3_vtab *, uint32_t *id);
/* Whoever holds it in mind has ended. */
void statement_unpin(Channel *, uint32_t id);
/* The same for the statement that calls a function: it is held until it ends. */
int statement_calling(Channel *, sqlite3_context *, const char *function, uint32_t *id);
/* Who is calling, into a question.
** id: the one that is known to be; 0: the innermost that is executing; or NOBODY_KNOWS. */
#define NOBODY_KNOWS UINT32_MAX
int statements_write(Channel *, Writer *, uint32_t id);
/* Whether a trigger, or a foreign key that acts, is in the one that is writing; -1: unknown. */
int statement_has_trigger(Channel *);
/* What writes or commits next is another execution. */
void statements_forget(Channel *);
/* The rows of the one that is calling are undone: SQLite counts none of them. */
void statement_undone(Channel *);
void statements_free(Channel *);

/* ---- table.c ---- */

typedef struct Module Module; /* what sqlite3_create_module is given */
struct Module {
    Api *api;
    Channel *channel;
    sqlite3_module methods;
};

typedef struct Table Table;
struct Table {
    sqlite3_vtab base; /* first: SQLite takes this for that */
    Api *api;
    Channel *channel;
    uint32_t id, generation;
    Writer connect; /* what xConnect asked, for another helper */
    char *schema;
    int columns;
    /* transaction.c */
    int begun, inserted;
    uint32_t begun_generation;
};

int module_register(Channel *, const char *name, int creatable, int writable);
/* The table is known at the other end; else it is made known. */
int table_ready(Table *, int flags);
/* An error of the channel's becomes the table's. */
int table_fail(Table *, int code);

/* ---- cursor.c, transaction.c, function.c ---- */

void cursor_methods(sqlite3_module *);
void transaction_methods(sqlite3_module *);
/* xDestroy: whether the table has actions to send. */
int transaction_may_drop(Table *);
int function_register(Channel *, const char *name, int acts);

#endif
