// What the pages about connections ask for, under shared keys.
import { api, take } from '../../api/client';
import type { Connection, Meta } from '../../api/client';
import { useData } from '../../api/query';
import { useLanguage } from '../../i18n';

const PAGE = 500, PAGES_MAX = 20;

// All of them: people have tens, an agency some thousands.
async function allConnections(): Promise<{ data: { data: Connection[] }; response: Response }> {
  const rows: Connection[] = [];
  let cursor: string | undefined;
  for (let i = 0; i < PAGES_MAX; i++) {
    const page: { data: Connection[]; meta: Meta } = await take(api.GET('/api/v1/sync/connections', { params: { query: { limit: PAGE, cursor } } }));
    rows.push(...page.data);
    cursor = page.meta.nextCursor;
    if (!cursor) break;
  }
  return { data: { data: rows }, response: new Response() };
}

export const useConnections = () => useData(['connections', 'all'], allConnections, { every: 30_000 });
export const useActivity = () => useData(['connections', 'activity'], () => api.GET('/api/v1/overview/activity'), { every: 30_000 });
export const useConnection = (id: string) =>
  useData(['connections', id], () => api.GET('/api/v1/sync/connections/{id}', { params: { path: { id } } }), { every: 15_000 });
// As the server has them, for their names; or with their texts in the reader's language.
export const useTemplates = () => useData(['templates'], () => api.GET('/api/v1/templates'));
export function useTemplatesRead() {
  const { asked } = useLanguage();
  return useData(['templates', 'read', asked], () => api.GET('/api/v1/templates', { params: { query: { language: asked } } }));
}
export function useTemplate(name: string | undefined) {
  const { asked } = useLanguage();
  return useData(['templates', 'one', name, asked], () => api.GET('/api/v1/templates/{name}', { params: { path: { name: name ?? '' }, query: { language: asked } } }), { enabled: !!name, keep: true });
}
