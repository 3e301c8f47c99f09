import { ago, expect, test } from './lake';

const panel = 'aside.details';

test('a row opens to every detail, with what changed before and after', async ({ page, open }) => {
  await open('?organization=acme');
  await page.locator('.grid-body .row').first().click();
  const details = page.locator(panel);
  for (const text of ['Alice Liddell', 'alice@acme.example', 'u-1', 'role/admin', 'Administrators', '203.0.113.7', 'Mozilla/5.0 (test)', 'req-1', 'assign']) {
    await expect(details).toContainText(text);
  }
  await expect(details.locator('.details-when')).toContainText(`${ago(3600).slice(0, 10)} ${ago(3600).slice(11, 23)} UTC`);
  const changes = details.locator('.change');
  await expect(changes).toHaveCount(3);
  await expect(changes.nth(0).locator('del')).toHaveText(/viewer$/);
  await expect(changes.nth(0).locator('ins')).toHaveText(/admin$/);
  await expect(changes.nth(1).locator('.diff-removed .diff-text')).toHaveText(['        "read"', '  "version": 1'], { useInnerText: true });
  await expect(changes.nth(1).locator('.diff-added .diff-text')).toHaveText(['        "read",', '        "write"', '  "version": 2'], { useInnerText: true });
  await expect(changes.nth(2)).toContainText('not set');
  await expect(details.locator('pre').first()).toContainText('"ticket": "OPS-17"');
});

test('the raw record of an imported event is shown and copied as it was', async ({ page, open }) => {
  await open('?organization=cloud&range=all&action=AssumeRole');
  await page.locator('.grid-body .row').first().click();
  const details = page.locator(panel);
  await expect(details.getByRole('heading', { name: 'Raw record' })).toBeVisible();
  await details.getByRole('button', { name: 'Copy record' }).click();
  const copied = JSON.parse(await page.evaluate(() => navigator.clipboard.readText())) as { eventName: string };
  expect(copied.eventName).toBe('AssumeRole');
});

test('an event is copied as JSON, and by link', async ({ page, open }) => {
  await open('?organization=acme');
  await page.locator('.grid-body .row').first().click();
  await page.getByRole('button', { name: 'Copy as JSON' }).click();
  const copied = JSON.parse(await page.evaluate(() => navigator.clipboard.readText())) as { event_id: string; changes: unknown[] };
  expect(copied.event_id).toBe('assign');
  expect(copied.changes).toHaveLength(3);
  await page.getByRole('button', { name: 'Copy link' }).click();
  const link = await page.evaluate(() => navigator.clipboard.readText());
  await page.goto('about:blank');
  await page.goto(link);
  await expect(page.locator(panel).getByRole('heading', { level: 2 })).toHaveText('role_assign');
  await expect(page.locator(panel)).toContainText('Alice Liddell');
});

test('a link opens an event that is not in the list', async ({ page, open }) => {
  await open(`?organization=acme&action=login&event=assign&at=${ago(3600)}`);
  await expect(page.locator(panel).getByRole('heading', { level: 2 })).toHaveText('role_assign');
  await expect(page.locator(panel)).toBeFocused();
});

test('a link to no event says so', async ({ page, open }) => {
  await open(`?organization=acme&event=nothing&at=${ago(3600)}`);
  await expect(page.locator(panel)).toContainText('Event not found');
});

const MORE = [
  { button: 'More by this user', condition: 'Actor ID is u-1' },
  { button: 'More on this resource', condition: 'Resource is role/admin' },
  { button: 'More from this IP', condition: 'IP address is 203.0.113.7' },
];
for (const { button, condition } of MORE) {
  test(`${button}`, async ({ page, open }) => {
    await open('?organization=acme&action=role_assign');
    await page.locator('.grid-body .row').first().click();
    await page.getByRole('button', { name: button }).click();
    await expect(page.getByRole('list', { name: 'Conditions' }).getByRole('listitem')).toHaveText([condition, 'Clear all'], { useInnerText: true });
  });
}

test('around this time shows five minutes on both sides, whoever it was', async ({ page, open }) => {
  await open('?organization=acme&action=role_assign');
  await page.locator('.grid-body .row').first().click();
  await page.getByRole('button', { name: 'Around this time' }).click();
  const url = () => new URL(page.url()).searchParams;
  await expect.poll(() => url().get('from')).toBe(ago(3600 + 300));
  expect(url().get('to')).toBe(ago(3600 - 300));
  expect(url().get('action')).toBeNull();
});

test('a value in the details becomes a filter', async ({ page, open }) => {
  await open('?organization=acme');
  await page.locator('.grid-body .row').nth(1).click();
  await page.getByRole('button', { name: 'Only events with this Status' }).click();
  await expect(page.getByRole('list', { name: 'Conditions' })).toContainText('Status is denied');
});
