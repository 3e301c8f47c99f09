import type { Page } from '@playwright/test';

import { actions, ago, expect, test } from './lake';

const LISTS = '**/v1/events?*';

function problem(status: number, title: string, detail: string, headers: Record<string, string> = {}) {
  return {
    status,
    headers: { 'content-type': 'application/problem+json', ...headers },
    body: JSON.stringify({ type: 'about:blank', title, status, detail, request_id: 'r-42' }),
  };
}

/** Answers the list as a slow engine does: 202 and a link, again and again until it is let go. */
async function slowly(page: Page, act: { isLetGo: boolean; polls: number; stopped: number }): Promise<void> {
  let question = '';
  await page.route(LISTS, async (route) => {
    if (!question) question = route.request().url();
    await route.fulfill({ status: 202, json: { query_id: 'slow', status: 'running', link: '/v1/queries/slow?organization=acme', expires: new Date(Date.now() + 60_000).toISOString() } });
  });
  await page.route('**/v1/queries/slow*', async (route) => {
    if (route.request().method() === 'DELETE') {
      act.stopped += 1;
      await route.fulfill({ status: 204 });
      return;
    }
    act.polls += 1;
    if (act.isLetGo) {
      const response = await fetch(question);
      await route.fulfill({ status: 200, json: await response.json() });
      return;
    }
    await new Promise((resolve) => setTimeout(resolve, 150));
    await route.fulfill({ status: 202, json: { query_id: 'slow', status: 'running', link: `/v1/queries/slow?organization=acme&turn=${act.polls}`, expires: new Date(Date.now() + 60_000).toISOString() } });
  });
}

test('a question that takes 40 seconds says so, counts, and ends in its answer', async ({ page }) => {
  const act = { isLetGo: false, polls: 0, stopped: 0 };
  await page.clock.install();
  await slowly(page, act);
  await page.goto('/?organization=acme');
  const notice = page.getByRole('status').filter({ hasText: 'may take a while' });
  await expect(notice).toBeVisible();
  await page.clock.fastForward(40_000);
  await expect(notice).toContainText(/4\d s so far/);
  await expect(notice.getByRole('progressbar')).toBeVisible();
  act.isLetGo = true;
  await page.clock.resume();
  await expect.poll(() => actions(page)).toContain('role_assign');
  await expect(notice).toHaveCount(0);
  expect(act.polls).toBeGreaterThan(1);
});

test('a slow question is stopped on the server when the person stops it, or asks something else', async ({ page }) => {
  const act = { isLetGo: false, polls: 0, stopped: 0 };
  await slowly(page, act);
  await page.goto('/?organization=acme');
  await page.getByRole('button', { name: 'Stop' }).click();
  await expect(page.getByRole('heading', { name: 'Search stopped' })).toBeVisible();
  await expect.poll(() => act.stopped).toBe(1);
  await page.getByRole('button', { name: 'Search again' }).click();
  await expect(page.getByRole('button', { name: 'Stop' })).toBeVisible();
  await page.getByRole('group', { name: 'Status' }).getByRole('button', { name: 'Denied' }).click();
  await expect.poll(() => act.stopped).toBe(2);
});

test('a busy server is asked again when it says, without a word lost', async ({ page }) => {
  let calls = 0;
  await page.route(LISTS, async (route) => {
    calls += 1;
    if (calls === 1) await route.fulfill(problem(429, 'Too much is asked at once', 'come back', { 'retry-after': '1' }));
    else await route.fallback();
  });
  await page.goto('/?organization=acme');
  await expect(page.getByText('Too many searches are running')).toBeVisible();
  await expect.poll(() => actions(page)).toContain('role_assign');
});

const FAILURES = [
  { name: 'an error of the server', answer: problem(500, 'Internal error', 'the engine failed'), said: 'the engine failed' },
  { name: 'a question that reads too much', answer: problem(422, 'The question reads too much', 'shorten the range to 7 days'), said: 'shorten the range' },
  { name: 'an answer that is no problem document', answer: { status: 502, headers: { 'content-type': 'text/html' }, body: '<h1>Bad gateway</h1>' }, said: 'The server returned 502' },
];
for (const { name, answer, said } of FAILURES) {
  test(`${name} is shown, and the next try is answered`, async ({ page }) => {
    let isBroken = true;
    await page.route(LISTS, (route) => (isBroken ? route.fulfill(answer) : route.fallback()));
    await page.goto('/?organization=acme');
    const alert = page.getByRole('alert');
    await expect(alert).toContainText(said);
    await expect(page.locator('.answer-facts')).toContainText("Couldn't load");
    if (name !== FAILURES[2]?.name) await expect(alert).toContainText('r-42');
    isBroken = false;
    await page.getByRole('button', { name: 'Try again' }).click();
    await expect.poll(() => actions(page)).toContain('role_assign');
    await expect(page.getByRole('alert')).toHaveCount(0);
  });
}

for (const range of ['range=all', `from=${ago(7 * 24 * 3600)}`, `from=${ago(7 * 24 * 3600)}&to=${ago(-60)}`]) {
  test(`a range that does not move is asked for again, too: ${range.replaceAll(/=2[^&]*/g, '')}`, async ({ page, open }) => {
    let isBroken = true;
    await page.route(LISTS, (route) => (isBroken ? route.fulfill(problem(500, 'Internal error', 'the engine failed')) : route.fallback()));
    await page.goto(`/?organization=acme&${range}`);
    await expect(page.getByRole('alert')).toBeVisible();
    isBroken = false;
    await page.getByRole('button', { name: 'Try again' }).click();
    await expect.poll(() => actions(page)).toContain('role_assign');
    const asked = page.waitForRequest(LISTS);
    await page.getByRole('button', { name: 'Refresh' }).click();
    await asked;
    await open(`?organization=acme&${range}`);
  });
}

test('until there is an answer the page says that it loads', async ({ page }) => {
  await page.route('**/v1/**', () => undefined);
  await page.goto('/?organization=acme');
  await expect(page.locator('.answer-facts')).toHaveText('Loading…');
});

test('a lost connection is named, and found again', async ({ page }) => {
  let isBroken = true;
  await page.route('**/v1/**', (route) => (isBroken ? route.abort('connectionrefused') : route.fallback()));
  await page.goto('/?organization=acme');
  await expect(page.getByRole('alert')).toHaveText(/No connection/);
  isBroken = false;
  await page.getByRole('button', { name: 'Try again' }).click();
  await expect.poll(() => actions(page)).toContain('role_assign');
});

test('a further page that fails leaves the pages before it, and is asked again', async ({ page, open }) => {
  let isBroken = true;
  await page.route(LISTS, (route) => (isBroken && route.request().url().includes('cursor=') ? route.fulfill(problem(500, 'Internal error', 'page two failed')) : route.fallback()));
  await open('?organization=many');
  await page.getByRole('grid').focus();
  await page.keyboard.press('End');
  await expect(page.getByRole('alert')).toContainText('page two failed');
  await expect(page.locator('.answer-facts')).toContainText('200 of 6,000 events');
  isBroken = false;
  await page.getByRole('button', { name: 'Try again' }).click();
  await expect(page.locator('.answer-facts')).toContainText('400 of 6,000 events');
});

test('counts that fail leave the list', async ({ page, open }) => {
  await page.route('**/v1/stats?*', (route) => route.fulfill(problem(500, 'Internal error', 'counting failed')));
  await open('?organization=acme');
  await expect(page.locator('.timeline').getByRole('alert')).toContainText('counting failed');
  expect(await actions(page)).toContain('role_assign');
});

test('an answer that comes after the next question was asked is not shown', async ({ page }) => {
  let late = false;
  await page.route(LISTS, async (route) => {
    const isFirst = !route.request().url().includes('outcome=');
    if (isFirst) await new Promise((resolve) => setTimeout(resolve, 1500));
    // The page has hung up on the first question by then.
    await route.fallback().catch(() => undefined);
    if (isFirst) late = true;
  });
  await page.goto('/?organization=acme');
  await page.getByRole('group', { name: 'Status' }).getByRole('button', { name: 'Denied' }).click();
  await expect.poll(() => actions(page)).toEqual(['permission_check']);
  await expect.poll(() => late).toBe(true);
  expect(await actions(page)).toEqual(['permission_check']);
});

test('without an organization the page asks whose log, and offers those there are', async ({ page }) => {
  await page.goto('/');
  await expect(page.getByRole('heading', { name: 'Choose an organization' })).toBeVisible();
  await page.getByRole('button', { name: 'many' }).click();
  await expect(page.locator('.answer-facts')).toContainText('of 6,000 events');
  await page.getByRole('button', { name: 'Organization: many' }).click();
  await page.getByLabel('Another organization').fill('acme');
  await page.getByRole('button', { name: 'Open', exact: true }).click();
  await expect.poll(() => actions(page)).toContain('role_assign');
});

test('an empty log shows how the first event is posted', async ({ page, open }) => {
  await open('?organization=newcomer&range=all');
  await expect(page.getByRole('heading', { name: 'No events yet' })).toBeVisible();
  await expect(page.locator('.first-event pre')).toContainText('"organization": "newcomer"');
});

test('no match offers to clear the filters, or to look further back', async ({ page, open }) => {
  await open('?organization=acme&action=user_invite');
  await expect(page.getByRole('heading', { name: 'No events match these filters' })).toBeVisible();
  await page.getByRole('button', { name: 'All time' }).click();
  await expect.poll(() => actions(page)).toEqual(['user_invite']);
});

test('without the permission the page says which, whom to ask, and that the question was recorded', async ({ page }) => {
  await page.route('**/console.json', async (route) => {
    const response = await route.fetch();
    await route.fulfill({ json: { ...((await response.json()) as object), contact: 'security@acme.example' } });
  });
  await page.route('**/v1/**', (route) => route.fulfill(problem(403, 'Forbidden', 'the permission is missing')));
  await page.goto('/?organization=acme');
  await expect(page.getByRole('heading', { name: 'You don\'t have access to this audit log' })).toBeVisible();
  await expect(page.locator('main')).toContainText('iam:tenant:iam:audit:read');
  await expect(page.getByRole('link', { name: 'security@acme.example' })).toHaveAttribute('href', 'mailto:security@acme.example');
  await expect(page.locator('main')).toContainText('recorded');
});

test('a page that cannot load its settings says so', async ({ page }) => {
  await page.route('**/console.json', (route) => route.abort('connectionrefused'));
  await page.goto('/');
  await expect(page.getByRole('heading', { name: 'The page couldn\'t load' })).toBeVisible();
});
