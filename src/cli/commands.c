/*
 * Every command: its words, its options, its function. The help and docs/cli.md are made from this table.
 */
#include "cli/commands_priv.h"

#define PAGE_OPTIONS                                        \
    {"limit", "N", "how many, 1 to 500 (20)"},              \
    {                                                       \
        "page", "N", "which page, from 1"                   \
    }

#ifdef TIDEMARK_SANDBOX
#define SANDBOX_OPTIONS                                                                              \
    {"seed", "N", "seed of the simulated data: the same seed gives the same records"},               \
    {"size", "ENTITY=N", "how many records, e.g. contacts=100000 or chatwoot.contacts=50; repeatable"}, \
    {"fault", "FAULT", "a fault of docs/sandbox.md, e.g. 429:after=3:count=2; repeatable"},          \
    {"rate", "N", "requests a minute that a vendor allows; 0: all"},                                 \
    {"expired-after", "N", "requests that the token \"expired\" survives"},                          \
    {                                                                                                \
        "off-spec", NULL, "also answers that differ from the vendor's own specification"             \
    }

static const struct cli_option serve_options[] = {SANDBOX_OPTIONS, {0}};
static const struct cli_option sandbox_options[] = {SANDBOX_OPTIONS, {0}};
#else
static const struct cli_option serve_options[] = {{0}};
#endif

static const struct cli_option connect_options[] = {
    {"name", "NAME", "what to call it (else the platform's name)"},
    {"streams", "A,B", "sync only these streams"},
    {"every", "TIME", "sync this often, e.g. 15m"},
    {"no-test", NULL, "do not try the credential now"},
    {0},
};
static const struct cli_option connections_options[] = {
    PAGE_OPTIONS,
    {"purge", NULL, "with delete: its records go too"},
    {0},
};
static const struct cli_option sync_options[] = {
    {"full", NULL, "read everything, not only what changed; finds deleted records"},
    {"stream", "NAME", "only this stream"},
    {"push", NULL, "send what was changed here (with --full: everything that does not agree)"},
    {"dry-run", NULL, "with --push: print the requests, secrets masked, and send none"},
    {"all", NULL, "every connection that is switched on, one after another"},
    {"wait", NULL, "watch it to its end (the default)"},
    {"no-wait", NULL, "start it and leave (needs a running server)"},
    {0},
};
static const struct cli_option runs_options[] = {
    PAGE_OPTIONS,
    {"status", "STATUS", "pending, in_progress, paused, success, error or cancelled"},
    {"connection", "NAME", "only of this connection"},
    {"from", "TIME", "that had not ended by then (RFC 3339)"},
    {"to", "TIME", "that had begun by then"},
    {"failed", NULL, "of a run's requests only those that failed"},
    {"change", "CHANGE", "of a run's records only those it created, updated, skipped, deleted or found missing"},
    {"stream", "NAME", "of a run's records only those of this stream"},
    {0},
};
static const struct cli_option jobs_options[] = {
    PAGE_OPTIONS,
    {"status", "STATUS", "queued, active, paused, completed or failed"},
    {"full", NULL, "with queue: read everything"},
    {"stream", "NAME", "with queue: only this stream"},
    {"since", "TIME", "with queue: what changed since, where there is no mark yet"},
    {"priority", "PRIORITY", "with queue: high, normal or low"},
    {"retries", "N", "with queue: try again so often when it fails"},
    {"at", "TIME", "with queue: not before, e.g. 2026-12-01T03:00:00Z"},
    {"repeat", "WHEN", "with queue: hourly, daily, weekly, monthly, or five cron fields"},
    {"time", "HH:MM", "with --repeat: when in the day"},
    {"timezone", "ZONE", "with --repeat: of which clock, e.g. America/Sao_Paulo (UTC)"},
    {0},
};
static const struct cli_option logs_options[] = {
    {"follow", NULL, "go on until the run has ended"},
    {0},
};
static const struct cli_option state_options[] = {
    {"stream", "NAME", "with reset: only this stream"},
    {0},
};
static const struct cli_option page_options[] = {PAGE_OPTIONS, {0}};
static const struct cli_option entity_options[] = {
    PAGE_OPTIONS,
    {"search", "TEXT", "part of the title"},
    {"status", "STATUS", "only with this status"},
    {"updated-since", "TIME", "only what changed since, e.g. 2026-01-31T10:00:00Z; deleted ones too"},
    {"deleted", NULL, "deleted ones too"},
    {"format", "FORMAT", "with export: jsonl (default) or csv"},
    {"no-header", NULL, "with export --format csv: without the line of names"},
    {0},
};
static const struct cli_option import_options[] = {
    {"format", "FORMAT", "jsonl or csv; left out: by the file's ending, .csv or any other"},
    {"dry-run", NULL, "have the lines checked by the server, write nothing"},
    {0},
};
static const struct cli_option manifest_options[] = {
    {"config", "FILE", "the configuration as the manifest's specification asks for it: JSON"},
    {"stream", "NAME", "with read: which stream"},
    {"limit", "N", "with read: at most so many records (all)"},
    {"mapped", NULL, "with read: the records as they would be stored"},
    {"protocol", "airbyte", "with read: the ecosystem's protocol messages"},
    {"replies", "FILE", "with requests and replay: recorded answers"},
    {"state", "FILE", "with requests: saved states to resume from"},
    {"now", "TIME", "with requests and replay: what every \"now\" is"},
    {0},
};
static const struct cli_option tenants_options[] = {
    PAGE_OPTIONS,
    {"name", "NAME", "with create and set: its name for people"},
    {"region", "BR", "with create and set: the country of phone numbers without a prefix"},
    {"yes", NULL, "with delete: it is meant"},
    {0},
};
static const struct cli_option conflicts_options[] = {
    PAGE_OPTIONS,
    {"status", "STATUS", "with list: open (default), resolved or all"},
    {0},
};
static const struct cli_option webhooks_options[] = {
    PAGE_OPTIONS,
    {"status", "STATUS", "with list: pending, applied, failed or unhandled"},
    {"connection", "NAME", "with list: only of this connection"},
    {"search", "TEXT", "with list: only what holds these words"},
    {0},
};
static const struct cli_option keys_options[] = {
    PAGE_OPTIONS,
    {"role", "ROLE", "with create: user (default) or admin"},
    {"permissions", "A,B", "with create: of content:read, content:update, content:delete"},
    {"expires", "TIME", "with create: e.g. 2027-01-31T00:00:00Z"},
    {0},
};

static const struct cli_option users_options[] = {
    PAGE_OPTIONS,
    {"name", "NAME", "with add and set: name"},
    {"email", "ADDRESS", "with add and set: e-mail"},
    {"role", "ROLE", "with add and set: user or admin, for tokens that name none"},
    {"permissions", "A,B", "with add and set: of content:read, content:update, content:delete, for tokens that list none"},
    {0},
};
static const struct cli_option audit_options[] = {
    {"limit", "N", "how many, 1 to 500 (20)"},
    {"actor", "WHO", "only of this one, e.g. user:ana"},
    {0},
};

const struct cli_command cli_commands[] = {
    {"serve", "[--sandbox] [--port N] [--data FOLDER]", "Run the server",
     "  tidemark serve --sandbox          simulated vendors: data is moving within seconds, no account needed\n"
     "  tidemark serve --data /var/lib/tidemark --listen 127.0.0.1:3000\n"
     "  tidemark serve --database postgres://tidemark@db/tidemark\n"
     "Ends on SIGTERM or Ctrl-C: the page under way is committed, leases are released. A second signal ends it at once.\n",
     serve_options, 0, cmd_serve},
#ifdef TIDEMARK_SANDBOX
    {"sandbox", "[--listen ADDRESS] [--port N] [--size ENTITY=N] [--fault FAULT]", "Run the simulated vendors alone",
     "  tidemark sandbox --listen 127.0.0.1:4010 --size contacts=100000\n"
     "  tidemark sandbox --fault 429:after=3:count=2:retry-after=1\n",
     sandbox_options, 0, cmd_sandbox},
#endif
    {"status", "", "Show what is healthy, what needs you, and what to do",
     "  tidemark status\n"
     "Exit code 0: nothing needs you, 4: something does.\n", NULL, 0, cmd_status},
    {"connect", "PLATFORM NAME=VALUE...", "Connect a platform",
     "  tidemark connect chatwoot accountId=1 accessToken=- --name Support\n"
     "A value of \"-\" is asked for (or read from standard input), so that a secret stands in no history.\n"
     "What a platform asks for: tidemark templates PLATFORM\n",
     connect_options, 16, cmd_connect},
    {"connections", "[list | show|test|enable|disable|delete CONNECTION]", "List connections and look after them",
     "  tidemark connections\n  tidemark connections test Support\n  tidemark connections delete Support --purge\n",
     connections_options, 2, cmd_connections},
    {"sync", "[CONNECTION] [--full] [--stream NAME] [--push [--dry-run]] [--all]", "Sync a connection and watch it",
     "  tidemark sync Support\n  tidemark sync chatwoot --full\n  tidemark sync --all\n  tidemark sync Support --push --dry-run\n"
     "CONNECTION is a name, an id, or a platform that only one connection has; it may be left out when there is one.\n"
     "Exit code 0: complete, 1: failed, 4: partial (some records were rejected, or deletes wait for a person).\n",
     sync_options, 1, cmd_sync},
    {"runs", "[list | show|records|requests|cancel|pause|resume RUN]", "List runs, look at one, steer one",
     "  tidemark runs --status error\n  tidemark runs show 0193b2f0-...\n  tidemark runs cancel 0193b2f0-...\n"
     "  tidemark runs records 0193b2f0-... --change created\n  tidemark runs requests 0193b2f0-... --failed\n"
     "`records` lists what a run did to which records, as long as its counters say.\n"
     "`requests` lists what a run asked of its vendor, credentials masked; with --json the headers too.\n",
     runs_options, 2, cmd_runs},
    {"jobs", "[list | queue NAME [CONNECTION] | pause|resume|cancel NAME | purge]", "List jobs, queue one, steer one",
     "  tidemark jobs queue nightly Support --full --repeat daily --time 03:00 --timezone America/Sao_Paulo\n"
     "  tidemark jobs pause nightly\n  tidemark jobs --status queued\n"
     "A job waits while its connection is busy. `purge` removes finished jobs with their runs and logs.\n",
     jobs_options, 3, cmd_jobs},
    {"logs", "[RUN|CONNECTION] [--follow]",
     "Print the log of a run, or of a connection's newest; of the newest of all when nothing is said",
     "  tidemark logs\n  tidemark logs Support --follow\n", logs_options, 1, cmd_logs},
    {"state", "[CONNECTION] [reset] [--stream NAME]", "Show how far each stream was read, or start over",
     "  tidemark state Support\n  tidemark state reset Support --stream contacts\n", state_options, 2, cmd_state},
    {"rejected", "[CONNECTION] [replay]", "List records that could not be taken, or try them again",
     "  tidemark rejected Support\n  tidemark rejected replay Support\n", page_options, 2, cmd_rejected},
    {"conflicts", "[list | show ID | resolve ID source|local|VALUES]", "Decide where a source and somebody here disagree",
     "  tidemark conflicts\n  tidemark conflicts resolve 01a2... source\n  tidemark conflicts resolve 01a2... '{\"name\":\"Ana Souza\"}'\n"
     "There are some only for connections with conflictPolicy manual.\n", conflicts_options, 3, cmd_conflicts},
    {"webhooks", "[list | show EVENT | replay EVENT]", "List what platforms sent, look at it, or apply it once more",
     "  tidemark webhooks --status failed\n  tidemark webhooks replay 0193b2f0-...\n"
     "An older event never overwrites newer data.\n", webhooks_options, 2, cmd_webhooks},
    {"deletes", "RUN [confirm]", "List the deletes that wait for a person, or confirm them",
     "  tidemark deletes 0193b2f0-...\n  tidemark deletes confirm 0193b2f0-...\n", page_options, 2, cmd_deletes},
    {"contacts", "[list | show ID | export]", "List, show and export contacts",
     "  tidemark contacts --search ana\n  tidemark contacts export --format csv > contacts.csv\n", entity_options, 2,
     cmd_entities},
    {"conversations", "[list | show ID | export]", "List, show and export conversations",
     "  tidemark conversations --status active\n", entity_options, 2, cmd_entities},
    {"messages", "[list | show ID | export]", "List, show and export messages",
     "  tidemark messages export > messages.jsonl\n", entity_options, 2, cmd_entities},
    {"leads", "[list | show ID | export]", "List, show and export leads",
     "  tidemark leads --status new\n  tidemark leads export --format csv > leads.csv\n", entity_options, 2, cmd_entities},
    {"companies", "[list | show ID | export]", "List, show and export companies",
     "  tidemark companies --search acme\n  tidemark companies export --format csv > companies.csv\n", entity_options, 2, cmd_entities},
    {"deals", "[list | show ID | export]", "List, show and export deals",
     "  tidemark deals --status open\n  tidemark deals export --format csv > deals.csv\n", entity_options, 2, cmd_entities},
    {"tickets", "[list | show ID | export]", "List, show and export tickets",
     "  tidemark tickets --status open\n  tidemark tickets export --format csv > tickets.csv\n", entity_options, 2, cmd_entities},
    {"products", "[list | show ID | export]", "List, show and export products",
     "  tidemark products --search shirt\n  tidemark products export --format csv > products.csv\n", entity_options, 2, cmd_entities},
    {"orders", "[list | show ID | export]", "List, show and export orders",
     "  tidemark orders --updated-since 2026-01-31\n  tidemark orders export --format csv > orders.csv\n", entity_options, 2, cmd_entities},
    {"customers", "[list | show ID | export]", "List, show and export customers",
     "  tidemark customers --search ana\n  tidemark customers export --format csv > customers.csv\n", entity_options, 2, cmd_entities},
    {"templates", "[list | [show] PLATFORM | add FILE | remove PLATFORM]", "List the platforms, show one, add or remove one of your own",
     "  tidemark templates\n  tidemark templates chatwoot\n  tidemark templates add my_shop.yaml\n", NULL, 2, cmd_templates},
    {"manifest", "check|read|requests|replay FILE", "Develop a template: check it, read a stream, see its requests",
     "  tidemark manifest check shop.yaml\n"
     "  tidemark manifest read shop.yaml --config shop.json --stream orders --limit 10\n"
     "  tidemark manifest read shop.yaml --config shop.json --stream orders --mapped\n"
     "A checked template goes into DATA/templates/NAME.yaml and is a platform at the next start.\n",
     manifest_options, 2, cmd_manifest},
    {"tenants", "[list | create|show|set|disable|enable|delete KEY]", "List, create, rename, switch off and delete tenants",
     "  tidemark tenants create org123 --name \"Acme\" --region BR\n  tidemark tenants disable org123\n"
     "  tidemark tenants delete org123 --yes\n"
     "Nothing of a disabled tenant runs, and its keys are refused (403); its data stays. Deleting goes on in the background.\n",
     tenants_options, 2, cmd_tenants},
    {"keys", "[list | create [NAME] | show|revoke ID | rotate | verify]", "API keys; and the key that secrets are sealed with",
     "  tidemark keys create dashboard --permissions content:read\n  tidemark keys create chief --role admin\n"
     "A key is shown once. With several tenants, name one with --tenant.\n",
     keys_options, 2, cmd_keys},
    {"users", "[list | add SUBJECT | show|set|revoke|restore USER]", "List users, give them roles, switch them off",
     "  tidemark users add auth0|42 --name Ana --role user\n  tidemark users set auth0|42 --permissions content:read\n"
     "  tidemark users revoke auth0|42\n"
     "SUBJECT is the `sub` of the user's tokens. A token's own role and permissions come first.\n",
     users_options, 2, cmd_users},
    {"audit", "[--actor WHO]", "List what admins did, newest first", "  tidemark audit --limit 50\n", audit_options, 0, cmd_audit},
    {"config", "[show | reference [settings|errors|commands|routes]]", "Show the settings and where each came from",
     "  tidemark config show\n  TIDEMARK_WORKERS=4 tidemark config show --json\n", NULL, 2, cmd_config},
    {"export", "KIND", "Write all records of a kind to the standard output: JSON lines, or CSV",
     "  tidemark export orders > orders.jsonl\n  tidemark export contacts --format csv > contacts.csv\n"
     "Read page by page: memory stays flat whatever the size.\n",
     entity_options, 1, cmd_export},
    {"import", "KIND FILE", "Make records of a kind from a file: JSON lines, or CSV with a line of names",
     "  tidemark import contacts contacts.csv\n  tidemark import leads leads.jsonl --dry-run\n"
     "FILE may be \"-\". A line that is refused is told with its number and does not stop the others. The same file again within\n"
     "a day makes nothing twice: lines that were changed are sent, add new ones at the end.\n"
     "Exit code 0: all of them, 1: broke off, 4: some lines were refused.\n",
     import_options, 2, cmd_import},
    {"backup", "FILE", "Save the database to a file, also while the server runs",
     "  tidemark backup /backups/tidemark-2026-11-22.db\n"
     "The embedded database becomes a database file; PostgreSQL (the setting `database`) a compressed dump of one moment.\n"
     "The key of stored secrets is never inside: keep DATA/secret.key apart.\n",
     NULL, 1, cmd_backup},
    {"restore", "FILE", "Put a backup in the place of the embedded database, while no server runs, or into an empty PostgreSQL database",
     "  tidemark restore /backups/tidemark-2026-11-22.db\n"
     "  createdb tidemark2 && tidemark restore --database postgres:///tidemark2 /backups/tidemark-2026-11-22.dump\n", NULL, 1, cmd_restore},
    {"migrate", "", "Bring the database up to date (serve does it too)", NULL, NULL, 0, cmd_migrate},
    {"doctor", "", "Look for what is wrong and say what to do", NULL, NULL, 0, cmd_doctor},
    {"version", "", "Print the version", NULL, NULL, 0, cmd_version},
    {0},
};
