import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Browser, Page } from 'playwright-core';
import { chromium } from 'playwright-core';
import { htmlReport } from 'postern/audit';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { contrast } from '../audit/report/contrast.ts';
import { checkedMessage, manyDomains, reportOf, silent, tidy, troubled } from '../audit/report/html-sample.ts';
import * as inPage from './html-report-page.mjs';

const long = `${'a-very-long-label-'.repeat(3)}x.${'b'.repeat(63)}.${'c'.repeat(63)}.example`;
const pages = {
  'one domain': htmlReport({ ...reportOf(troubled), notes: ['The audit ran on the mail host itself.'] }),
  'three domains': htmlReport(reportOf(troubled, tidy, silent)),
  'long names': htmlReport(JSON.parse(JSON.stringify(reportOf(troubled)).replaceAll('example.org', long))),
  'a check': htmlReport(checkedMessage),
};
const names = Object.keys(pages) as (keyof typeof pages)[];

let browser: Browser;
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'postern-html-'));
  for (const name of names) await writeFile(join(folder, `${name}.html`), pages[name]);
  await writeFile(join(folder, 'many.html'), htmlReport(manyDomains(50, 20)));
  browser = await chromium.launch({
    executablePath: '/usr/bin/chromium',
    args: [
      '--headless',
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
});
afterAll(async () => {
  await browser?.close();
  await rm(folder, { recursive: true, force: true });
});

interface Opened {
  readonly page: Page;
  /** Everything that was asked for, but the page itself. */
  readonly requests: string[];
  /** What the console and the page complain about. */
  readonly complaints: string[];
}

async function open(
  name: string,
  width: number,
  scheme: 'light' | 'dark' = 'light',
  use: (opened: Opened) => Promise<void> = async () => {},
): Promise<Opened> {
  const page = await browser.newPage({ viewport: { width, height: 900 }, colorScheme: scheme });
  const url = pathToFileURL(join(folder, `${name}.html`)).href;
  const requests: string[] = [];
  const complaints: string[] = [];
  page.on('request', (request) => {
    if (request.url() !== url) requests.push(request.url());
  });
  page.on('console', (message) => complaints.push(message.text()));
  page.on('pageerror', (error) => complaints.push(error.message));
  try {
    await page.goto(url);
    await use({ page, requests, complaints });
  } finally {
    await page.close();
  }
  return { page, requests, complaints };
}

describe.each(names)('%s', (name) => {
  test.each([360, 390, 1280])(
    'width/%i px → nothing is asked for, nothing complains, nothing runs over',
    async (width) => {
      const { requests, complaints } = await open(name, width, 'light', async ({ page }) => {
        expect(await page.evaluate(inPage.runsOver)).toEqual({ scroll: 0, over: [] });
        await page.evaluate(inPage.openAll);
        expect(await page.evaluate(inPage.runsOver)).toEqual({ scroll: 0, over: [] });
      });
      expect(requests).toEqual([]);
      expect(complaints).toEqual([]);
    },
  );

  test.each(['light', 'dark'] as const)('contrast/%s → all text that is seen has 4.5:1 or more', async (scheme) => {
    await open(name, 1280, scheme, async ({ page }) => {
      await page.evaluate(inPage.openAll);
      const seen = await page.evaluate(inPage.textsSeen);
      expect(seen.length).toBeGreaterThan(40);
      expect(seen.filter(({ ink, ground }) => contrast(ink, ground) < 4.5)).toEqual([]);
    });
  });

  test.each([390, 1280])(
    'names/%i px → each link, table, drawing and heading has one that says what it is',
    async (width) => {
      await open(name, width, 'light', async ({ page }) => {
        await page.evaluate(inPage.openAll);
        const session = await page.context().newCDPSession(page);
        const { nodes } = (await session.send('Accessibility.getFullAXTree')) as {
          nodes: { ignored: boolean; role?: { value: string }; name?: { value: string } }[];
        };
        const byRole = (role: string): string[] =>
          nodes
            .filter((node) => !node.ignored && node.role?.value === role)
            .map((node) => node.name?.value.trim() ?? '');
        for (const role of ['link', 'table', 'heading', 'DisclosureTriangle', 'columnheader', 'rowheader', 'image'])
          expect(byRole(role), role).not.toContain('');
        // A table is one on a narrow page too, where its rows are set as blocks.
        for (const role of ['table', 'row', 'cell', 'columnheader', 'rowheader'])
          expect(byRole(role).length, role).toBeGreaterThan(0);
        for (const role of ['main', 'banner', 'contentinfo']) expect(byRole(role), role).toHaveLength(1);
        expect(await page.evaluate(inPage.namelessDrawings)).toBe(0);
        // Links of one name lead to one place.
        const places = new Map<string, string>();
        for (const { name: text, href } of await page.evaluate(inPage.links)) {
          if (!href.startsWith('https:')) continue;
          expect(places.get(text) ?? href).toBe(href);
          places.set(text, href);
        }
      });
    },
  );

  test.each([360, 1280])('map/%i px → every word stands within its box', async (width) => {
    await open(name, width, 'light', async ({ page }) => {
      expect((await page.evaluate(inPage.mapsSeen)).out).toEqual([]);
    });
  });
});

test('dark/the scheme of the reader → the page is dark, and light on paper', async () => {
  await open('one domain', 1280, 'dark', async ({ page }) => {
    expect(contrast(await page.evaluate(inPage.bodyColour), '#000000')).toBeLessThan(1.5);
    await page.emulateMedia({ media: 'print', colorScheme: 'dark' });
    expect(contrast(await page.evaluate(inPage.bodyColour), '#ffffff')).toBeLessThan(1.1);
  });
  await open('one domain', 1280, 'light', async ({ page }) => {
    expect(contrast(await page.evaluate(inPage.bodyColour), '#ffffff')).toBeLessThan(1.2);
  });
});

test.each([
  [1280, 'across'],
  [360, 'tree'],
])('map/%i px → one drawing, %s, with words that can be read', async (width, drawing) => {
  await open('one domain', width, 'light', async ({ page }) => {
    const { classes, smallest } = await page.evaluate(inPage.mapsSeen);
    expect(classes).toEqual([drawing]);
    expect(smallest).toBeGreaterThanOrEqual(11);
    expect(await page.getByRole('img', { name: 'Map of example.org' }).count()).toBe(1);
  });
});

test('keyboard/Tab and Enter → the details open and close', async () => {
  await open('three domains', 1280, 'light', async ({ page }) => {
    await page.keyboard.press('Tab');
    expect((await page.evaluate(inPage.focused)).text).toBe('Skip to content');
    for (let presses = 0; (await page.evaluate(inPage.focused)).tag !== 'SUMMARY'; presses++) {
      expect(presses).toBeLessThan(40);
      await page.keyboard.press('Tab');
    }
    expect((await page.evaluate(inPage.focused)).open).toBe(false);
    await page.keyboard.press('Enter');
    expect((await page.evaluate(inPage.focused)).open).toBe(true);
    await page.keyboard.press('Space');
    expect((await page.evaluate(inPage.focused)).open).toBe(false);
  });
});

test('links/to a finding → it is there', async () => {
  await open('three domains', 390, 'light', async ({ page }) => {
    await page.click('.urgent a');
    expect(await page.evaluate(inPage.target)).toContain('finding');
  });
});

test('script/markup in every name → none is run', async () => {
  const evil = `<script>document.title='taken'</script><img src=x onerror="document.title='taken'">`;
  const text = JSON.stringify(reportOf(troubled)).replaceAll('mx2.example.org', JSON.stringify(evil).slice(1, -1));
  await writeFile(join(folder, 'evil.html'), htmlReport(JSON.parse(text)));
  const { requests, complaints } = await open('evil', 1280, 'light', async ({ page }) => {
    expect(await page.title()).toBe('Mail audit: example.org');
    expect(await page.evaluate(inPage.countOf, 'script, img')).toBe(0);
  });
  expect(requests).toEqual([]);
  expect(complaints).toEqual([]);
});

test('size/50 domains with 1,000 findings → all are there, on a phone too', async () => {
  const { complaints } = await open('many', 390, 'light', async ({ page }) => {
    expect(await page.evaluate(inPage.countOf, '.finding')).toBe(1_000);
    await page.click('.overview a[href="#domain-49.example.50"]');
    expect(await page.evaluate(inPage.target)).toContain('panel');
    expect((await page.evaluate(inPage.runsOver)).scroll).toBe(0);
  });
  expect(complaints).toEqual([]);
});
