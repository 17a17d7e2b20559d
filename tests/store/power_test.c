/*
 * F2, the power cut: what SQLite has written and not synced may be lost, torn or come in another order.
 *
 * A VFS of ours logs every write, truncation and sync, and when a transaction was acknowledged. Afterwards the
 * disk of every sync is made again in a folder of its own: what was synced is whole, of what came later each
 * sector is there or not, as a seeded die says. Opened anew, the file must be sound, hold all that was
 * acknowledged (I-1), and each transaction whole or not at all (I-2).
 */
#include "tests/store/fixture.h"

#include "base/rng.h"

#define SECTOR 512
#define NOTES 25
#define SEEDS 2
#define VALUE_BYTES 3000
#define FILES_MAX 8

enum op_kind { OP_WRITE, OP_TRUNCATE, OP_SYNC, OP_DELETE, OP_ACK };

struct op {
    enum op_kind kind;
    int file;                /* OP_ACK: how many are acknowledged */
    sqlite3_int64 at;        /* OP_TRUNCATE: the new size */
    size_t len;
    char *bytes;             /* owned */
};

static struct op *ops;
static size_t op_count, op_size;
static char names[FILES_MAX][32];
static int file_count;
static sqlite3_vfs *real_vfs;

static struct op *
log_op(enum op_kind kind, int file)
{
    if (op_count == op_size) {
        op_size = op_size ? op_size * 2 : 4096;
        ops = realloc(ops, op_size * sizeof(*ops));
        assert_non_null(ops);
    }
    ops[op_count] = (struct op){.kind = kind, .file = file};
    return &ops[op_count++];
}

/* ---- the VFS ---- */

struct watched {
    sqlite3_file base;
    int file;                /* -1: not of interest */
    sqlite3_file real[];     /* real_vfs->szOsFile bytes */
};

#define REAL(f) (((struct watched *)(f))->real)

static int
w_close(sqlite3_file *f)
{
    return REAL(f)->pMethods->xClose(REAL(f));
}

static int
w_read(sqlite3_file *f, void *to, int len, sqlite3_int64 at)
{
    return REAL(f)->pMethods->xRead(REAL(f), to, len, at);
}

static int
w_write(sqlite3_file *f, const void *from, int len, sqlite3_int64 at)
{
    struct watched *w = (struct watched *)f;
    if (w->file >= 0) {
        struct op *op = log_op(OP_WRITE, w->file);
        op->at = at;
        op->len = (size_t)len;
        op->bytes = malloc((size_t)len);
        assert_non_null(op->bytes);
        memcpy(op->bytes, from, (size_t)len);
    }
    return REAL(f)->pMethods->xWrite(REAL(f), from, len, at);
}

static int
w_truncate(sqlite3_file *f, sqlite3_int64 size)
{
    struct watched *w = (struct watched *)f;
    if (w->file >= 0)
        log_op(OP_TRUNCATE, w->file)->at = size;
    return REAL(f)->pMethods->xTruncate(REAL(f), size);
}

static int
w_sync(sqlite3_file *f, int flags)
{
    struct watched *w = (struct watched *)f;
    int code = REAL(f)->pMethods->xSync(REAL(f), flags);
    if (w->file >= 0)
        log_op(OP_SYNC, w->file);
    return code;
}

static int
w_size(sqlite3_file *f, sqlite3_int64 *size)
{
    return REAL(f)->pMethods->xFileSize(REAL(f), size);
}

static int
w_lock(sqlite3_file *f, int level)
{
    return REAL(f)->pMethods->xLock(REAL(f), level);
}

static int
w_unlock(sqlite3_file *f, int level)
{
    return REAL(f)->pMethods->xUnlock(REAL(f), level);
}

static int
w_reserved(sqlite3_file *f, int *out)
{
    return REAL(f)->pMethods->xCheckReservedLock(REAL(f), out);
}

static int
w_control(sqlite3_file *f, int op, void *arg)
{
    return REAL(f)->pMethods->xFileControl(REAL(f), op, arg);
}

static int
w_sector(sqlite3_file *f)
{
    (void)f;
    return SECTOR;
}

/* No promises: not even that a power cut leaves other sectors alone. */
static int
w_traits(sqlite3_file *f)
{
    (void)f;
    return 0;
}

static int
w_shm_map(sqlite3_file *f, int page, int size, int extend, void volatile **out)
{
    return REAL(f)->pMethods->xShmMap(REAL(f), page, size, extend, out);
}

static int
w_shm_lock(sqlite3_file *f, int offset, int n, int flags)
{
    return REAL(f)->pMethods->xShmLock(REAL(f), offset, n, flags);
}

static void
w_shm_barrier(sqlite3_file *f)
{
    REAL(f)->pMethods->xShmBarrier(REAL(f));
}

static int
w_shm_unmap(sqlite3_file *f, int delete_it)
{
    return REAL(f)->pMethods->xShmUnmap(REAL(f), delete_it);
}

static const sqlite3_io_methods methods = {
    2, w_close, w_read, w_write, w_truncate, w_sync, w_size, w_lock, w_unlock, w_reserved, w_control, w_sector, w_traits,
    w_shm_map, w_shm_lock, w_shm_barrier, w_shm_unmap, NULL, NULL,
};

static int
file_number(const char *path)
{
    const char *name = path ? strrchr(path, '/') : NULL;
    if (!name || strncmp(name, "/tidemark.db", 12) != 0)
        return -1;
    for (int i = 0; i < file_count; i++)
        if (strcmp(names[i], name + 1) == 0)
            return i;
    assert_true(file_count < FILES_MAX);
    snprintf(names[file_count], sizeof(names[0]), "%s", name + 1);
    return file_count++;
}

static int
w_open(sqlite3_vfs *vfs, const char *path, sqlite3_file *f, int flags, int *out_flags)
{
    struct watched *w = (struct watched *)f;
    (void)vfs;
    int code = real_vfs->xOpen(real_vfs, path, w->real, flags, out_flags);
    w->base.pMethods = w->real->pMethods ? &methods : NULL;
    w->file = file_number(path);
    return code;
}

static int
w_delete(sqlite3_vfs *vfs, const char *path, int sync_folder)
{
    (void)vfs;
    if (file_number(path) >= 0)
        log_op(OP_DELETE, file_number(path));
    return real_vfs->xDelete(real_vfs, path, sync_folder);
}

static sqlite3_vfs watching;

static void
watch(void)
{
    real_vfs = sqlite3_vfs_find(NULL);
    watching = *real_vfs;
    watching.zName = "watching";
    watching.szOsFile = (int)sizeof(struct watched) + real_vfs->szOsFile;
    watching.xOpen = w_open;
    watching.xDelete = w_delete;
    assert_int_equal(sqlite3_vfs_register(&watching, 1), SQLITE_OK);
}

static void
unwatch(void)
{
    sqlite3_vfs_unregister(&watching);
    sqlite3_vfs_register(real_vfs, 1);
}

/* ---- the disk after the cut ---- */

struct image {
    char *bytes;
    size_t len, size;
};

static void
image_write(struct image *m, size_t at, const char *bytes, size_t len)
{
    if (at + len > m->size) {
        m->size = (at + len) * 2;
        m->bytes = realloc(m->bytes, m->size);
        assert_non_null(m->bytes);
    }
    if (at > m->len)
        memset(m->bytes + m->len, 0, at - m->len);
    memcpy(m->bytes + at, bytes, len);
    m->len = at + len > m->len ? at + len : m->len;
}

static void
image_truncate(struct image *m, size_t size)
{
    if (size < m->len)
        m->len = size;
}

/* Sector by sector: there, or not. What comes later may be there without what came before. */
static void
write_torn(struct image *m, const struct op *op, struct rng *rng)
{
    for (size_t done = 0; done < op->len;) {
        size_t at = (size_t)op->at + done, len = SECTOR - at % SECTOR;
        len = len < op->len - done ? len : op->len - done;
        if (rng_next(rng) & 1)
            image_write(m, at, op->bytes + done, len);
        done += len;
    }
}

/* The disk when the power goes just after ops[end - 1], a sync or an acknowledgement. */
static void
make_disk(const char *folder, size_t end, struct rng *rng)
{
    for (int file = 0; file < file_count; file++) {
        struct image m = {0};
        size_t synced = 0;
        bool there = false; /* files come and go before the first cut only: as they were asked to */
        for (size_t i = 0; i < end; i++) {
            if (ops[i].file != file || ops[i].kind == OP_ACK)
                continue;
            there = ops[i].kind != OP_DELETE;
            if (ops[i].kind == OP_SYNC)
                synced = i;
        }
        if (!there)
            continue;
        for (size_t i = 0; i < end; i++) {
            if (ops[i].file != file || (ops[i].kind != OP_WRITE && ops[i].kind != OP_TRUNCATE))
                continue;
            if (ops[i].kind == OP_TRUNCATE && (i < synced || (rng_next(rng) & 1)))
                image_truncate(&m, (size_t)ops[i].at);
            else if (ops[i].kind == OP_WRITE && i < synced)
                image_write(&m, (size_t)ops[i].at, ops[i].bytes, ops[i].len);
            else if (ops[i].kind == OP_WRITE)
                write_torn(&m, &ops[i], rng);
        }
        char path[128];
        snprintf(path, sizeof(path), "%s/%s", folder, names[file]);
        FILE *f = fopen(path, "w");
        assert_non_null(f);
        assert_int_equal(fwrite(m.bytes ? m.bytes : "", 1, m.len, f), m.len);
        fclose(f);
        free(m.bytes);
    }
}

static int
acknowledged(size_t end)
{
    int count = 0;
    for (size_t i = 0; i < end; i++)
        if (ops[i].kind == OP_ACK)
            count = ops[i].file;
    return count;
}

static void
check_disk(struct fixture *f, size_t end, struct rng *rng)
{
    struct fixture after = {0};
    snprintf(after.folder, sizeof(after.folder), "%s/cut", f->folder);
    mkdir(after.folder, 0700);
    make_disk(after.folder, end, rng);
    char path[128];
    snprintf(path, sizeof(path), "%s/tidemark.db", after.folder);
    struct db *db = db_sqlite_open(path, DB_SQLITE_WRITER, clock_system(), &after.err);
    if (!db)
        fail_msg("cut after %zu: %s", end, after.err.message);
    db_close(db);
    sqlite3 *handle;
    assert_int_equal(sqlite3_open_v2(path, &handle, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    sqlite3_close(handle);
    assert_int_equal(sqlite_number(path, "SELECT count(*) FROM pragma_integrity_check WHERE integrity_check <> 'ok'"), 0);
    /* Both halves of each transaction, and everything that was acknowledged. */
    assert_int_equal(sqlite_number(path, "SELECT count(*) FROM meta a WHERE name LIKE 'a-%' AND NOT EXISTS"
                                         " (SELECT 1 FROM meta b WHERE b.name = 'b' || substr(a.name, 2))"), 0);
    int64_t there = sqlite_number(path, "SELECT count(*) FROM meta WHERE name LIKE 'b-%'");
    if (there < acknowledged(end))
        fail_msg("cut after %zu: %d acknowledged, %d there", end, acknowledged(end), (int)there);
    for (int i = 0; i < file_count; i++) {
        snprintf(path, sizeof(path), "%s/%s", after.folder, names[i]);
        unlink(path);
    }
    snprintf(path, sizeof(path), "%s/tidemark.db-shm", after.folder);
    unlink(path);
    snprintf(path, sizeof(path), "%s/tidemark.db-wal", after.folder);
    unlink(path);
    rmdir(after.folder);
}

/* ---- the test ---- */

static int
setup(void **state)
{
    if (on_postgres()) {
        fprintf(stderr, "skipped: this is about the embedded database\n");
        exit(77);
    }
    *state = fixture_new();
    return 0;
}

static int
teardown(void **state)
{
    fixture_free(*state);
    for (size_t i = 0; i < op_count; i++)
        free(ops[i].bytes);
    free(ops);
    ops = NULL;
    op_count = op_size = 0;
    return 0;
}

static void
write_note(struct fixture *f, int number)
{
    char name[32], value[VALUE_BYTES];
    memset(value, 'a' + number % 26, sizeof(value));
    struct str text = {value, sizeof(value)};
    begin(f);
    snprintf(name, sizeof(name), "a-%d", number);
    assert_ok(db_exec(f->db, SQL_META_SET, DB_ARGS(DB_T(str_from_c(name)), DB_T(text)), NULL, &f->err), f->err);
    name[0] = 'b';
    assert_ok(db_exec(f->db, SQL_META_SET, DB_ARGS(DB_T(str_from_c(name)), DB_T(text)), NULL, &f->err), f->err);
    commit(f);
    log_op(OP_ACK, number);
}

static void
test_f2_a_power_cut_at_any_sync_loses_nothing_that_was_acknowledged(void **state)
{
    struct fixture *f = *state;
    watch();
    f->db = fixture_connect(f);
    assert_ok(schema_migrate(f->db, NOW, &f->err), f->err);
    size_t first = op_count;
    for (int n = 1; n <= NOTES; n++) {
        write_note(f, n);
        if (n % 10 == 0)
            assert_ok(db_script(f->db, "PRAGMA wal_checkpoint(PASSIVE)", &f->err), f->err);
    }
    unwatch();
    size_t cuts = 0;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct rng rng;
        rng_init(&rng, seed);
        for (size_t end = first + 1; end <= op_count; end++) {
            bool torn_point = ops[end - 1].kind == OP_SYNC || ops[end - 1].kind == OP_ACK ||
                              (end < op_count && ops[end].kind == OP_SYNC);
            if (!torn_point)
                continue;
            check_disk(f, end, &rng);
            cuts++;
        }
    }
    assert_true(cuts > 2 * NOTES);
}
