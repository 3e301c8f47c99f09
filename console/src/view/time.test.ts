import { describe, expect, test } from 'vitest';

import { bucketSize, bucketStart, exactTime, fraction, fullTime, inputValue, momentOfInput, rangeLabel, rangeParameters, relativeTime, storedTime } from './time';

const NOON = Date.parse('2026-03-01T12:00:00Z');
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

test('a range that moves has no end, so that the newest events are in it', () => {
  expect(rangeParameters({ preset: '24h' }, NOON)).toEqual({ from: '2026-02-28T12:00:00.000Z' });
  expect(rangeParameters({ preset: 'all' }, NOON)).toEqual({});
  expect(rangeParameters({ from: null, to: '2026-03-01T00:00:00.000Z' }, NOON)).toEqual({ to: '2026-03-01T00:00:00.000Z' });
});

test('times are shown as ISO dates in 24 hours', () => {
  expect(exactTime(NOON, 'utc')).toBe('2026-03-01 12:00:00');
  expect(exactTime(Date.parse('2026-12-31T23:59:59.999Z'), 'utc')).toBe('2026-12-31 23:59:59');
  expect(fullTime(NOON + 7, 'utc')).toBe('2026-03-01 12:00:00.007 UTC');
  expect(fullTime(-1, 'utc')).toBe('1969-12-31 23:59:59.999 UTC');
});

test('an exact range is asked for with every digit', () =>
  expect(rangeParameters({ from: '2026-03-01T00:00:00.123456789Z', to: '2026-03-01T00:00:00.123457Z' }, NOON)).toEqual({
    from: '2026-03-01T00:00:00.123456789Z',
    to: '2026-03-01T00:00:00.123457Z',
  }));

describe('what is stored below the millisecond is shown', () => {
  test.each([
    [undefined, '.007', '2026-03-01T12:00:00.007Z'],
    [456_789, '.007456789', '2026-03-01T12:00:00.007456789Z'],
    [456_000, '.007456', '2026-03-01T12:00:00.007456Z'],
    [1, '.007000001', '2026-03-01T12:00:00.007000001Z'],
    [100, '.007000100', '2026-03-01T12:00:00.007000100Z'],
    [1000, '.007001', '2026-03-01T12:00:00.007001Z'],
    [0, '.007', '2026-03-01T12:00:00.007Z'],
  ])('%s ns', (nanos, digits, stored) => {
    expect(fullTime(NOON + 7, 'utc', nanos)).toBe(`2026-03-01 12:00:00${digits} UTC`);
    expect(fraction(NOON + 7, nanos)).toBe(digits);
    expect(storedTime('2026-03-01T12:00:00.007Z', nanos)).toBe(stored);
  });
  test('whole seconds have no fraction', () => {
    expect(fraction(NOON, undefined)).toBe('');
    expect(fraction(NOON, 1000)).toBe('.000001');
  });
});

describe('ages are rounded down', () => {
  test.each([
    [500, 'now'],
    [59 * 1000, '59 sec. ago'],
    [119 * 1000, '1 min. ago'],
    [23 * HOUR, '23 hr. ago'],
    [47 * HOUR, '1 day ago'],
    [400 * DAY, '13 mo. ago'],
    [800 * DAY, '2 yr. ago'],
    [-2 * MINUTE, 'in 2 min.'],
  ])('%d ms', (age, text) => expect(relativeTime(NOON - age, NOON)).toBe(text));
});

describe('a chart has at most 250 bars', () => {
  test.each([
    [0, 'minute', MINUTE],
    [HOUR, 'minute', MINUTE],
    [6 * HOUR, 'minute', 5 * MINUTE],
    [7 * DAY, 'hour', HOUR],
    [30 * DAY, 'hour', 6 * HOUR],
    [90 * DAY, 'day', DAY],
    [3 * 365 * DAY, 'day', 7 * DAY],
    [1000 * 365 * DAY, 'day', 364 * DAY],
  ])('of %d ms', (length, interval, size) => {
    expect(bucketSize(length)).toEqual({ interval, length: size });
    if (length < 365 * 365 * DAY) expect(length / size).toBeLessThanOrEqual(250);
  });
  test('a bar begins at a whole unit, before 1970 too', () => {
    expect(bucketStart(NOON + 1, HOUR)).toBe(NOON);
    expect(bucketStart(-1, HOUR)).toBe(-HOUR);
  });
});

test('a moment that is entered is the moment that is shown', () => {
  expect(momentOfInput('2026-03-01T12:00', 'utc')).toBe('2026-03-01T12:00:00.000Z');
  expect(inputValue('2026-03-01T12:00:00.000Z', 'utc')).toBe('2026-03-01T12:00:00');
  for (const zone of ['utc', 'local'] as const) expect(momentOfInput(inputValue('2026-07-01T12:34:56.000Z', zone), zone)).toBe('2026-07-01T12:34:56.000Z');
  expect(momentOfInput('', 'utc')).toBeNull();
});

test('ranges are said in words', () => {
  expect(rangeLabel({ preset: '7d' }, 'utc')).toBe('Last 7 days');
  expect(rangeLabel({ from: '2026-03-01T12:00:00.000Z', to: '2026-03-02T00:00:00.000Z' }, 'utc')).toBe('2026-03-01 12:00 – 2026-03-02 00:00');
  expect(rangeLabel({ from: null, to: '2026-03-02T00:00:00.000Z' }, 'utc')).toBe('Before 2026-03-02 00:00');
});
