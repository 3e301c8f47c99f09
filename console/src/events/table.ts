// The table and the virtual list of TanStack, for this framework.

import { createTable, getCoreRowModel, type Table, type TableState } from '@tanstack/table-core';
import { observeWindowOffset, observeWindowRect, Virtualizer, windowScroll } from '@tanstack/virtual-core';
import { useLayoutEffect, useReducer, useState } from 'preact/hooks';

import type { Event } from '../api/types';
import { COLUMN_DEFINITIONS, COLUMNS, USUAL_COLUMNS } from './columns';

/** The table of some events: which columns are shown, in which order. */
export function useEventTable(events: Event[], columns: readonly string[] | null): Table<Event> {
  const known = new Set(COLUMNS.map(({ id }) => id));
  const chosen = (columns ?? USUAL_COLUMNS).filter((id) => known.has(id));
  const shown = chosen.length > 0 ? chosen : [...USUAL_COLUMNS];
  const options = {
    data: events,
    columns: COLUMN_DEFINITIONS,
    getCoreRowModel: getCoreRowModel<Event>(),
    getRowId: (event: Event, index: number) => `${index} ${event.event_id}`,
    onStateChange: () => undefined,
    renderFallbackValue: null,
  };
  const [table] = useState(() => createTable<Event>({ ...options, state: {} }));
  const state: Partial<TableState> = {
    ...table.initialState,
    columnOrder: shown,
    columnVisibility: Object.fromEntries(COLUMNS.map(({ id }) => [id, shown.includes(id)])),
  };
  table.setOptions({ ...options, state });
  return table;
}

interface WindowList {
  count: number;
  rowHeight: number;
  /** Where the list begins below the top of the document (pixels). */
  margin: number;
  /** What covers the top of the window: a row is scrolled to below it (pixels). */
  covered: number;
}

/** The rows of a list that are in the window, and some around them. */
export function useWindowList({ count, rowHeight, margin, covered }: WindowList): Virtualizer<Window, HTMLDivElement> {
  const [, rerender] = useReducer((renders: number) => renders + 1, 0);
  const options = {
    count,
    estimateSize: () => rowHeight,
    overscan: 12,
    scrollMargin: margin,
    scrollPaddingStart: covered,
    scrollPaddingEnd: 16,
    getScrollElement: () => window,
    observeElementRect: observeWindowRect,
    observeElementOffset: observeWindowOffset,
    scrollToFn: windowScroll,
    initialOffset: () => window.scrollY,
    onChange: () => rerender(undefined),
  };
  const [virtualizer] = useState(() => new Virtualizer<Window, HTMLDivElement>(options));
  virtualizer.setOptions(options);
  useLayoutEffect(() => virtualizer._didMount(), []);
  useLayoutEffect(() => virtualizer._willUpdate());
  useLayoutEffect(() => virtualizer.measure(), [rowHeight]);
  return virtualizer;
}
