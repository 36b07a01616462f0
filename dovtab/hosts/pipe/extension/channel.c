/* One connection's conversation with the helper: a question, an answer, a question.
**
** Theory of operation. A channel has a conversation or has none.
**
**   none      channel_ready() begins one: a socket of its own, then H with the environment
**   idle      channel_ready() has seen that the other side is there
**   asking    channel_ask() has sent a question, and waits for its answer
**
** Whatever goes wrong while it is asking ends the conversation, and nothing is ever sent again.
** Each conversation has a number; what belongs to an older one (a cursor half read, rows that
** were inserted) is gone, and whoever asks for it gets an error.
**
** While an answer is awaited, the connection may be interrupted: the helper is told, and has
** GRACE_SECONDS to say what became of what it was doing. It says that it is still at work every
** second; if it says nothing for SILENCE_SECONDS, it hangs. */
#include "dovtab.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#ifndef DOVTAB_SILENCE_SECONDS
#define DOVTAB_SILENCE_SECONDS 30
#endif
#ifndef DOVTAB_GRACE_SECONDS
#define DOVTAB_GRACE_SECONDS 5
#endif
enum { PROTOCOL = 1, LOOK_UP_MILLISECONDS = 100 };

extern char **environ;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static Channel *channels; /* all of this process */

void channels_lock(void) { pthread_mutex_lock(&lock); }

void channels_unlock(void) { pthread_mutex_unlock(&lock); }

static void hang_up(Channel *channel) {
    if (channel->descriptor >= 0) close(channel->descriptor);
    channel->descriptor = -1;
}

void channels_forked(void) {
    Channel *channel;
    for (channel = channels; channel != NULL; channel = channel->next) hang_up(channel);
}

int channel_fail(Channel *channel, int code, const char *format, ...) {
    char text[2048];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    free(channel->error);
    channel->error = strdup(text);
    return code;
}

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* What one question may take. */
typedef struct {
    Channel *channel;
    int flags;
    int stopping;         /* the helper has been told to stop */
    double silence_ends, grace_ends;
} Patience;

/* A statement of our own is interrupted, too. Newer versions have a function for that, but this is
** also what runs the program's progress handler, by which Datasette and others limit how long a
** query may take. https://sqlite.org/c3ref/interrupt.html */
int channel_is_interrupted(Channel *channel) {
    USE_API_OF(channel);
    static const char probe[] =
        "WITH RECURSIVE n(i) AS (VALUES(1) UNION ALL SELECT i + 1 FROM n WHERE i < 200)"
        " SELECT count(*) FROM n";
    return sqlite3_exec(channel->db, probe, NULL, NULL, NULL) == SQLITE_INTERRUPT;
}

/* A message of its own, after the question. */
static void write_stop(Writer *question) {
    write_u32(question, 0);
    write_u8(question, 'I');
}

static void tell_to_stop(Patience *patience) {
    static const unsigned char stop[HEADER] = {0, 0, 0, 0, 'I'};
    int sent = (int)send(patience->channel->descriptor, stop, sizeof stop,
                         MSG_DONTWAIT | DOVTAB_NOSIGNAL);
    patience->stopping = 1;
    patience->grace_ends = now() + (sent == sizeof stop ? DOVTAB_GRACE_SECONDS : 0);
}

/* Wait until the socket can be read or written. */
static int wait_for(Patience *patience, short event) {
    struct pollfd waiting = {patience->channel->descriptor, event, 0};
    for (;;) {
        int rc = poll(&waiting, 1, LOOK_UP_MILLISECONDS);
        if (rc > 0) return SQLITE_OK;
        if (rc < 0 && errno != EINTR) return SQLITE_IOERR;
        if (patience->stopping) {
            if (now() > patience->grace_ends) return SQLITE_INTERRUPT;
        } else if (now() > patience->silence_ends) {
            return SQLITE_BUSY;
        } else if ((patience->flags & MAY_STOP) && channel_is_interrupted(patience->channel)) {
            tell_to_stop(patience);
        }
    }
}

/* All of it goes out, or comes in; what: send or recv. */
static int transfer(Patience *patience, int sending, unsigned char *bytes, size_t size) {
    int descriptor = patience->channel->descriptor;
    while (size > 0) {
        ssize_t done = sending ? send(descriptor, bytes, size, MSG_DONTWAIT | DOVTAB_NOSIGNAL)
                               : recv(descriptor, bytes, size, MSG_DONTWAIT);
        if (done > 0) {
            bytes += done;
            size -= (size_t)done;
            patience->silence_ends = now() + DOVTAB_SILENCE_SECONDS;
        } else if (done < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
            int rc = wait_for(patience, sending ? POLLOUT : POLLIN);
            if (rc != SQLITE_OK) return rc;
        } else if (done == 0 || errno != EINTR) {
            return SQLITE_IOERR;
        }
    }
    return SQLITE_OK;
}

/* The next message, but for those that say that somebody is at work. */
static int receive(Patience *patience, char *kind, unsigned char **body, uint32_t *length) {
    unsigned char header[HEADER];
    int rc;
    do {
        rc = transfer(patience, 0, header, sizeof header);
        if (rc != SQLITE_OK) return rc;
        memcpy(length, header, sizeof *length);
        *kind = (char)header[HEADER - 1];
    } while (*kind == 'a' && *length == 0);
    if (*length > LARGEST_BODY) return SQLITE_CORRUPT;
    *body = malloc(*length + 1);
    if (*body == NULL) return SQLITE_NOMEM;
    rc = transfer(patience, 0, *body, *length);
    if (rc != SQLITE_OK) {
        free(*body);
        *body = NULL;
    }
    return rc;
}

/* The conversation has ended in the midst of a question. */
static int lost(Channel *channel, int rc, int flags) {
    const char *unknown = (flags & ACTS) ? "; whether it started actions is not known: dovtab_log"
                                           " has what was asked, and"
                                           " droplet_actions_reconcile() looks for it"
                                         : "";
    char line[512] = "";
    hang_up(channel);
    switch (rc) {
        case SQLITE_INTERRUPT:
            return channel_fail(channel, SQLITE_INTERRUPT, "interrupted%s", unknown);
        case SQLITE_NOMEM:
            return SQLITE_NOMEM;
        case SQLITE_CORRUPT:
            return channel_fail(channel, SQLITE_ERROR,
                                "dovtab: its helper said what cannot be understood%s", unknown);
        case SQLITE_BUSY:
            helper_abandon();
            return channel_fail(channel, SQLITE_ERROR,
                                "dovtab: its helper has not answered for %d seconds: it was"
                                " stopped, or hangs%s",
                                DOVTAB_SILENCE_SECONDS, unknown);
        default:
            channels_lock();
            helper_last_line(line, sizeof line);
            channels_unlock();
            return channel_fail(channel, SQLITE_ERROR, "dovtab: its helper has ended%s%s%s",
                                line[0] != 0 ? ": " : "", line, unknown);
    }
}

/* An error that the engine has told of. */
static int told(Channel *channel, Answer *answer) {
    uint32_t code = read_u32(&answer->reader);
    char *text = read_text(&answer->reader);
    int rc = code == SQLITE_INTERRUPT || code == SQLITE_CONSTRAINT ? (int)code : SQLITE_ERROR;
    channel_fail(channel, rc, "%s", text != NULL ? text : "dovtab: an error without words");
    free(text);
    return rc;
}

int channel_ask(Channel *channel, Writer *question, char answer_kind, Answer *answer, int flags) {
    Patience patience = {channel, flags, 0, now() + DOVTAB_SILENCE_SECONDS, 0};
    uint32_t length = 0;
    char kind = 0;
    int rc;
    memset(answer, 0, sizeof *answer);
    if (question->failed) return question->failed;
    if (channel->asking) {
        return channel_fail(channel, SQLITE_MISUSE, "dovtab: it is used by what waits for it");
    }
    writer_end(question);
    if ((flags & ACTS) && channel_is_interrupted(channel)) {
        /* It comes in time, if it comes with the question. */
        write_stop(question);
        if (question->failed) return question->failed;
        patience.stopping = 1;
        patience.grace_ends = now() + DOVTAB_GRACE_SECONDS;
    }
    channel->asking = 1;
    rc = transfer(&patience, 1, question->bytes, question->size);
    if (rc == SQLITE_OK) rc = receive(&patience, &kind, &answer->body, &length);
    channel->asking = 0;
    if (rc != SQLITE_OK) return lost(channel, rc, flags);
    answer->reader.at = answer->body;
    answer->reader.end = answer->body + length;
    if (kind == answer_kind) return SQLITE_OK;
    rc = kind == 'e' ? told(channel, answer) : lost(channel, SQLITE_CORRUPT, flags);
    free(answer->body);
    memset(answer, 0, sizeof *answer);
    return rc;
}

void channel_tell(Channel *channel, Writer *message, uint32_t generation) {
    Patience patience = {channel, 0, 0, now() + DOVTAB_SILENCE_SECONDS, 0};
    if (channel->descriptor < 0 || channel->generation != generation) return;
    writer_end(message);
    /* Without it the other side would be of another mind. */
    if (message->failed || channel->asking ||
        transfer(&patience, 1, message->bytes, message->size) != SQLITE_OK) {
        hang_up(channel);
    }
}

/* The environment that is the connection's own, token and settings. What is said last counts. */
static void write_hello(Writer *hello, int may_act) {
    static const char *const others[] = {"HOME=", "XDG_CONFIG_HOME=", "XDG_STATE_HOME=",
                                         "XDG_RUNTIME_DIR=", "DIGITALOCEAN_", "DOVTAB_"};
    uint32_t count = 0;
    size_t at, i, j;
    writer_begin(hello, 'H');
    write_u32(hello, PROTOCOL);
    at = write_count(hello);
    for (i = 0; environ[i] != NULL; i++) {
        const char *equals = strchr(environ[i], '=');
        for (j = 0; equals != NULL && j < sizeof others / sizeof *others; j++) {
            if (strncmp(environ[i], others[j], strlen(others[j])) == 0) {
                char *name = strndup(environ[i], (size_t)(equals - environ[i]));
                if (name == NULL) {
                    hello->failed = SQLITE_NOMEM;
                    return;
                }
                write_text(hello, name);
                write_text(hello, equals + 1);
                free(name);
                count++;
                break;
            }
        }
    }
    if (!may_act) {
        /* Nor shall strangers read what others have done. */
        write_text(hello, "DOVTAB_ALLOW_ACTIONS");
        write_text(hello, "0");
        write_text(hello, "DOVTAB_LOG");
        write_text(hello, "off");
        /* So that nobody is told to set what makes no difference. */
        write_text(hello, "DOVTAB_READING");
        write_text(hello, "1");
        count += 3;
    }
    set_count(hello, at, count);
}

/* Begin a conversation; the answer to H. */
static int greet(Channel *channel, Answer *manifest, int flags) {
    char *error = NULL;
    int tries, rc = SQLITE_ERROR;
    /* A helper that had nothing to do for long may end just now. */
    for (tries = 0; tries < 2; tries++) {
        channel->descriptor = helper_connect(&error);
        if (channel->descriptor < 0) {
            rc = channel_fail(channel, SQLITE_ERROR, "%s", error != NULL ? error : "dovtab");
            free(error);
            return rc;
        }
        channel->generation++;
        rc = channel_ask(channel, &channel->hello, 'h', manifest, flags);
        if (rc != SQLITE_ERROR || channel->descriptor >= 0) break;
    }
    if (rc != SQLITE_OK) hang_up(channel);
    return rc;
}

int channel_ready(Channel *channel, int flags) {
    Answer manifest;
    char byte;
    int rc;
    if (channel->asking) {
        return channel_fail(channel, SQLITE_MISUSE, "dovtab: it is used by what waits for it");
    }
    if (channel->descriptor >= 0) {
        ssize_t seen = recv(channel->descriptor, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
        if (seen < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return SQLITE_OK;
        /* It has ended; or it says something that nobody has asked for. */
        hang_up(channel);
    }
    rc = greet(channel, &manifest, flags);
    if (rc != SQLITE_OK) return rc;
    if ((size_t)(manifest.reader.end - manifest.body) != channel->manifest_size ||
        memcmp(manifest.body, channel->manifest, channel->manifest_size) != 0) {
        hang_up(channel);
        rc = channel_fail(channel, SQLITE_ERROR,
                          "dovtab has been upgraded since this connection loaded it: open another");
    }
    free(manifest.body);
    return rc;
}

Channel *channel_new(Api *api, sqlite3 *db, int may_act, Reader *manifest, char **error) {
    Api *sqlite3_api = api;
    Channel *channel = calloc(1, sizeof *channel);
    Answer answer;
    if (channel == NULL) return NULL;
    channel->api = api;
    channel->db = db;
    channel->version = sqlite3_libversion_number();
    channel->descriptor = -1;
    channel->references = 1;
    write_hello(&channel->hello, may_act);
    channels_lock();
    channel->next = channels;
    channels = channel;
    channels_unlock();
    if (greet(channel, &answer, 0) == SQLITE_OK) {
        *manifest = answer.reader;
        channel->manifest = answer.body;
        channel->manifest_size = (size_t)(answer.reader.end - answer.body);
        return channel;
    }
    *error = text_of("%s", channel->error != NULL ? channel->error : "dovtab: it cannot start");
    channel_release(channel);
    return NULL;
}

Channel *channel_of(Api *api, sqlite3 *db) {
    Channel *channel;
    channels_lock();
    for (channel = channels; channel != NULL; channel = channel->next) {
        if (channel->db == db && channel->api == api && channel->registered) break;
    }
    channels_unlock();
    return channel;
}

void channel_hold(Channel *channel) {
    channels_lock();
    channel->references++;
    channels_unlock();
}

void channel_release(Channel *channel) {
    Channel **place;
    int left;
    channels_lock();
    left = --channel->references;
    if (left == 0) {
        for (place = &channels; *place != channel; place = &(*place)->next) {
        }
        *place = channel->next;
        hang_up(channel);
    }
    channels_unlock();
    if (left > 0) return;
    /* It has the token. */
    if (channel->hello.bytes != NULL) memset(channel->hello.bytes, 0, channel->hello.size);
    writer_free(&channel->hello);
    statements_free(channel);
    free(channel->manifest);
    free(channel->error);
    free(channel);
}
