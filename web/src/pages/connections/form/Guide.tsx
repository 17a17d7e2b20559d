// A template's guide: Markdown of an allow-list, never markup. Links lead outside only by https.
import Markdown from 'markdown-to-jsx';
import type { ReactNode } from 'react';

function Outside({ href, children }: { href?: string; children?: ReactNode }) {
  return href && /^https?:\/\//.test(href) ? <a href={href} target="_blank" rel="noreferrer noopener">{children}</a> : <>{children}</>;
}
const Text = ({ children }: { children?: ReactNode }) => <strong>{children}</strong>;

export function Guide({ text }: { text: string }) {
  return (
    <div className="markdown">
      <Markdown options={{ disableParsingRawHTML: true, forceBlock: true, overrides: { a: Outside, img: () => null, iframe: () => null, h1: Text, h2: Text, h3: Text } }}>{text}</Markdown>
    </div>
  );
}
