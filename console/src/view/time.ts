// Ranges of time, and times as people read them. Everything is computed in UTC; a zone only changes what is shown.

import type { Interval } from '../api/types';

/** In which zone times are shown and entered. */
export type Zone = 'utc' | 'local';

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

export const PRESETS = {
  '15m': { label: 'Last 15 minutes', length: 15 * MINUTE },
  '1h': { label: 'Last hour', length: HOUR },
  '24h': { label: 'Last 24 hours', length: DAY },
  '7d': { label: 'Last 7 days', length: 7 * DAY },
  '30d': { label: 'Last 30 days', length: 30 * DAY },
  '90d': { label: 'Last 90 days', length: 90 * DAY },
  all: { label: 'All time', length: null },
} as const;

export type Preset = keyof typeof PRESETS;

/** A range that moves with the clock, or one between two moments (RFC 3339; null is open). */
export type TimeRange = { preset: Preset } | { from: string | null; to: string | null };

/** A range at one moment, as the API is asked: milliseconds since 1970, null is open. */
export interface Span {
  from: number | null;
  to: number | null;
}

export function isPreset(text: string): text is Preset {
  return Object.hasOwn(PRESETS, text);
}

/** What a range means now. A range that moves has no end, so that the newest events are in it. */
export function spanAt(range: TimeRange, now: number): Span {
  if ('preset' in range) {
    const { length } = PRESETS[range.preset];
    return { from: length === null ? null : now - length, to: null };
  }
  return { from: range.from === null ? null : Date.parse(range.from), to: range.to === null ? null : Date.parse(range.to) };
}

/** A range as parameters of the API. An exact one is asked for as it was given, with every digit. */
export function rangeParameters(range: TimeRange, now: number): { from?: string; to?: string } {
  if ('preset' in range) {
    const { from } = spanAt(range, now);
    return from === null ? {} : { from: new Date(from).toISOString() };
  }
  return { ...(range.from === null ? {} : { from: range.from }), ...(range.to === null ? {} : { to: range.to }) };
}

/** The length of time that one bar of the chart stands for: what is asked of the API, and how many of those are put together. */
export interface BucketSize {
  interval: Interval;
  /** Milliseconds. */
  length: number;
}

/** Most bars of a chart. */
const MOST_BARS = 250;

/** Bars for a span: short enough to tell, few enough to see. */
export function bucketSize(length: number): BucketSize {
  const sizes: [Interval, number][] = [
    ['minute', MINUTE],
    ['minute', 5 * MINUTE],
    ['hour', HOUR],
    ['hour', 6 * HOUR],
    ['day', DAY],
    ['day', 7 * DAY],
    ['day', 28 * DAY],
    ['day', 364 * DAY],
  ];
  for (const [interval, size] of sizes) {
    if (length / size <= MOST_BARS) return { interval, length: size };
  }
  return { interval: 'day', length: 364 * DAY };
}

/** The start of the bucket that a time lies in. */
export function bucketStart(time: number, length: number): number {
  return Math.floor(time / length) * length;
}

const formatters = new Map<string, Intl.DateTimeFormat>();

function formatter(zone: Zone, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const key = `${zone}${JSON.stringify(options)}`;
  let known = formatters.get(key);
  if (known === undefined) {
    // Swedish dates are ISO dates: the same for every reader, and in the order of time when sorted as text.
    known = new Intl.DateTimeFormat('sv-SE', { ...options, ...(zone === 'utc' ? { timeZone: 'UTC' } : {}) });
    formatters.set(key, known);
  }
  return known;
}

const DATE = { year: 'numeric', month: '2-digit', day: '2-digit' } as const;
const CLOCK = { hour: '2-digit', minute: '2-digit', second: '2-digit' } as const;

/** `2026-03-01 12:00:00` in the zone. */
export function exactTime(time: number, zone: Zone): string {
  return formatter(zone, { ...DATE, ...CLOCK }).format(time);
}

/** `2026-03-01 12:00` in the zone. */
export function minuteTime(time: number, zone: Zone): string {
  return formatter(zone, { ...DATE, hour: '2-digit', minute: '2-digit' }).format(time);
}

/** The digits below the second, three at least; `nanos` is what the source states below the millisecond (0 to 999,999). */
function digitsBelowSecond(time: number, nanos: number | undefined): string {
  const milliseconds = String(((time % 1000) + 1000) % 1000).padStart(3, '0');
  const rest = String(nanos ?? 0).padStart(6, '0');
  return milliseconds + rest.replace(/(000){1,2}$/, '');
}

/** `.123456`, or nothing where a time is of whole seconds. */
export function fraction(time: number, nanos: number | undefined): string {
  const digits = digitsBelowSecond(time, nanos);
  return digits === '000' ? '' : `.${digits}`;
}

/** `2026-03-01 12:00:00.123 UTC`, or with the offset of the reader's zone; with microseconds or nanoseconds where there are some. */
export function fullTime(time: number, zone: Zone, nanos?: number): string {
  return `${exactTime(time, zone)}.${digitsBelowSecond(time, nanos)} ${zoneName(time, zone)}`;
}

/** An event's time in RFC 3339 with every digit that is stored. */
export function storedTime(eventTime: string, nanos: number | undefined): string {
  if (nanos === undefined) return eventTime;
  return eventTime.replace(/(?:\.\d*)?Z$/, `.${digitsBelowSecond(Date.parse(eventTime), nanos)}Z`);
}

/** `UTC`, or `UTC+01:00`. */
export function zoneName(time: number, zone: Zone): string {
  if (zone === 'utc') return 'UTC';
  const minutes = -new Date(time).getTimezoneOffset();
  if (minutes === 0) return 'UTC';
  const absolute = Math.abs(minutes);
  return `UTC${minutes < 0 ? '−' : '+'}${String(Math.floor(absolute / 60)).padStart(2, '0')}:${String(absolute % 60).padStart(2, '0')}`;
}

const relative = new Intl.RelativeTimeFormat('en', { numeric: 'always', style: 'short' });

/** `3 min ago`. Whole units, rounded down, so that nothing is said to be older than it is. */
export function relativeTime(time: number, now: number): string {
  const distance = now - time;
  const sign = distance < 0 ? 1 : -1;
  const length = Math.abs(distance);
  if (length < SECOND) return 'now';
  if (length < MINUTE) return relative.format(sign * Math.floor(length / SECOND), 'second');
  if (length < HOUR) return relative.format(sign * Math.floor(length / MINUTE), 'minute');
  if (length < DAY) return relative.format(sign * Math.floor(length / HOUR), 'hour');
  if (length < 60 * DAY) return relative.format(sign * Math.floor(length / DAY), 'day');
  if (length < 730 * DAY) return relative.format(sign * Math.floor(length / (30 * DAY)), 'month');
  return relative.format(sign * Math.floor(length / (365 * DAY)), 'year');
}

/** A range in words. */
export function rangeLabel(range: TimeRange, zone: Zone): string {
  if ('preset' in range) return PRESETS[range.preset].label;
  const from = range.from === null ? null : minuteTime(Date.parse(range.from), zone);
  const to = range.to === null ? null : minuteTime(Date.parse(range.to), zone);
  if (from !== null && to !== null) return `${from} – ${to}`;
  if (from !== null) return `Since ${from}`;
  return to === null ? PRESETS.all.label : `Before ${to}`;
}

/** A moment as the value of an `<input type="datetime-local">`. */
export function inputValue(moment: string | null, zone: Zone): string {
  return moment === null ? '' : exactTime(Date.parse(moment), zone).replace(' ', 'T');
}

/** The moment that an `<input type="datetime-local">` states in a zone, as RFC 3339; null if it states none. */
export function momentOfInput(value: string, zone: Zone): string | null {
  if (value === '') return null;
  // Without an offset the language reads a date and time as the reader's own.
  const time = Date.parse(zone === 'utc' ? `${value}Z` : value);
  return Number.isNaN(time) ? null : new Date(time).toISOString();
}
