import type { Page } from '@playwright/test';

import { ago, expect, test } from './lake';

// Evidence: what a sender wrote comes back character for character, wherever a person reads or copies it. None of these survives
// a parser into 64-bit floats, or into objects whose members are reordered or stated once. Members stand in the order in which the
// lake stores them, that of their names.
const NUMBERS = {
  account: '1234567890123456789',
  beyond: '9007199254740993',
  exponent: '5E-7',
  huge: '1e400',
  long: '123456789012345678901234567890',
  negative: '-0',
  price: '1.10',
};
const METADATA = `{"10":"ten","2":"two",${Object.entries(NUMBERS)
  .map(([name, number]) => `"${name}":${number}`)
  .join(',')}}`;
const CHANGES =
  '[{"after":9007199254740993,"before":9007199254740992,"field":"quota"},{"after":{"bytes":9007199254740993,"unit":"B"},"before":{"bytes":9007199254740992,"unit":"B"},"field":"limits"},{"after":1,"before":"1","field":"kind"}]';

const squeezed = (text: string) => text.replaceAll(/\s/g, '');
const clipboard = (page: Page) => page.evaluate(() => navigator.clipboard.readText());

test.beforeAll(async ({ lake }) => {
  const time = ago(600);
  await lake.post(
    `{"organization":"digits","event_id":"set","event_time":"${time}","action":"quota_set","outcome":"success","actor_id":"a","metadata":${METADATA},"changes":${CHANGES}}`,
  );
});

test('numbers are shown digit for digit, and members in their order', async ({ page, open }) => {
  await open('?organization=digits');
  await page.locator('.grid-body .row').first().click();
  const metadata = page.locator('.details-section').filter({ hasText: 'Metadata' }).locator('pre');
  expect(squeezed(await metadata.innerText())).toBe(METADATA);
  expect(await metadata.innerText()).toContain('\n  "price": 1.10\n');
});

test('a change beyond what a float can tell apart is a change', async ({ page, open }) => {
  await open('?organization=digits');
  await page.locator('.grid-body .row').first().click();
  const changes = page.locator('aside.details .change');
  await expect(changes).toHaveCount(3);
  await expect(changes.nth(0).locator('del')).toHaveText(/ 9007199254740992$/);
  await expect(changes.nth(0).locator('ins')).toHaveText(/ 9007199254740993$/);
  await expect(changes.nth(1).locator('.diff-removed mark')).toHaveText('9007199254740992');
  await expect(changes.nth(1).locator('.diff-added mark')).toHaveText('9007199254740993');
  // A text and a number are not the same.
  await expect(changes.nth(2).locator('del')).toHaveText(/ "1"$/);
  await expect(changes.nth(2).locator('ins')).toHaveText(/ 1$/);
});

test('an event is copied as the API sent it', async ({ page, open, lake }) => {
  await open('?organization=digits');
  await page.locator('.grid-body .row').first().click();
  await expect(page.locator('.details-body')).toHaveAttribute('aria-busy', 'false');
  await page.getByRole('button', { name: 'Copy as JSON' }).click();
  const copied = await clipboard(page);
  const sent = await (await fetch(`${lake.url}/v1/events/set?organization=digits&at=${ago(600)}`)).text();
  // Lines and indentation were added; no string of this event holds white space.
  expect(squeezed(copied)).toBe(squeezed(sent));
  expect(squeezed(copied)).toContain(`"metadata":${METADATA}`);
  expect(squeezed(copied)).toContain(`"changes":${CHANGES}`);
});

test('an original record keeps its digits when it is laid out and copied', async ({ page, open, lake }) => {
  const record = `{"additionalEventData":{"bytesTransferredIn":9007199254740993,"delta":-0,"ratio":1e400},"awsRegion":"eu-central-1","eventID":"3f0f4a52-5f0c-4f7b-8f57-0a5a8c4f0b02","eventName":"PutObject","eventSource":"s3.amazonaws.com","eventTime":"${ago(900).slice(0, 19)}Z","eventType":"AwsApiCall","eventVersion":"1.11","managementEvent":false,"readOnly":false,"recipientAccountId":"123456789012","requestID":"REQ2","requestParameters":{"10":1.10,"9":12345678901234567890,"bucketName":"example"},"responseElements":null,"sourceIPAddress":"203.0.113.9","userAgent":"aws-cli/2","userIdentity":{"accountId":"123456789012","arn":"arn:aws:iam::123456789012:user/carol","principalId":"AIDAEXAMPLE","type":"IAMUser","userName":"carol"}}`;
  await lake.run('import', '--organization', 'digits', '--source', 'aws.cloudtrail', await lake.file('digits.json', `{"Records":[${record}]}`));
  await open('?organization=digits&action=PutObject');
  await page.locator('.grid-body .row').first().click();
  const raw = page.locator('.details-section').filter({ hasText: 'Raw record' });
  const more = raw.getByRole('button', { name: /^Show all/ });
  await more.click();
  expect(squeezed(await raw.locator('pre').innerText())).toBe(record);
  await raw.getByRole('button', { name: 'Copy record' }).click();
  expect(await clipboard(page)).toBe(record);
});
