/*
 * Tokens of a read: whose session a request uses, when it must be got first, what comes of the answer.
 *
 * Sessions belong to the root: the same login in a parent and its child is one. What makes it hard is a refresh token
 * that works once: the answer changes the configuration at once, and a login without an answer is not repeated.
 */
#include "template/reader_priv.h"

#include "base/alloc.h"
#include "base/hash.h"
#include "base/limits.h"

/* The session of an authenticator; the same login in a parent and its child is one session. */
static struct auth_session *
session_of(struct reader *r, const struct auth *auth, struct expr_scope *scope, struct err *err)
{
    struct str identity;
    struct reader *root = r->root;
    if (!auth->kind->identity(auth, scope, &identity, err))
        return NULL;
    uint64_t key = hash_add_whole(HASH_START, identity);
    for (size_t i = 0; i < root->slot_count; i++)
        if (root->slots[i].key == key)
            return &root->slots[i].session;
    struct token_slot *slots = alloc_resized(root->slots, (root->slot_count + 1) * sizeof(*slots));
    if (!slots) {
        err_no_memory(err);
        return NULL;
    }
    root->slots = slots;
    slots[root->slot_count] = (struct token_slot){.key = key};
    return &slots[root->slot_count++].session;
}

enum reader_step
reader_log_in(struct reader *r, struct expr_scope *scope, struct reader_event *event, struct str *token_out, struct err *err)
{
    const struct auth *auth = auth_choose(&reader_requester(r)->auth, scope, err);
    *token_out = STR_NONE;
    if (!auth)
        return reader_fail(r);
    if (!auth->kind->need)
        return READER_PAGE;
    struct auth_session *session = session_of(r, auth, scope, err);
    enum auth_need need = session ? auth->kind->need(auth, scope, session, err) : AUTH_FAILED;
    if (need == AUTH_FAILED)
        return reader_fail(r);
    if (need == AUTH_READY && (session->expires_us > r->root->wall_us || session->expires_us == INT64_MAX)) {
        *token_out = session->token;
        return READER_PAGE;
    }
    if (!auth->kind->login(auth, scope, session, &event->request, err))
        return reader_fail(r);
    return reader_ask(r, event, READER_FOR_TOKEN, PHASE_LOGIN);
}

/* ---- answers */

/* The configuration as it will be once the patch is stored: the next login needs the new refresh token. */
static bool
patch_config(struct reader *root, yyjson_val *patch, struct err *err)
{
    yyjson_mut_doc *doc = json_mut_doc(&root->keep);
    yyjson_mut_val *config = doc ? yyjson_val_mut_copy(doc, root->config) : NULL;
    if (!config)
        return err_no_memory(err);
    json_merge(doc, config, patch);
    yyjson_val *frozen = json_freeze(&root->keep, config);
    if (frozen)
        root->config = frozen;
    return frozen || err_no_memory(err);
}

enum reader_step
reader_take_login(struct reader *r, struct arena *page, struct reader_event *event, struct err *err)
{
    struct scene scene;
    struct expr_scope scope;
    reader_scene(r, page, value_undefined(), &scene);
    scene.now_us = r->root->wall_us > scene.now_us ? r->root->wall_us : scene.now_us;
    scene_scope(&scene, &scope);
    const struct http_reply *reply = r->reply;
    const struct auth *auth = auth_choose(&reader_requester(r)->auth, &scope, err);
    struct auth_session *session = auth ? session_of(r, auth, &scope, err) : NULL;
    if (!session)
        return reader_fail(r);
    r->phase = PHASE_SEND;
    if (reply->status == 0 && (auth->kind->single_use(auth) || reply->code == E_CANCELLED || reply->code == E_SHUTTING_DOWN ||
                               reply->code == E_ADDRESS_REFUSED)) {
        /* The vendor may have taken the token that works only once: asking again could burn the next one. */
        enum err_code code = reply->code == E_NETWORK || reply->code == E_TIMEOUT ? E_VENDOR_UNAVAILABLE : reply->code;
        err_set(err, code, "The login at the vendor got no answer: %s", reply->message);
        return reader_fail(r);
    }
    if (reply->status == 429 || reply->status >= 500 || reply->status == 0) {
        static const struct error_handler plain;
        if (retry_plan(r, &scope, &plain, reply, reply->status == 429, "the login did not answer", page, event, err))
            return READER_WAIT;
        return reader_fail(r);
    }
    if (!auth->kind->answer(auth, &scope, reply, session, &event->config_patch, err))
        return reader_fail(r);
    event->token_expires_us = session->expires_us;
    r->attempt = 0;
    if (event->config_patch && !patch_config(r->root, event->config_patch, err))
        return reader_fail(r);
    return event->config_patch ? READER_TOKEN : READER_PAGE;
}

void
reader_config_replace(struct reader *r, yyjson_val *config)
{
    struct reader *asked = r->root->asked;
    struct err ignored = {0};
    if (!reader_normal_config(r->root, config, &ignored)) /* the one before fitted, and only tokens have changed */
        r->root->config = config;
    for (size_t i = 0; i < r->root->slot_count; i++)
        auth_session_release(&r->root->slots[i].session);
    if (asked && (asked->phase == PHASE_LOGIN || asked->phase == PHASE_ASKED))
        asked->phase = PHASE_SEND;
}
