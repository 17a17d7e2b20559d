/*
 * Writing Chatwoot's contacts: create, update, merge, with the model's validations.
 *
 * E-mail unique without regard to case and well formed, phone E.164 and unique, identifier unique
 * (app/models/contact.rb). An update merges the two attribute objects and replaces everything else.
 */
#include "base/limits.h"
#include "sandbox/chatwoot_priv.h"

enum { UNIQUE_EMAIL, UNIQUE_PHONE, UNIQUE_IDENTIFIER };

static struct str
email_of(struct world *world, struct collection *c, uint32_t index, struct arena *a)
{
    (void)c;
    return contact_read(world, index, a).email;
}

static struct str
phone_of(struct world *world, struct collection *c, uint32_t index, struct arena *a)
{
    (void)c;
    return contact_read(world, index, a).phone;
}

static struct str
identifier_of(struct world *world, struct collection *c, uint32_t index, struct arena *a)
{
    (void)c;
    return contact_read(world, index, a).identifier;
}

/* Devise.email_regexp: something, one @, something, no blanks. */
static bool
email_valid(struct str email)
{
    ptrdiff_t at = str_find(email, '@');
    if (at <= 0 || (size_t)at + 1 == email.len || str_find_last(email, '@') != at)
        return false;
    for (size_t i = 0; i < email.len; i++)
        if ((unsigned char)email.ptr[i] <= ' ')
            return false;
    return true;
}

/* \+[1-9]\d{1,14} */
static bool
phone_valid(struct str phone)
{
    if (phone.len < 3 || phone.len > 16 || phone.ptr[0] != '+' || phone.ptr[1] == '0')
        return false;
    for (size_t i = 1; i < phone.len; i++)
        if (phone.ptr[i] < '0' || phone.ptr[i] > '9')
            return false;
    return true;
}

struct faults_found {
    struct buf message, attributes;
};

static void
complain(struct faults_found *found, const char *attribute, const char *words)
{
    if (found->message.len > 0) {
        buf_add_c(&found->message, ", ");
        buf_add_char(&found->attributes, ',');
    }
    buf_add_c(&found->message, words);
    buf_add_c(&found->attributes, attribute);
}

/* Whether another contact than `self` has that text. */
static bool
taken(struct world *world, unsigned slot, unique_text_fn *text, struct str wanted, uint32_t self)
{
    if (wanted.len == 0)
        return false;
    uint32_t other = world_find_unique(world, chatwoot_of(world).contacts, slot, text, wanted);
    return other != OBJECT_NONE && other != self;
}

static bool
validate(struct world *world, const struct contact_fields *f, uint32_t self, struct sandbox_reply *reply)
{
    struct faults_found found;
    buf_init(&found.message, 4096);
    buf_init(&found.attributes, 4096);
    if (taken(world, UNIQUE_EMAIL, email_of, f->email, self))
        complain(&found, "email", "Email has already been taken");
    if (f->email.len > 0 && !email_valid(f->email))
        complain(&found, "email", "Email Invalid email");
    if (taken(world, UNIQUE_IDENTIFIER, identifier_of, f->identifier, self))
        complain(&found, "identifier", "Identifier has already been taken");
    if (taken(world, UNIQUE_PHONE, phone_of, f->phone, self))
        complain(&found, "phone_number", "Phone number has already been taken");
    if (f->phone.len > 0 && !phone_valid(f->phone))
        complain(&found, "phone_number", "Phone number should be in e164 format");
    bool ok = found.message.len == 0;
    if (!ok)
        chatwoot_invalid(reply, buf_str(&found.message), buf_str(&found.attributes));
    buf_release(&found.message);
    buf_release(&found.attributes);
    return ok;
}

/* Blank becomes null, as the model does before it validates. */
static void
take(yyjson_val *body, const char *key, struct str *field, struct arena *a, bool lower)
{
    yyjson_val *value = json_get_c(body, key);
    if (value == NULL)
        return;
    struct str text = json_is_number(value) ? json_number_text(a, value) : json_str(value);
    *field = str_trim(text).len == 0 ? STR_NONE : lower ? str_lower(a, text) : text;
}

/* The members of `over` laid over those of `under`, both JSON objects. */
static struct str
merge_objects(struct arena *a, struct str under, yyjson_val *over)
{
    struct buf b;
    struct json_writer w;
    struct err err = {0};
    yyjson_val *base = json_parse(a, under, JSON_NUMBERS_RAW, LIMIT_JSON_DEPTH_API, &err);
    yyjson_val *key, *value;
    size_t at, max;
    if (!yyjson_is_obj(over) || !yyjson_is_obj(base))
        return under;
    buf_init(&b, LIMIT_BODY_LARGE_BYTES);
    json_writer_init(&w, &b);
    json_begin_object(&w, NULL);
    yyjson_obj_foreach(base, at, max, key, value) {
        if (json_get(over, json_str(key)) != NULL)
            continue;
        json_add_key(&w, json_str(key));
        json_add_val(&w, NULL, value);
    }
    yyjson_obj_foreach(over, at, max, key, value) {
        json_add_key(&w, json_str(key));
        json_add_val(&w, NULL, value);
    }
    json_end_object(&w);
    struct str merged = buf_ok(&b) ? str_copy(a, buf_str(&b)) : under;
    buf_release(&b);
    return merged;
}

static void
take_fields(yyjson_val *body, struct contact_fields *f, struct arena *a)
{
    take(body, "name", &f->name, a, false);
    take(body, "email", &f->email, a, true);
    take(body, "phone_number", &f->phone, a, false);
    take(body, "identifier", &f->identifier, a, false);
    if (str_is_none(f->name))
        f->name = STR("");
    f->blocked = json_bool_or(json_get_c(body, "blocked"), f->blocked);
    f->additional = merge_objects(a, f->additional, json_get_c(body, "additional_attributes"));
    f->custom = merge_objects(a, f->custom, json_get_c(body, "custom_attributes"));
}

static struct str
fields_json(const struct contact_fields *f, struct arena *a)
{
    struct buf b;
    struct json_writer w;
    buf_init(&b, LIMIT_BODY_LARGE_BYTES);
    json_writer_init(&w, &b);
    json_begin_object(&w, NULL);
    json_add_str(&w, "name", f->name);
    json_add_str(&w, "email", f->email);
    json_add_str(&w, "phone_number", f->phone);
    json_add_str(&w, "identifier", f->identifier);
    json_add_bool(&w, "blocked", f->blocked);
    json_add_raw(&w, "additional_attributes", f->additional);
    json_add_raw(&w, "custom_attributes", f->custom);
    json_add_str(&w, "source_id", f->source_id);
    json_add_i64(&w, "inbox_id", f->inbox);
    json_end_object(&w);
    struct str text = buf_ok(&b) ? str_copy(a, buf_str(&b)) : STR_NONE;
    buf_release(&b);
    return text;
}

/* build_contact_inbox: only where the request names an inbox, which must exist. */
static bool
take_inbox(struct sandbox_request *r, struct sandbox_reply *reply, yyjson_val *body, struct contact_fields *f)
{
    int64_t inbox;
    char uuid[PEOPLE_UUID_BYTES];
    if (!json_to_i64(json_get_c(body, "inbox_id"), &inbox))
        return true;
    if (inbox < 1 || inbox > INBOXES) {
        chatwoot_not_found(reply);
        return false;
    }
    f->inbox = (unsigned)inbox;
    f->source_id = json_str(json_get_c(body, "source_id"));
    if (str_is_none(f->source_id))
        f->source_id = str_copy(r->arena, str_from_c(people_uuid(r->world->seed,
                                (uint64_t)chatwoot_of(r->world).contacts->next_id, uuid)));
    return true;
}

static void
write_created(struct sandbox_request *r, struct sandbox_reply *reply, uint32_t index)
{
    struct json_writer w;
    struct contact_fields f = contact_read(r->world, index, r->arena);
    reply_json(reply, 200);
    json_writer_init(&w, &reply->body);
    json_begin_object(&w, NULL);
    json_begin_object(&w, "payload");
    contact_write(r->world, index, r->arena, true, &w, "contact");
    json_begin_object(&w, "contact_inbox");
    if (f.inbox != 0)
        inbox_write_brief(f.inbox, &w, "inbox");
    else
        json_add_null(&w, "inbox");
    json_add_str(&w, "source_id", f.source_id);
    json_end_object(&w);
    json_end_object(&w);
    json_end_object(&w);
    reply_served(reply, "contacts", f.id);
}

void
contacts_create(struct sandbox_request *r, struct sandbox_reply *reply)
{
    struct contact_fields f = {.additional = STR("{}"), .custom = STR("{}"), .name = STR("")};
    yyjson_val *body = chatwoot_body(r, reply);
    if (body == NULL || !take_inbox(r, reply, body, &f))
        return;
    take_fields(body, &f, r->arena);
    if (!validate(r->world, &f, OBJECT_NONE, reply))
        return;
    int64_t now_us = clock_wall_us(r->world->clock);
    struct collection *contacts = chatwoot_of(r->world).contacts;
    uint32_t index = world_add_written(r->world, contacts, now_us, OBJECT_NONE, fields_json(&f, r->arena));
    if (index == OBJECT_NONE) {
        chatwoot_error(reply, 500, "Out of memory");
        return;
    }
    world_object(contacts, index)->activity_us = now_us;
    write_created(r, reply, index);
}

void
contacts_update(struct sandbox_request *r, struct sandbox_reply *reply, uint32_t index)
{
    yyjson_val *body = chatwoot_body(r, reply);
    if (body == NULL)
        return;
    struct contact_fields f = contact_read(r->world, index, r->arena);
    take_fields(body, &f, r->arena);
    if (!validate(r->world, &f, index, reply))
        return;
    struct collection *contacts = chatwoot_of(r->world).contacts;
    world_object(contacts, index)->revision = 0; /* what the edits made is written out now */
    if (!world_write(r->world, contacts, index, fields_json(&f, r->arena)))
        chatwoot_error(reply, 500, "Out of memory");
    else
        contacts_show(r, reply, index);
}

static void
move_conversations(struct world *world, uint32_t base, uint32_t mergee, struct arena *a)
{
    struct chatwoot cw = chatwoot_of(world);
    size_t count;
    uint32_t *items = world_children(a, cw.conversations, world_object(cw.contacts, mergee), &count);
    for (size_t i = 0; i < count; i++)
        world_move(world, cw.conversations, items[i], base);
}

/* The base keeps what it has and takes what it lacks (app/actions/contact_merge_action.rb). */
static void
take_missing(struct contact_fields *base, const struct contact_fields *mergee)
{
    struct str *const own[] = {&base->email, &base->phone, &base->identifier, &base->name};
    const struct str other[] = {mergee->email, mergee->phone, mergee->identifier, mergee->name};
    for (size_t i = 0; i < ARRAY_LEN(own); i++)
        if (own[i]->len == 0)
            *own[i] = other[i];
}

void
contacts_merge(struct sandbox_request *r, struct sandbox_reply *reply)
{
    struct collection *contacts = chatwoot_of(r->world).contacts;
    int64_t base_id = 0, mergee_id = 0;
    yyjson_val *body = chatwoot_body(r, reply);
    if (body == NULL)
        return;
    (void)(json_to_i64(json_get_c(body, "base_contact_id"), &base_id) &&
           json_to_i64(json_get_c(body, "mergee_contact_id"), &mergee_id));
    uint32_t base = world_find(contacts, base_id), mergee = world_find(contacts, mergee_id);
    if (base == OBJECT_NONE || mergee == OBJECT_NONE) {
        chatwoot_not_found(reply);
        return;
    }
    if (base != mergee) {
        struct contact_fields f = contact_read(r->world, base, r->arena);
        struct contact_fields other = contact_read(r->world, mergee, r->arena);
        take_missing(&f, &other);
        move_conversations(r->world, base, mergee, r->arena);
        world_remove(r->world, contacts, mergee);
        world_object(contacts, base)->revision = 0;
        if (!world_write(r->world, contacts, base, fields_json(&f, r->arena))) {
            chatwoot_error(reply, 500, "Out of memory");
            return;
        }
    }
    struct json_writer w;
    reply_json(reply, 200);
    json_writer_init(&w, &reply->body);
    contact_write(r->world, base, r->arena, false, &w, NULL);
    reply_served(reply, "contacts", base_id);
}
