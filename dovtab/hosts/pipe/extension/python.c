/* Which Python runs the helper: the one that the package was installed into.
**
**  1. DOVTAB_PYTHON, a path or a name on PATH
**  2. what the file dovtab.python beside the extension says, which an editable install writes
**  3. PREFIX/bin, if the extension is in PREFIX/lib/pythonX.Y/site-packages/dovtab
**  4. pythonX.Y, then python3, on PATH
**
** An interpreter that is a symbolic link stays one: that is how a virtual environment's finds
** its packages. */
#include "dovtab.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int is_executable(const char *path) {
    struct stat status;
    return stat(path, &status) == 0 && S_ISREG(status.st_mode) && access(path, X_OK) == 0;
}

static int on_path(const char *name, char *found, size_t size) {
    const char *path = getenv("PATH");
    if (path == NULL) path = "/usr/local/bin:/usr/bin:/bin";
    while (*path != 0) {
        size_t length = strcspn(path, ":");
        int written = snprintf(found, size, "%.*s/%s", (int)length, path, name);
        /* A relative folder would be whatever the program's is now. */
        if (*path == '/' && written > 0 && (size_t)written < size && is_executable(found)) {
            return 1;
        }
        path += length + (path[length] == ':');
    }
    return 0;
}

/* Cut the last part of a path off; gives it. */
static char *cut(char *path) {
    char *slash = strrchr(path, '/');
    if (slash == NULL) return path + strlen(path);
    *slash = 0;
    return slash + 1;
}

static int in_file(const char *folder, char *python, size_t size) {
    char path[PATH_MAX];
    FILE *file;
    int found = 0;
    if ((size_t)snprintf(path, sizeof path, "%s/dovtab.python", folder) >= sizeof path) return 0;
    file = fopen(path, "re");
    if (file == NULL) return 0;
    if (fgets(python, (int)size, file) != NULL) {
        python[strcspn(python, "\r\n")] = 0;
        found = python[0] == '/' && is_executable(python);
    }
    fclose(file);
    return found;
}

static int in_prefix(const char *prefix, const char *version, char *python, size_t size) {
    const char *names[] = {version, "python3", "python"};
    size_t i;
    for (i = 0; i < sizeof names / sizeof *names; i++) {
        if ((size_t)snprintf(python, size, "%s/bin/%s", prefix, names[i]) < size &&
            is_executable(python)) {
            return 1;
        }
    }
    return 0;
}

int python_find(const char *library, char *python, char *packages, size_t size) {
    const char *named = getenv("DOVTAB_PYTHON");
    char path[PATH_MAX], *version;
    snprintf(path, sizeof path, "%s", library);
    cut(path);
    if (in_file(path, python, size) && (named == NULL || *named == 0)) {
        cut(path);
        snprintf(packages, size, "%s", path);
        return 1;
    }
    cut(path);
    snprintf(packages, size, "%s", path);
    if (named != NULL && *named != 0) {
        if (strchr(named, '/') != NULL || !on_path(named, python, size)) {
            snprintf(python, size, "%s", named);
        }
        return 1;
    }
    cut(path);
    version = cut(path);
    if (strncmp(version, "python", 6) == 0 && version[6] != 0) {
        cut(path);
        if (in_prefix(path, version, python, size) || on_path(version, python, size)) return 1;
    }
    return on_path("python3", python, size);
}
