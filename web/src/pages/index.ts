// Every page: its address, and the code that is fetched when somebody goes there. README.md says how one is added.
import type { ComponentType } from 'react';

import type { Permission } from '../api/session';
import type { shellWords } from '../i18n/shell';
import type { IconName } from '../parts/Icon';
import { later } from '../parts/later';
import type { Later } from '../parts/later';

export interface PageRoute { path: string; page: Later<object>; needs?: Permission }

const page = (code: () => Promise<{ default: ComponentType }>) => later(() => code().then((m) => m.default));

// vite.config.js reads these lines for the code of each address.
export const routes: readonly PageRoute[] = [
  { path: '/', page: page(() => import('./home/Home')) },
  { path: '/connections', page: page(() => import('./connections/Connections')) },
  { path: '/connections/new', needs: 'content:update', page: page(() => import('./connections/add/Gallery')) },
  { path: '/connections/new/:template', needs: 'content:update', page: page(() => import('./connections/add/Add')) },
  { path: '/connections/:id/:tab?', page: page(() => import('./connections/one/Connection')) },
  { path: '/runs', page: page(() => import('./runs/Runs')) },
  { path: '/runs/read', page: page(() => import('./runs/Read')) },
  { path: '/runs/:id', page: page(() => import('./runs/Run')) },
  { path: '/runs/:id/records', page: page(() => import('./runs/Records')) },
  { path: '/records', page: page(() => import('./records/Records')) },
  { path: '/records/kind/:kind', page: page(() => import('./records/Records')) },
  { path: '/records/:id', page: page(() => import('./records/Record')) },
  { path: '/conflicts', page: page(() => import('./conflicts/Conflicts')) },
  { path: '/jobs', page: page(() => import('./jobs/Jobs')) },
  { path: '/webhooks', page: page(() => import('./webhooks/Webhooks')) },
  { path: '/webhooks/:id', page: page(() => import('./webhooks/Event')) },
  { path: '/templates', page: page(() => import('./templates/Templates')) },
  { path: '/templates/add', needs: 'admin', page: page(() => import('./templates/AddTemplate')) },
  { path: '/templates/:name', page: page(() => import('./templates/Template')) },
  { path: '/users', needs: 'admin', page: page(() => import('./admin/Users')) },
  { path: '/keys', needs: 'admin', page: page(() => import('./admin/Keys')) },
  { path: '/audit', needs: 'admin', page: page(() => import('./admin/Audit')) },
  { path: '/settings', needs: 'admin', page: page(() => import('./admin/Settings')) },
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
