/*
 * A template's texts in other languages: what is laid over what, what is told of a translation, and that the built-in
 * templates have every text in Portuguese.
 */
#include "base/test.h"

#include "template/template.h"
#include "template/test_builtin.h"

#define ONE_STREAM \
    "version: '1'\ntype: DeclarativeSource\ncheck: {type: CheckStream, stream_names: [a]}\n" \
    "streams:\n- type: DeclarativeStream\n  name: a\n  retriever:\n    type: SimpleRetriever\n" \
    "    requester: {type: HttpRequester, url_base: 'https://x', path: a}\n" \
    "    record_selector: {type: RecordSelector, extractor: {type: DpathExtractor, field_path: []}}\n" \
    "spec:\n  type: Spec\n  connection_specification:\n    type: object\n    properties:\n" \
    "      token: {type: string, title: Token, description: Of a person., pattern: '^a'}\n" \
    "      region: {type: string, title: Region, enum: [eu, us], x-tidemark-labels: {eu: Europe, us: America}}\n" \
    "      title: {type: object, title: Titles, properties: {city: {type: string, title: City}}}\n" \
    "metadata:\n  tidemark:\n    description: People.\n    instructions: Open it.\n"

static struct template *
load(const char *translations, struct err *err)
{
    char yaml[4096];
    snprintf(yaml, sizeof(yaml), "%s%s", ONE_STREAM, translations);
    return template_load(str_from_c(yaml), STR("test"), err);
}

static struct str
words_at(const struct template_texts *texts, const char *pointer)
{
    return json_str(json_pointer(texts->config_schema, str_from_c(pointer)));
}

static void
test_texts_are_those_of_the_language_that_is_asked_for(void **state)
{
    static const char *const asked[] = {"pt-BR", "PT-br", "pt", "pt-PT"};
    struct err err = {0};
    struct arena a;
    struct template_texts texts;
    struct template *t = load("    webhooks: {instructions: Paste it.}\n    translations:\n      pt-BR:\n        description: Pessoas.\n"
                              "        webhooks: {instructions: Cole.}\n        fields:\n          token: {title: Ficha, pattern: '^b'}\n"
                              "          region: {x-tidemark-labels: {eu: Europa}}\n          title: {properties: {city: {title: Cidade}}}\n",
                              &err);
    (void)state;
    assert_non_null(t);
    arena_init(&a, 1 << 20);
    for (size_t i = 0; i < ARRAY_LEN(asked); i++) {
        assert_true(template_texts(t, &a, str_from_c(asked[i]), &texts, &err));
        assert_str(texts.language, "pt-BR");
        assert_str(texts.description, "Pessoas.");
        assert_str(texts.instructions, "Open it.");
        assert_str(texts.webhook_instructions, "Cole.");
        assert_str(words_at(&texts, "/properties/token/title"), "Ficha");
        assert_str(words_at(&texts, "/properties/token/description"), "Of a person.");
        assert_str(words_at(&texts, "/properties/token/pattern"), "^a");
        assert_str(words_at(&texts, "/properties/region/x-tidemark-labels/eu"), "Europa");
        assert_str(words_at(&texts, "/properties/region/x-tidemark-labels/us"), "America");
        assert_str(words_at(&texts, "/properties/title/title"), "Titles");
        assert_str(words_at(&texts, "/properties/title/properties/city/title"), "Cidade");
    }
    assert_true(template_texts(t, &a, STR("fr"), &texts, &err));
    assert_true(str_is_none(texts.language) && texts.config_schema == template_info(t)->config_schema);
    assert_true(template_texts(t, &a, STR_NONE, &texts, &err));
    assert_str(texts.description, "People.");
    arena_release(&a);
    template_unref(t);
}

static void
test_the_same_language_elsewhere_yields_to_the_very_one(void **state)
{
    struct err err = {0};
    struct arena a;
    struct template_texts texts;
    struct template *t = load("    translations: {pt-PT: {description: Gente.}, pt-BR: {description: Pessoas.}}\n", &err);
    (void)state;
    assert_non_null(t);
    arena_init(&a, 1 << 20);
    assert_true(template_texts(t, &a, STR("pt-br"), &texts, &err));
    assert_str(texts.description, "Pessoas.");
    assert_true(template_texts(t, &a, STR("pt"), &texts, &err));
    assert_str(texts.language, "pt-PT");
    arena_release(&a);
    template_unref(t);
}

static void
test_a_form_that_finds_no_room_is_an_error(void **state)
{
    struct err err = {0};
    struct arena a;
    struct template_texts texts;
    struct template *t = load("    translations: {pt-BR: {description: Pessoas.}}\n", &err);
    (void)state;
    arena_init(&a, 64);
    assert_false(template_texts(t, &a, STR("pt-BR"), &texts, &err));
    assert_int_equal(err.code, E_TOO_LARGE);
    arena_release(&a);
    template_unref(t);
}

static bool
has_fault(const struct template *t, const char *words)
{
    unsigned line;
    struct str said;
    for (size_t i = 0; template_fault_at(t, i, &line, &said); i++)
        if (line > 0 && str_eq(said, str_from_c(words)))
            return true;
    return false;
}

static void
test_what_a_translation_has_too_much_or_leaves_out_is_told(void **state)
{
    struct err err = {0};
    (void)state;
    struct template *t = load("    translations:\n      pt-BR:\n        description: Pessoas.\n        instructions: 7\n        name: x\n"
                              "        fields:\n          token: {title: Ficha, pattern: '^b'}\n          tokem: {title: Ficha}\n"
                              "          region: {title: ''}\n", &err);
    assert_non_null(t);
    assert_true(has_fault(t, "pt-BR/fields/tokem/title translates nothing: the template has no such text"));
    assert_true(has_fault(t, "pt-BR/fields/token/pattern is no text that could be translated"));
    assert_true(has_fault(t, "pt-BR/name is no text that could be translated"));
    assert_true(has_fault(t, "pt-BR/instructions is no text that could be translated"));
    assert_true(has_fault(t, "pt-BR/instructions is not translated"));
    assert_true(has_fault(t, "pt-BR/fields/token/description is not translated"));
    assert_true(has_fault(t, "pt-BR/fields/region/title is not translated"));
    assert_true(has_fault(t, "pt-BR/fields/region/x-tidemark-labels/eu is not translated"));
    assert_true(has_fault(t, "pt-BR/fields/title/properties/city/title is not translated"));
    assert_false(has_fault(t, "pt-BR/description is not translated"));
    template_unref(t);
    assert_null(load("    translations: [pt-BR]\n", &err));
    assert_int_equal(err.code, E_TEMPLATE_INVALID);
    assert_true(strstr(err.message, "map of languages") != NULL);
}

/* The page is in English and in Brazilian Portuguese, with whatever the templates say on it. */
static void
test_every_text_of_the_builtin_templates_has_its_portuguese(void **state)
{
    size_t missing = 0;
    (void)state;
    for (size_t i = 0; i < template_builtin_count; i++) {
        struct err err = {0};
        unsigned line;
        struct str words;
        struct template *t = template_load(template_builtins[i].yaml, str_from_c(template_builtins[i].name), &err);
        assert_non_null(t);
        if (!json_get_c(json_get_c(template_info(t)->tidemark, "translations"), "pt-BR"))
            missing++, print_error("%s has no Portuguese\n", template_builtins[i].name);
        for (size_t n = 0; template_fault_at(t, n, &line, &words); n++)
            missing++, print_error("%s, line %u: %.*s\n", template_builtins[i].name, line, STR_ARG(words));
        template_unref(t);
    }
    assert_int_equal(missing, 0);
}
