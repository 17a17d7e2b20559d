#include "cli/secret_file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "crypt/token.h"

#define SECRET_CHARS 43        /* of 62: 256 bits */
#define SECRET_FILE_BYTES_MAX 4096

static bool
read_all(int fd, char *bytes, size_t size, size_t *len_out)
{
    size_t len = 0;
    while (len < size) {
        ssize_t got = read(fd, bytes + len, size - len);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return false;
        if (got == 0)
            break;
        len += (size_t)got;
    }
    *len_out = len;
    return true;
}

static bool
write_all(int fd, struct str text)
{
    while (text.len > 0) {
        ssize_t put = write(fd, text.ptr, text.len);
        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0)
            return false;
        text = str_skip(text, (size_t)put);
    }
    return true;
}

/* Room for the whole file and one byte more, which shows that it grew meanwhile. */
static char *
room_for(struct arena *a, int fd, size_t bytes_max, size_t *size_out)
{
    struct stat status;
    if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode) || status.st_size > (off_t)bytes_max)
        return NULL;
    *size_out = (size_t)status.st_size + 1;
    return arena_alloc_bytes(a, *size_out);
}

struct str
file_read(struct arena *a, struct str path, size_t bytes_max, struct err *err)
{
    char *name = str_cstr(a, path);
    size_t len = 0, size = 0;
    int fd = name ? open(name, O_RDONLY | O_CLOEXEC) : -1;
    int why = errno;
    char *bytes = fd >= 0 ? room_for(a, fd, bytes_max, &size) : NULL;
    bool ok = bytes && read_all(fd, bytes, size, &len);
    if (fd >= 0)
        close(fd);
    if (ok && len < size)
        return (struct str){bytes, len};
    err_set(err, why == ENOENT && fd < 0 ? E_NOT_FOUND : E_CONFIG, "%.*s cannot be read: %s", STR_ARG(path),
            fd >= 0 ? "it is too large or no plain file" : strerror(why));
    return STR_NONE;
}

bool
file_write(struct arena *a, struct str path, struct str text, struct err *err)
{
    char *final = str_cstr(a, path), *temporary = str_cstr(a, str_format(a, "%.*s.%d", STR_ARG(path), (int)getpid()));
    if (!final || !temporary)
        return err_no_memory(err);
    int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    bool ok = fd >= 0 && write_all(fd, text) && fsync(fd) == 0;
    ok = (fd < 0 || close(fd) == 0) && ok && rename(temporary, final) == 0;
    if (ok)
        return true;
    err_set(err, E_UNAVAILABLE, "%.*s cannot be written: %s", STR_ARG(path), strerror(errno));
    unlink(temporary);
    return false;
}

static bool
is_private(struct arena *a, struct str path)
{
    struct stat status;
    char *name = str_cstr(a, path);
    return name && stat(name, &status) == 0 && (status.st_mode & 077) == 0;
}

static bool
make(struct arena *a, struct str path, struct str *secret_out, struct err *err)
{
    struct str secret;
    if (!random_text(a, STR(""), SECRET_CHARS, &secret, err))
        return false;
    struct str line = str_join2(a, secret, STR("\n"));
    if (str_is_none(line))
        return err_no_memory(err);
    if (!file_write(a, path, line, err))
        return false;
    *secret_out = secret;
    return true;
}

bool
secret_file_get(const struct config *config, enum setting_id setting, const char *file, struct arena *a, struct str *secret_out,
                struct str *made_out, struct err *err)
{
    *made_out = STR_NONE;
    *secret_out = config_text(config, setting);
    if (secret_out->len)
        return true;
    struct str path = str_format(a, "%.*s/%s", STR_ARG(config_text(config, SETTING_DATA_DIR)), file);
    struct str text = file_read(a, path, SECRET_FILE_BYTES_MAX, err);
    if (str_is_none(text) && err->code == E_NOT_FOUND) {
        if (!make(a, path, secret_out, err))
            return false;
        *made_out = path;
        return true;
    }
    if (str_is_none(text))
        return false;
    if (!is_private(a, path))
        return err_set(err, E_CONFIG, "%.*s can be read by others: chmod 600 it", STR_ARG(path));
    *secret_out = str_trim(text);
    return secret_out->len > 0 || err_set(err, E_CONFIG, "%.*s is empty: put the key back", STR_ARG(path));
}

void
secret_file_unmake(struct arena *a, struct str file)
{
    char *name = file.len ? str_cstr(a, file) : NULL;
    if (name)
        unlink(name);
}
