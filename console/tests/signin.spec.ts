import { request } from 'node:http';

import { AUDIENCE, CLIENT, Issuer, type Person } from './issuer';
import { acme, actions, expect, freePort, Lake, test as base } from './lake';

// A lake that wants tokens, and an issuer that gives them.
const READER: Person = { id: 'p-1', email: 'auditor@acme.example', tenant: 'acme', permissions: ['iam:tenant:iam:audit:read', 'iam:tenant:iam:audit:write'] };
const STRANGER: Person = { id: 'p-2', email: 'guest@acme.example', tenant: 'acme', permissions: [] };
const OPERATOR: Person = { id: 'p-4', email: 'op@example.com', tenant: '', permissions: ['audit:operate'] };
const OTHER: Person = { id: 'p-3', email: 'eve@evil.example', tenant: 'evil', permissions: ['iam:tenant:iam:audit:read'] };

const test = base.extend<object, { issuer: Issuer }>({
  issuer: [
    async ({}, use) => {
      const issuer = await Issuer.start();
      await use(issuer);
      await issuer.stop();
    },
    { scope: 'worker' },
  ],
  lake: [
    async ({ issuer }, use) => {
      const port = await freePort();
      issuer.serve(`http://127.0.0.1:${port}/`);
      const tokens = ['--oidc-issuer', issuer.url, '--oidc-audience', AUDIENCE, '--oidc-client-id', CLIENT, '--operator-permission', 'audit:operate'];
      const lake = await Lake.start([...tokens, '--contact', 'security@acme.example', '--record-reads'], port);
      await lake.run('import', '--organization', 'acme', '--source', 'auditlake', await lake.file('events.ndjson', acme().map((event) => JSON.stringify(event)).join('\n')));
      await use(lake);
      await lake.stop();
    },
    { scope: 'worker', timeout: 60_000 },
  ],
});

test.beforeEach(({ issuer }) => {
  issuer.person = READER;
  issuer.lifetime = 600;
  issuer.grants.length = 0;
});

const signIn = { name: 'Sign in', exact: true } as const;

test('without a token the API answers 401, and the page asks to sign in', async ({ page, lake }) => {
  expect((await fetch(`${lake.url}/v1/events`)).status).toBe(401);
  await page.goto('/?action=login');
  await expect(page.getByRole('heading', { name: 'Sign in to see the audit log' })).toBeVisible();
});

test('whoever signs in comes back to the view that the link was to', async ({ page }) => {
  await page.goto('/?action=login&zone=local');
  await page.getByRole('button', signIn).click();
  await expect.poll(() => actions(page)).toEqual(['login', 'login']);
  const { searchParams } = new URL(page.url());
  expect([...searchParams.keys()].sort()).toEqual(['action', 'zone']);
  await expect(page.locator('.who-name')).toHaveText('auditor@acme.example');
  // The tokens end with the tab: nothing of them is on the device.
  expect(await page.evaluate(() => Object.keys(localStorage).filter((key) => key.includes('oidc')))).toEqual([]);
  await page.reload();
  await expect.poll(() => actions(page)).toEqual(['login', 'login']);
});

test('the code is exchanged with its verifier, and the token is sent to the API alone', async ({ page, issuer, lake }) => {
  const challenges: (string | null)[] = [];
  const verifiers: boolean[] = [];
  const authorized: string[] = [];
  page.on('request', (one) => {
    const url = new URL(one.url());
    if (url.pathname === '/auth') challenges.push(url.searchParams.get('code_challenge_method'));
    if (url.pathname === '/token') verifiers.push((one.postData() ?? '').includes('code_verifier='));
    if (one.headers().authorization?.startsWith('Bearer')) authorized.push(url.origin);
  });
  await page.goto('/');
  await page.getByRole('button', signIn).click();
  await expect.poll(() => actions(page)).toContain('role_assign');
  expect(challenges).toEqual(['S256']);
  expect(verifiers).toEqual([true]);
  expect(issuer.grants).toEqual(['authorization_code']);
  expect([...new Set(authorized)]).toEqual([lake.url]);
});

test('who lacks the permission sees which, and whom to ask', async ({ page, issuer }) => {
  issuer.person = STRANGER;
  await page.goto('/');
  await page.getByRole('button', signIn).click();
  await expect(page.getByRole('heading', { name: 'You don\'t have access to this audit log' })).toBeVisible();
  await expect(page.locator('main')).toContainText('You are signed in as guest@acme.example.');
  await expect(page.getByRole('link', { name: 'security@acme.example' })).toBeVisible();
});

test('a reader sees that the refusal was recorded, and nobody sees another organization', async ({ page, issuer }) => {
  await page.goto('/?outcome=denied&source=auditlake.api');
  await page.getByRole('button', signIn).click();
  await expect(page.locator('.cell-actor').first()).toHaveText('guest@acme.example');
  issuer.person = OTHER;
  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.getByRole('button', { name: 'Yes, sign out' }).click();
  await page.getByRole('button', signIn).click();
  await expect(page.locator('.who-name')).toHaveText('eve@evil.example');
  await page.goto('/?range=all&action=role_assign');
  await expect(page.getByRole('heading', { name: 'No events match these filters' })).toBeVisible();
});

test('whoever signs out leaves no question behind for the next person at the device', async ({ page }) => {
  await page.goto('/?action=login');
  await page.getByRole('button', signIn).click();
  await expect.poll(() => actions(page)).toEqual(['login', 'login']);
  const kept = (): Promise<string[]> => page.evaluate(() => Object.keys(localStorage).filter((key) => /recents|exports/.test(key)));
  await page.getByRole('button', { name: 'Clear all' }).click();
  await expect.poll(kept).toContain('auditlake.recents');
  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.getByRole('button', { name: 'Yes, sign out' }).click();
  await expect(page.getByRole('button', signIn)).toBeVisible();
  expect(await kept()).toEqual([]);
});

test('an operator says whose log is to be shown', async ({ page, issuer }) => {
  issuer.person = OPERATOR;
  await page.goto('/?action=login');
  await page.getByRole('button', signIn).click();
  await expect(page.getByRole('heading', { name: 'Choose an organization' })).toBeVisible();
  await page.getByRole('textbox', { name: 'Organization' }).fill('acme');
  await page.getByRole('button', { name: 'Open', exact: true }).click();
  await expect.poll(() => actions(page)).toEqual(['login', 'login']);
});

test('an issuer that refuses is quoted, and the next try succeeds', async ({ page, issuer }) => {
  issuer.person = null;
  await page.goto('/?action=login');
  await page.getByRole('button', signIn).click();
  await expect(page.getByRole('alert')).toContainText('this person may not sign in');
  issuer.person = READER;
  await page.getByRole('button', signIn).click();
  await expect.poll(() => actions(page)).toContain('login');
});

test('a session that ends says so, keeps the view, and goes on after a new sign-in', async ({ page }) => {
  await page.goto('/?action=login');
  await page.getByRole('button', signIn).click();
  await expect.poll(() => actions(page)).toEqual(['login', 'login']);
  let isEnded = true;
  await page.route('**/v1/**', (route) =>
    isEnded
      ? route.fulfill({ status: 401, contentType: 'application/problem+json', json: { type: 'about:blank', title: 'Unauthorized', status: 401, detail: 'the token has expired', request_id: 'r' } })
      : route.fallback(),
  );
  await page.getByRole('button', { name: 'Refresh' }).click();
  await expect(page.getByRole('dialog', { name: 'Your session has ended' })).toBeVisible();
  isEnded = false;
  await page.getByRole('button', { name: 'Sign in again' }).click();
  await expect.poll(() => actions(page)).toEqual(['login', 'login']);
  expect(new URL(page.url()).searchParams.get('action')).toBe('login');
});

test('a token that runs out is renewed by its refresh token, unseen', async ({ page, issuer }) => {
  // The page renews a minute before the end: at once, for a token of 61 seconds.
  issuer.lifetime = 61;
  await page.goto('/');
  await page.getByRole('button', signIn).click();
  await expect.poll(() => issuer.grants, { timeout: 20_000 }).toEqual(['authorization_code', 'refresh_token']);
  await expect(page.getByRole('dialog')).toHaveCount(0);
});

test('tokens that were not made for this are refused', async ({ lake }) => {
  const header = Buffer.from(JSON.stringify({ alg: 'none', typ: 'JWT' })).toString('base64url');
  const claims = Buffer.from(JSON.stringify({ aud: AUDIENCE, tenant: 'acme', permissions: READER.permissions, exp: Math.floor(Date.now() / 1000) + 600 })).toString('base64url');
  for (const token of [`${header}.${claims}.`, 'x', `${header}.${claims}.AAAA`]) {
    const status = await new Promise<number | undefined>((resolve, reject) => {
      request(`${lake.url}/v1/events`, { headers: { authorization: `Bearer ${token}` } }, (response) => resolve(response.resume().statusCode))
        .on('error', reject)
        .end();
    });
    expect(status).toBe(401);
  }
});
