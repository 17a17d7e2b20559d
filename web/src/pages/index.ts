// Every page: its address, and the code that is fetched when somebody goes there. README.md says how one is added.
import { lazy } from 'react';
import type { ComponentType, LazyExoticComponent } from 'react';

import type { Permission } from '../api/session';
import type { shellWords } from '../i18n/shell';
import type { IconName } from '../parts/Icon';

type AnyPage = LazyExoticComponent<ComponentType>;
export interface PageRoute { path: string; page: AnyPage; needs?: Permission }

export const routes: readonly PageRoute[] = [
  { path: '/', page: lazy(() => import('./home/Home')) },
  { path: '/connections', page: lazy(() => import('./connections/Connections')) },
  { path: '/connections/new', needs: 'content:update', page: lazy(() => import('./connections/add/Gallery')) },
  { path: '/connections/new/:template', needs: 'content:update', page: lazy(() => import('./connections/add/Add')) },
  { path: '/connections/:id/:tab?', page: lazy(() => import('./connections/one/Connection')) },
  { path: '/runs', page: lazy(() => import('./runs/Runs')) },
  { path: '/runs/:id', page: lazy(() => import('./runs/Run')) },
  { path: '/runs/:id/records', page: lazy(() => import('./runs/Records')) },
  { path: '/records', page: lazy(() => import('./records/Records')) },
  { path: '/records/kind/:kind', page: lazy(() => import('./records/Records')) },
  { path: '/records/:id', page: lazy(() => import('./records/Record')) },
  { path: '/conflicts', page: lazy(() => import('./conflicts/Conflicts')) },
  { path: '/jobs', page: lazy(() => import('./jobs/Jobs')) },
  { path: '/webhooks', page: lazy(() => import('./webhooks/Webhooks')) },
  { path: '/webhooks/:id', page: lazy(() => import('./webhooks/Event')) },
  { path: '/templates', page: lazy(() => import('./templates/Templates')) },
  { path: '/templates/add', needs: 'admin', page: lazy(() => import('./templates/AddTemplate')) },
  { path: '/templates/:name', page: lazy(() => import('./templates/Template')) },
  { path: '/users', needs: 'admin', page: lazy(() => import('./admin/Users')) },
  { path: '/keys', needs: 'admin', page: lazy(() => import('./admin/Keys')) },
  { path: '/audit', needs: 'admin', page: lazy(() => import('./admin/Audit')) },
  { path: '/settings', needs: 'admin', page: lazy(() => import('./admin/Settings')) },
];

// What the main menu offers, to whom. An entry without a route is not shown.
export interface MenuEntry { href: string; label: keyof typeof shellWords; icon: IconName; needs: Permission; group?: keyof typeof shellWords }
export const menu: readonly MenuEntry[] = [
  { href: '/', label: 'home', icon: 'home', needs: 'content:read' },
  { href: '/connections', label: 'connections', icon: 'plug', needs: 'content:read' },
  { href: '/runs', label: 'runs', icon: 'run', needs: 'content:read' },
  { href: '/records', label: 'records', icon: 'records', needs: 'content:read', group: 'data' },
  { href: '/conflicts', label: 'conflicts', icon: 'conflict', needs: 'content:read', group: 'data' },
  { href: '/jobs', label: 'jobs', icon: 'jobs', needs: 'content:read', group: 'operation' },
  { href: '/webhooks', label: 'webhooks', icon: 'webhook', needs: 'content:read', group: 'operation' },
  { href: '/templates', label: 'templates', icon: 'template', needs: 'admin', group: 'administration' },
  { href: '/users', label: 'users', icon: 'users', needs: 'admin', group: 'administration' },
  { href: '/keys', label: 'keys', icon: 'key', needs: 'admin', group: 'administration' },
  { href: '/audit', label: 'audit', icon: 'audit', needs: 'admin', group: 'administration' },
  { href: '/settings', label: 'settings', icon: 'settings', needs: 'admin', group: 'administration' },
];
export const menuShown = menu.filter((entry) => routes.some((route) => route.path === entry.href));
