// The columns of the table: what each shows of an event, and how wide it is.

import { type ColumnDef } from '@tanstack/table-core';
import type { ComponentChildren } from 'preact';

import type { Event } from '../api/types';
import { OutcomeBadge } from '../ui/Outcome';
import { Untrusted } from '../ui/Untrusted';
import { words } from '../view/fields';
import { exactTime, fraction, fullTime, relativeTime, type Zone } from '../view/time';

/** What a cell needs to know beside its event. */
export interface CellContext {
  zone: Zone;
  now: number;
}

export interface EventColumn {
  id: string;
  label: string;
  /** A track of the grid. All can shrink, so that any choice of columns fits into any window. */
  width: string;
  cell: (event: Event, context: CellContext) => ComponentChildren;
}

/** Longest text that is given to a cell; it shows less, and the details show all (characters). */
const CELL_TEXT = 200;

function text(value: string | number | undefined): ComponentChildren {
  if (value === undefined || value === '') return <span class="none">–</span>;
  return <Untrusted text={String(value).slice(0, CELL_TEXT)} />;
}

/** Who did it, by the most telling name there is. */
export function actorName(event: Event): string | undefined {
  const known = event.actor_directory;
  return event.actor_email ?? known?.email ?? known?.name ?? event.actor_name ?? event.actor_id;
}

/** What it was done to, by the most telling name there is. */
export function targetName(event: Event): string | undefined {
  return event.resource_name ?? event.resource_id;
}

/** The time of an event, down to the last digit that is stored: events of one second are told apart. */
export function ClockTime({ event, zone }: { event: Event; zone: Zone }) {
  const time = Date.parse(event.event_time);
  const digits = fraction(time, event.event_time_nanos);
  return (
    <>
      {exactTime(time, zone)}
      {digits !== '' && <span class="quiet fraction">{digits}</span>}
    </>
  );
}

function timeCell(event: Event, { zone, now }: CellContext): ComponentChildren {
  const time = Date.parse(event.event_time);
  return (
    <time dateTime={event.event_time} title={`${fullTime(time, zone, event.event_time_nanos)} (${relativeTime(time, now)})`}>
      <ClockTime event={event} zone={zone} />
    </time>
  );
}

function agoCell(event: Event, { zone, now }: CellContext): ComponentChildren {
  const time = Date.parse(event.event_time);
  return (
    <time dateTime={event.event_time} title={fullTime(time, zone, event.event_time_nanos)}>
      {relativeTime(time, now)}
    </time>
  );
}

function targetCell(event: Event): ComponentChildren {
  const name = targetName(event);
  if (name === undefined && event.resource_type === undefined) return text(undefined);
  return (
    <>
      {event.resource_type !== undefined && <span class="quiet">{text(event.resource_type)} </span>}
      {name !== undefined && text(name)}
    </>
  );
}

export const COLUMNS: readonly EventColumn[] = [
  { id: 'time', label: 'Time', width: 'minmax(0, 16rem)', cell: timeCell },
  { id: 'ago', label: 'Age', width: 'minmax(0, 7rem)', cell: agoCell },
  { id: 'outcome', label: 'Status', width: 'minmax(0, 7.6rem)', cell: (event) => <OutcomeBadge outcome={event.outcome} /> },
  { id: 'actor', label: 'User', width: 'minmax(5rem, 1.4fr)', cell: (event) => text(actorName(event)) },
  { id: 'action', label: 'Action', width: 'minmax(5rem, 1fr)', cell: (event) => text(event.action) },
  { id: 'target', label: 'Target', width: 'minmax(5rem, 1.8fr)', cell: targetCell },
  { id: 'source_ip', label: 'IP address', width: 'minmax(0, 9rem)', cell: (event) => text(event.source_ip) },
  { id: 'source', label: 'Source', width: 'minmax(0, 8.5rem)', cell: (event) => text(event.source) },
  { id: 'category', label: 'Category', width: 'minmax(0, 10rem)', cell: (event) => text(event.category && words(event.category)) },
  { id: 'actor_type', label: 'User type', width: 'minmax(0, 7rem)', cell: (event) => text(event.actor_type && words(event.actor_type)) },
  { id: 'actor_id', label: 'Actor ID', width: 'minmax(5rem, 1fr)', cell: (event) => text(event.actor_id) },
  { id: 'actor_via', label: 'Assumed role', width: 'minmax(5rem, 1fr)', cell: (event) => text(event.actor_via) },
  { id: 'error', label: 'Error', width: 'minmax(5rem, 1fr)', cell: (event) => text(event.error_message ?? event.error_code) },
  { id: 'changes', label: 'Changes', width: 'minmax(0, 6rem)', cell: (event) => text(event.changes?.length || undefined) },
  { id: 'service', label: 'Service', width: 'minmax(0, 9rem)', cell: (event) => text(event.service_name) },
  { id: 'user_agent', label: 'User agent', width: 'minmax(5rem, 1fr)', cell: (event) => text(event.user_agent) },
  { id: 'http', label: 'HTTP', width: 'minmax(5rem, 1fr)', cell: (event) => text([event.http_method, event.http_status, event.http_path].filter(Boolean).join(' ')) },
  { id: 'region', label: 'Region', width: 'minmax(0, 7rem)', cell: (event) => text(event.region) },
  { id: 'event_id', label: 'Event ID', width: 'minmax(5rem, 1fr)', cell: (event) => text(event.event_id) },
];

/** The columns that are shown if nobody says otherwise. */
export const USUAL_COLUMNS: readonly string[] = ['time', 'outcome', 'actor', 'action', 'target', 'source_ip', 'source'];

/** The columns for the table library, which keeps their order and which of them are shown. */
export const COLUMN_DEFINITIONS: ColumnDef<Event>[] = COLUMNS.map(({ id, label }) => ({ id, header: label }));

const BY_ID = new Map(COLUMNS.map((column) => [column.id, column]));

export function columnOf(id: string): EventColumn | undefined {
  return BY_ID.get(id);
}
