/*
 * Lists of the vendor that streams are made of: reading them.
 */
#include "engine/lists.h"

#include "base/limits.h"
#include "engine/engine_priv.h"
#include "template/manifest_lists.h"

#define LIST_BYTES_MAX (8 * 1024 * 1024)  /* of all lists of a connection */
#define LIST_PAGES_MAX 10000

/* A list that could not be read is asked for again by whoever comes next, but not each time that the same run is taken up. */
static bool
is_fresh(struct account *account, int64_t run)
{
    struct lists_note note = {0};
    int64_t now_us = clock_wall_us(account->engine->options.clock);
    if (!account_lists(account, &note).ptr || now_us - note.read_us >= LISTS_KEPT_US || now_us < note.read_us)
        return false;
    account->lists_failed = note.failed;
    return note.failed.code == E_OK || (run != 0 && run == note.run);
}

/* ---- reading ---- */

static bool
wait_error(const struct reader_event *event, struct err *err)
{
    err_set(err, event->rate_limited ? E_VENDOR_RATE_LIMITED : E_VENDOR_UNAVAILABLE, "%.*s", STR_ARG(event->wait_reason));
    err->retry_after_ms = event->wait_ms > 0 ? event->wait_ms : 1;
    return false;
}

static bool
read_one(struct fetch *f, yyjson_mut_doc *doc, yyjson_mut_val *pairs, struct err *err)
{
    struct arena page;
    struct reader_event event;
    enum fetch_result result = FETCH_PAGE;
    arena_init(&page, LIMIT_PAGE_ARENA_BYTES);
    for (int i = 0; result == FETCH_PAGE && i < LIST_PAGES_MAX; i++) {
        result = fetch_next(f, &page, &event, err);
        if (result == FETCH_PAGE && !manifest_list_keep(doc, pairs, &page, &event)) {
            err_no_memory(err);
            result = FETCH_FAILED;
        }
    }
    if (result == FETCH_WAIT)
        wait_error(&event, err);
    if (result == FETCH_STOPPED)
        err_set(err, E_CANCELLED, NULL);
    if (result == FETCH_PAGE)
        err_set(err, E_RUN_LIMIT, "it has more than %d pages", LIST_PAGES_MAX);
    arena_release(&page);
    return result == FETCH_DONE;
}

/* Does this say something of one list only? Then the streams that are made of the others go on. */
static bool
is_of_one_list(const struct lists_ask *ask, const struct err *err)
{
    switch ((int)err->code) {
    case E_VENDOR_UNAVAILABLE: return ask->run != 0 && (err->retry_after_ms == 0 || ask->last_try);
    case E_VENDOR_REFUSED:
    case E_BAD_PAGE:
    case E_PAGE_TOO_LARGE:
    case E_RUN_LIMIT: return true;
    default: return false;
    }
}

/* The streams that were made of it the last time stay; the first failure is the one that is told. */
static bool
do_without(struct account *account, size_t index, yyjson_mut_doc *doc, yyjson_mut_val *lists, const struct err *why)
{
    yyjson_val *before = yyjson_arr_get(account_lists_before(account), index);
    if (account->lists_failed.code == E_OK)
        account->lists_failed = *why;
    return yyjson_mut_arr_append(lists, before ? yyjson_val_mut_copy(doc, before) : yyjson_mut_null(doc));
}

static bool
read_list(struct account *account, size_t index, struct fetch *f, yyjson_mut_doc *doc, yyjson_mut_val *pairs, struct err *err)
{
    struct reader_options options = {.template = account->template, .config = account->effective, .position = STR_NONE,
                                     .updated_since = STR_NONE, .now_us = clock_wall_us(account->engine->options.clock)};
    struct reader *reader = reader_new_list(&options, index, err);
    if (reader != NULL)
        fetch_reader(f, reader);
    if (reader != NULL && read_one(f, doc, pairs, err))
        return true;
    struct str name = template_dynamic_name(account->template, index);
    return err->code == E_CANCELLED ? false : err_prefix(err, "The list that streams of %.*s are made of: ", STR_ARG(name));
}

static bool
read_all(struct account *account, const struct lists_ask *ask, struct fetch *f, yyjson_mut_doc *doc, yyjson_mut_val *lists,
         struct err *err)
{
    for (size_t i = 0; i < template_dynamic_count(account->template); i++) {
        struct err why = {0};
        yyjson_mut_val *pairs = template_dynamic_is_list(account->template, i) ? yyjson_mut_arr(doc) : yyjson_mut_null(doc);
        if (pairs == NULL)
            return err_no_memory(err);
        bool ok = yyjson_mut_is_null(pairs) || read_list(account, i, f, doc, pairs, &why);
        if (!ok && !is_of_one_list(ask, &why)) {
            err_copy(err, &why);
            return false;
        }
        if (!(ok ? yyjson_mut_arr_append(lists, pairs) : do_without(account, i, doc, lists, &why)))
            return err_no_memory(err);
    }
    return true;
}

/* Reads with a fetch of its own, because one holds on to the template. */
static bool
fetch_all(struct account *account, const struct lists_ask *ask, yyjson_mut_doc *doc, yyjson_mut_val *lists, struct err *err)
{
    struct fetch f;
    struct engine *e = account->engine;
    fetch_init(&f, account, &e->sender, NULL);
    f.circuit = &e->circuit, f.numbers = &e->numbers;
    f.lease = ask->lease, f.keeper = ask->keeper;
    f.quota_class = ask->lease != NULL ? QUOTA_INCREMENTAL : QUOTA_MANUAL;
    if (ask->lease != NULL)
        lease_on_stop(ask->keeper, ask->lease, fetch_stop, &f);
    bool ok = read_all(account, ask, &f, doc, lists, err);
    if (ask->lease != NULL)
        lease_on_stop(ask->keeper, ask->lease, NULL, NULL);
    fetch_release(&f);
    return ok;
}

bool
lists_read(struct account *account, const struct lists_ask *ask, struct err *err)
{
    account->lists_failed = (struct err){0};
    if (template_list_count(account->template) == 0 || is_fresh(account, ask->run))
        return true; /* it was opened with them */
    account->lists_failed = (struct err){0};
    yyjson_mut_doc *doc = json_mut_doc(account->arena);
    yyjson_mut_val *lists = doc ? yyjson_mut_arr(doc) : NULL;
    if (lists == NULL)
        return err_no_memory(err);
    if (!fetch_all(account, ask, doc, lists, err))
        return false;
    yyjson_val *frozen = json_freeze(account->arena, lists);
    struct str text = frozen ? json_to_text(account->arena, frozen) : STR_NONE;
    if (str_is_none(text))
        return err_no_memory(err);
    if (text.len > LIST_BYTES_MAX)
        return err_set(err, E_LIMIT, "The lists that streams are made of are too large");
    account_keep_lists(account, text, ask->run);
    return account_configure(account, frozen, err);
}
