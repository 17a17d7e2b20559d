// A value as JSON, coloured. Text stays text: it is never read as markup.
import type { ReactNode } from 'react';

import { Copy } from './Page';

const TOKENS = /("(?:\\.|[^"\\])*")(\s*:)?|\b(true|false|null)\b|(-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)/g;
const COLOURED_MAX = 60_000;

function coloured(text: string): ReactNode[] {
  const out: ReactNode[] = [];
  let at = 0;
  for (const m of text.matchAll(TOKENS)) {
    if (m.index > at) out.push(text.slice(at, m.index));
    const kind = m[1] ? (m[2] ? 'k' : 's') : m[3] ? 'l' : 'n';
    out.push(<span key={m.index} className={kind}>{m[1] ?? m[0]}</span>);
    if (m[2]) out.push(m[2]);
    at = m.index + m[0].length;
  }
  out.push(text.slice(at));
  return out;
}

export function Json({ value, label }: { value: unknown; label: string }) {
  const text = JSON.stringify(value, null, 2) ?? 'null';
  return (
    <div style={{ position: 'relative' }}>
      <pre className="json" tabIndex={0} role="region" aria-label={label}>{text.length > COLOURED_MAX ? text : coloured(text)}</pre>
      <div style={{ position: 'absolute', top: 6, right: 6 }}><Copy text={text} /></div>
    </div>
  );
}
