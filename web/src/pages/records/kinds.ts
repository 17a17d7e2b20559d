// The kinds of records, their addresses, and what a list of each shows.
import { api } from '../../api/client';
import type { Meta, Schemas } from '../../api/client';
import { useWords } from '../../i18n';
import { shellWords } from '../../i18n/shell';

export const KINDS = ['contacts', 'conversations', 'messages', 'leads', 'companies', 'deals', 'tickets', 'products', 'orders', 'customers'] as const;
export type Kind = (typeof KINDS)[number];
export type Entity = Schemas['Entity'] & Record<string, unknown>;
export type EntityDetail = Schemas['EntityDetail'] & Record<string, unknown>;

export const isKind = (text: string): text is Kind => (KINDS as readonly string[]).includes(text);

// What people call a kind; one that a template brought keeps its name.
export function useKindWord() {
  const t = useWords(shellWords);
  return (kind: string) => (isKind(kind) ? t(kind) : kind);
}

// Every kind has the same routes; the compiler is shown one of them.
interface ListQuery { q?: string; status?: string; updatedSince?: string; includeDeleted?: boolean; cursor?: string; limit?: number }
type ListAnswer = Promise<{ data?: { data: Entity[]; meta: Meta }; error?: unknown; response: Response }>;
export const listOf = (kind: Kind, query: ListQuery) => api.GET(`/api/v1/${kind}` as '/api/v1/contacts', { params: { query } }) as unknown as ListAnswer;
export const onePath = (kind: Kind) => `/api/v1/${kind}/{id}` as '/api/v1/contacts/{id}';

// Beside the name; what a record does not have is left empty.
export const COLUMNS: Record<Kind, readonly string[]> = {
  contacts: ['email', 'phone'], conversations: ['status', 'lastActivityAt'], messages: ['direction', 'sentAt'], leads: ['email', 'status'], companies: ['domain', 'phone'],
  deals: ['status', 'amount'], tickets: ['status', 'priority'], products: ['sku', 'price'], orders: ['status', 'total'], customers: ['email', 'phone'],
};

const NAMES = ['name', 'title', 'subject', 'displayName', 'number', 'orderNumber', 'content', 'text', 'email', 'phone', 'externalNumber', 'sku'];
export function titleOf(record: Record<string, unknown>): string | null {
  for (const name of NAMES) {
    const value = record[name];
    if (typeof value === 'string' && value.trim()) return value;
    if (typeof value === 'number') return String(value);
  }
  return numberThere(record.metadata);
}

// A conversation has no name: it goes by its platform's number (`chatwoot_id`), as it does there.
function numberThere(metadata: unknown): string | null {
  if (typeof metadata !== 'object' || metadata === null) return null;
  const found = Object.entries(metadata).find(([name, value]) => /^[a-z]+_id$/.test(name) && typeof value === 'string' && value);
  return found ? `#${found[1]}` : null;
}

// Ours, not the platform's.
export const OWN = new Set(['id', 'kind', 'parentId', 'createdAt', 'updatedAt', 'deletedAt', 'version', 'externalIds', 'history']);

export const plain = (value: unknown): string => (value === null || value === undefined ? '' : typeof value === 'string' ? value : JSON.stringify(value));
