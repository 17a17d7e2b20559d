// A file of the API's. What it is to be is asked for by the Accept header and whose by another, which a plain link cannot send.
import { ApiError, tenantChosen } from './client';

const KEPT_MS = 10_000;

export async function download(path: string, type: 'text/csv' | 'application/x-ndjson', name: string) {
  const tenant = tenantChosen();
  const response = await fetch(path, { headers: { Accept: type, ...(tenant ? { 'X-Tenant-Id': tenant } : {}) }, credentials: 'same-origin' });
  if (!response.ok) throw new ApiError(response.status, response.statusText, `HTTP_${response.status}`, [], response.headers.get('X-Request-Id'), null);
  const url = URL.createObjectURL(await response.blob());
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), KEPT_MS);
}
