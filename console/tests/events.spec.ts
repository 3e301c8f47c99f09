import { actions, ago, expect, test } from './lake';

test('thousands of rows load as they are scrolled to, and only those in sight are in the document', async ({ page, open }) => {
  await open('?organization=many');
  await expect(page.locator('.answer-facts')).toContainText('200 of 6,000 events');
  const seen = new Set<string>();
  await expect
    .poll(
      async () => {
        await page.mouse.wheel(0, 6000);
        for (const row of await page.locator('.grid-body .row').evaluateAll((rows) => rows.map((row) => row.getAttribute('aria-rowindex') ?? ''))) seen.add(row);
        expect(await page.locator('.grid-body .row').count()).toBeLessThan(100);
        return page.locator('.answer-facts').innerText();
      },
      { timeout: 50_000, intervals: [100] },
    )
    .toMatch(/^6,000 events/);
  await page.keyboard.press('End');
  await expect(page.getByText('No more events in this range.')).toBeVisible();
});

test('the last row is the oldest event, and no event is there twice', async ({ page, open }) => {
  // The rows of all pages, as the page asks for them.
  const ids: string[] = [];
  await page.route('**/v1/events?*', async (route) => {
    const response = await route.fetch();
    ids.push(...((await response.json()) as { events: { event_id: string }[] }).events.map((event) => event.event_id));
    await route.fulfill({ response });
  });
  await open('?organization=many&action=write_table');
  const grid = page.getByRole('grid');
  await grid.focus();
  await expect
    .poll(
      async () => {
        await page.keyboard.press('End');
        return page.locator('.answer-facts').innerText();
      },
      { timeout: 40_000, intervals: [100] },
    )
    .toMatch(/^3,000 events/);
  await expect.poll(() => ids.length).toBe(3000);
  expect(new Set(ids).size).toBe(3000);
  expect(ids.at(-1)).toBe('m-5999');
});

test('the keyboard goes through the events, opens and closes them', async ({ page, open }) => {
  await open('?organization=acme');
  const grid = page.getByRole('grid');
  await grid.focus();
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('j');
  await page.keyboard.press('k');
  await expect(grid).toHaveAttribute('aria-activedescendant', 'row-1');
  await page.keyboard.press('Enter');
  const details = page.getByRole('complementary', { name: 'Event' });
  await expect(details.getByRole('heading', { level: 2 })).toHaveText('permission_check');
  await page.keyboard.press('ArrowDown');
  await expect(details.getByRole('heading', { level: 2 })).toHaveText('login');
  await page.keyboard.press('Home');
  await expect(details.getByRole('heading', { level: 2 })).toHaveText('role_assign');
  await page.keyboard.press('Escape');
  await expect(details).toBeHidden();
  await expect(grid).toBeFocused();
  await page.keyboard.press('?');
  await expect(page.getByRole('dialog', { name: 'Keyboard shortcuts' })).toBeVisible();
  await page.keyboard.press('Escape');
  await expect(page.getByRole('dialog')).toHaveCount(0);
});

test('columns are chosen, ordered, and shared by the link', async ({ page, open }) => {
  await open('?organization=acme');
  await page.getByRole('button', { name: 'Columns' }).click();
  await page.getByRole('checkbox', { name: 'User agent' }).check();
  await page.getByRole('checkbox', { name: 'Source', exact: true }).uncheck();
  await page.getByRole('button', { name: 'Move User agent to the left' }).click();
  const heads = ['Time', 'Status', 'User', 'Action', 'Target', 'User agent', 'IP address'];
  await expect(page.getByRole('columnheader')).toHaveText(heads);
  await expect(page.locator('.cell-user_agent').first()).toHaveText('Mozilla/5.0 (test)');
  await page.reload();
  await expect(page.getByRole('columnheader')).toHaveText(heads);
  await page.getByRole('button', { name: 'Columns' }).click();
  await page.getByRole('button', { name: 'Reset to default' }).click();
  await expect(page.getByRole('columnheader')).toHaveText(['Time', 'Status', 'User', 'Action', 'Target', 'IP address', 'Source']);
});

test('the oldest events come first when asked for, page after page', async ({ page, open }) => {
  await open('?organization=acme');
  const newestFirst = await actions(page);
  const time = page.getByRole('columnheader', { name: 'Time' });
  await expect(time).toHaveAttribute('aria-sort', 'descending');
  await time.getByRole('button').focus();
  await page.keyboard.press('Enter');
  await expect.poll(() => actions(page)).toEqual([...newestFirst].reverse());
  await expect(page.locator('aside.details')).toHaveCount(0);
  await expect(time).toHaveAttribute('aria-sort', 'ascending');
  await expect(page.getByRole('grid', { name: 'Events, oldest first' })).toBeVisible();
  expect(page.url()).toContain('order=asc');
  await page.goBack();
  await expect.poll(() => actions(page)).toEqual(newestFirst);
  // 6,000 events, one a second: the oldest is the last that was made.
  await open('?organization=many&order=asc');
  await expect(page.locator('.answer-facts')).toContainText('200 of 6,000 events');
  await page.getByRole('grid').focus();
  await page.keyboard.press('End');
  await expect(page.locator('.answer-facts')).toContainText('400 of 6,000 events');
  await page.keyboard.press('Home');
  await page.keyboard.press('Enter');
  await expect(page.locator('aside.details .detail').filter({ hasText: 'Event ID' })).toContainText('m-5999');
});

test('whatever columns are chosen, they fit into the window', async ({ page, open }) => {
  const all = 'time,ago,outcome,actor,action,target,source_ip,source,category,actor_type,actor_id,actor_via,error,changes,service,user_agent,http,region,event_id';
  await page.setViewportSize({ width: 1200, height: 800 });
  for (const columns of [all, 'time,outcome,actor,action,target,source_ip,source']) {
    await open(`?organization=acme&columns=${columns}&event=assign&at=${ago(3600)}`);
    await expect(page.getByRole('columnheader')).toHaveCount(columns.split(',').length);
    const [grid, last] = [await page.locator('.grid').boundingBox(), await page.getByRole('columnheader').last().boundingBox()];
    expect((last?.x ?? Infinity) + (last?.width ?? 0)).toBeLessThanOrEqual((grid?.x ?? 0) + (grid?.width ?? 0));
  }
});

test('times are shown in UTC or in the reader’s zone', async ({ page, open }) => {
  await open('?organization=acme');
  const cell = page.locator('.cell-time time').first();
  const utc = await cell.innerText();
  await page.locator('.top-bar').getByText('Local time').click();
  await expect(cell).not.toHaveText(utc);
  const [stated, shown] = [await cell.getAttribute('datetime'), await cell.innerText()];
  const seconds = new Intl.DateTimeFormat('sv-SE', { timeZone: 'Europe/Berlin', dateStyle: 'short', timeStyle: 'medium' }).format(new Date(stated ?? ''));
  const berlin = seconds + (stated ?? '').slice(19, 23).replace('.000', '');
  expect(shown).toBe(berlin);
  expect(page.url()).toContain('zone=local');
});

test('the answer says how complete it is and what it cost', async ({ page, open }) => {
  await open('?organization=acme');
  await expect(page.locator('.answer-facts')).toContainText(/Sealed through \d{4}-\d\d-\d\d \d\d:\d\d UTC/);
  await expect(page.locator('.answer-facts')).toContainText(/[\d.]+ (k|M)?B read · [\d.]+ s · scan/);
  await open('?organization=acme&from=2020-01-01T00:00:00Z&to=2020-02-01T00:00:00Z');
  await expect(page.locator('.answer-facts')).toContainText(/Sealed(?! through)/);
});

test('a new event is there after a refresh', async ({ page, open, lake }) => {
  await open('?organization=fresh');
  await expect(page.getByRole('heading', { name: 'No events in this range' })).toBeVisible();
  await lake.post([{ organization: 'fresh', event_time: new Date().toISOString(), action: 'came_now', outcome: 'success', actor_id: 'a' }]);
  await page.getByRole('button', { name: 'Refresh' }).click();
  await expect.poll(() => actions(page)).toEqual(['came_now']);
});

test('what a question cost is shown where the engine says it', async ({ page, open }) => {
  await page.route('**/v1/events?*', async (route) => {
    const response = await route.fetch();
    await route.fulfill({ response, json: { ...(await response.json()), engine: 'athena', cost_usd: 0.000047684 } });
  });
  await open('?organization=acme');
  await expect(page.locator('.answer-facts')).toContainText('$0.000048');
});
