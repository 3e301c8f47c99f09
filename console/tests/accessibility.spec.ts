import AxeBuilder from '@axe-core/playwright';
import type { Page } from '@playwright/test';

import { ago, expect, test } from './lake';

// Every state of the page, in light and dark, on a wide screen and a phone: no violation of WCAG 2.2 AA that axe can find, and a
// picture of each below test-results/states to be looked at.
const STATES: { name: string; search: string; prepare?: (page: Page) => Promise<unknown>; act?: (page: Page) => Promise<unknown> }[] = [
  { name: 'list', search: '?organization=acme' },
  { name: 'conditions', search: '?organization=many&outcome=denied&action!=login&q=user&top=1' },
  {
    name: 'details',
    search: `?organization=acme&event=assign&at=${ago(3600)}`,
    act: (page) => expect(page.locator('aside.details .change')).toHaveCount(3),
  },
  { name: 'hostile', search: '?organization=hostile' },
  { name: 'ranges', search: '?organization=acme', act: (page) => page.locator('.range-button').click() },
  {
    name: 'columns',
    search: '?organization=acme',
    // Cards on a phone have no columns: the filters are unfolded there.
    act: async (page) => page.getByRole('button', { name: (page.viewportSize()?.width ?? 0) > 720 ? 'Columns' : 'Filters' }).click(),
  },
  { name: 'table', search: '?organization=acme', act: (page) => page.getByText('Counts as a table').click() },
  {
    name: 'more-filters',
    search: '?organization=acme&actor=u-1',
  },
  {
    name: 'export',
    search: '?organization=acme',
    act: async (page) => {
      await page.getByRole('button', { name: 'Export' }).click();
      await page.getByRole('button', { name: 'Start export' }).click();
      await expect(page.locator('.export').first()).toContainText('Done');
    },
  },
  { name: 'shortcuts', search: '?organization=acme', act: (page) => page.keyboard.press('?') },
  { name: 'empty', search: '?organization=newcomer&range=all' },
  { name: 'no-match', search: '?organization=acme&action=nothing' },
  { name: 'organization', search: '' },
  {
    name: 'loading',
    search: '?organization=acme',
    prepare: (page) => page.route('**/v1/**', () => undefined),
  },
  {
    name: 'slow',
    search: '?organization=acme',
    prepare: async (page) => {
      const running = { query_id: 'slow', status: 'running', link: '/v1/queries/slow', expires: ago(-600) };
      await page.route('**/v1/events?*', (route) => route.fulfill({ status: 202, json: running }));
      await page.route('**/v1/queries/**', () => undefined);
    },
  },
  {
    name: 'error',
    search: '?organization=acme',
    prepare: (page) =>
      page.route('**/v1/events?*', (route) =>
        route.fulfill({
          status: 422,
          contentType: 'application/problem+json',
          json: { type: 'about:blank', title: 'The question reads too much', status: 422, detail: 'It would read 2,000 MB, the limit is 1,000. Shorten the range.', request_id: 'r-42' },
        }),
      ),
  },
  {
    name: 'refused',
    search: '?organization=acme&outcome=deny&action!=login',
    prepare: (page) =>
      page.route(/\/v1\/(events|stats)\?/, (route) =>
        route.fulfill({
          status: 400,
          contentType: 'application/problem+json',
          json: { type: 'about:blank', title: 'Bad request', status: 400, detail: 'a parameter breaks its rule', request_id: 'r-1', errors: [{ field: 'outcome', detail: 'must be one of success, failure, denied, unknown; did you mean `denied`?' }] },
        }),
      ),
    act: (page) => expect(page.getByRole('button', { name: 'Use denied' })).toBeVisible(),
  },
  {
    name: 'no-permission',
    search: '?organization=acme',
    prepare: (page) =>
      page.route('**/v1/**', (route) =>
        route.fulfill({ status: 403, contentType: 'application/problem+json', json: { type: 'about:blank', title: 'Forbidden', status: 403, detail: 'the permission is missing', request_id: 'r-42' } }),
      ),
  },
];

const SCREENS = [
  { screen: 'wide', viewport: { width: 1440, height: 900 } },
  { screen: 'phone', viewport: { width: 390, height: 844 } },
] as const;

for (const { screen, viewport } of SCREENS) {
  for (const colorScheme of ['light', 'dark'] as const) {
    test.describe(`${screen}, ${colorScheme}`, () => {
      test.use({ viewport, colorScheme });
      for (const { name, search, prepare, act } of STATES) {
        test(`${name} has no violation`, async ({ page }) => {
          await prepare?.(page);
          await page.goto(`/${search}`);
          if (prepare === undefined && search !== '') {
            await expect(page.locator('.answer-facts')).toContainText(/\d/);
            await expect(page.locator('[aria-busy=true]')).toHaveCount(0);
          }
          await expect(page.locator('main')).toBeVisible();
          if (name === 'slow') await expect(page.getByText('may take a while')).toBeVisible();
          if (name === 'error') await expect(page.getByRole('alert')).toBeVisible();
          await act?.(page);
          await page.screenshot({ path: `test-results/states/${name}-${screen}-${colorScheme}.png` });
          const { violations } = await new AxeBuilder({ page }).withTags(['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']).analyze();
          expect(violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html, failureSummary }) => `${html.slice(0, 160)} ${failureSummary}`).join('\n')}`)).toEqual([]);
          expect(await page.evaluate(() => document.documentElement.scrollWidth > document.documentElement.clientWidth)).toBe(false);
        });
      }
    });
  }
}
