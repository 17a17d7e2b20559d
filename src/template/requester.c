/*
 * HttpRequester: from a component to one request (manifest-format, rules 8 to 13).
 */
#include "template/plan_priv.h"

static bool
compile_body(struct compiler *c, const struct node *n, struct requester *r)
{
    const struct node *body = node_get_c(n, "request_body");
    if (!body)
        return input_compile(c, n, node_get_c(n, "request_body_json"), &r->json) &&
               input_compile(c, n, node_get_c(n, "request_body_data"), &r->form);
    const struct node *value = node_get_c(body, "value");
    if (node_type_is(body, "RequestBodyJsonObject") || node_type_is(body, "RequestBodyGraphQL"))
        return input_compile(c, n, value, &r->json);
    if (node_type_is(body, "RequestBodyUrlEncodedForm") || node_type_is(body, "RequestBodyPlainText"))
        return input_compile(c, n, value, &r->form);
    return refuse_component(c, body);
}

static bool
refuse_properties(struct compiler *c, const struct node *n)
{
    const struct node *parameters = node_get_c(n, "request_parameters");
    for (size_t i = 0; parameters && parameters->type == NODE_MAP && i < parameters->count; i++)
        if (parameters->items[i]->type == NODE_MAP)
            return refuse_component(c, parameters->items[i]);
    if (node_is_true_at(n, "query_properties") || node_is_true_at(n, "fetch_properties_from_endpoint"))
        return refuse(c, "has QueryProperties where only a SimpleRetriever's requester may have them");
    return true;
}

/* Some authenticators ask at their requester's own address. */
static bool
compile_auth(struct compiler *c, const struct node *n, struct auth *auth)
{
    const struct node *outer = c->requester;
    c->requester = n;
    bool ok = auth_compile(c, node_get_c(n, "authenticator"), auth);
    c->requester = outer;
    return ok;
}

bool
requester_compile(struct compiler *c, const struct node *n, struct requester *requester_out)
{
    struct requester *r = requester_out;
    if (!node_type_is(n, "HttpRequester"))
        return refuse_component(c, n);
    r->method = node_text_at(n, "http_method");
    if (!r->method.len)
        r->method = STR("GET");
    return text_field(c, n, "url", &r->url) && text_field(c, n, "url_base", &r->url_base) &&
           text_field(c, n, "path", &r->path) && refuse_properties(c, n) &&
           input_compile(c, n, node_get_c(n, "request_parameters"), &r->query) &&
           input_compile(c, n, node_get_c(n, "request_headers"), &r->headers) && compile_body(c, n, r) &&
           compile_auth(c, n, &r->auth) &&
           error_handler_compile(c, node_get_c(n, "error_handler"), &r->errors);
}

static bool
request_url(const struct requester *r, struct expr_scope *scope, struct str path_token, struct str *url_out, struct err *err)
{
    struct str url, base, path = path_token;
    if (!text_str(&r->url, scope, &url, err) || !text_str(&r->url_base, scope, &base, err))
        return false;
    if (!path.len) {
        if (!text_str(&r->path, scope, &path, err))
            return false;
        while (path.len && path.ptr[0] == '/')
            path = str_skip(path, 1);
    }
    *url_out = url_join(scope->arena, base.len ? base : url, path);
    if (url_out->len == 0)
        return err_set(err, E_TEMPLATE_INVALID, "The template gives no address for this request");
    return true;
}

static bool
add_input(struct draft *d, enum inject into, const struct input *in, struct expr_scope *scope, struct err *err)
{
    struct value v;
    if (in->kind == INPUT_NONE)
        return true;
    bool keep_text = (into == INJECT_QUERY || into == INJECT_FORM) && in->kind == INPUT_MAP;
    return input_value(in, scope, keep_text, &v, err) && draft_merge(d, into, v, err);
}

bool
requester_build(const struct requester *r, struct draft *d, struct expr_scope *scope, struct str path_token,
                struct str auth_token, struct http_request *request_out, struct err *err)
{
    struct str url;
    const struct auth *auth = auth_choose(&r->auth, scope, err);
    return auth && request_url(r, scope, path_token, &url, err) &&
           add_input(d, INJECT_QUERY, &r->query, scope, err) && add_input(d, INJECT_HEADER, &r->headers, scope, err) &&
           add_input(d, INJECT_FORM, &r->form, scope, err) && add_input(d, INJECT_JSON, &r->json, scope, err) &&
           auth->kind->apply(auth, d, scope, auth_token, err) && draft_finish(d, r->method, url, request_out, err);
}
