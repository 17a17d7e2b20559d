/*
 * Three-way merge of a record that several sources write (design, section 5; contract, section 5).
 *
 * The recursion is bounded by the depth that parsing allowed. A missing member is NULL throughout, and
 * equals only another missing one.
 */
#include "engine/page_merge.h"

#include "base/limits.h"

struct merge {
    struct arena *arena;
    yyjson_mut_doc *doc;
    enum conflict_policy policy;
    bool without_base;
    const struct str *kept;     /* pointers of fields that stay ours */
    size_t kept_count;
    struct merged *out;
    struct str pointer, dotted; /* of the object that is being merged */
    yyjson_mut_val *values;     /* of conflicts */
};

enum conflict_policy
conflict_policy_from_name(struct str name)
{
    if (str_eq_c(name, "source_wins"))
        return CONFLICT_SOURCE_WINS;
    if (str_eq_c(name, "local_wins"))
        return CONFLICT_LOCAL_WINS;
    if (str_eq_c(name, "manual"))
        return CONFLICT_MANUAL;
    return CONFLICT_LAST_WRITE_WINS;
}

bool
conflict_policy_is_known(struct str name)
{
    return str_eq_c(name, "last_write_wins") || conflict_policy_from_name(name) != CONFLICT_LAST_WRITE_WINS;
}

static bool
same(yyjson_val *a, yyjson_val *b)
{
    return a == NULL || b == NULL ? a == b : json_equal(a, b);
}

static bool
is_blank(yyjson_val *v)
{
    return v == NULL || yyjson_is_null(v) || (yyjson_is_str(v) && yyjson_get_len(v) == 0);
}

static struct str
join_path(struct merge *m, struct str field, bool pointer)
{
    struct buf b;
    buf_init(&b, LIMIT_RECORD_BYTES);
    buf_add(&b, pointer ? m->pointer : m->dotted);
    if (pointer)
        json_pointer_add(&b, field);
    else if (b.len > 0)
        buf_add_char(&b, '.');
    if (!pointer)
        buf_add(&b, field);
    struct str path = str_copy(m->arena, buf_str(&b));
    buf_release(&b);
    return path;
}

static void
add_copy(struct merge *m, yyjson_mut_val *object, const char *name, yyjson_val *value)
{
    yyjson_mut_obj_add(object, yyjson_mut_str(m->doc, name), value == NULL ? yyjson_mut_null(m->doc) : yyjson_val_mut_copy(m->doc, value));
}

/* What a person needs to decide; what the record says is read from it then. */
static void
note_conflict(struct merge *m, struct str field, struct str pointer, yyjson_val *base, yyjson_val *theirs)
{
    yyjson_mut_val *item = yyjson_mut_obj(m->doc);
    struct str dotted = join_path(m, field, false);
    if (m->values == NULL)
        m->values = yyjson_mut_arr(m->doc);
    if (m->values == NULL || item == NULL || str_is_none(dotted) || str_is_none(pointer))
        return;
    yyjson_mut_obj_add(item, yyjson_mut_str(m->doc, "field"), yyjson_mut_strn(m->doc, dotted.ptr, dotted.len));
    yyjson_mut_obj_add(item, yyjson_mut_str(m->doc, "pointer"), yyjson_mut_strn(m->doc, pointer.ptr, pointer.len));
    add_copy(m, item, "base", base);
    add_copy(m, item, "source", theirs);
    yyjson_mut_arr_append(m->values, item);
}

static bool
is_kept(const struct merge *m, struct str pointer)
{
    for (size_t i = 0; i < m->kept_count; i++)
        if (str_eq(m->kept[i], pointer))
            return true;
    return false;
}

static yyjson_val *
settle(struct merge *m, struct str field, yyjson_val *base, yyjson_val *ours, yyjson_val *theirs)
{
    struct str pointer = join_path(m, field, true);
    note_conflict(m, field, pointer, base, theirs);
    m->out->conflicts++;
    m->out->conflict_fields = m->out->conflicts == 1
                                  ? field
                                  : str_format(m->arena, "%.*s,%.*s", STR_ARG(m->out->conflict_fields), STR_ARG(field));
    bool keep = m->policy == CONFLICT_LOCAL_WINS || m->policy == CONFLICT_MANUAL || is_kept(m, pointer);
    return keep ? ours : theirs;
}

static yyjson_mut_val *
merge_object(struct merge *m, yyjson_val *base, yyjson_val *ours, yyjson_val *theirs);

static yyjson_mut_val *
merge_below(struct merge *m, struct str field, yyjson_val *base, yyjson_val *ours, yyjson_val *theirs)
{
    struct str pointer = m->pointer, dotted = m->dotted;
    m->pointer = join_path(m, field, true), m->dotted = join_path(m, field, false);
    yyjson_mut_val *object = merge_object(m, base, ours, theirs);
    m->pointer = pointer, m->dotted = dotted;
    return object;
}

/* What the member becomes; NULL: it goes. */
static yyjson_mut_val *
merge_member(struct merge *m, struct str field, yyjson_val *base, yyjson_val *ours, yyjson_val *theirs)
{
    yyjson_val *taken = NULL;
    if (same(theirs, base) || same(ours, theirs))
        taken = ours;
    else if (same(ours, base))
        taken = theirs;
    else if (yyjson_is_obj(ours) && yyjson_is_obj(theirs))
        return merge_below(m, field, base, ours, theirs);
    else if (m->without_base && is_blank(ours))
        taken = theirs;
    else if (m->without_base && is_blank(theirs))
        taken = ours;
    else
        taken = settle(m, field, base, ours, theirs);
    return taken == NULL ? NULL : yyjson_val_mut_copy(m->doc, taken);
}

static void
add_member(struct merge *m, yyjson_mut_val *object, struct str name, yyjson_mut_val *value)
{
    if (value != NULL)
        yyjson_mut_obj_add(object, yyjson_mut_strn(m->doc, name.ptr, name.len), value);
}

static yyjson_mut_val *
merge_object(struct merge *m, yyjson_val *base, yyjson_val *ours, yyjson_val *theirs)
{
    yyjson_mut_val *object = yyjson_mut_obj(m->doc);
    if (object == NULL)
        return NULL;
    size_t i, count;
    yyjson_val *key, *value;
    yyjson_obj_foreach(ours, i, count, key, value) {
        struct str name = json_str(key);
        add_member(m, object, name, merge_member(m, name, json_get(base, name), value, json_get(theirs, name)));
    }
    yyjson_obj_foreach(theirs, i, count, key, value) {
        struct str name = json_str(key);
        if (json_get(ours, name) == NULL)
            add_member(m, object, name, merge_member(m, name, json_get(base, name), NULL, value));
    }
    return object;
}

static bool
parse_object(struct arena *a, struct str text, yyjson_val **object_out, struct err *err)
{
    yyjson_val *value = json_parse(a, text, JSON_NUMBERS_RAW, LIMIT_JSON_DEPTH_VENDOR, err);
    if (value == NULL)
        return false;
    if (!yyjson_is_obj(value))
        return err_set(err, E_INTERNAL, "A stored record is not an object");
    *object_out = value;
    return true;
}

static bool
canonical_text(struct arena *a, yyjson_val *value, struct str *text_out, struct err *err)
{
    struct buf b;
    buf_init(&b, LIMIT_RECORD_BYTES);
    struct str text = STR_NONE;
    if (json_write_canonical(&b, value))
        text = str_copy(a, buf_str(&b));
    buf_release(&b);
    if (str_is_none(text))
        return err_set(err, E_TOO_LARGE, "A merged record is larger than allowed");
    *text_out = text;
    return true;
}

bool
merge_records(struct arena *a, struct str base_text, struct str ours_text, struct str theirs_text,
              enum conflict_policy policy, struct merged *merged_out, struct err *err)
{
    return merge_records_keeping(a, base_text, ours_text, theirs_text, policy, NULL, 0, merged_out, err);
}

bool
merge_records_keeping(struct arena *a, struct str base_text, struct str ours_text, struct str theirs_text,
                      enum conflict_policy policy, const struct str *pointers, size_t count, struct merged *merged_out, struct err *err)
{
    yyjson_val *base = NULL, *ours = NULL, *theirs = NULL;
    if (!str_is_none(base_text) && !parse_object(a, base_text, &base, err))
        return false;
    if (!parse_object(a, ours_text, &ours, err) || !parse_object(a, theirs_text, &theirs, err))
        return false;
    struct merged out = {0};
    struct merge m = {.arena = a, .doc = json_mut_doc(a), .policy = policy, .without_base = base == NULL, .kept = pointers,
                      .kept_count = count, .out = &out, .pointer = STR(""), .dotted = STR("")};
    yyjson_mut_val *object = m.doc == NULL ? NULL : merge_object(&m, base, ours, theirs);
    yyjson_val *frozen = object == NULL ? NULL : json_freeze(a, object);
    if (frozen == NULL)
        return err_set(err, E_TOO_LARGE, "The page is too large to be merged");
    if (!canonical_text(a, frozen, &out.data, err))
        return false;
    out.conflict_values = m.values == NULL ? NULL : json_freeze(a, m.values);
    out.changed = !json_equal(frozen, ours);
    out.agrees = json_equal(frozen, theirs);
    *merged_out = out;
    return true;
}

/* Adds "name":old to the history where old and new differ. */
static void
history_member(struct buf *b, struct str name, yyjson_val *old_value, yyjson_val *new_value)
{
    if (same(old_value, new_value))
        return;
    buf_add_char(b, b->len == 0 ? '{' : ',');
    buf_add_json_str(b, name);
    buf_add_char(b, ':');
    if (old_value == NULL)
        buf_add_c(b, "null");
    else
        json_write(b, old_value);
}

bool
merge_history(struct arena *a, struct str old_text, struct str new_text, struct str *history_out, bool *same_out,
              struct err *err)
{
    yyjson_val *old_value = NULL, *new_value = NULL;
    if (!parse_object(a, old_text, &old_value, err) || !parse_object(a, new_text, &new_value, err))
        return false;
    struct buf b;
    buf_init(&b, 2 * LIMIT_RECORD_BYTES);
    size_t i, count;
    yyjson_val *key, *value;
    yyjson_obj_foreach(old_value, i, count, key, value)
        history_member(&b, json_str(key), value, json_get(new_value, json_str(key)));
    yyjson_obj_foreach(new_value, i, count, key, value) {
        if (json_get(old_value, json_str(key)) == NULL)
            history_member(&b, json_str(key), NULL, value);
    }
    bool nothing = b.len == 0;
    if (!nothing)
        buf_add_char(&b, '}');
    struct str text = nothing ? STR("") : str_copy(a, buf_str(&b));
    bool ok = buf_ok(&b) && !str_is_none(text);
    buf_release(&b);
    if (!ok)
        return err_set(err, E_TOO_LARGE, "A change is too large for the history");
    *history_out = text;
    *same_out = nothing;
    return true;
}
