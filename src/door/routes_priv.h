/*
 * Every handler, by the file it stands in. Their addresses are in routes_<area>.c, the list of those in routes.c.
 */
#ifndef TIDEMARK_DOOR_ROUTES_PRIV_H
#define TIDEMARK_DOOR_ROUTES_PRIV_H

#include "door/request_priv.h"

extern const struct route_table *const route_tables[];
extern const struct route_table routes_integrations;
extern const size_t route_table_count;
extern const struct route_table routes_amazon, routes_oauth;
extern const struct route_table routes_system, routes_identity, routes_sync, routes_jobs, routes_entities, routes_events;
extern const struct route_table routes_webhooks;
extern const struct route_table routes_conflicts;

/* sync_connections.c */
bool connections_list(struct request *r, struct err *err);
bool connections_create(struct request *r, struct err *err);
bool connections_create_again(struct request *r, struct str uuid, struct err *err); /* ..._again: for idempotency.c */
bool connections_get(struct request *r, struct err *err);
bool connections_change(struct request *r, struct err *err);
bool connections_delete(struct request *r, struct err *err);
bool connections_test(struct request *r, struct err *err);
/* sync_state.c */
bool state_get(struct request *r, struct err *err);
bool state_reset(struct request *r, struct err *err);
/* sync_run.c: starting */
bool run_start(struct request *r, struct err *err);
bool connection_sync(struct request *r, struct err *err);
bool run_start_again(struct request *r, struct str uuid, struct err *err);
bool connection_sync_again(struct request *r, struct str uuid, struct err *err);
/* sync_runs.c: looking and steering */
bool runs_list(struct request *r, struct err *err);
bool runs_get(struct request *r, struct err *err);
bool runs_cancel(struct request *r, struct err *err);
bool runs_pause(struct request *r, struct err *err);
bool runs_resume(struct request *r, struct err *err);
/* sync_logs.c */
bool runs_requests(struct request *r, struct err *err); /* sync_requests.c */
bool runs_records(struct request *r, struct err *err);  /* sync_run_records.c */
bool runs_logs(struct request *r, struct err *err);
/* sync_deletes.c */
bool deletes_list(struct request *r, struct err *err);
bool deletes_confirm(struct request *r, struct err *err);
/* sync_rejected.c */
bool push_preview(struct request *r, struct err *err);
bool rejected_list(struct request *r, struct err *err);
bool rejected_replay(struct request *r, struct err *err);
/* entities.c, entities_edit.c */
bool entities_list(struct request *r, struct err *err);
bool entities_list_stream(struct request *r, struct err *err);
bool entities_get(struct request *r, struct err *err);
bool entities_create(struct request *r, struct err *err);
bool entities_create_again(struct request *r, struct str uuid, struct err *err);
bool entities_change(struct request *r, struct err *err);
bool entities_delete(struct request *r, struct err *err);
bool records_unlink(struct request *r, struct err *err);
/* events.c, subscriptions.c */
bool events_stream(struct request *r, struct err *err);
bool subscriptions_list(struct request *r, struct err *err);
bool subscriptions_create(struct request *r, struct err *err);
bool subscriptions_get(struct request *r, struct err *err);
bool subscriptions_change(struct request *r, struct err *err);
bool subscriptions_delete(struct request *r, struct err *err);
bool subscriptions_secret(struct request *r, struct err *err);
bool deliveries_list(struct request *r, struct err *err);
bool deliveries_get(struct request *r, struct err *err);
bool deliveries_replay(struct request *r, struct err *err);
bool deliveries_replay_again(struct request *r, struct str uuid, struct err *err);
/* conflicts.c */
bool conflicts_list(struct request *r, struct err *err);
bool conflicts_get(struct request *r, struct err *err);
bool conflicts_resolve(struct request *r, struct err *err);
/* secrets.c */
bool secrets_rotate(struct request *r, struct err *err);
bool secrets_verify(struct request *r, struct err *err);
/* overview.c, preview.c */
bool overview_get(struct request *r, struct err *err);
bool overview_activity(struct request *r, struct err *err);
bool overview_records(struct request *r, struct err *err);
bool quota_show(struct request *r, struct err *err);
bool templates_check(struct request *r, struct err *err);
bool templates_preview(struct request *r, struct err *err);
bool templates_try(struct request *r, struct err *err);
/* templates.c */
bool templates_list(struct request *r, struct err *err);
bool templates_get(struct request *r, struct err *err);
/* tenants.c, keys.c, users.c */
bool tenants_list(struct request *r, struct err *err);
bool tenants_create(struct request *r, struct err *err);
bool tenants_create_again(struct request *r, struct str uuid, struct err *err);
bool tenants_get(struct request *r, struct err *err);
bool tenants_change(struct request *r, struct err *err);
bool tenants_delete(struct request *r, struct err *err);
bool tenants_disable(struct request *r, struct err *err);
bool tenants_enable(struct request *r, struct err *err);
bool keys_list(struct request *r, struct err *err);
bool keys_create(struct request *r, struct err *err);
bool keys_revoke(struct request *r, struct err *err);
bool keys_get(struct request *r, struct err *err);
bool users_list(struct request *r, struct err *err);
bool users_create(struct request *r, struct err *err);
bool users_create_again(struct request *r, struct str uuid, struct err *err);
bool users_get(struct request *r, struct err *err);
bool users_change(struct request *r, struct err *err);
bool users_disable(struct request *r, struct err *err);
/* session.c, audit.c */
bool session_get(struct request *r, struct err *err);
bool session_create(struct request *r, struct err *err);
bool session_delete(struct request *r, struct err *err);
bool audit_list(struct request *r, struct err *err);
/* jobs.c */
bool jobs_status(struct request *r, struct err *err);
bool jobs_info(struct request *r, struct err *err);
bool jobs_list(struct request *r, struct err *err);
bool jobs_queue(struct request *r, struct err *err);
bool jobs_queue_again(struct request *r, struct str uuid, struct err *err);
bool jobs_pause(struct request *r, struct err *err);
bool jobs_resume(struct request *r, struct err *err);
bool jobs_cancel(struct request *r, struct err *err);
bool jobs_purge(struct request *r, struct err *err);
/* integrations_templates.c */
bool integration_templates_list(struct request *r, struct err *err);
bool integration_templates_get(struct request *r, struct err *err);
bool integration_templates_create(struct request *r, struct err *err);
bool integration_templates_create_again(struct request *r, struct str uuid, struct err *err);
bool integration_templates_change(struct request *r, struct err *err);
bool integration_templates_delete(struct request *r, struct err *err);
/* integrations.c, integrations_do.c */
bool integrations_list(struct request *r, struct err *err);
bool integrations_own(struct request *r, struct err *err);
bool integrations_get(struct request *r, struct err *err);
bool integrations_create(struct request *r, struct err *err);
bool integrations_create_again(struct request *r, struct str uuid, struct err *err);
bool integrations_change(struct request *r, struct err *err);
bool integrations_delete(struct request *r, struct err *err);
bool integrations_test(struct request *r, struct err *err);
bool integrations_activate(struct request *r, struct err *err);
bool integrations_disconnect(struct request *r, struct err *err);
bool integrations_sync(struct request *r, struct err *err);
bool integrations_sync_again(struct request *r, struct str uuid, struct err *err);
/* integrations_actions.c */
bool integrations_action(struct request *r, struct err *err);
bool integrations_setup_webhook(struct request *r, struct err *err);
bool integrations_setup_webhook_again(struct request *r, struct str nothing, struct err *err);
/* messages.c */
bool messages_post(struct request *r, struct err *err);
/* leads.c */
bool leads_list(struct request *r, struct err *err);
bool leads_get(struct request *r, struct err *err);
bool bookings_list(struct request *r, struct err *err);
bool bookings_get(struct request *r, struct err *err);
bool bookings_create(struct request *r, struct err *err);
bool bookings_create_again(struct request *r, struct str uuid, struct err *err);
bool bookings_change(struct request *r, struct err *err);
bool bookings_change_named(struct request *r, struct err *err);
/* sub_accounts.c, sub_account_parts.c */
bool sub_accounts_list(struct request *r, struct err *err);
bool sub_accounts_get(struct request *r, struct err *err);
bool sub_accounts_create(struct request *r, struct err *err);
bool sub_accounts_create_again(struct request *r, struct str uuid, struct err *err);
bool sub_accounts_change(struct request *r, struct err *err);
bool sub_accounts_delete(struct request *r, struct err *err);
bool sub_account_users_list(struct request *r, struct err *err);
bool sub_account_users_get(struct request *r, struct err *err);
bool sub_account_users_create(struct request *r, struct err *err);
bool sub_account_users_create_again(struct request *r, struct str uuid, struct err *err);
bool sub_account_users_change(struct request *r, struct err *err);
bool sub_account_users_delete(struct request *r, struct err *err);
bool strategies_list(struct request *r, struct err *err);
bool strategies_get(struct request *r, struct err *err);
bool strategies_create(struct request *r, struct err *err);
bool strategies_create_again(struct request *r, struct str uuid, struct err *err);
bool strategies_change(struct request *r, struct err *err);
bool strategies_delete(struct request *r, struct err *err);
/* webhooks.c: vendors */
bool webhook_of_template(struct request *r, struct err *err);
bool webhook_of_connection(struct request *r, struct err *err);
bool webhook_envelope(struct request *r, struct err *err);
bool webhook_greet_template(struct request *r, struct err *err);
bool webhook_greet_connection(struct request *r, struct err *err);
bool webhook_greet_envelope(struct request *r, struct err *err);
bool webhook_setup(struct request *r, struct err *err);
/* webhooks_events.c: people */
bool webhook_events_list(struct request *r, struct err *err);
bool webhook_events_get(struct request *r, struct err *err);
bool webhook_events_replay(struct request *r, struct err *err);
bool webhook_events_replay_again(struct request *r, struct str uuid, struct err *err);
/* oauth.c */
bool oauth_start(struct request *r, struct err *err);
bool oauth_callback(struct request *r, struct err *err);
/* amazon_auth.c, amazon.c, amazon_lists.c */
bool amazon_auth_start(struct request *r, struct err *err);
bool amazon_auth_callback(struct request *r, struct err *err);
bool amazon_sync(struct request *r, struct err *err);
bool amazon_status(struct request *r, struct err *err);
bool amazon_disconnect(struct request *r, struct err *err);
bool amazon_sync_status(struct request *r, struct err *err);
bool amazon_sync_cancel(struct request *r, struct err *err);
bool amazon_claims(struct request *r, struct err *err);
bool amazon_inventory(struct request *r, struct err *err);
bool amazon_orders(struct request *r, struct err *err);
/* health.c, root.c */
bool health_live(struct request *r, struct err *err);
bool health_ready(struct request *r, struct err *err);
bool health_metrics(struct request *r, struct err *err);
bool root_page(struct request *r, struct err *err);
bool root_reference(struct request *r, struct err *err);
/* Whether an address without a route is one of the page's own. */
bool root_is_page_address(const struct request *r);
/* assets.c: embedded files */
bool assets_page_file(struct request *r, struct err *err);
bool assets_openapi(struct request *r, struct err *err);

#endif
