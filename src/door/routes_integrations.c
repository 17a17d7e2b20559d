/*
 * Addresses of door 002. The operator's stand under /api/admin and are about no tenant of a header; fixed segments
 * stand above parameters.
 */
#include "door/routes_priv.h"

#define ADMIN "/api/admin"
#define STATUS DIALECT_STATUS
#define MAKES (ROUTE_NO_TENANT | ROUTE_BODY | ROUTE_CREATES)
#define CHANGES (ROUTE_NO_TENANT | ROUTE_BODY)
#define DOES (ROUTE_NO_TENANT | ROUTE_CREATES)

static const struct route routes[] = {
    {"GET", "/api/integration-templates", ACCESS_ANYONE, STATUS, ROUTE_NO_TENANT, integration_templates_list},
    {"GET", "/api/integration-templates/:id", ACCESS_ANYONE, STATUS, ROUTE_NO_TENANT, integration_templates_get},
    {"POST", ADMIN "/integration-templates", ACCESS_ADMIN, STATUS, MAKES | ROUTE_BODY_LARGE, integration_templates_create},
    {"PATCH", ADMIN "/integration-templates/:id", ACCESS_ADMIN, STATUS, CHANGES | ROUTE_BODY_LARGE, integration_templates_change},
    {"DELETE", ADMIN "/integration-templates/:id", ACCESS_ADMIN, STATUS, ROUTE_NO_TENANT, integration_templates_delete},
    {"GET", "/api/integrations", ACCESS_READ, STATUS, 0, integrations_own},
    {"GET", ADMIN "/integrations", ACCESS_ADMIN, STATUS, ROUTE_NO_TENANT, integrations_list},
    {"POST", ADMIN "/integrations", ACCESS_ADMIN, STATUS, MAKES, integrations_create},
    {"GET", ADMIN "/integrations/:id", ACCESS_ADMIN, STATUS, ROUTE_NO_TENANT, integrations_get},
    {"PATCH", ADMIN "/integrations/:id", ACCESS_ADMIN, STATUS, CHANGES, integrations_change},
    {"DELETE", ADMIN "/integrations/:id", ACCESS_ADMIN, STATUS, ROUTE_NO_TENANT, integrations_delete},
    {"POST", ADMIN "/integrations/:id/test", ACCESS_ADMIN, STATUS, DOES, integrations_test},
    {"POST", ADMIN "/integrations/:id/activate", ACCESS_ADMIN, STATUS, DOES, integrations_activate},
    {"POST", ADMIN "/integrations/:id/disconnect", ACCESS_ADMIN, STATUS, DOES, integrations_disconnect},
    {"POST", ADMIN "/integrations/:id/sync", ACCESS_ADMIN, STATUS, DOES | ROUTE_BODY_OPTIONAL, integrations_sync},
    {"POST", ADMIN "/integrations/:id/setup-webhook", ACCESS_ADMIN, STATUS, DOES | ROUTE_SECRET, integrations_setup_webhook},
    {"POST", ADMIN "/integrations/:id/setup-ghl-webhook", ACCESS_ADMIN, STATUS, DOES | ROUTE_SECRET, integrations_setup_webhook},
    {"POST", ADMIN "/integrations/:id/actions/:action", ACCESS_ADMIN, STATUS, DOES | ROUTE_BODY_OPTIONAL, integrations_action},
    {"GET", ADMIN "/sub-accounts", ACCESS_ADMIN, STATUS, ROUTE_NO_TENANT, sub_accounts_list},
    {"POST", ADMIN "/sub-accounts", ACCESS_ADMIN, STATUS, MAKES, sub_accounts_create},
    {"GET", ADMIN "/sub-accounts/:id", ACCESS_ADMIN, STATUS, ROUTE_NO_TENANT, sub_accounts_get},
    {"PATCH", ADMIN "/sub-accounts/:id", ACCESS_ADMIN, STATUS, CHANGES, sub_accounts_change},
    {"DELETE", ADMIN "/sub-accounts/:id", ACCESS_ADMIN, STATUS, ROUTE_NO_TENANT, sub_accounts_delete},
    {"GET", ADMIN "/sub-accounts/:id/users", ACCESS_ADMIN, STATUS, ROUTE_NO_TENANT, sub_account_users_list},
    {"POST", ADMIN "/sub-accounts/:id/users", ACCESS_ADMIN, STATUS, MAKES, sub_account_users_create},
    {"GET", ADMIN "/sub-accounts/:id/users/:userId", ACCESS_ADMIN, STATUS, ROUTE_NO_TENANT, sub_account_users_get},
    {"PATCH", ADMIN "/sub-accounts/:id/users/:userId", ACCESS_ADMIN, STATUS, CHANGES, sub_account_users_change},
    {"DELETE", ADMIN "/sub-accounts/:id/users/:userId", ACCESS_ADMIN, STATUS, ROUTE_NO_TENANT, sub_account_users_delete},
    {"GET", ADMIN "/sub-accounts/:id/strategies", ACCESS_ADMIN, STATUS, ROUTE_NO_TENANT, strategies_list},
    {"POST", ADMIN "/sub-accounts/:id/strategies", ACCESS_ADMIN, STATUS, MAKES, strategies_create},
    {"GET", ADMIN "/sub-accounts/:id/strategies/:strategyId", ACCESS_ADMIN, STATUS, ROUTE_NO_TENANT, strategies_get},
    {"PATCH", ADMIN "/sub-accounts/:id/strategies/:strategyId", ACCESS_ADMIN, STATUS, CHANGES, strategies_change},
    {"DELETE", ADMIN "/sub-accounts/:id/strategies/:strategyId", ACCESS_ADMIN, STATUS, ROUTE_NO_TENANT, strategies_delete},
    {"GET", "/api/leads", ACCESS_READ, STATUS, 0, leads_list},
    {"GET", "/api/leads/:id", ACCESS_READ, STATUS, 0, leads_get},
    {"GET", "/api/bookings", ACCESS_READ, STATUS, 0, bookings_list},
    {"POST", "/api/bookings", ACCESS_UPDATE, STATUS, ROUTE_BODY | ROUTE_CREATES, bookings_create},
    {"PATCH", "/api/bookings", ACCESS_UPDATE, STATUS, ROUTE_BODY, bookings_change_named},
    {"GET", "/api/bookings/:id", ACCESS_READ, STATUS, 0, bookings_get},
    {"PATCH", "/api/bookings/:id", ACCESS_UPDATE, STATUS, ROUTE_BODY, bookings_change},
};
const struct route_table routes_integrations = {routes, ARRAY_LEN(routes)};
