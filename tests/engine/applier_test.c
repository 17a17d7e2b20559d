/*
 * Records applied outside a run, with the real store: which streams can be written.
 */
#include "rig.h"

#include "base/buf.h"
#include "engine/applier.h"

#define STREAMS 70 /* more than most platforms have; some have hundreds */

static struct str
many_streams(struct arena *a)
{
    struct buf b;
    buf_init(&b, 1 << 20);
    buf_add_c(&b, "version: 6.0.0\ntype: DeclarativeSource\ncheck: {type: CheckStream, stream_names: [s0]}\nstreams:\n");
    for (unsigned i = 0; i < STREAMS; i++)
        buf_addf(&b, "  - {type: DeclarativeStream, name: s%u, primary_key: [id], retriever: {type: SimpleRetriever, requester: "
                     "{type: HttpRequester, url_base: \"https://desk.example.com\", path: s%u}, record_selector: "
                     "{type: RecordSelector, extractor: {type: DpathExtractor, field_path: [data]}}}}\n", i, i);
    buf_add_c(&b, "metadata: {tidemark: {name: manydesk}}\n");
    struct str text = buf_ok(&b) ? str_copy(a, buf_str(&b)) : STR_NONE;
    buf_release(&b);
    return text;
}

struct commit {
    struct rig *rig;
    struct applier *applier;
    struct apply_item *item;
};

static bool
commit(struct db *db, void *ctx, struct err *err)
{
    struct commit *c = ctx;
    return applier_commit(c->applier, db, &c->rig->arena, c->item, 0, err);
}

static void
test_a_record_of_every_stream_is_written_however_many_there_are(void **state)
{
    struct rig *rig = *state;
    struct err err = {0};
    struct connection c;
    struct connection_change change = {.enabled = -1, .provider = STR("manydesk"), .config = rig_json(rig, "{}")};
    assert_ok(registry_put(rig->templates, STR("manydesk"), many_streams(&rig->arena), &err), err);
    assert_ok(engine_connection_create(rig->engine, &rig->arena, rig->tenant, &change, false, &c, &err), err);
    struct applier *applier = applier_new(rig->engine, rig->tenant, c.id, &err);
    assert_ok(applier != NULL, err);
    struct str names[] = {STR("s0"), STR("s69")};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        struct apply_item item = {.stream = names[i], .record = rig_json(rig, "{\"id\":\"a\",\"name\":\"Ana\"}"), .whole = true,
                                  .certain = true};
        struct commit write = {rig, applier, &item};
        assert_ok(store_write(rig->store, commit, &write, &err), err);
        assert_int_equal(item.result, APPLY_DONE);
        assert_true(item.record_id > 0);
    }
    applier_free(applier);
}
