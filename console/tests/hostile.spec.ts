import { expect, HOSTILE, test } from './lake';

/** Whether anything stands out of the window to the side. */
const overflows = () => document.documentElement.scrollWidth > document.documentElement.clientWidth;

for (const width of [1440, 390]) {
  test(`contents that mean harm are texts, and break no layout (${width} pixels)`, async ({ page, open }) => {
    await page.setViewportSize({ width, height: 900 });
    await open('?organization=hostile&top=1');
    const rows = page.locator('.grid-body .row');
    await expect(rows).toHaveCount(5);
    const scripts = await page.locator('script').count();
    for (const index of [0, 1, 2, 3, 4]) {
      await rows.nth(index).click();
      const details = page.locator('aside.details');
      await expect(details.locator('.details-body')).toHaveAttribute('aria-busy', 'false');
      const hidden = details.getByRole('button', { name: /^Show all/ });
      while ((await hidden.count()) > 0) await hidden.first().click();
      expect(await page.evaluate(overflows)).toBe(false);
      expect(await details.evaluate((panel) => panel.scrollWidth > panel.clientWidth)).toBe(false);
      await details.getByRole('button', { name: 'Close event' }).click();
    }
    expect(await page.evaluate(() => (window as unknown as { hurt?: number }).hurt)).toBeUndefined();
    expect(await page.evaluate(() => ({} as { polluted?: boolean }).polluted)).toBeUndefined();
    expect(await page.locator('script').count()).toBe(scripts);
    expect(await page.locator('main img, aside img, main svg[onload], iframe, object, embed').count()).toBe(0);
  });
}

test('markup is shown as it was written', async ({ page, open }) => {
  await open(`?organization=hostile&action=${encodeURIComponent(HOSTILE.script)}`);
  await expect(page.locator('.cell-action').first()).toHaveText(HOSTILE.script);
  await expect(page.locator('.cell-actor').first()).toHaveText(HOSTILE.image);
  await expect(page.getByRole('list', { name: 'Conditions' })).toContainText(HOSTILE.script);
});

test('a text cannot turn what stands beside it, and what turns it is named', async ({ page, open }) => {
  await open('?organization=hostile&action=turned');
  const target = page.locator('.cell-target').first();
  await expect(target.locator('.hidden-character')).toHaveText('U+202E');
  await expect(target).toContainText('invoiceU+202Efdp.exe');
  expect(await target.locator('bdi').count()).toBe(1);
});

test('a link cannot bring in anything but texts', async ({ page, open }) => {
  await open(`?organization=hostile&q=${encodeURIComponent(HOSTILE.image)}&columns=${encodeURIComponent('time,<b>,__proto__,constructor')}`);
  await expect(page.getByRole('list', { name: 'Conditions' })).toContainText(HOSTILE.image);
  expect(await page.evaluate(() => (window as unknown as { hurt?: number }).hurt)).toBeUndefined();
});

test('a 10,000 character value is cut at first, and whole when asked for', async ({ page, open }) => {
  await open('?organization=hostile&action=long');
  await page.locator('.grid-body .row').first().click();
  const metadata = page.locator('.details-section').filter({ hasText: 'Metadata' });
  expect((await metadata.locator('pre').innerText()).length).toBeLessThan(1000);
  await metadata.getByRole('button', { name: /Show all 10,\d+ characters/ }).click();
  expect((await metadata.locator('pre').innerText()).length).toBeGreaterThan(10_000);
});

test('the page is served under a policy that allows no foreign origin, no inline script and no HTML of texts', async ({ page, open }) => {
  const response = await page.goto('/?organization=acme');
  const policy = response?.headers()['content-security-policy'] ?? '';
  for (const rule of ["default-src 'none'", "script-src 'self'", "style-src 'self'", "base-uri 'none'", "frame-ancestors 'none'", "require-trusted-types-for 'script'"]) {
    expect(policy).toContain(rule);
  }
  expect(policy).not.toContain('unsafe');
  await open('?organization=acme');
});
