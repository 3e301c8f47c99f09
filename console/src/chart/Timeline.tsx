import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';

import type { Asked } from '../api/hooks';
import type { Outcome, Statistics } from '../api/types';
import { Failure } from '../ui/Failure';
import { OUTCOMES, words } from '../view/fields';
import { count, counted } from '../view/text';
import { minuteTime, type BucketSize, type Span, type Zone } from '../view/time';
import { brushed, buckets, type Bucket } from './buckets';

interface Properties {
  asked: Asked<Statistics>;
  span: Span;
  size: BucketSize;
  now: number;
  zone: Zone;
  /** Changes whenever the colours may have changed. */
  theme: string;
  onRange: (from: string, to: string) => void;
  onOutcome: (outcome: Outcome) => void;
}

const HEIGHT = 140;
/** Narrowest brush that is meant as one (pixels); less is a click on a bar. */
const SMALLEST_BRUSH = 4;
/** Rows of the chart as a table. */
const MOST_ROWS = 300;

/** How long a bar is, in words. */
function lengthName(length: number): string {
  const minutes = length / 60_000;
  const names: [number, string][] = [
    [1, 'a minute'],
    [5, '5 minutes'],
    [60, 'an hour'],
    [360, '6 hours'],
    [1440, 'a day'],
    [10_080, 'a week'],
    [40_320, '4 weeks'],
    [524_160, 'a year'],
  ];
  return names.find(([known]) => known === minutes)?.[1] ?? `${minutes} minutes`;
}

/** The sums that make stacked bars: the first row is all outcomes, each next one an outcome less, drawn over the former. */
function stacked(shown: Bucket[]): uPlot.AlignedData {
  const order: Outcome[] = ['unknown', 'denied', 'failure', 'success'];
  const rows = order.map((_, index) => shown.map(({ counts }) => order.slice(index).reduce((sum, outcome) => sum + counts[outcome], 0)));
  return [shown.map(({ start }) => start / 1000), ...rows];
}

/** Events per bar of time by outcome. A range that is brushed becomes the range of the view. */
export function Timeline({ asked, span, size, now, zone, theme, onRange, onOutcome }: Properties) {
  const place = useRef<HTMLDivElement>(null);
  const legend = useRef<HTMLDivElement>(null);
  const [hovered, setHovered] = useState<number | null>(null);
  const { data, isLoading, error } = asked;
  const made = useMemo(() => buckets(data?.counts ?? [], span, size, now), [data]);
  const totals = useMemo(
    () => OUTCOMES.map((outcome) => ({ outcome, total: made.buckets.reduce((sum, { counts }) => sum + counts[outcome], 0) })),
    [made],
  );
  const total = totals.reduce((sum, one) => sum + one.total, 0);
  const act = useRef({ onRange, length: made.length });
  act.current = { onRange, length: made.length };

  useEffect(() => {
    const parent = place.current;
    if (parent === null || made.buckets.length === 0) return;
    const swatch = (outcome: Outcome) => {
      const element = legend.current?.querySelector(`.outcome-${outcome} .swatch`);
      return element ? getComputedStyle(element).backgroundColor : 'gray';
    };
    const ink = getComputedStyle(parent).color;
    const rule = getComputedStyle(parent).getPropertyValue('border-top-color');
    const bars = uPlot.paths.bars?.({ size: [0.86, 40, 1], align: 1 });
    const series = (['unknown', 'denied', 'failure', 'success'] as const).map((outcome) => ({
      fill: swatch(outcome),
      width: 0,
      points: { show: false },
      ...(bars === undefined ? {} : { paths: bars }),
    }));
    const font = '11px system-ui, sans-serif';
    const first = made.buckets[0]?.start ?? 0;
    const last = made.buckets.at(-1)?.start ?? first;
    const plot = new uPlot(
      {
        width: parent.clientWidth,
        height: HEIGHT,
        legend: { show: false },
        padding: [6, 8, 0, 0],
        tzDate: (seconds) => (zone === 'utc' ? uPlot.tzDate(new Date(seconds * 1000), 'Etc/UTC') : new Date(seconds * 1000)),
        scales: {
          x: { range: () => [first / 1000, (last + made.length) / 1000] },
          y: { range: (_, __, most) => [0, Math.max(1, most * 1.05)] },
        },
        cursor: {
          y: false,
          points: { show: false },
          drag: { x: true, y: false, setScale: false, dist: SMALLEST_BRUSH },
        },
        axes: [
          {
            stroke: ink,
            font,
            grid: { show: false },
            ticks: { stroke: rule, size: 4 },
            size: 42,
            // Days as ISO writes them, hours in 24: the same for every reader.
            values: [
              [3600 * 24 * 365, '{YYYY}', null, null, null, null, null, null, 1],
              [3600 * 24 * 28, '{YYYY}-{MM}', null, null, null, null, null, null, 1],
              [3600 * 24, '{MM}-{DD}', '\n{YYYY}', null, null, null, null, null, 1],
              [60, '{HH}:{mm}', '\n{YYYY}-{MM}-{DD}', null, '\n{MM}-{DD}', null, null, null, 1],
              [1, '{HH}:{mm}:{ss}', '\n{YYYY}-{MM}-{DD}', null, '\n{MM}-{DD}', null, null, null, 1],
            ],
          },
          {
            stroke: ink,
            font,
            size: 46,
            grid: { stroke: rule, width: 1 },
            ticks: { show: false },
            incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 2e4, 5e4, 1e5, 2e5, 5e5, 1e6, 2e6, 5e6, 1e7, 1e8, 1e9],
            values: (_, splits) => splits.map((value) => (value >= 1000 ? `${value / 1000}k` : String(value))),
          },
        ],
        series: [{}, ...series],
        hooks: {
          setCursor: [(self) => setHovered(self.cursor.idx ?? null)],
          setSelect: [
            (self) => {
              if (self.select.width < SMALLEST_BRUSH) return;
              const from = self.posToVal(self.select.left, 'x') * 1000;
              const to = self.posToVal(self.select.left + self.select.width, 'x') * 1000 - 1;
              const range = brushed(Math.max(from, first), Math.min(to, last), act.current.length);
              self.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
              act.current.onRange(range.from, range.to);
            },
          ],
        },
      },
      stacked(made.buckets),
      parent,
    );
    const observer = new ResizeObserver(() => {
      if (parent.clientWidth > 0) plot.setSize({ width: parent.clientWidth, height: HEIGHT });
    });
    observer.observe(parent);
    return () => {
      observer.disconnect();
      plot.destroy();
      setHovered(null);
    };
  }, [made, zone, theme]);

  const bar = hovered === null ? undefined : made.buckets[hovered];
  return (
    <section class="timeline" aria-label="Events over time" aria-busy={isLoading}>
      <div class="timeline-head">
        <div class="legend" ref={legend}>
          {totals.map(({ outcome, total: sum }) => (
            <button
              key={outcome}
              type="button"
              class={`legend-item outcome-${outcome}`}
              title={`Show only events with status ${words(outcome)}`}
              disabled={sum === 0}
              onClick={() => onOutcome(outcome)}
            >
              <span class="swatch" aria-hidden="true" />
              {words(outcome)} <strong>{data === null ? '–' : count(sum)}</strong>
            </button>
          ))}
        </div>
        <p class="quiet timeline-hint" aria-hidden="true">
          {bar === undefined
            ? made.buckets.length > 0 && `Each bar is ${lengthName(made.length)}. Drag to select a range.`
            : `${minuteTime(bar.start, zone)}: ${OUTCOMES.filter((outcome) => bar.counts[outcome] > 0)
                .map((outcome) => `${count(bar.counts[outcome])} ${outcome}`)
                .join(', ') || 'no events'}`}
        </p>
      </div>
      {error !== null ? (
        <Failure error={error} compact />
      ) : (
        <div class={`chart ${isLoading ? 'is-former' : ''}`} ref={place} role="img" aria-label={`${counted(total, 'event')} in ${counted(made.buckets.length, 'bar')} of ${lengthName(made.length)}`}>
          {made.buckets.length === 0 && <p class="quiet chart-empty">{isLoading ? 'Counting…' : 'No events'}</p>}
        </div>
      )}
      {total > 0 && (
        <details class="chart-table">
          <summary>Counts as a table</summary>
          <div class="scroll" tabIndex={0} role="region" aria-label="Counts as a table">
            <table>
              <thead>
                <tr>
                  <th scope="col">From</th>
                  {OUTCOMES.map((outcome) => (
                    <th scope="col" key={outcome}>
                      {words(outcome)}
                    </th>
                  ))}
                  <th scope="col">Range</th>
                </tr>
              </thead>
              <tbody>
                {made.buckets
                  .filter((one) => one.total > 0)
                  .slice(-MOST_ROWS)
                  .map((one) => (
                    <tr key={one.start}>
                      <th scope="row">{minuteTime(one.start, zone)}</th>
                      {OUTCOMES.map((outcome) => (
                        <td key={outcome}>{count(one.counts[outcome])}</td>
                      ))}
                      <td>
                        <button
                          type="button"
                          class="link"
                          onClick={() => {
                            const range = brushed(one.start, one.start, made.length);
                            onRange(range.from, range.to);
                          }}
                        >
                          Show only this
                        </button>
                      </td>
                    </tr>
                  ))}
              </tbody>
            </table>
          </div>
        </details>
      )}
    </section>
  );
}
