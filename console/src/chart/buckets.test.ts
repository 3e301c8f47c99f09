import { describe, expect, test } from 'vitest';

import { brushed, buckets, sizeFor } from './buckets';

const HOUR = 3600_000;
const DAY = 24 * HOUR;
const at = (text: string) => Date.parse(text);

describe('bars', () => {
  test('all of a span, those without events too', () => {
    const span = { from: at('2026-03-01T10:30:00Z'), to: at('2026-03-01T13:30:00Z') };
    const made = buckets(
      [
        { time: '2026-03-01T11:00:00.000Z', value: 'success', count: 3 },
        { time: '2026-03-01T11:00:00.000Z', value: 'denied', count: 2 },
      ],
      span,
      { interval: 'hour', length: HOUR },
      span.to,
    );
    expect(made.buckets.map(({ start, total }) => [new Date(start).toISOString().slice(11, 16), total])).toEqual([
      ['10:00', 0],
      ['11:00', 5],
      ['12:00', 0],
      ['13:00', 0],
    ]);
    expect(made.buckets[1]?.counts).toEqual({ success: 3, failure: 0, denied: 2, unknown: 0 });
  });
  test('no event is left out, whatever its outcome is called', () => {
    const made = buckets([{ time: '2026-03-01T00:00:00Z', value: null, count: 4 }], { from: null, to: null }, { interval: 'day', length: DAY }, at('2026-03-02T00:00:00Z'));
    expect(made.buckets.reduce((sum, one) => sum + one.counts.unknown, 0)).toBe(4);
  });
  test('a range without a start is as long as its events: days are put together', () => {
    const counts = Array.from({ length: 10 }, (_, year) => ({ time: `${2014 + year}-06-01T00:00:00.000Z`, value: 'success', count: 1 }));
    const made = buckets(counts, { from: null, to: null }, sizeFor({ from: null, to: null }, 0), at('2024-01-01T00:00:00Z'));
    expect(made.length).toBe(28 * DAY);
    expect(made.buckets.length).toBeLessThanOrEqual(251);
    expect(made.buckets.reduce((sum, { total }) => sum + total, 0)).toBe(10);
  });
});

test('a brushed range is of whole bars, from whichever side it was drawn', () => {
  const range = { from: '2026-03-01T10:00:00.000Z', to: '2026-03-01T13:00:00.000Z' };
  expect(brushed(at('2026-03-01T10:20:00Z'), at('2026-03-01T12:59:59Z'), HOUR)).toEqual(range);
  expect(brushed(at('2026-03-01T12:10:00Z'), at('2026-03-01T10:20:00Z'), HOUR)).toEqual(range);
});
