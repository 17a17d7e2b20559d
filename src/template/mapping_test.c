/*
 * Mapping: paths, tables, types, roles, rules; the vendor's recorded samples.
 */
#include "base/test.h"

#include <stdlib.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/limits.h"
#include "template/mapping.h"
#include "template/test_builtin.h"

#define NOW_US INT64_C(1767441600000000)

struct maps {
    struct template *template;
    struct arena arena;
    struct err err;
    struct mapped row;
};

static int
setup(void **state)
{
    struct maps *m = calloc(1, sizeof(*m));
    arena_init(&m->arena, 1 << 26);
    m->template = template_load(builtin_yaml("chatwoot"), STR("t"), &m->err);
    assert_non_null(m->template);
    *state = m;
    return 0;
}

static int
teardown(void **state)
{
    struct maps *m = *state;
    template_unref(m->template);
    arena_release(&m->arena);
    free(m);
    return 0;
}

static yyjson_val *
json(struct maps *m, const char *text)
{
    yyjson_val *v = json_parse(&m->arena, str_from_c(text), JSON_NUMBERS_RAW, 64, &m->err);
    if (!v)
        fail_msg("%s: %s", text, m->err.message);
    return v;
}

static void
map_one(struct maps *m, const char *stream, const char *override, const struct mapping_options *options, yyjson_val *record)
{
    struct mapping *mapping = mapping_compile(&m->arena, m->template, str_from_c(stream), override ? json(m, override) : NULL, options, &m->err);
    if (!mapping)
        fail_msg("%s", m->err.message);
    assert_ok(mapping_apply(mapping, &m->arena, record, NULL, json(m, "{\"accountId\":\"1\"}"), NOW_US, &m->row, &m->err), m->err);
}

static void
test_a_status_goes_through_its_table(void **state)
{
    struct maps *m = *state;
    map_one(m, "conversations", NULL, NULL, json(m, "{\"id\":5,\"status\":\"resolved\",\"labels\":[\"b\",\"a\"]}"));
    assert_str(m->row.status, "completed");
    assert_str(m->row.data, "{\"metadata\":{\"chatwoot_id\":\"5\",\"chatwoot_labels\":[\"b\",\"a\"]},\"status\":\"completed\"}");
    map_one(m, "conversations", NULL, NULL, json(m, "{\"id\":5,\"status\":\"unheard of\"}"));
    assert_str(m->row.status, "unheard of");
}

static void
test_a_connection_may_change_the_mapping(void **state)
{
    struct maps *m = *state;
    map_one(m, "contacts", "{\"name\":null,\"shout\":\"{{ record['name'].upper() ~ config['accountId'] }}\",\"email\":\"custom.mail\"}", NULL,
            json(m, "{\"id\":1,\"name\":\"ana\",\"custom\":{\"mail\":\"a@b.c\"}}"));
    assert_str(m->row.data, "{\"customFields\":{\"chatwoot_id\":\"1\"},\"email\":\"a@b.c\",\"shout\":\"ANA1\"}");
    assert_str(m->row.email, "a@b.c");
}

static void
test_require_email_is_as_strict_as_it_says(void **state)
{
    struct maps *m = *state;
    struct mapping_options strict = {.rules = json(m, "{\"requireEmail\":true}")};
    map_one(m, "contacts", NULL, &strict, json(m, "{\"id\":123,\"phone_number\":\"+5581999990000\",\"email\":\"\"}"));
    assert_str(m->row.rejected, "Contact 123: Email required");
    map_one(m, "contacts", NULL, NULL, json(m, "{\"id\":123,\"phone_number\":\"+5581999990000\"}"));
    assert_true(str_is_none(m->row.rejected));
}

static void
test_the_connections_rule_stands_before_the_templates(void **state)
{
    struct maps *m = *state;
    struct mapping_options mild = {.rules = json(m, "{\"rejectBadPhone\":false}")};
    yyjson_val *record = json(m, "{\"id\":456,\"email\":\"a@b.c\",\"phone_number\":\"12\"}");
    map_one(m, "contacts", NULL, NULL, record);
    assert_str(m->row.rejected, "Contact 456: Invalid phone format");
    map_one(m, "contacts", NULL, &mild, record);
    assert_true(str_is_none(m->row.rejected));
}

static void
test_a_failing_expression_rejects_its_record_only(void **state)
{
    struct maps *m = *state;
    map_one(m, "contacts", "{\"x\":\"{{ record['deep']['er']['est'] }}\"}", NULL, json(m, "{\"id\":9,\"email\":\"a@b.c\"}"));
    assert_true(str_starts(m->row.rejected, STR("Contact 9: ")));
}

static void
test_a_nul_in_a_text_is_a_record_error(void **state)
{
    struct maps *m = *state;
    map_one(m, "contacts", NULL, NULL, json(m, "{\"id\":9,\"email\":\"a@b.c\",\"name\":\"a\\u0000b\"}"));
    assert_true(str_contains(m->row.rejected, STR("NUL")));
    map_one(m, "contacts", NULL, NULL, json(m, "{\"id\":9,\"email\":\"a@b.c\",\"name\":\"a\\\\u0000b\"}"));
    assert_true(str_is_none(m->row.rejected));
}

static void
test_a_record_without_its_id_is_rejected(void **state)
{
    struct maps *m = *state;
    map_one(m, "contacts", NULL, NULL, json(m, "{\"email\":\"a@b.c\"}"));
    assert_str(m->row.rejected, "Contact: the record has no id");
}

static void
test_the_same_record_in_another_order_gives_the_same_bytes_I11(void **state)
{
    struct maps *m = *state;
    map_one(m, "contacts", NULL, NULL, json(m, "{\"id\":1,\"name\":\"n\",\"email\":\"e@x.y\",\"additional_attributes\":{\"a\":1,\"b\":2}}"));
    struct str first = m->row.data;
    map_one(m, "contacts", NULL, NULL, json(m, "{\"email\":\"e@x.y\",\"additional_attributes\":{\"b\":2,\"a\":1},\"name\":\"n\",\"id\":1}"));
    assert_true(str_eq(first, m->row.data));
}

/* ---- the vendor's samples, beside the project where it is developed */

static yyjson_val *
sample(struct maps *m, const char *name)
{
    char path[512];
    struct stat st;
    snprintf(path, sizeof(path), SAMPLES_DIR "/chatwoot/%s", name);
    FILE *f = fopen(path, "rb");
    if (!f)
        return NULL;
    assert_int_equal(fstat(fileno(f), &st), 0);
    char *bytes = arena_alloc_bytes(&m->arena, (size_t)st.st_size + 1);
    size_t len = fread(bytes, 1, (size_t)st.st_size, f);
    fclose(f);
    return json_parse(&m->arena, (struct str){bytes, len}, JSON_NUMBERS_RAW, 64, &m->err);
}

static void
test_the_sample_of_contacts_becomes_the_row_written_by_hand(void **state)
{
    struct maps *m = *state;
    yyjson_val *page = sample(m, "contacts.index.json");
    if (!page)
        skip();
    map_one(m, "contacts", NULL, NULL, json_pointer(page, STR("/payload/0")));
    assert_str(m->row.data, "{\"customFields\":{\"chatwoot_additional_attributes\":{\"city\":\"Recife\",\"company_name\":\"Acme\",\"country\":\"Brazil\"},"
                            "\"chatwoot_id\":\"789\",\"chatwoot_identifier\":null,\"chatwoot_thumbnail\":\"\"},\"email\":\"ana@example.com\","
                            "\"name\":\"Ana Souza\",\"phone\":\"+5581999990000\"}");
}

static void
test_the_sample_of_conversations_becomes_the_row_written_by_hand(void **state)
{
    struct maps *m = *state;
    yyjson_val *page = sample(m, "conversations.index.json");
    if (!page)
        skip();
    map_one(m, "conversations", NULL, NULL, json_pointer(page, STR("/data/payload/0")));
    assert_str(m->row.data, "{\"contactId\":\"789\",\"lastActivityAt\":\"2026-01-03T10:00:00.000Z\","
                            "\"metadata\":{\"chatwoot_id\":\"123\",\"chatwoot_inbox_id\":\"1\",\"chatwoot_labels\":[\"vip\"]},"
                            "\"sourceCreatedAt\":\"2026-01-03T09:59:00.000Z\",\"status\":\"active\"}");
    assert_str(m->row.external_id, "123");
    assert_str(m->row.parent_stream, "contacts");
    assert_str(m->row.parent_id, "789");
    assert_str(m->row.version, "1767434400.123456");
    assert_str(m->row.title, "Ana Souza");
    map_one(m, "messages", NULL, NULL, json_pointer(page, STR("/data/payload/0/messages/0")));
    assert_str(m->row.data, "{\"content\":\"Hello!\",\"direction\":\"incoming\","
                            "\"metadata\":{\"chatwoot_content_type\":\"text\",\"chatwoot_conversation_id\":\"123\",\"chatwoot_id\":\"456\"},"
                            "\"private\":false,\"senderId\":\"789\",\"senderName\":\"Ana Souza\","
                            "\"sentAt\":\"2026-01-03T10:00:00.000Z\",\"status\":\"sent\",\"type\":\"text\"}");
    assert_str(m->row.parent_id, "123");
}

/* ---- several places ---- */

#define ONLY(field) "{\"name\":null,\"email\":null,\"phone\":null,\"customFields.chatwoot_id\":null,\"customFields.chatwoot_identifier\":null," \
                    "\"customFields.chatwoot_thumbnail\":null,\"customFields.chatwoot_additional_attributes\":null," field "}"
#define SUMS ONLY("\"x\":{\"sum\":[\"a.*.v\",\"b.v\"],\"type\":\"money\",\"default\":\"0.00\"}")

static void
test_a_sum_is_exact_and_keeps_its_decimals(void **state)
{
    struct maps *m = *state;
    map_one(m, "contacts", SUMS, NULL,
            json(m, "{\"id\":1,\"identifier\":\"i\",\"a\":[{\"v\":0.1},{\"v\":0.2},{\"w\":9},{\"v\":null}],\"b\":{\"v\":\"-1.10\"}}"));
    assert_str(m->row.data, "{\"x\":\"-0.80\"}");
    map_one(m, "contacts", SUMS, NULL, json(m, "{\"id\":1,\"identifier\":\"i\",\"a\":[{\"v\":90071992547409931234.01},{\"v\":1E+2},{\"v\":5e-3}]}"));
    assert_str(m->row.data, "{\"x\":\"90071992547409931334.015\"}");
    map_one(m, "contacts", SUMS, NULL, json(m, "{\"id\":1,\"identifier\":\"i\",\"a\":[]}"));
    assert_str(m->row.data, "{\"x\":\"0.00\"}");
}

static void
test_a_sum_of_what_is_no_number_rejects_the_record(void **state)
{
    struct maps *m = *state;
    map_one(m, "contacts", SUMS, NULL, json(m, "{\"id\":1,\"identifier\":\"i\",\"a\":[{\"v\":\"ten\"}]}"));
    assert_non_null(m->row.rejected.ptr);
    map_one(m, "contacts", SUMS, NULL, json(m, "{\"id\":1,\"identifier\":\"i\",\"a\":[{\"v\":99999999999999999999999999999999999999999}]}"));
    assert_non_null(m->row.rejected.ptr);
}

static void
test_the_first_of_several_places_and_whole_sums(void **state)
{
    struct maps *m = *state;
    const char *first = ONLY("\"x\":{\"from\":[\"a\",\"b.*.v\",\"c\"]},\"n\":{\"sum\":[\"l.*\"],\"type\":\"number\"}");
    map_one(m, "contacts", first, NULL, json(m, "{\"id\":1,\"identifier\":\"i\",\"a\":null,\"b\":[{},{\"v\":\"two\"}],\"c\":\"three\",\"l\":[1,2,3]}"));
    assert_str(m->row.data, "{\"n\":6,\"x\":\"two\"}");
    map_one(m, "contacts", first, NULL, json(m, "{\"id\":1,\"identifier\":\"i\",\"c\":\"three\"}"));
    assert_str(m->row.data, "{\"x\":\"three\"}");
}

/* ---- what is written back */

static struct str
written(struct maps *m, const char *template, const char *stream, const char *record, const char *old)
{
    struct mapping *mapping;
    struct str fault;
    yyjson_val *members = NULL;
    struct template *t = template_load(builtin_yaml(template), STR("t"), &m->err);
    assert_non_null(t);
    assert_ok(mapping_compile_write(&m->arena, t, str_from_c(stream), &mapping, &m->err), m->err);
    assert_non_null(mapping);
    assert_ok(mapping_write(mapping, &m->arena, json(m, record), old ? json(m, old) : NULL, json(m, "{}"), NOW_US, &members, &fault, &m->err),
              m->err);
    assert_true(str_is_none(fault));
    template_unref(t);
    return json_to_text(&m->arena, members);
}

static void
test_our_record_becomes_members_of_a_request(void **state)
{
    struct maps *m = *state;
    struct str text = written(m, "chatwoot", "contacts", "{\"name\":\"Ana\",\"email\":\"ana@example.com\",\"phoneE164\":\"+5581999990000\"}", NULL);
    assert_str(text, "{\"email\":\"ana@example.com\",\"name\":\"Ana\",\"phone_number\":\"+5581999990000\"}");
    text = written(m, "chatwoot", "contacts", "{\"email\":null}", NULL);
    assert_str(text, "{\"email\":null,\"name\":\"\"}");
}

/* Whoever changed last is believed: the whole name, or its parts. */
static void
test_a_name_is_split_only_when_its_parts_do_not_say_it(void **state)
{
    struct maps *m = *state;
    struct str text = written(m, "gohighlevel", "contacts", "{\"name\":\"Maria Clara Dias\",\"firstName\":\"Maria Clara\",\"lastName\":\"Dias\"}", NULL);
    assert_str(text, "{\"firstName\":\"Maria Clara\",\"lastName\":\"Dias\"}");
    text = written(m, "gohighlevel", "contacts", "{\"name\":\"Ana de Souza\"}", NULL);
    assert_str(text, "{\"firstName\":\"Ana\",\"lastName\":\"de Souza\"}");
    const char *old = "{\"name\":\"Ana Silva\",\"firstName\":\"Ana\",\"lastName\":\"Silva\"}";
    text = written(m, "gohighlevel", "contacts", "{\"name\":\"Bia Souza\",\"firstName\":\"Ana\",\"lastName\":\"Silva\"}", old);
    assert_str(text, "{\"firstName\":\"Bia\",\"lastName\":\"Souza\"}");
    text = written(m, "gohighlevel", "contacts", "{\"name\":\"Ana Silva\",\"firstName\":\"Ana\",\"lastName\":\"Souza\"}", old);
    assert_str(text, "{\"firstName\":\"Ana\",\"lastName\":\"Souza\"}");
}

static void
test_a_broken_write_is_found_on_load(void **state)
{
    struct maps *m = *state;
    struct str good = builtin_yaml("chatwoot"), head, tail;
    ptrdiff_t at = str_find_str(good, STR("phone_number: phoneE164"));
    assert_true(at > 0);
    head = str_slice(good, 0, (size_t)at), tail = str_skip(good, (size_t)at + strlen("phone_number: phoneE164"));
    struct str bad = str_join2(&m->arena, head, str_join2(&m->arena, STR("phone_number: \"{{ broken\""), tail));
    assert_null(template_load(bad, STR("t"), &m->err));
    assert_non_null(strstr(m->err.message, "writes.contacts"));
}
