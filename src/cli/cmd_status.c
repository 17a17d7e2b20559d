/*
 * `tidemark status`: the first page of the web page at a terminal: what is healthy, what needs somebody, and what to do.
 */
#include <stdio.h>

#include "cli/commands_priv.h"

#define NEEDS_SHOWN_MAX 50

/* What to type next; %s is the need's connection, quoted, or its run. */
struct remedy {
    const char *kind, *words, *command, *member;
};

static const struct remedy remedies[] = {
    {"disk_full", "the disk is full", "doctor", NULL},
    {"connection_error", "the connection fails", "connections test", "connectionId"},
    {"poison_page", "a page cannot be applied", "runs show", "runId"},
    {"delete_guard", "deletes wait for a person", "deletes", "runId"},
    {"conflicts", "conflicts wait for a decision", "conflicts", NULL},
    {"webhook_subscription_disabled", "events are no longer sent to a subscriber", NULL, NULL},
    {"rejected_records", "records were rejected", "rejected", "connectionId"},
    {"webhook_events_failed", "webhook events could not be applied", "webhooks --status failed", NULL},
    {"overdue", "not synced when it was due", "sync", "connectionId"},
    {"version_ends", "the vendor ends what is used here", NULL, NULL},
};

static int64_t
number(yyjson_val *data, const char *path)
{
    int64_t value;
    return json_to_i64(out_member(data, path), &value) ? value : 0;
}

static void
put_number(const char *before, yyjson_val *data, const char *path, const char *after)
{
    char text[OUT_NUMBER_BYTES];
    printf("%s%s%s", before, out_number(number(data, path), text), after);
}

static void
put_totals(yyjson_val *data)
{
    put_number("", data, "health.connections.total", number(data, "health.connections.total") == 1 ? " connection: " : " connections: ");
    put_number("", data, "health.connections.active", " connected");
    static const char *const others[][2] = {{"pending", " not tested yet"}, {"error", " failing"}, {"disconnected", " switched off"}};
    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        char path[64];
        snprintf(path, sizeof(path), "health.connections.%s", others[i][0]);
        if (number(data, path))
            put_number(", ", data, path, others[i][1]);
    }
    put_number(".\nRuns: ", data, "health.runs.running", " under way, ");
    put_number("", data, "health.runs.queued", " queued, ");
    put_number("", data, "health.runs.waiting", " waiting for a vendor, ");
    put_number("", data, "health.runs.paused", " paused.\n");
    put_number("Last 24 hours: ", data, "last24h.created", " created, ");
    put_number("", data, "last24h.updated", " updated, ");
    put_number("", data, "last24h.deleted", " deleted, ");
    put_number("", data, "last24h.errors", " rejected; ");
    put_number("", data, "last24h.runsSucceeded", " runs succeeded, ");
    put_number("", data, "last24h.runsFailed", " failed.\n");
}

static const struct remedy *
remedy_for(yyjson_val *need)
{
    static const struct remedy other = {"", "needs a look", NULL, NULL};
    for (size_t i = 0; i < ARRAY_LEN(remedies); i++)
        if (str_eq_c(json_str(json_get_c(need, "kind")), remedies[i].kind))
            return &remedies[i];
    return &other;
}

static void
put_need(struct cli *cli, yyjson_val *need)
{
    const struct remedy *remedy = remedy_for(need);
    struct str name = json_str(json_get_c(need, "name")), message = json_str(json_get_c(need, "message"));
    printf("\n  ");
    out_text(name);
    printf("%s%s", name.len ? ": " : "", remedy->words);
    if (number(need, "count") > 1)
        put_number(" (", need, "count", ")");
    if (message.len) {
        printf("\n    ");
        out_text(message);
    }
    if (remedy->command) {
        struct str what = remedy->member ? json_str(json_get_c(need, remedy->member)) : STR("");
        printf("\n    do: %.*s %s%s%.*s", STR_ARG(called_as(cli)), remedy->command, what.len ? " " : "", STR_ARG(what));
    }
    putchar('\n');
}

static bool
status(struct cli *cli, struct client *c, enum exit_code *code_out, struct err *err)
{
    struct client_reply reply;
    if (!client_call(c, cli->arena, "GET", STR("/api/v1/overview"), STR_NONE, &reply, err))
        return false;
    yyjson_val *needs = json_get_c(reply.data, "needsYou"), *need;
    size_t count = yyjson_arr_size(needs), index, max;
    if (count)
        *code_out = EXIT_CODE_PARTIAL;
    if (cli->json) {
        out_json(&reply);
        return true;
    }
    put_totals(reply.data);
    if (!count) {
        puts("Nothing needs you.");
        return true;
    }
    printf("%zu %s you, the most harmful first:\n", count, count == 1 ? "thing needs" : "things need");
    yyjson_arr_foreach(needs, index, max, need) {
        if (index == NEEDS_SHOWN_MAX)
            break;
        put_need(cli, need);
    }
    if (count > NEEDS_SHOWN_MAX)
        printf("\nand %zu more, with --json\n", count - NEEDS_SHOWN_MAX);
    return true;
}

enum exit_code
cmd_status(struct cli *cli)
{
    return with_client(cli, status);
}
