import { readFile } from 'node:fs/promises';
import { gunzipSync } from 'node:zlib';

import { expect, test } from './lake';

const dialog = 'dialog';

for (const { format, count } of [
  { format: 'CSV', count: (file: Buffer) => file.toString().split('\r\n').filter(Boolean).length - 1 },
  { format: 'NDJSON', count: (file: Buffer) => gunzipSync(file).toString().trim().split('\n').length },
  { format: 'Parquet', count: null },
]) {
  test(`the current view is exported as ${format}, all of it`, async ({ page, open }) => {
    await open('?organization=many&outcome=denied');
    await page.getByRole('button', { name: 'Export' }).click();
    await expect(page.locator(dialog)).toContainText('Status is denied, last 7 days');
    await page.locator(dialog).getByText(format, { exact: true }).click();
    await page.getByRole('button', { name: 'Start export' }).click();
    const done = page.locator('.export').first();
    await expect(done).toContainText('Done · 1,500 events');
    const download = page.waitForEvent('download');
    await done.getByRole('link').click();
    const file = await readFile(await (await download).path());
    if (count === null) {
      expect([file.subarray(0, 4).toString(), file.subarray(-4).toString()]).toEqual(['PAR1', 'PAR1']);
    } else expect(count(file)).toBe(1500);
    // It is still known after the page was loaded again, without the links, which are as good as the files.
    await page.reload();
    await page.getByRole('button', { name: 'Export' }).click();
    await expect(page.locator('.export').first()).toContainText('Done · 1,500 events');
    await expect(page.locator('.export').getByRole('link')).toHaveCount(0);
    await page.getByRole('button', { name: 'Get links' }).click();
    await expect(page.locator('.export').getByRole('link')).toHaveCount(1);
  });
}

test('an export of nothing says that there is no file', async ({ page, open }) => {
  await open('?organization=acme&action=nothing');
  await page.getByRole('button', { name: 'Export' }).click();
  await page.getByRole('button', { name: 'Start export' }).click();
  await expect(page.locator('.export').first()).toContainText('Done · 0 events');
});

test('an export that runs shows that it does, and can be cancelled', async ({ page, open }) => {
  await open('?organization=acme');
  // The server's own export is over at once: its state is held back.
  let isCancelled = false;
  await page.route('**/v1/exports/**', async (route) => {
    if (route.request().method() === 'DELETE') {
      isCancelled = true;
      await route.fulfill({ status: 204 });
      return;
    }
    const response = await fetch(route.request().url());
    const body = (await response.json()) as object;
    await route.fulfill({ status: 200, headers: { 'retry-after': '1' }, json: { ...body, status: 'running', files: undefined } });
  });
  await page.getByRole('button', { name: 'Export' }).click();
  await page.getByRole('button', { name: 'Start export' }).click();
  const one = page.locator('.export').first();
  await expect(one.getByRole('progressbar')).toBeVisible();
  await expect(page.locator('.answer-bar .badge')).toHaveText('1 running');
  await one.getByRole('button', { name: 'Cancel' }).click();
  await expect(one).toContainText('Cancelled');
  expect(isCancelled).toBe(true);
});

test('an export that failed says why', async ({ page, open }) => {
  await open('?organization=acme');
  await page.route('**/v1/exports', (route) =>
    route.fulfill({
      status: 422,
      contentType: 'application/problem+json',
      json: { type: 'about:blank', title: 'Too much to export', status: 422, detail: 'shorten the range', request_id: 'r-9' },
    }),
  );
  await page.getByRole('button', { name: 'Export' }).click();
  await page.getByRole('button', { name: 'Start export' }).click();
  await expect(page.locator(dialog).getByRole('alert')).toContainText('shorten the range');
  await expect(page.locator(dialog).getByRole('alert')).toContainText('r-9');
});
