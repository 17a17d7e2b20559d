// Everything is reached by the keyboard, on every page and in both sizes: the tab key comes to whatever can be clicked, in sight
// and visibly, and out again; menus go by arrows; what opens in front keeps the focus and gives it back.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { until } from '../scenario/lib/tidemark.mjs';
import { SIZES } from './lib/page.mjs';
import { assertComplete, startWorld } from './lib/world.mjs';

let world, stage, page;
before(async () => {
  world = await startWorld();
  stage = world.stage;
  page = await stage.open('/');
  await page.addInitScript(watchFocus);
});
after(async () => { await world?.stop(); });

// In the page: keeps what the focus came to, and whether it can be seen there.
function watchFocus() {
  const STYLES = ['outlineStyle', 'outlineWidth', 'boxShadow', 'borderColor', 'backgroundColor'];
  const looks = (element) => [element, element.parentElement, element.nextElementSibling, element.querySelector('*')].filter(Boolean)
    .map((e) => { const style = getComputedStyle(e); return STYLES.map((name) => style[name]).join(); }).join('|');
  const nameOf = (e) => `<${e.tagName.toLowerCase()}> ${(e.getAttribute('aria-label') ?? e.innerText ?? '').trim().slice(0, 50) || e.id || e.className}`;
  const isShown = (e) => e.checkVisibility({ visibilityProperty: true, opacityProperty: false }) && e.getClientRects().length > 0 && !e.closest('[inert], [aria-hidden=true]');
  const CLICKED = 'a[href], button, input:not([type=hidden]), select, textarea, summary, [role=button], [role=switch], [contenteditable], [tabindex="0"]';
  const focused = [];
  const wanted = (root) => [...root.querySelectorAll(CLICKED)].filter((e) => isShown(e) && !e.disabled
    // Of radio buttons of one name the tab key comes to one, arrows to the others; a file is chosen by the button beside it.
    && !(e.type === 'radio' && !e.checked) && e.type !== 'file');
  globalThis.walk = {
    begin(root) {
      focused.length = 0;
      this.left = false;
      this.root = document.querySelector(root);
      this.before = new Map(wanted(this.root).map((e) => [e, looks(e)]));
    },
    report() {
      const wrong = [];
      for (const e of wanted(this.root)) if (!focused.some((f) => f.element === e)) wrong.push(`never reached: ${nameOf(e)}`);
      for (const { element, ...how } of focused) {
        if (how.same) wrong.push(`the focus cannot be seen: ${nameOf(element)}`);
        if (how.hidden) wrong.push(`the focus is out of sight or covered: ${nameOf(element)} ${how.hidden}`);
      }
      return { wrong: [...new Set(wrong)], reached: focused.length, isIn: !this.left && this.root.contains(document.activeElement) };
    },
  };
  const coverOf = (target) => {
    const box = target.getBoundingClientRect(), y = box.top + box.height / 2;
    const above = [box.left + Math.min(box.width / 2, 20), box.left + box.width / 2].map((x) => document.elementFromPoint(x, y));
    if (above.some((e) => e && (target.contains(e) || e.contains(target) || target.labels?.[0]?.contains(e) || e.closest('[role=tooltip]')))) return '';
    return above[1] ? `by ${nameOf(above[1])}` : `at ${Math.round(box.left)}, ${Math.round(box.top)}`;
  };
  document.addEventListener('focusin', ({ target }) => {
    const { walk } = globalThis;
    if (!walk?.root) return;
    walk.left ||= focused.length > 0 && !walk.root.contains(target);
    if (walk.left || !walk.before.has(target)) return;
    const entry = { element: target, same: looks(target) === walk.before.get(target), hidden: '' };
    focused.push(entry);
    // The browser scrolls to it after it says so.
    setTimeout(() => { if (document.activeElement === target) entry.hidden = coverOf(target); });
  });
}

const TABS_MAX = 250;
// From before the content with the tab key until it left the content; back again by half of it.
async function walkThrough(root, on = page) {
  await on.evaluate((selector) => globalThis.walk.begin(selector), root);
  for (let i = 0; i < TABS_MAX; i++) {
    await on.keyboard.press('Tab');
    if (i % 8 === 7 && await on.evaluate(() => globalThis.walk.left || !globalThis.walk.root.contains(document.activeElement))) break;
  }
  return on.evaluate(() => globalThis.walk.report());
}

// Pages are shared out among some windows, each loaded anew, so that the first key begins at its top.
const WINDOWS = 2;
for (const size of ['wide', 'narrow'])
  test(`the tab key comes to everything on every page, ${size}`, async (t) => {
    assertComplete(world.pages);
    let reached = 0;
    const wrong = [], waiting = [...world.pages];
    const look = async (window) => {
      for (let path = waiting.shift(); path; path = waiting.shift()) {
        await window.goto(path);
        await stage.settled(window);
        await window.keyboard.press('Tab');
        assert.match(await window.evaluate(() => document.activeElement.className), /skip/, `${path}: the first is the way to the content`);
        await window.keyboard.press('Enter');
        await window.waitForFunction(() => document.activeElement?.id === 'main');
        const found = await walkThrough('#main', window);
        reached += found.reached;
        wrong.push(...found.wrong.map((words) => `${path}: ${words}`), ...(found.isIn ? [`${path}: the focus does not come out`] : []));
      }
    };
    await Promise.all(Array.from({ length: WINDOWS }, async () => {
      const context = await stage.context({ size });
      await context.addInitScript(watchFocus);
      await look(await stage.open('/', { context }));
      await context.close();
    }));
    assert.deepEqual(wrong, []);
    t.diagnostic(`${reached} times something of ${world.pages.length} pages was reached`);
    stage.noFaults();
  });

test('the menu at the side, and behind its button on a narrow screen', async () => {
  await page.setViewportSize(SIZES.wide);
  await page.goto('/settings');
  await stage.settled(page);
  assert.deepEqual((await walkThrough('.side')).wrong, []);
  await page.setViewportSize(SIZES.narrow);
  await page.goto('/settings');
  await stage.settled(page);
  const opener = page.getByRole('button', { name: 'Menu' });
  await opener.focus();
  await page.keyboard.press('Enter');
  const drawer = page.getByRole('dialog');
  // The drawer takes the focus a moment after it came.
  const isInDrawer = () => drawer.evaluate((e) => e.contains(document.activeElement));
  await until('the focus comes to it', isInDrawer);
  await drawer.getByRole('link', { name: 'Webhooks' }).focus();
  await page.keyboard.press('Escape');
  await drawer.waitFor({ state: 'hidden' });
  await until('the focus is back on the button', () => opener.evaluate((e) => e === document.activeElement));
  await page.keyboard.press('Enter');
  await until('the focus comes to it again', isInDrawer);
  await drawer.getByRole('link', { name: 'Webhooks' }).focus();
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { level: 1, name: 'Webhooks' }).waitFor();
  await drawer.waitFor({ state: 'hidden' });
  await page.setViewportSize(SIZES.wide);
});

const focusedName = () => page.evaluate(() => { const e = document.activeElement; return e === document.body ? 'nothing' : (e.getAttribute('aria-label') ?? e.innerText).trim(); });

test('dialogs keep the focus and give it back', async () => {
  for (const [path, opener, item] of world.dialogs) {
    const where = [path, opener, item].filter(Boolean).join(', ');
    await page.goto(path);
    await stage.settled(page);
    const button = page.getByRole('button', { name: opener, exact: true });
    await button.focus();
    await page.keyboard.press('Enter');
    if (item) {
      await page.waitForFunction(() => document.activeElement?.closest('[role=menu]'));
      await until(`${where}: arrows come to it`, async () => {
        await page.keyboard.press('ArrowDown');
        return await focusedName() === item;
      });
      await page.keyboard.press('Enter');
    }
    const dialog = page.getByRole('dialog');
    await dialog.waitFor();
    const isInside = () => dialog.evaluate((e) => e.contains(document.activeElement));
    await until(`${where}: the focus comes to it`, isInside);
    for (let i = 0; i < 14; i++) {
      await page.keyboard.press('Tab');
      assert.ok(await isInside(), `${where}: tab ${i + 1} left it for ${await focusedName()}`);
    }
    await page.keyboard.press('Shift+Tab');
    assert.ok(await isInside(), where);
    await page.keyboard.press('Escape');
    await dialog.waitFor({ state: 'hidden' });
    await until(`${where}: the focus is back`, async () => await focusedName() === opener);
  }
  stage.noFaults();
});

test('what a page is at a terminal closes by Escape wherever the focus is', async () => {
  await page.goto('/runs');
  await stage.settled(page);
  await page.getByRole('button', { name: 'API and command line' }).click();
  const dialog = page.getByRole('dialog');
  await until('the focus comes to it', () => dialog.evaluate((e) => e.contains(document.activeElement)));
  await page.getByRole('tooltip').waitFor();   // of the button that the mouse stands on
  await page.evaluate(() => document.activeElement.blur());
  await page.keyboard.press('Escape');
  await dialog.waitFor({ state: 'hidden' });
  stage.noFaults();
});

test('a row is chosen, opened and sorted by keys; menus by arrows', async () => {
  await page.goto('/connections');
  await stage.settled(page);
  await page.getByRole('checkbox', { name: 'Choose Support inbox' }).focus();
  await page.keyboard.press('Space');
  await page.getByRole('toolbar').getByRole('button', { name: 'Clear' }).focus();
  await page.keyboard.press('Enter');
  await page.getByRole('button', { name: 'Name', exact: true }).focus();
  await page.keyboard.press('Enter');
  await until('it is sorted', async () => await page.getByRole('columnheader', { name: /Name/ }).getAttribute('aria-sort') === 'ascending');
  await page.getByRole('link', { name: 'Support inbox' }).focus();
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { level: 1, name: 'Support inbox' }).waitFor();
  await page.getByRole('button', { name: 'Account' }).focus();
  await page.keyboard.press('Enter');
  const items = page.getByRole('menuitem');
  await items.first().waitFor();
  await page.waitForFunction(() => document.activeElement?.closest('[role=menu]'));
  await page.keyboard.press('ArrowDown');
  const first = await focusedName();
  await page.keyboard.press('ArrowUp');
  await page.keyboard.press('ArrowDown');
  assert.equal(await focusedName(), first, 'arrows go round');
  await page.keyboard.press('Escape');
  await until('the focus is back', async () => await focusedName() === 'Account');
  stage.noFaults();
});
