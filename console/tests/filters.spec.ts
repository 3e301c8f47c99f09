import { actions, CREDENTIAL, expect, test } from './lake';

// What each filter leaves of the events of the last 7 days; written by hand from the events in lake.ts.
const CASES: { label: string; value: string; left: string[]; place?: 'more' }[] = [
  { label: 'User e-mail', value: 'alice@acme.example', left: ['role_assign'] },
  { label: 'Action', value: 'login', left: ['login', 'login'] },
  { label: 'Resource type', value: 'table', left: ['read_table'] },
  { label: 'IP address', value: '203.0.113.7', left: ['role_assign'] },
  { label: 'IP address', value: '203.0.113.0/24', left: ['role_assign'] },
  { label: 'IP address', value: '192.0.2.9-192.0.2.20', left: ['read_table'] },
  { label: 'Resource', value: 'role/admin', left: ['role_assign'], place: 'more' },
  { label: 'Actor ID', value: 'v-1', left: ['read_table'], place: 'more' },
  { label: 'Assumed role', value: 'role/vendor', left: ['read_table'], place: 'more' },
  { label: 'Event ID', value: 'failed', left: ['login'], place: 'more' },
];
const ALL = ['role_assign', 'permission_check', 'login', 'login', 'read_table', 'read_table'];

test('the events of the last 7 days are shown, newest first', async ({ page, open }) => {
  await open('?organization=acme');
  expect(await actions(page)).toEqual(ALL);
});

for (const { label, value, left, place } of CASES) {
  test(`the filter ${label} leaves what matches ${value}, and the URL says so`, async ({ page, open }) => {
    await open('?organization=acme');
    if (place === 'more') await page.getByText('More filters').click();
    const field = page.getByLabel(label, { exact: true });
    await field.fill(value);
    await field.press('Enter');
    await expect(page.getByRole('list', { name: 'Conditions' })).toContainText(`${label} is ${value}`);
    await expect.poll(() => actions(page)).toEqual(left);
    // A link shares the view.
    const link = page.url();
    await page.goto('about:blank');
    await page.goto(link);
    await expect(page.getByRole('list', { name: 'Conditions' })).toContainText(`${label} is ${value}`);
    await expect.poll(() => actions(page)).toEqual(left);
    await page.getByRole('button', { name: 'Clear all' }).click();
    await expect.poll(() => actions(page)).toEqual(ALL);
  });
}

test('a source leaves its events, and its exclusion leaves the others', async ({ page, open }) => {
  await open('?organization=mixed');
  expect(await actions(page)).toEqual(['posted_here', 'posted_far_away', 'GetObject']);
  await page.getByLabel('Source', { exact: true }).fill('api');
  await page.keyboard.press('Enter');
  await expect.poll(() => actions(page)).toEqual(['posted_here', 'posted_far_away']);
  await page.getByRole('button', { name: /^Remove: Source/ }).click();
  await page.getByLabel('Source: is or is not', { exact: true }).selectOption('not');
  await page.getByLabel('Source', { exact: true }).fill('api');
  await page.keyboard.press('Enter');
  await expect.poll(() => actions(page)).toEqual(['GetObject']);
});

test('a credential leaves what was called with it', async ({ page, open }) => {
  await open('?organization=mixed');
  await page.getByText('More filters').click();
  await page.getByLabel('Credential', { exact: true }).fill(CREDENTIAL);
  await page.keyboard.press('Enter');
  await expect.poll(() => actions(page)).toEqual(['GetObject']);
});

test('a region leaves its events', async ({ page, open }) => {
  await open('?organization=mixed');
  await page.getByText('More filters').click();
  await page.getByLabel('Region', { exact: true }).fill('eu-far');
  await page.keyboard.press('Enter');
  await expect.poll(() => actions(page)).toEqual(['posted_far_away']);
});

test('search finds by e-mail, actor and resource', async ({ page, open }) => {
  await open('?organization=acme');
  await page.keyboard.press('/');
  await page.keyboard.type('alice');
  await page.keyboard.press('Enter');
  await expect.poll(() => actions(page)).toEqual(['role_assign']);
  expect(new URL(page.url()).searchParams.get('q')).toBe('alice');
  await page.getByRole('searchbox').fill('orders');
  await page.keyboard.press('Enter');
  await expect.poll(() => actions(page)).toEqual(['read_table']);
});

test('several statuses are one or the other', async ({ page, open }) => {
  await open('?organization=acme');
  const statuses = page.getByRole('group', { name: 'Status' });
  await statuses.getByRole('button', { name: 'Denied' }).click();
  await expect.poll(() => actions(page)).toEqual(['permission_check']);
  await statuses.getByRole('button', { name: 'Failure' }).click();
  await expect.poll(() => actions(page)).toEqual(['permission_check', 'login']);
  await statuses.getByRole('button', { name: 'Denied' }).click();
  await expect.poll(() => actions(page)).toEqual(['login']);
});

test('a category is chosen from those there are', async ({ page, open }) => {
  await open('?organization=acme');
  await page.getByText('More filters').click();
  await page.getByLabel('Category', { exact: true }).selectOption('authentication');
  await expect.poll(() => actions(page)).toEqual(['login']);
});

test('what a value is not leaves the others', async ({ page, open }) => {
  await open('?organization=acme');
  await page.getByLabel('Action: is or is not').selectOption('not');
  await page.getByLabel('Action', { exact: true }).fill('login');
  await page.keyboard.press('Enter');
  await expect.poll(() => actions(page)).toEqual(['role_assign', 'permission_check', 'read_table', 'read_table']);
  expect(page.url()).toContain('action%21=login');
});

test('values that are there are suggested, most frequent first', async ({ page, open }) => {
  await open('?organization=acme');
  const field = page.getByLabel('Action', { exact: true });
  await field.focus();
  const list = page.locator(`#${await field.getAttribute('list')} option`);
  await expect(list).toHaveCount(4);
  expect(new Set(await list.evaluateAll((options) => options.slice(0, 2).map((option) => (option as HTMLOptionElement).value)))).toEqual(
    new Set(['login', 'read_table']),
  );
  await expect(list.first()).toHaveText('2 events');
  await expect(list.last()).toHaveText('1 event');
});

test('events that say who read the log can be hidden', async ({ page, open }) => {
  await open('?organization=acme');
  await page.getByRole('button', { name: 'Hide audit-log access' }).click();
  await expect(page.getByRole('list', { name: 'Conditions' })).toContainText('Source is not auditlake.api');
  await page.getByRole('button', { name: 'Hide audit-log access' }).click();
  await expect(page.getByRole('list', { name: 'Conditions' })).toHaveCount(0);
  await expect.poll(() => actions(page)).toEqual(ALL);
});

test('one event is not one events', async ({ page, open }) => {
  await open('?organization=acme&action=role_assign');
  await expect(page.locator('.answer-facts')).toContainText(/^1 event(?!s)/);
});

test('ranges: presets, exact moments in the chosen zone, and the way back', async ({ page, open }) => {
  await open('?organization=acme');
  const button = page.locator('.range-button');
  await button.click();
  await page.getByRole('button', { name: 'Last 90 days' }).click();
  await expect.poll(() => actions(page)).toEqual([...ALL, 'user_invite']);
  await page.goBack();
  await expect.poll(() => actions(page)).toEqual(ALL);

  await button.click();
  await page.locator('.exact-range').getByText('Local time').click();
  await page.getByLabel('From (inclusive)').fill('2026-03-01T12:00:00');
  await page.getByLabel('To (exclusive)').fill('2026-03-01T11:00:00');
  await expect(page.getByText('The end must be after the start.')).toBeVisible();
  await page.getByLabel('To (exclusive)').fill('2026-03-01T13:00:00');
  await page.getByRole('button', { name: 'Apply' }).click();
  // Berlin is one hour ahead of UTC in March.
  await expect.poll(() => new URL(page.url()).searchParams.get('from')).toBe('2026-03-01T11:00:00.000Z');
  expect(new URL(page.url()).searchParams.get('to')).toBe('2026-03-01T12:00:00.000Z');
  await expect(button).toContainText('2026-03-01 12:00 – 2026-03-01 13:00');
  await expect(page.getByRole('heading', { name: 'No events in this range' })).toBeVisible();
});

test('filters that were used are offered again', async ({ page, open }) => {
  await open('?organization=acme&action=login');
  await page.getByRole('button', { name: 'Clear all' }).click();
  await expect.poll(() => actions(page)).toEqual(ALL);
  await page.getByRole('button', { name: 'Recent' }).click();
  await page.getByRole('button', { name: 'Action is login, last 7 days' }).click();
  await expect.poll(() => actions(page)).toEqual(['login', 'login']);
  expect(new URL(page.url()).searchParams.get('organization')).toBe('acme');
});

test('the word that was meant is one click away', async ({ page }) => {
  // An answer of the API to a status that is none.
  await page.route(/\/v1\/(events|stats)\?.*outcome=deny\b/, (route) =>
    route.fulfill({
      status: 400,
      contentType: 'application/problem+json',
      json: { type: 'about:blank', title: 'Bad request', status: 400, detail: '', request_id: 'r-1', errors: [{ field: 'outcome', detail: 'must be one of success, failure, denied, unknown; did you mean `denied`?' }] },
    }),
  );
  await page.goto('/?organization=acme&outcome=deny');
  await expect(page.getByRole('alert').first()).toContainText('Status must be one of');
  await page.getByRole('button', { name: 'Use denied' }).click();
  await expect.poll(() => actions(page)).toEqual(['permission_check']);
  expect(new URL(page.url()).searchParams.getAll('outcome')).toEqual(['denied']);
});

test('a value the API refuses is named with its rule, and nothing else is lost', async ({ page, open }) => {
  await open('?organization=acme');
  await page.getByText('More filters').click();
  await page.getByLabel('Region', { exact: true }).fill('No Where!');
  await page.keyboard.press('Enter');
  const alert = page.getByRole('alert');
  await expect(alert).toContainText(/Region must match/);
  const condition = page.getByRole('list', { name: 'Conditions' }).getByRole('listitem').first();
  await expect(condition).toHaveClass(/is-refused/);
  await expect(condition).toContainText('not accepted: must match');
  await page.getByRole('button', { name: /^Remove: Region/ }).click();
  await expect.poll(() => actions(page)).toEqual(ALL);
});
