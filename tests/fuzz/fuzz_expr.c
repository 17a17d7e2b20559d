/* An expression from a template, over a small scope: compiled, evaluated in each way, printed as JSON. */
#include "base/limits.h"
#include "template/expr/expr.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char variables[] =
    "{\"config\":{\"a\":1,\"b\":\"text\",\"c\":[1,2.5,null,true],\"d\":{\"x\":\"y\"},\"e\":\"2024-01-15T10:20:30Z\"},"
    "\"record\":{\"id\":12345678901234567890123,\"n\":null,\"list\":[{\"k\":\"v\"},{\"k\":\"w\"}]},"
    "\"response\":{\"next\":\"https://x.test/?p=2\"},\"stream_slice\":{\"start\":\"2024-01-01\"}}";

static void
evaluate(const struct expr *e, struct arena *a, yyjson_val *scope_json)
{
    struct expr_scope scope;
    struct err err = {0};
    struct value v;
    struct str text;
    bool truth;
    size_t index, max;
    yyjson_val *key, *value;
    expr_scope_init(&scope, a, INT64_C(1705314030123456));
    scope.steps_left = LIMIT_EXPRESSION_STEPS / 10;
    yyjson_obj_foreach(scope_json, index, max, key, value) {
        expr_scope_set(&scope, json_str(key), value_from_json(value));
    }
    if (expr_eval(e, &scope, &v, &err))
        (void)value_to_json(json_mut_doc(a), v);
    (void)!expr_eval_text(e, &scope, &text, &err);
    (void)!expr_eval_bool(e, &scope, &truth, &err);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena a;
    struct err err = {0};
    arena_init(&a, 32 * 1024 * 1024);
    yyjson_val *scope = json_parse(&a, str_from_c(variables), JSON_NUMBERS_RAW, 16, &err);
    struct expr *e = scope ? expr_compile(&a, (struct str){(const char *)data, size}) : NULL;
    if (e)
        evaluate(e, &a, scope);
    (void)value_from_literal(&a, (struct str){(const char *)data, size});
    arena_release(&a);
    return 0;
}
