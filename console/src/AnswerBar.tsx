import { ChartNoAxesColumn, Columns3, Download, RotateCw, ShieldCheck, Timer, TriangleAlert } from 'lucide-preact';

import type { Cost, EventList } from './api/hooks';
import type { Statistics } from './api/types';
import { COLUMNS, USUAL_COLUMNS } from './events/columns';
import type { Exports } from './exports/exports';
import { useExports } from './exports/ExportDialog';
import { Popover } from './ui/Popover';
import { bytes, count, counted, dollars } from './view/text';
import { minuteTime, type Zone } from './view/time';

interface Properties {
  list: EventList;
  statistics: Statistics | null;
  cost: Cost;
  zone: Zone;
  columns: string[] | null;
  showsTop: boolean;
  exports: Exports;
  onColumns: (columns: string[] | null) => void;
  onTop: (shows: boolean) => void;
  onRefresh: () => void;
  onExport: () => void;
}

/** What the answer says of itself: how many events, how complete, what it cost; and what can be done with it. */
export function AnswerBar({ list, statistics, cost, zone, columns, showsTop, exports, onColumns, onTop, onRefresh, onExport }: Properties) {
  const { events, hasMore, first, isLoading } = list;
  const total = statistics === null ? null : statistics.counts.reduce((sum, one) => sum + one.count, 0);
  const running = useExports(exports).filter(({ state, problem }) => state.status === 'running' && problem === null).length;
  const unreadable = first?.unreadable_objects ?? 0;
  return (
    <section class="answer-bar" aria-label="Results">
      <div class="answer-facts" role="status">
        <span class="strong">
          {isLoading && first === null
            ? 'Loading…'
            : first === null
              ? "Couldn't load"
              : hasMore
                ? total !== null && total >= events.length
                  ? `${count(events.length)} of ${counted(total, 'event')}`
                  : `${count(events.length)}+ events`
                : counted(events.length, 'event')}
        </span>
        {first !== null && <Completeness isComplete={first.complete} sealedUntil={first.sealed_until} zone={zone} />}
        {unreadable > 0 && (
          <span class="warning">
            <TriangleAlert size={14} aria-hidden="true" /> {counted(unreadable, 'object')} could not be read
          </span>
        )}
        {first !== null && (
          <span class="quiet" title="Data read and engine time of the list, the chart and the counts in this view">
            {bytes(cost.scannedBytes)} read · {(cost.engineMs / 1000).toFixed(cost.engineMs < 10_000 ? 2 : 1)} s · {first.engine}
            {cost.usd !== null && ` · ${dollars(cost.usd)}`}
            {first.reused_result === true && ' · cached result'}
          </span>
        )}
      </div>
      <div class="answer-actions">
        <button type="button" class="button small" aria-pressed={showsTop} onClick={() => onTop(!showsTop)}>
          <ChartNoAxesColumn size={15} aria-hidden="true" /> Top values
        </button>
        <Popover
          align="end"
          buttonClass="button small wide-only"
          label={
            <>
              <Columns3 size={15} aria-hidden="true" /> Columns
            </>
          }
        >
          {() => <ColumnPicker columns={columns} onColumns={onColumns} />}
        </Popover>
        <button type="button" class="button small" onClick={onRefresh}>
          <RotateCw size={15} aria-hidden="true" /> Refresh
        </button>
        <button type="button" class="button small primary" onClick={onExport}>
          <Download size={15} aria-hidden="true" /> Export
          {running > 0 && <span class="badge">{running} running</span>}
        </button>
      </div>
    </section>
  );
}

function Completeness({ isComplete, sealedUntil, zone }: { isComplete: boolean; sealedUntil: string; zone: Zone }) {
  const until = `${minuteTime(Date.parse(sealedUntil), zone)}${zone === 'utc' ? ' UTC' : ''}`;
  return isComplete ? (
    <span class="complete" title="This range is sealed. Events delivered late can still be added.">
      <ShieldCheck size={15} aria-hidden="true" /> Sealed
    </span>
  ) : (
    <span class="incomplete" title="Newer events may still arrive in the part of this range that is not sealed yet.">
      <Timer size={15} aria-hidden="true" /> Sealed through {until}
    </span>
  );
}

function ColumnPicker({ columns, onColumns }: { columns: string[] | null; onColumns: (columns: string[] | null) => void }) {
  const shown = columns ?? USUAL_COLUMNS;
  const toggle = (id: string) => {
    const next = shown.includes(id) ? shown.filter((one) => one !== id) : [...shown, id];
    if (next.length > 0) onColumns(next);
  };
  const move = (id: string, step: number) => {
    const index = shown.indexOf(id);
    const other = shown[index + step];
    if (index < 0 || other === undefined) return;
    const next = [...shown];
    next[index] = other;
    next[index + step] = id;
    onColumns(next);
  };
  const rest = COLUMNS.filter(({ id }) => !shown.includes(id));
  const labelOf = (id: string) => COLUMNS.find((column) => column.id === id)?.label ?? id;
  return (
    <div class="column-picker">
      <ul>
        {shown.map((id, index) => (
          <li key={id}>
            <label class="check">
              <input type="checkbox" checked disabled={shown.length === 1} onChange={() => toggle(id)} />
              <span>{labelOf(id)}</span>
            </label>
            <button type="button" class="icon-button small" aria-label={`Move ${labelOf(id)} to the left`} disabled={index === 0} onClick={() => move(id, -1)}>
              ↑
            </button>
            <button
              type="button"
              class="icon-button small"
              aria-label={`Move ${labelOf(id)} to the right`}
              disabled={index === shown.length - 1}
              onClick={() => move(id, 1)}
            >
              ↓
            </button>
          </li>
        ))}
      </ul>
      <ul>
        {rest.map(({ id, label }) => (
          <li key={id}>
            <label class="check">
              <input type="checkbox" checked={false} onChange={() => toggle(id)} />
              <span>{label}</span>
            </label>
          </li>
        ))}
      </ul>
      <button type="button" class="link" onClick={() => onColumns(null)}>
        Reset to default
      </button>
    </div>
  );
}
