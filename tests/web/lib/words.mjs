// The page's dictionaries, read from its sources: for finding English words on a Portuguese page.
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

const root = new URL('../../../web/src', import.meta.url).pathname;
const files = readdirSync(root, { recursive: true }).filter((name) => /(words|shell)\.ts$/.test(name));
const text = (quoted) => quoted.slice(1, -1).replace(/\\'/g, "'");

const english = new Set(), portuguese = new Set();
for (const file of files)
  for (const [, one, other] of readFileSync(join(root, file), 'utf8').matchAll(/\[('(?:[^'\\]|\\.)*'|"[^"]*"),\s*('(?:[^'\\]|\\.)*'|"[^"]*")\]/g)) {
    for (const form of text(one).split('|')) english.add(form);
    for (const form of text(other).split('|')) portuguese.add(form);
  }
export const dictionarySize = english.size;

// Words that the server says, in English as its errors are; names that a template or a platform gives.
const shownTexts = () => {
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode())
    if (node.parentElement.checkVisibility() && !node.parentElement.closest('pre, code, .mono, .markdown, [data-said]')) found.push(node.textContent.trim());
  for (const e of document.querySelectorAll('[aria-label], [placeholder], [title]'))
    if (e.checkVisibility()) for (const name of ['aria-label', 'placeholder', 'title']) if (e.hasAttribute(name)) found.push(e.getAttribute(name).trim());
  return found.filter(Boolean);
};

export async function untranslated(page, where) {
  const texts = await page.evaluate(shownTexts);
  return [...new Set(texts.filter((shown) => english.has(shown) && !portuguese.has(shown)))].map((shown) => `${where}: ${shown}`);
}
