// Counts of events as the bars of a chart.

import type { Outcome, Statistics } from '../api/types';
import { OUTCOMES } from '../view/fields';
import { bucketSize, bucketStart, type BucketSize, type Span } from '../view/time';

export interface Bucket {
  /** Milliseconds since 1970. */
  start: number;
  counts: Record<Outcome, number>;
  total: number;
}

/** Most buckets that are made of a span; beyond it only those with events are shown. */
const MOST_BUCKETS = 2000;

/** The size of the bars for a span; an open start is taken to be a year back. */
export function sizeFor(span: Span, now: number): BucketSize {
  if (span.from === null) return { ...bucketSize(0), interval: 'day', length: 24 * 3600 * 1000 };
  return bucketSize(Math.max(0, (span.to ?? now) - span.from));
}

function empty(start: number): Bucket {
  return { start, counts: { success: 0, failure: 0, denied: 0, unknown: 0 }, total: 0 };
}

/** Makes bars of counts by time and outcome: all bars of the span, those without events too. */
export function buckets(counts: Statistics['counts'], span: Span, asked: BucketSize, now: number): { buckets: Bucket[]; length: number } {
  const times = counts.flatMap((one) => (one.time === undefined ? [] : [Date.parse(one.time)]));
  const first = times.length > 0 ? Math.min(...times) : null;
  const from = span.from ?? first;
  if (from === null) return { buckets: [], length: asked.length };
  const last = times.length > 0 ? Math.max(...times) : from;
  const to = Math.max(span.to ?? now, last + 1);
  // A range without a start was counted by days; now that the first day is known, days may have to be put together.
  const length = span.from === null ? Math.max(asked.length, bucketSize(to - from).length) : asked.length;
  const found = new Map<number, Bucket>();
  const start = bucketStart(from, length);
  if ((to - start) / length <= MOST_BUCKETS) {
    for (let time = start; time < to; time += length) found.set(time, empty(time));
  }
  for (const { time, value, count } of counts) {
    if (time === undefined) continue;
    const key = bucketStart(Date.parse(time), length);
    const bucket = found.get(key) ?? empty(key);
    const outcome = OUTCOMES.find((one) => one === value) ?? 'unknown';
    bucket.counts[outcome] += count;
    bucket.total += count;
    found.set(key, bucket);
  }
  return { buckets: [...found.values()].sort((a, b) => a.start - b.start), length };
}

/** The range that a part of the chart stands for: whole bars. */
export function brushed(from: number, to: number, length: number): { from: string; to: string } {
  const start = bucketStart(Math.min(from, to), length);
  const end = bucketStart(Math.max(from, to), length) + length;
  return { from: new Date(start).toISOString(), to: new Date(end).toISOString() };
}
