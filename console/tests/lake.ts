// A lake of its own for each worker: `auditlake serve` on free ports over an empty folder, and the events that the tests look at.

import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import { expect, test as base, type Page } from '@playwright/test';

const ROOT = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');
export const BINARY = process.env.AUDITLAKE_BINARY ?? path.join(ROOT, 'target/debug/auditlake');

/** A port that is free now. */
export async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

export class Lake {
  private constructor(
    readonly url: string,
    readonly folder: string,
    private readonly process: ChildProcess,
  ) {}

  static async start(more: string[] = [], port?: number): Promise<Lake> {
    const folder = await mkdtemp(path.join(tmpdir(), 'auditlake-console-'));
    const listen = `127.0.0.1:${port ?? (await freePort())}`;
    const storage = `127.0.0.1:${await freePort()}`;
    const flags = ['serve', '--data', folder, '--listen', listen, '--s3-listen', storage, '--seal-period', '10s', '--slack', '1s', ...more];
    const child = spawn(BINARY, flags, { stdio: ['ignore', 'pipe', 'pipe'] });
    const said = { text: '' };
    child.stdout.on('data', (data: Buffer) => (said.text += data));
    child.stderr.on('data', (data: Buffer) => (said.text += data));
    const lake = new Lake(`http://${listen}`, folder, child);
    await expect
      .poll(
        async () => {
          if (child.exitCode !== null) throw new Error(`serve ended: ${said.text}`);
          return fetch(`${lake.url}/v1/status`).then(
            (response) => response.status < 500,
            () => false,
          );
        },
        { timeout: 30_000 },
      )
      .toBe(true);
    return lake;
  }

  /** Posts events; a text is sent as it is. */
  async post(events: object[] | string): Promise<void> {
    const response = await fetch(`${this.url}/v1/events`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: typeof events === 'string' ? events : JSON.stringify(events),
    });
    if (response.status !== 202) throw new Error(`${response.status}: ${await response.text()}`);
  }

  /** Writes a file beside the lake, to be imported. */
  async file(name: string, text: string): Promise<string> {
    const file = path.join(this.folder, name);
    await writeFile(file, text);
    return file;
  }

  /** Runs a verb of the command on this lake's folder. */
  async run(...parameters: string[]): Promise<void> {
    const child = spawn(BINARY, [...parameters, '--data', this.folder], { stdio: ['ignore', 'ignore', 'pipe'] });
    let said = '';
    child.stderr.on('data', (data: Buffer) => (said += data));
    const [code] = await once(child, 'exit');
    if (code !== 0) throw new Error(`auditlake ${parameters.join(' ')}: ${said}`);
  }

  async stop(): Promise<void> {
    if (this.process.exitCode === null) {
      this.process.kill('SIGINT');
      await once(this.process, 'exit');
    }
    await rm(this.folder, { recursive: true, force: true });
  }
}

/** Milliseconds since 1970 at which the tests' events end: a little before they begin. */
export const NOW = Date.now() - 60_000;
export const ago = (seconds: number): string => new Date(NOW - seconds * 1000).toISOString();

const HOUR = 3600;

export const HOSTILE = {
  script: '<script>window.hurt = 1</script>',
  image: '<img src=x onerror="window.hurt = 2">',
  attribute: '"><svg onload="window.hurt = 3">',
  long: 'k'.repeat(10_000),
  turned: 'invoice\u202efdp.exe',
  emoji: '👩‍👩‍👧 Zoë 🦊',
  arabic: 'ملف سري',
};

/** The events of the organization `acme`: each differs from all others in what one filter asks for. */
export function acme(): object[] {
  const plain = { organization: 'acme', outcome: 'success', actor_id: 'u-2', actor_email: 'bob@acme.example', source_ip: '192.0.2.2' };
  return [
    {
      ...plain,
      event_id: 'assign',
      event_time: ago(HOUR),
      action: 'role_assign',
      category: 'role_management',
      actor_id: 'u-1',
      actor_email: 'alice@acme.example',
      actor_name: 'Alice Liddell',
      resource_type: 'role',
      resource_id: 'role/admin',
      resource_name: 'Administrators',
      source_ip: '203.0.113.7',
      user_agent: 'Mozilla/5.0 (test)',
      request_id: 'req-1',
      changes: [
        { field: 'role', before: 'viewer', after: 'admin' },
        {
          field: 'policy',
          before: { name: 'p', statements: [{ effect: 'allow', actions: ['read'] }], version: 1 },
          after: { name: 'p', statements: [{ effect: 'allow', actions: ['read', 'write'] }], version: 2 },
        },
        { field: 'note', after: 'made by a ticket' },
      ],
      metadata: { ticket: 'OPS-17', labels: { team: 'iam' } },
    },
    { ...plain, event_id: 'refused', event_time: ago(2 * HOUR), action: 'permission_check', category: 'permission_check', outcome: 'denied', error_code: 'AccessDenied', error_message: 'not allowed' },
    { ...plain, event_id: 'failed', event_time: ago(3 * HOUR), action: 'login', category: 'authentication', outcome: 'failure' },
    { ...plain, event_id: 'unsure', event_time: ago(4 * HOUR), action: 'login', outcome: 'unknown' },
    { ...plain, event_id: 'read', event_time: ago(5 * HOUR), action: 'read_table', category: 'data_access', resource_type: 'table', resource_id: 'table/orders', source_ip: '192.0.2.9' },
    { ...plain, event_id: 'vendor', event_time: ago(6 * HOUR), action: 'read_table', actor_id: 'v-1', actor_email: undefined, actor_via: 'role/vendor', actor_type: 'role' },
    { ...plain, event_id: 'old', event_time: ago(40 * 24 * HOUR), action: 'user_invite', category: 'user_management', resource_type: 'user', resource_id: 'user/9' },
  ].map((event) => JSON.parse(JSON.stringify(event)));
}

/** The access key of the record from CloudTrail in organization `mixed`. */
export const CREDENTIAL = 'AKIAEXAMPLEKEY000042';

/** Organization `mixed`: two events that were posted, from two regions. */
export function posted(): object[] {
  const plain = { organization: 'mixed', outcome: 'success', actor_id: 'u-1' };
  return [
    { ...plain, event_id: 'here', event_time: ago(60), action: 'posted_here' },
    { ...plain, event_id: 'far', event_time: ago(120), action: 'posted_far_away', region: 'eu-far' },
  ];
}

/** Organization `mixed`: a call that CloudTrail recorded, as its file. */
export function recorded(): string {
  const record = {
    eventVersion: '1.11',
    userIdentity: { type: 'IAMUser', principalId: 'AIDAEXAMPLE', arn: 'arn:aws:iam::123456789012:user/carol', accountId: '123456789012', accessKeyId: CREDENTIAL, userName: 'carol' },
    eventTime: `${ago(180).slice(0, 19)}Z`,
    eventSource: 's3.amazonaws.com',
    eventName: 'GetObject',
    awsRegion: 'eu-central-1',
    sourceIPAddress: '203.0.113.9',
    userAgent: 'aws-cli/2',
    requestParameters: { bucketName: 'example', key: 'a.txt' },
    responseElements: null,
    requestID: 'REQ1',
    eventID: '8d7cf3c2-5b5c-4f0a-9d0a-2b6a1f6f0a01',
    readOnly: true,
    eventType: 'AwsApiCall',
    managementEvent: false,
    recipientAccountId: '123456789012',
  };
  return JSON.stringify({ Records: [record] });
}

/** Organization `many`: thousands of events, one a second. */
export function many(count: number): object[] {
  return Array.from({ length: count }, (_, index) => ({
    organization: 'many',
    event_id: `m-${index}`,
    event_time: ago(60 + index),
    action: index % 2 === 0 ? 'read_table' : 'write_table',
    outcome: (['success', 'success', 'failure', 'denied'] as const)[index % 4],
    actor_email: `user-${index % 7}@many.example`,
    resource_type: 'table',
    resource_id: `table/${index % 50}`,
  }));
}

/** Organization `hostile`: contents that mean harm, or break layouts. */
export function hostile(): object[] {
  const plain = { organization: 'hostile', outcome: 'success', actor_id: 'x' };
  return [
    { ...plain, event_id: 'h1', event_time: ago(60), action: HOSTILE.script, actor_name: HOSTILE.image, actor_email: undefined, actor_id: HOSTILE.image, resource_id: HOSTILE.attribute, error_message: HOSTILE.script },
    { ...plain, event_id: 'h2', event_time: ago(120), action: 'long', resource_id: 'r'.repeat(2000), metadata: { unbroken: HOSTILE.long }, changes: [{ field: 'blob', before: HOSTILE.long, after: `${HOSTILE.long}x` }] },
    { ...plain, event_id: 'h3', event_time: ago(180), action: 'turned', resource_id: HOSTILE.turned, actor_name: HOSTILE.arabic, actor_id: HOSTILE.arabic },
    { ...plain, event_id: 'h4', event_time: ago(240), action: HOSTILE.emoji, resource_id: '文件/①' },
    { ...plain, event_id: 'h5', event_time: ago(300), action: 'markup', metadata: { [HOSTILE.image]: HOSTILE.script, ['__proto__']: { polluted: true } }, changes: [{ field: HOSTILE.script, before: HOSTILE.image, after: HOSTILE.attribute }] },
  ].map((event) => JSON.parse(JSON.stringify(event)));
}

/** What a page did that it should not have: each test fails on it unless it expects it. */
export interface Watch {
  problems: string[];
}

interface TestFixtures {
  watch: Watch;
  /** Opens the page with a query and waits until it shows an answer. */
  open: (search: string) => Promise<void>;
}

interface WorkerFixtures {
  lake: Lake;
}

export const test = base.extend<TestFixtures, WorkerFixtures>({
  lake: [
    async ({}, use) => {
      const lake = await Lake.start();
      await lake.post(acme());
      for (const start of [0, 1, 2]) await lake.post(many(6000).slice(start * 2000, (start + 1) * 2000));
      await lake.post(hostile());
      await lake.post(posted());
      await lake.run('import', '--organization', 'mixed', '--source', 'aws.cloudtrail', await lake.file('recorded.json', recorded()));
      await lake.run('import', '--organization', 'cloud', path.join(ROOT, 'crates/sources/tests/fixtures/cloudtrail'));
      await use(lake);
      await lake.stop();
    },
    { scope: 'worker', timeout: 120_000 },
  ],
  baseURL: async ({ lake }, use) => use(lake.url),
  watch: [
    async ({ page, baseURL }, use) => {
      const watch: Watch = { problems: [] };
      page.on('pageerror', (error) => watch.problems.push(`error: ${error.message}`));
      page.on('console', (message) => {
        if (message.type() === 'error' && !message.text().startsWith('Failed to load resource')) watch.problems.push(`console: ${message.text()}`);
      });
      page.on('dialog', (dialog) => watch.problems.push(`dialog: ${dialog.message()}`));
      page.on('request', (request) => {
        const isOwn = request.url().startsWith(baseURL ?? '') || request.url().startsWith('http://127.0.0.1:');
        if (!isOwn) watch.problems.push(`asked a third party: ${request.url()}`);
      });
      await use(watch);
      expect(watch.problems).toEqual([]);
    },
    { auto: true },
  ],
  open: async ({ page }, use) => {
    await use(async (search) => {
      await page.goto(`/${search}`);
      await expect(page.getByRole('status').filter({ hasText: /events?/ }).first()).toContainText(/\d/);
      await expect(page.locator('[aria-busy=true]')).toHaveCount(0);
    });
  },
});

export { expect };

/** The ids of the actions in the rows in sight, from the top. */
export async function actions(page: Page): Promise<string[]> {
  // While the page goes elsewhere it has no rows.
  return page
    .locator('.grid-body .cell-action')
    .allInnerTexts()
    .catch(() => []);
}
