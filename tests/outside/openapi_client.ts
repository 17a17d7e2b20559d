// Written against the types that openapi-typescript makes of the document: what is not there does not compile.
import createClient from 'openapi-fetch';
import type { components, paths } from './schema.js';

type Run = components['schemas']['RunDetail'];

export async function drive(baseUrl: string, key: string, vendor: string) {
  const api = createClient<paths>({ baseUrl, headers: { Authorization: `Bearer ${key}` } });
  const must = <T>(what: string, { data, error }: { data?: T; error?: unknown }): T => {
    if (data === undefined) throw new Error(`${what}: ${JSON.stringify(error)}`);
    return data;
  };

  const connection = must('connect', await api.POST('/api/v1/sync/connections', {
    body: { name: 'Typed', platform: 'chatwoot', credentials: { accountId: '1', accessToken: 'test', baseUrl: vendor }, enabled: true },
  })).data;
  const id: string = connection.id;

  const started = must('run', await api.POST('/api/v1/sync/run', { body: { connectionId: id, fullSync: true } })).data;
  let run: Run;
  do {
    run = must('look', await api.GET('/api/v1/sync/runs/{id}', { params: { path: { id: started.runId } } })).data;
    await new Promise((resolve) => setTimeout(resolve, 50));
  } while (run.status === 'pending' || run.status === 'in_progress');

  let contacts = 0, cursor: string | undefined;
  do {
    const page = must('contacts', await api.GET('/api/v1/contacts', { params: { query: { limit: 15, ...(cursor ? { cursor } : {}) } } }));
    if (typeof page === 'string') throw new Error('an export was not asked for');
    contacts += page.data.length;
    cursor = page.meta.nextCursor;
  } while (cursor);

  const queued = must('queue', await api.POST('/sync/queue', {
    params: { header: { orgid: 'default' } },
    body: { name: 'typed-job', type: 'incremental', data: { source: id, target: 'local' } },
  })).job;
  let jobStatus: components['schemas']['JobStatus'] = queued.status;
  for (const end = Date.now() + 300_000; Date.now() < end && jobStatus !== 'completed' && jobStatus !== 'failed';) {
    const info = must('info', await api.GET('/sync/info', { params: { header: { orgid: 'default' } } }));
    jobStatus = info.syncJobs.find((job) => job.id === queued.id)?.status ?? jobStatus;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }

  const user = must('user', await api.POST('/api/v1/users', { body: { subject: 'typed', permissions: ['content:read'] } })).data;
  const missing = await api.GET('/api/v1/sync/connections/{id}', { params: { path: { id: '01a00000-0000-7000-8000-000000000000' } } });
  const wrong = { status: missing.response.status, code: missing.error && 'code' in missing.error ? missing.error.code : null };
  return { verdict: run.verdict, contacts, jobStatus, user: user.permissions.join(), wrong };
}
