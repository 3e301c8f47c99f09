import { ArrowDown, ArrowUp } from 'lucide-preact';
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';

import type { EventList } from '../api/hooks';
import type { Event } from '../api/types';
import { Failure } from '../ui/Failure';
import { OutcomeBadge } from '../ui/Outcome';
import { Untrusted } from '../ui/Untrusted';
import { useMedia } from '../ui/media';
import { relativeTime, type Zone } from '../view/time';
import type { OpenEvent, Order } from '../view/view';
import { actorName, ClockTime, columnOf, targetName } from './columns';
import { useEventTable, useWindowList } from './table';

interface Properties {
  list: EventList;
  order: Order;
  columns: string[] | null;
  zone: Zone;
  now: number;
  open: OpenEvent | null;
  onOrder: (order: Order) => void;
  onOpen: (event: Event) => void;
  onClose: () => void;
}

const ROW_HEIGHT = 34;
const CARD_HEIGHT = 84;
/** How near its end the list asks for more (rows). */
const NEAR_END = 40;
/** Rows that Page Up and Page Down go. */
const PAGE_ROWS = 15;
/** The columns by whose time events are listed; on a narrow screen the only one. */
const IN_ORDER = new Set(['time', 'event']);
/** Height of what stays at the top of the window: the bar and the table's head. */
const COVERED = 96;

/** Whether an event is the open one. */
export function isOpen(event: Event, open: OpenEvent | null): boolean {
  return open !== null && event.event_id === open.id && Date.parse(event.event_time) === Date.parse(open.at) && (open.source === null || event.source === open.source);
}

/** Events in the order of the API, as many as there are: only the rows in sight are in the document. */
export function EventTable({ list, order, columns, zone, now, open, onOrder, onOpen, onClose }: Properties) {
  const { events, hasMore, isLoadingMore, moreError, loadMore } = list;
  const isNarrow = useMedia('(max-width: 720px)');
  const body = useRef<HTMLDivElement>(null);
  const [margin, setMargin] = useState(0);
  const openIndex = events.findIndex((event) => isOpen(event, open));
  const [active, setActive] = useState(0);
  const table = useEventTable(events, columns);
  const shown = table.getVisibleLeafColumns().map(({ id }) => columnOf(id)).filter((column) => column !== undefined);
  const tracks = shown.map(({ width }) => width).join(' ');
  const virtualizer = useWindowList({ count: events.length, rowHeight: isNarrow ? CARD_HEIGHT : ROW_HEIGHT, margin, covered: COVERED });
  const rows = virtualizer.getVirtualItems();
  const last = rows.at(-1)?.index ?? 0;

  // What stands above the list changes its height: the chart, the filters, a message.
  useLayoutEffect(() => {
    const measure = () => {
      if (body.current !== null) setMargin(Math.round(body.current.getBoundingClientRect().top + window.scrollY));
    };
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(document.body);
    return () => observer.disconnect();
  }, []);
  useEffect(() => {
    if (openIndex >= 0) setActive(openIndex);
  }, [openIndex]);
  useEffect(() => {
    if (hasMore && !isLoadingMore && moreError === null && last >= events.length - NEAR_END) loadMore();
  }, [last, events.length, hasMore, isLoadingMore, moreError, loadMore]);

  const current = Math.min(active, Math.max(0, events.length - 1));
  const go = (index: number) => {
    const next = Math.max(0, Math.min(events.length - 1, index));
    setActive(next);
    virtualizer.scrollToIndex(next);
    const event = events[next];
    if (open !== null && event !== undefined) onOpen(event);
  };
  const onKeyDown = (key: KeyboardEvent) => {
    const isInHead = key.target instanceof HTMLElement && key.target.closest('.grid-head') !== null;
    if (isInHead || key.ctrlKey || key.metaKey || key.altKey) return;
    const steps: Record<string, number> = { ArrowDown: 1, j: 1, ArrowUp: -1, k: -1, PageDown: PAGE_ROWS, PageUp: -PAGE_ROWS, Home: -events.length, End: events.length };
    const step = steps[key.key];
    const event = events[current];
    if (step !== undefined) go(current + step);
    else if ((key.key === 'Enter' || key.key === ' ') && event !== undefined) onOpen(event);
    else if (key.key === 'Escape' && open !== null) onClose();
    else return;
    key.preventDefault();
  };

  return (
    <section class="events" aria-label="Events" aria-busy={list.isLoading}>
      <div
        role="grid"
        class={`grid ${isNarrow ? 'is-narrow' : ''} ${list.isLoading ? 'is-former' : ''}`}
        aria-label={order === 'asc' ? 'Events, oldest first' : 'Events, newest first'}
        aria-rowcount={hasMore ? -1 : events.length + 1}
        aria-activedescendant={events.length > 0 ? `row-${current}` : undefined}
        tabIndex={0}
        onKeyDown={onKeyDown}
        style={{ '--tracks': isNarrow ? '1fr' : tracks }}
      >
        <div role="rowgroup" class="grid-head">
          <div role="row" class="row" aria-rowindex={1}>
            {(isNarrow ? [{ id: 'event', label: 'Event' }] : shown).map(({ id, label }) => (
              <div role="columnheader" key={id} aria-sort={IN_ORDER.has(id) ? (order === 'asc' ? 'ascending' : 'descending') : undefined}>
                {IN_ORDER.has(id) ? <OrderButton label={label} order={order} onOrder={onOrder} /> : label}
              </div>
            ))}
          </div>
        </div>
        <div role="rowgroup" class="grid-body" ref={body} style={{ height: `${virtualizer.getTotalSize()}px` }}>
          {rows.map(({ index, start }) => {
            const event = events[index];
            if (event === undefined) return null;
            return (
              <div
                role="row"
                key={index}
                id={`row-${index}`}
                class={`row ${index === current ? 'is-active' : ''}`}
                aria-rowindex={index + 2}
                aria-selected={index === openIndex}
                style={{ transform: `translateY(${start - margin}px)` }}
                onClick={() => {
                  // A text that was selected is to be copied: the row stays closed.
                  if (getSelection()?.toString()) return;
                  setActive(index);
                  onOpen(event);
                }}
              >
                {isNarrow ? (
                  <div role="gridcell" class="card">
                    <Card event={event} zone={zone} now={now} />
                  </div>
                ) : (
                  shown.map((column) => (
                    <div role="gridcell" key={column.id} class={`cell cell-${column.id}`}>
                      {column.cell(event, { zone, now })}
                    </div>
                  ))
                )}
              </div>
            );
          })}
        </div>
      </div>
      <div class="grid-foot" aria-live="polite">
        {isLoadingMore && <span class="quiet">Loading more events…</span>}
        {moreError !== null && <Failure error={moreError} onRetry={loadMore} compact />}
        {!hasMore && !list.isLoading && events.length > 0 && <span class="quiet">No more events in this range.</span>}
      </div>
    </section>
  );
}

/** The head of the column that the list is in the order of. */
function OrderButton({ label, order, onOrder }: { label: string; order: Order; onOrder: Properties['onOrder'] }) {
  const [Icon, other] = order === 'asc' ? ([ArrowUp, 'desc'] as const) : ([ArrowDown, 'asc'] as const);
  return (
    <button type="button" class="order" title={other === 'asc' ? 'Show oldest first' : 'Show newest first'} onClick={() => onOrder(other)}>
      {label} <Icon size={13} aria-hidden="true" />
    </button>
  );
}

/** An event on a narrow screen. */
function Card({ event, zone, now }: { event: Event; zone: Zone; now: number }) {
  const time = Date.parse(event.event_time);
  const target = targetName(event);
  return (
    <>
      <span class="card-line">
        <OutcomeBadge outcome={event.outcome} />
        <time class="quiet" dateTime={event.event_time}>
          <ClockTime event={event} zone={zone} /> · {relativeTime(time, now)}
        </time>
      </span>
      <span class="card-line strong">
        <Untrusted text={(actorName(event) ?? 'No user recorded').slice(0, 200)} />
      </span>
      <span class="card-line">
        <span>
          <Untrusted text={event.action.slice(0, 200)} />
          {target !== undefined && (
            <span class="quiet">
              {' '}
              <Untrusted text={target.slice(0, 200)} />
            </span>
          )}
        </span>
      </span>
    </>
  );
}
