/*
 * A person's own templates: every NAME.yaml of a folder is the platform NAME.
 *
 * One that does not load is left out with a warning that says why and where; the others and the server are none
 * the worse. A file with the name of a built-in template takes its place.
 */
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/limits.h"
#include "base/log.h"
#include "engine/registry.h"

#define FOLDER_ARENA_BYTES (2 * LIMIT_TEMPLATE_BYTES)

static bool
read_whole(int fd, struct arena *a, struct str *text_out, struct err *err)
{
    struct stat info;
    if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode))
        return err_set(err, E_CONFIG, "It is not a file");
    if (info.st_size > LIMIT_TEMPLATE_BYTES)
        return err_set(err, E_TOO_LARGE, "The template is larger than %d bytes", LIMIT_TEMPLATE_BYTES);
    size_t size = (size_t)info.st_size, len = 0;
    char *bytes = arena_alloc_bytes(a, size + 1);
    if (!bytes)
        return err_no_memory(err);
    while (len < size) {
        ssize_t got = read(fd, bytes + len, size - len);
        if (got <= 0)
            return err_set(err, E_CONFIG, "It cannot be read");
        len += (size_t)got;
    }
    *text_out = (struct str){bytes, len};
    return true;
}

static bool
load_file(struct registry *r, int folder, const char *file, struct str name, struct err *err)
{
    int fd = openat(folder, file, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return err_set(err, E_CONFIG, "It cannot be opened");
    struct arena a;
    struct str text;
    arena_init(&a, FOLDER_ARENA_BYTES);
    bool ok = read_whole(fd, &a, &text, err) && registry_put(r, name, text, err);
    arena_release(&a);
    close(fd);
    return ok;
}

static bool
template_name(const char *file, struct str *name_out)
{
    struct str name = str_from_c(file);
    if (!str_ends(name, STR(".yaml")))
        return false;
    *name_out = str_slice(name, 0, name.len - 5);
    return name_out->len > 0 && name_out->ptr[0] != '.';
}

size_t
registry_load_folder(struct registry *r, const char *path)
{
    DIR *folder = opendir(path);
    size_t loaded = 0;
    struct dirent *file;
    while (folder && (file = readdir(folder)) != NULL) {
        struct str name;
        struct err err = {0};
        if (!template_name(file->d_name, &name))
            continue;
        if (load_file(r, dirfd(folder), file->d_name, name, &err))
            loaded++;
        else
            log_write(LOG_WARN, "template left out", LOG_C("file", file->d_name), LOG_C("code", err_name(err.code)),
                      LOG_C("reason", err.message));
    }
    if (folder)
        closedir(folder);
    return loaded;
}
