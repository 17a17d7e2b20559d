// What Scalar's components leave out for screen readers: names of buttons that show a picture alone, whether a choice is open,
// and a way for the keyboard into lists that scroll. Tried on what is there and on what is added.
import { words } from './words';

type Words = (key: keyof typeof words) => string;

const named = (t: Words): readonly [string, string][] => [
  ['button[class*="copy-button"]', t('copy')], ['button[aria-haspopup=menu]', t('more')], ['.cm-content[role=textbox]', t('body')],
];
const isNameless = (element: Element) => !element.hasAttribute('aria-label') && !element.hasAttribute('aria-labelledby')
  && (!element.hasAttribute('aria-haspopup') || !(element as HTMLElement).innerText.trim());

function mend(t: Words) {
  for (const [selector, name] of named(t))
    for (const element of document.querySelectorAll(selector)) if (isNameless(element)) element.setAttribute('aria-label', name);
  for (const element of document.querySelectorAll('[role=combobox]:not([aria-expanded])')) element.setAttribute('aria-expanded', 'false');
  for (const element of document.querySelectorAll('button[aria-controls]'))
    if (!document.getElementById(element.getAttribute('aria-controls') ?? '')) element.removeAttribute('aria-controls');
  for (const list of document.querySelectorAll<HTMLElement>('.endpoints, .cm-scroller:has([contenteditable=false])')) list.tabIndex = 0;
}

export function keepAccessible(t: Words) {
  let waiting = false;
  new MutationObserver(() => {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => { waiting = false; mend(t); });
  }).observe(document.body, { childList: true, subtree: true, attributeFilter: ['aria-expanded'] });
}
