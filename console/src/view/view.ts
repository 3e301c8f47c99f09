// What the page shows, as a value: the URL holds all of it, so that a link shares a view.

import { describe, FIELDS, type Field } from './fields';
import { isPreset, type TimeRange, type Zone } from './time';

/** One condition: a column is one of some values, or none of them. */
export interface Filter {
  field: Field;
  exclude: boolean;
  values: string[];
}

/** Which event is open beside the list. */
export interface OpenEvent {
  id: string;
  at: string;
  source: string | null;
}

/** In which order events are listed: the newest or the oldest first. */
export type Order = 'desc' | 'asc';

export interface View {
  organization: string | null;
  range: TimeRange;
  order: Order;
  filters: Filter[];
  open: OpenEvent | null;
  zone: Zone;
  /** The columns of the table; null for the usual ones. */
  columns: string[] | null;
  /** Whether the most frequent values are shown, each of which is a question of its own; null for what is usual: they are not. */
  top: boolean | null;
}

/** The range of a view that states none. */
export const USUAL_RANGE: TimeRange = { preset: '7d' };

/** Reads the query of a URL. What it cannot understand it leaves out: a link from elsewhere must never break the page. */
export function parseView(search: string): View {
  const parameters = new URLSearchParams(search);
  const filters: Filter[] = [];
  for (const { field, canExclude, canRepeat } of FIELDS) {
    const values = [...new Set(parameters.getAll(field))].filter((value) => value !== '');
    if (values.length > 0) filters.push({ field, exclude: false, values: canRepeat ? values : values.slice(0, 1) });
    const excluded = [...new Set(parameters.getAll(`${field}!`))].filter((value) => value !== '');
    if (excluded.length > 0 && canExclude) filters.push({ field, exclude: true, values: excluded });
  }
  const preset = parameters.get('range');
  const from = moment(parameters.get('from'));
  const to = moment(parameters.get('to'));
  let range: TimeRange = USUAL_RANGE;
  if (from !== null || to !== null) range = { from, to };
  else if (preset !== null && isPreset(preset)) range = { preset };
  const id = parameters.get('event');
  const at = moment(parameters.get('at'));
  const columns = parameters.get('columns');
  const top = parameters.get('top');
  return {
    organization: parameters.get('organization') || null,
    range,
    order: parameters.get('order') === 'asc' ? 'asc' : 'desc',
    filters,
    open: id && at !== null ? { id, at: parameters.get('at') ?? at, source: parameters.get('event_source') } : null,
    zone: parameters.get('zone') === 'local' ? 'local' : 'utc',
    columns: columns ? columns.split(',').filter((column) => column !== '') : null,
    top: top === null ? null : top === '1',
  };
}

/** A moment that states more than milliseconds, which a `Date` cannot hold. */
const FINER = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{4,}(?:Z|[+-]\d\d:\d\d)$/;

/** A moment of a URL as RFC 3339 with all its digits, or null if it is none. */
function moment(text: string | null): string | null {
  if (text === null || text === '') return null;
  const time = Date.parse(text);
  if (Number.isNaN(time)) return null;
  return FINER.test(text) ? text : new Date(time).toISOString();
}

/** The parameters by which the API filters: several values of one filter are one list. */
export function filterParameters(filters: Filter[]): Record<string, string | string[]> {
  const parameters: Record<string, string | string[]> = {};
  for (const { field, exclude, values } of filters) {
    if (values.length === 0) continue;
    parameters[exclude ? `${field}!` : field] = describe(field).canRepeat ? values : (values[0] ?? '');
  }
  return parameters;
}

/** Writes a view as the query of a URL, without what is as usual. */
export function formatView(view: View): string {
  const parameters = new URLSearchParams();
  if (view.organization !== null) parameters.set('organization', view.organization);
  if ('preset' in view.range) {
    if (!('preset' in USUAL_RANGE) || view.range.preset !== USUAL_RANGE.preset) parameters.set('range', view.range.preset);
  } else {
    if (view.range.from !== null) parameters.set('from', view.range.from);
    if (view.range.to !== null) parameters.set('to', view.range.to);
  }
  if (view.order === 'asc') parameters.set('order', 'asc');
  for (const { field, exclude, values } of view.filters) {
    for (const value of values) parameters.append(exclude ? `${field}!` : field, value);
  }
  if (view.zone === 'local') parameters.set('zone', 'local');
  if (view.columns !== null) parameters.set('columns', view.columns.join(','));
  if (view.top !== null) parameters.set('top', view.top ? '1' : '0');
  if (view.open !== null) {
    parameters.set('event', view.open.id);
    parameters.set('at', view.open.at);
    if (view.open.source !== null) parameters.set('event_source', view.open.source);
  }
  const text = parameters.toString();
  return text === '' ? '' : `?${text}`;
}

/** The values of one condition. */
export function valuesOf(filters: Filter[], field: Field, exclude: boolean): string[] {
  return filters.find((filter) => filter.field === field && filter.exclude === exclude)?.values ?? [];
}

/** The filters with other values in one condition. No values take the condition away. */
export function withValues(filters: Filter[], field: Field, exclude: boolean, values: string[]): Filter[] {
  const rest = filters.filter((filter) => filter.field !== field || filter.exclude !== exclude);
  const unique = [...new Set(values)].filter((value) => value !== '');
  if (unique.length === 0) return rest;
  const kept = describe(field).canRepeat ? unique : unique.slice(-1);
  const next = [...rest, { field, exclude, values: kept }];
  const order = new Map(FIELDS.map((description, index) => [description.field, index]));
  return next.sort((a, b) => (order.get(a.field) ?? 0) - (order.get(b.field) ?? 0) || Number(a.exclude) - Number(b.exclude));
}

/** The filters with one value more; the same value leaves the opposite condition. */
export function withValue(filters: Filter[], field: Field, exclude: boolean, value: string): Filter[] {
  const opposite = withValues(filters, field, !exclude, valuesOf(filters, field, !exclude).filter((other) => other !== value));
  return withValues(opposite, field, exclude, [...valuesOf(opposite, field, exclude), value]);
}

/** How many conditions a person has set. */
export function countValues(filters: Filter[]): number {
  return filters.reduce((sum, filter) => sum + filter.values.length, 0);
}

/** The filters in a few words, for the list of recent ones. */
export function summary(filters: Filter[]): string {
  return filters
    .map(({ field, exclude, values }) => {
      const text = values.map((value) => (value.length > 40 ? `${value.slice(0, 39)}…` : value)).join(' or ');
      return field === 'q' && !exclude ? `“${text}”` : `${describe(field).label} ${exclude ? 'is not' : 'is'} ${text}`;
    })
    .join(', ');
}
