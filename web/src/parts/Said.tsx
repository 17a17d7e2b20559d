// Words of the server in the reader's language, where they are known; what is not stays as it was said, and is marked as English
// so that a screen reader says it right. What people and platforms wrote is not looked at here.
import { Fragment } from 'react';
import type { ReactNode } from 'react';

import { useLanguage, useWords } from '../i18n';
import { SENTENCES, auditWords, codeWords, triggerWords } from '../i18n/said';

interface Known { pattern: RegExp; names: readonly string[]; words: string }
const DEPTH_MAX = 4;
const HOLE = /\{(\w+)\}/g;
const escaped = (text: string) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');

function knownOf([english, portuguese]: readonly [string, string]): Known {
  const names = [...english.matchAll(HOLE)].map(([, name]) => name ?? '');
  const pattern = english.split(HOLE).map((part, i) => (i % 2 ? (part === 'rest' || part === 'free' ? '(.+)' : '(.+?)') : escaped(part))).join('');
  return { pattern: new RegExp(`^${pattern}$`, 's'), names, words: portuguese };
}

// Made when the first Portuguese words are asked for.
let made: readonly Known[] | undefined;
const known = () => (made ??= [...SENTENCES, ...Object.values(codeWords)].map(knownOf));

export type Part = string | { english: string };

// "contacts: 3 records were rejected": what stands in front is a name, and what follows may be known.
const NAMED = /^([\w./-]+(?: [\w./-]+)?): (.+)$/s;

function partsOf(text: string, depth = 0): readonly Part[] | null {
  if (Object.hasOwn(codeWords, text)) return [codeWords[text as keyof typeof codeWords][1]];
  for (const { pattern, names, words } of depth < DEPTH_MAX ? known() : []) {
    const found = pattern.exec(text);
    if (!found) continue;
    return words.split(HOLE).flatMap((part, i): readonly Part[] => {
      if (i % 2 === 0) return part ? [part] : [];
      const value = found[names.indexOf(part) + 1] ?? '';
      return part === 'free' ? [{ english: value }] : part === 'rest' ? partsOf(value, depth + 1) ?? [{ english: value }] : [value];
    });
  }
  const named = depth < DEPTH_MAX ? NAMED.exec(text) : null;
  const rest = named?.[2] ? partsOf(named[2], depth + 1) : null;
  return rest && [`${named?.[1] ?? ''}: `, ...rest];
}

// The parts of a text of the server; of one that is not known, after the words of its code.
function useParts() {
  const { language } = useLanguage();
  return (text: string, code?: string | null): readonly Part[] => {
    if (language === 'en') return [text];
    const parts = partsOf(text);
    if (parts) return parts;
    return code && Object.hasOwn(codeWords, code) ? [`${codeWords[code as keyof typeof codeWords][1]}: `, { english: text }] : [{ english: text }];
  };
}

export function Said({ text, code }: { text: string | null | undefined; code?: string | null }): ReactNode {
  const parts = useParts();
  if (!text) return null;
  return parts(text, code).map((part, i) => (typeof part === 'string' ? <Fragment key={i}>{part}</Fragment> : <span key={i} lang="en">{part.english}</span>));
}

// As a text, for where no element can stand.
export function useSaid() {
  const parts = useParts();
  return (text: string, code?: string | null) => parts(text, code).map((part) => (typeof part === 'string' ? part : part.english)).join('');
}

export function useTrigger() {
  const t = useWords(triggerWords);
  return (name: string | null | undefined) => (name && Object.hasOwn(triggerWords, name) ? t(name as keyof typeof triggerWords) : name ?? '');
}

// "key.create"; what only has an address ("GET /api/v1/contacts") keeps it.
export function useDeed() {
  const t = useWords(auditWords);
  return (action: string) => {
    const [what = '', deed = ''] = action.split('.');
    return Object.hasOwn(auditWords, what) && Object.hasOwn(auditWords, deed) ? `${t(what as keyof typeof auditWords)}: ${t(deed as keyof typeof auditWords)}` : action;
  };
}
