import { ago, expect, test } from './lake';

// Two events of one millisecond. Their ids are in another order than their times, and than the order they were posted in.
const SECOND = ago(1200).slice(0, 19);
const NANOS = { a: '.007000100', c: '.007456', b: '.007456789' };

test.beforeAll(async ({ lake }) => {
  await lake.post(
    Object.entries(NANOS).map(([id, digits]) => ({ organization: 'nanos', event_id: id, event_time: `${SECOND}${digits}Z`, action: `act_${id}`, outcome: 'success', actor_id: 'x' })),
  );
});

test('times are shown to the last digit that is stored', async ({ page, open }) => {
  const shown = SECOND.replace('T', ' ');
  await open('?organization=nanos');
  for (const [id, digits] of Object.entries(NANOS)) {
    const row = page.locator('.grid-body .row').filter({ hasText: `act_${id}` });
    await expect(row.locator('.cell-time')).toHaveText(`${shown}${digits}`);
    await row.click();
    const details = page.locator('aside.details');
    await expect(details.getByRole('heading', { level: 2 })).toHaveText(`act_${id}`);
    await expect(details.locator('.details-when')).toContainText(`${shown}${digits} UTC`);
    await expect(details.locator('.detail').filter({ hasText: 'Event time' })).toContainText(`${SECOND}${digits}Z`);
  }
});

test('the list keeps the order of the API', async ({ page, open, lake }) => {
  const { events } = (await (await fetch(`${lake.url}/v1/events?organization=nanos`)).json()) as { events: { action: string }[] };
  await open('?organization=nanos');
  await expect(page.locator('.grid-body .cell-action')).toHaveText(events.map(({ action }) => action));
});

test('a link asks for every digit of its range', async ({ page, open }) => {
  const asked = page.waitForRequest('**/v1/events?*');
  await open(`?organization=nanos&from=${SECOND}.007456Z&to=${SECOND}.007456789Z`);
  const parameters = new URL((await asked).url()).searchParams;
  expect(parameters.get('from')).toBe(`${SECOND}.007456Z`);
  expect(parameters.get('to')).toBe(`${SECOND}.007456789Z`);
});
