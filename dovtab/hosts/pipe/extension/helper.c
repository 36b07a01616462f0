/* The helper process: one for a program, started when its first connection needs it.
**
** It is started without a shell and with python -I, so that neither the program's folder nor
** its PYTHONPATH decides what runs. It says when it is ready and leaves the work to a child of
** its own: the program gets no child that could surprise its wait(), and no zombie. Its output
** goes to a file without a name, that cannot fill up as a pipe would, and whose last line
** explains errors. What holds it alive is the control socket: it ends when that is closed.
**
** A program that forks shares its sockets with its child. The child closes them, or a helper
** would outlive its program, and starts a helper of its own when it needs one. */
#include "dovtab.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* An interpreter on a slow disk takes its time; one that hangs must not hang the program. */
#ifndef DOVTAB_START_SECONDS
#define DOVTAB_START_SECONDS 20
#endif

extern char **environ;

static const char START[] =
    "# dovtab's helper\n"
    "import sys\n"
    "folder = sys.argv[1]\n"
    "folder in sys.path or sys.path.append(folder)\n"
    "from dovtab.hosts.pipe.helper import main\n"
    "main()\n";

/* Read and written under the lock of channels_lock(). */
static int control = -1, output = -1;
static char library[PATH_MAX];

/* Programs may have standard input and output closed; what we open must not take their place. */
static int out_of_the_way(int descriptor) {
    int high;
    if (descriptor < 0) return -1;
    high = fcntl(descriptor, F_DUPFD_CLOEXEC, 10);
    close(descriptor);
    return high;
}

/* Another thread may start a process at any moment, which would keep what is open. */
#ifdef SOCK_CLOEXEC
enum { STREAM = SOCK_STREAM | SOCK_CLOEXEC };
#else
enum { STREAM = SOCK_STREAM };
#endif

static int socket_pair(int pair[2]) {
    if (socketpair(AF_UNIX, STREAM, 0, pair) != 0) return -1;
    pair[0] = out_of_the_way(pair[0]);
    pair[1] = out_of_the_way(pair[1]);
#ifdef SO_NOSIGPIPE
    int on = 1;
    setsockopt(pair[0], SOL_SOCKET, SO_NOSIGPIPE, &on, sizeof on);
#endif
    if (pair[0] >= 0 && pair[1] >= 0) return 0;
    if (pair[0] >= 0) close(pair[0]);
    if (pair[1] >= 0) close(pair[1]);
    return -1;
}

static int file_without_name(void) {
    char name[] = "/tmp/dovtab-XXXXXX";
    int descriptor = mkstemp(name);
    if (descriptor >= 0) unlink(name);
    return descriptor >= 0 ? descriptor : open("/dev/null", O_RDWR);
}

#ifdef __linux__
#include <sys/mman.h>
static int open_output(void) {
    int descriptor = memfd_create("dovtab", MFD_CLOEXEC);
    return out_of_the_way(descriptor >= 0 ? descriptor : file_without_name());
}
#else
static int open_output(void) { return out_of_the_way(file_without_name()); }
#endif

void helper_last_line(char *line, size_t size) {
    char text[4096], *start;
    struct stat status;
    off_t offset;
    ssize_t length;
    line[0] = 0;
    if (output < 0 || fstat(output, &status) != 0) return;
    offset = status.st_size > (off_t)sizeof text - 1 ? status.st_size - (off_t)sizeof text + 1 : 0;
    length = pread(output, text, sizeof text - 1, offset);
    if (length <= 0) return;
    text[length] = 0;
    start = strstr(text, "Fatal Python error");
    if (start == NULL) {
        while (length > 0 && (text[length - 1] == '\n' || text[length - 1] == ' ')) {
            text[--length] = 0;
        }
        start = strrchr(text, '\n');
        start = start != NULL ? start + 1 : text;
    }
    start[strcspn(start, "\n")] = 0;
    snprintf(line, size, "%s", start);
}

/* The token and the settings of one connection are no other's, and not for everyone who lists
** processes: they travel with the connection. */
static char **without_settings(void) {
    size_t count = 0, kept = 0, i;
    char **environment;
    while (environ[count] != NULL) count++;
    environment = malloc((count + 1) * sizeof *environment);
    if (environment == NULL) return NULL;
    for (i = 0; i < count; i++) {
        if (strncmp(environ[i], "DIGITALOCEAN_", 13) != 0 && strncmp(environ[i], "DOVTAB_", 7) != 0) {
            environment[kept++] = environ[i];
        }
    }
    environment[kept] = NULL;
    return environment;
}

static int spawn(const char *python, char *packages, int theirs, pid_t *process) {
    char *arguments[] = {(char *)python, "-I", "-c", (char *)START, packages, NULL};
    char **environment = without_settings();
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    sigset_t none, all;
    int rc;
    if (environment == NULL) return ENOMEM;
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&files, output, 1);
    posix_spawn_file_actions_adddup2(&files, output, 2);
    posix_spawn_file_actions_adddup2(&files, theirs, 3);
    sigemptyset(&none);
    sigfillset(&all);
    sigdelset(&all, SIGKILL);
    sigdelset(&all, SIGSTOP);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    rc = posix_spawn(process, python, &files, &attributes, arguments, environment);
    posix_spawn_file_actions_destroy(&files);
    posix_spawnattr_destroy(&attributes);
    free(environment);
    return rc;
}

/* Wait until it says that it is ready; 0: it does not. */
static int became_ready(int ours) {
    struct pollfd waiting = {ours, POLLIN, 0};
    char byte;
    int rc;
    /* A signal that comes meanwhile makes it wait longer, and no more than that. */
    do {
        rc = poll(&waiting, 1, DOVTAB_START_SECONDS * 1000);
    } while (rc < 0 && errno == EINTR);
    return rc > 0 && recv(ours, &byte, 1, 0) == 1;
}

/* The process that was started has done its work, or will never; give it back to the system. */
static void reap(pid_t process, int ready) {
    int status;
    pid_t rc;
    do {
        rc = waitpid(process, &status, ready ? 0 : WNOHANG);
    } while (rc < 0 && errno == EINTR);
    /* If the program takes all its children itself, this number may be another's by now. */
    if (!ready && rc == 0) {
        kill(process, SIGKILL);
        waitpid(process, &status, 0);
    }
}

static int start(char **error) {
    char python[PATH_MAX], packages[PATH_MAX], line[512];
    int pair[2], rc, ready;
    pid_t process;
    if (!python_find(library, python, packages, sizeof python)) {
        *error = text_of("dovtab: no Python was found: set DOVTAB_PYTHON to the one that dovtab"
                         " was installed with");
        return 1;
    }
    if (output >= 0) close(output);
    output = open_output();
    if (output < 0 || socket_pair(pair) != 0) {
        *error = text_of("dovtab: no helper can be started: %s", strerror(errno));
        return 1;
    }
    rc = spawn(python, packages, pair[1], &process);
    close(pair[1]);
    if (rc != 0) {
        close(pair[0]);
        *error = text_of("dovtab: %s cannot be run: %s", python, strerror(rc));
        return 1;
    }
    ready = became_ready(pair[0]);
    reap(process, ready);
    if (!ready) {
        helper_last_line(line, sizeof line);
        close(pair[0]);
        *error = text_of("dovtab: its helper did not start with %s (DOVTAB_PYTHON can name"
                         " another Python): %s",
                         python, line[0] != 0 ? line : "it said nothing");
        return 1;
    }
    control = pair[0];
    return 0;
}

/* Pass it a socket of its own; 0: it cannot take it.
** https://man7.org/linux/man-pages/man7/unix.7.html, SCM_RIGHTS */
static int pass(int theirs) {
    union {
        struct cmsghdr header;
        char room[CMSG_SPACE(sizeof(int))];
    } rights;
    char byte = 1;
    struct iovec bytes = {&byte, 1};
    struct msghdr message;
    struct cmsghdr *header;
    struct pollfd waiting = {control, POLLOUT, 0};
    memset(&rights, 0, sizeof rights);
    memset(&message, 0, sizeof message);
    message.msg_iov = &bytes;
    message.msg_iovlen = 1;
    message.msg_control = rights.room;
    message.msg_controllen = sizeof rights.room;
    header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(header), &theirs, sizeof theirs);
    /* One that was stopped takes nothing any more. */
    if (poll(&waiting, 1, 1000) <= 0) return 0;
    return sendmsg(control, &message, MSG_DONTWAIT | DOVTAB_NOSIGNAL) == 1;
}

static void abandon(void) {
    if (control >= 0) close(control);
    control = -1;
}

int helper_connect(char **error) {
    int pair[2], tries, ours = -1;
    channels_lock();
    /* The one that is there may have ended, and that shows when it is used. */
    for (tries = 0; tries < 2 && ours < 0; tries++) {
        if (control < 0 && start(error)) break;
        if (socket_pair(pair) != 0) {
            *error = text_of("dovtab: no socket can be made: %s", strerror(errno));
            break;
        }
        ours = pair[0];
        if (!pass(pair[1])) {
            close(ours);
            ours = -1;
            abandon();
        }
        close(pair[1]);
    }
    channels_unlock();
    if (ours < 0 && *error == NULL) *error = text_of("dovtab: its helper cannot be reached");
    return ours;
}

void helper_abandon(void) {
    channels_lock();
    abandon();
    channels_unlock();
}

static void before_fork(void) { channels_lock(); }

static void in_parent(void) { channels_unlock(); }

static void in_child(void) {
    abandon();
    if (output >= 0) close(output);
    output = -1;
    channels_forked();
    channels_unlock();
}

/* https://man7.org/linux/man-pages/man3/pthread_atfork.3.html */
static void prepare(void) {
    Dl_info here = {NULL, NULL, NULL, NULL};
    char path[PATH_MAX];
    if (dladdr((void *)(intptr_t)helper_prepare, &here) == 0 || here.dli_fname == NULL) return;
    if (realpath(here.dli_fname, path) == NULL) return;
    memcpy(library, path, sizeof library);
    /* SQLite unloads an extension with the connection that loaded it; but the helper is still
    ** there for the next one, and a program may fork at any time. */
    dlopen(library, RTLD_LAZY | RTLD_NOLOAD | RTLD_NODELETE);
    pthread_atfork(before_fork, in_parent, in_child);
}

void helper_prepare(void) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, prepare);
}
