// The columns that can be filtered, and how they are called on the page.

import type { GroupColumn } from '../api/types';

/** A filter's parameter of the API. */
export type Field =
  | 'q'
  | 'actor_email'
  | 'actor'
  | 'actor_via'
  | 'credential'
  | 'action'
  | 'category'
  | 'outcome'
  | 'resource_type'
  | 'resource_id'
  | 'source'
  | 'source_ip'
  | 'region'
  | 'event_id';

export interface FieldDescription {
  field: Field;
  label: string;
  /** An example of a value. */
  placeholder: string;
  /** What a person should know before filtering by it. */
  hint?: string;
  /** The column whose values are counted to suggest some. */
  column?: GroupColumn;
  /** All values there can be. */
  values?: readonly string[];
  /** Whether `name!=value` is understood. */
  canExclude: boolean;
  /** Whether several values may be given. */
  canRepeat: boolean;
  /** Always shown, or folded away until asked for. */
  place: 'search' | 'main' | 'more';
}

export const OUTCOMES = ['success', 'failure', 'denied', 'unknown'] as const;

const CATEGORIES = [
  'user_management',
  'role_management',
  'group_management',
  'permission_check',
  'authentication',
  'data_access',
  'configuration',
  'other',
] as const;

const listed = { canExclude: true, canRepeat: true } as const;

/** All filters, in the order in which they are shown. */
export const FIELDS: readonly FieldDescription[] = [
  { field: 'q', label: 'Search', placeholder: 'E-mail, actor or resource', place: 'search', ...listed },
  { field: 'outcome', label: 'Status', placeholder: '', values: OUTCOMES, place: 'main', ...listed },
  { field: 'actor_email', label: 'User e-mail', placeholder: 'alice@acme.example', column: 'actor_email', place: 'main', ...listed },
  { field: 'action', label: 'Action', placeholder: 'role_assign', column: 'action', place: 'main', ...listed },
  { field: 'resource_type', label: 'Resource type', placeholder: 'role', column: 'resource_type', place: 'main', ...listed },
  { field: 'source', label: 'Source', placeholder: 'aws.cloudtrail', column: 'source', place: 'main', ...listed },
  {
    field: 'source_ip',
    label: 'IP address',
    placeholder: '203.0.113.7',
    hint: 'An address, a block such as 203.0.113.0/24, or a range such as 203.0.113.7-203.0.113.20',
    column: 'source_ip',
    place: 'main',
    ...listed,
  },
  { field: 'category', label: 'Category', placeholder: '', values: CATEGORIES, place: 'more', ...listed },
  { field: 'resource_id', label: 'Resource', placeholder: 'role/admin', column: 'resource_id', place: 'more', ...listed },
  { field: 'actor', label: 'Actor ID', placeholder: 'u-17', column: 'actor_id', place: 'more', ...listed },
  {
    field: 'actor_via',
    label: 'Assumed role',
    placeholder: 'arn:aws:iam::111122223333:role/vendor',
    hint: 'The role or account through which access was granted',
    place: 'more',
    ...listed,
  },
  { field: 'credential', label: 'Credential', placeholder: 'ASIA…', hint: 'The access key or token used for the call', place: 'more', ...listed },
  { field: 'event_id', label: 'Event ID', placeholder: '0198…', place: 'more', ...listed },
  { field: 'region', label: 'Region', placeholder: 'eu', place: 'more', canExclude: false, canRepeat: false },
];

const BY_NAME = new Map(FIELDS.map((description) => [description.field, description]));

/** What is known of a filter. */
export function describe(field: Field): FieldDescription {
  const description = BY_NAME.get(field);
  if (description === undefined) throw new Error(`no such filter: ${field}`);
  return description;
}

/** A parameter of the API as it is called on the page: `action!` → `Action`; null for one that the page does not show. */
export function labelOf(parameter: string): string | null {
  const others: Record<string, string> = { from: 'Start', to: 'End', organization: 'Organization' };
  return FIELDS.find(({ field }) => field === parameter.replace(/!$/, ''))?.label ?? (Object.hasOwn(others, parameter) ? (others[parameter] ?? null) : null);
}

/** A word of the API in the words of people: `role_management` → `Role management`. */
export function words(value: string): string {
  const text = value.replaceAll('_', ' ');
  return text.charAt(0).toUpperCase() + text.slice(1);
}
