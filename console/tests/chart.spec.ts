import { actions, ago, expect, test } from './lake';

test('brushing the chart filters the range', async ({ page, open }) => {
  await open('?organization=many&range=24h');
  const over = page.locator('.chart .u-over');
  const box = await over.boundingBox();
  if (box === null) throw new Error('no chart');
  // The events lie in the last two hours of the 24: the right twelfth of the chart.
  await page.mouse.move(box.x + box.width * 0.5, box.y + 40);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width * 0.75, box.y + 40, { steps: 5 });
  await page.mouse.up();
  const parameters = () => new URL(page.url()).searchParams;
  await expect.poll(() => parameters().get('from')).not.toBeNull();
  const [from, to] = [Date.parse(parameters().get('from') ?? ''), Date.parse(parameters().get('to') ?? '')];
  // A quarter of 24 hours, in whole bars of an hour.
  expect(Math.abs(to - from - 6 * 3600_000)).toBeLessThanOrEqual(3600_000);
  expect(from % 3600_000).toBe(0);
  await expect(page.getByRole('heading', { name: 'No events in this range' })).toBeVisible();
  await page.goBack();
  await expect(page.locator('.answer-facts')).toContainText('of 6,000 events');
});

test('the counts are those of the events, and a status in the legend filters', async ({ page, open }) => {
  await open('?organization=many');
  // 6,000 events, of every four: two succeed, one fails, one is denied.
  await expect(page.locator('.legend')).toContainText('Success 3,000');
  await expect(page.locator('.legend')).toContainText('Failure 1,500');
  await expect(page.locator('.legend')).toContainText('Denied 1,500');
  await page.locator('.legend').getByRole('button', { name: /Denied/ }).click();
  await expect(page.locator('.answer-facts')).toContainText('of 1,500 events');
});

test('the chart is a table, too, from which a range can be chosen by keyboard', async ({ page, open }) => {
  await open('?organization=acme');
  await page.getByText('Counts as a table').focus();
  await page.keyboard.press('Enter');
  const rows = page.locator('.chart-table tbody tr');
  await expect(rows).toHaveCount(6);
  await expect(rows.last()).toContainText(ago(3600).slice(0, 10));
  const choose = rows.last().getByRole('button', { name: 'Show only this' });
  await choose.focus();
  await page.keyboard.press('Enter');
  await expect.poll(() => actions(page)).toEqual(['role_assign']);
});

test('the most frequent values are shown when asked for, and filter', async ({ page, open }) => {
  await open('?organization=many');
  await expect(page.locator('.top-values')).toHaveCount(0);
  await page.getByRole('button', { name: 'Top values' }).click();
  const users = page.locator('.top-panel').filter({ hasText: 'Top users' });
  // 6,000 events of seven users: 858 of the first one, 857 of the others.
  await expect(users.getByRole('listitem').first()).toContainText('user-0@many.example');
  await expect(users.getByRole('listitem').first()).toContainText('858');
  await page.locator('.top-panel').filter({ hasText: 'Top actions' }).getByRole('button', { name: /write_table/ }).click();
  await expect(page.locator('.answer-facts')).toContainText('of 3,000 events');
  expect(page.url()).toContain('top=1');
});
