// Names for the parts of the API's description that the page uses. They are generated from the OpenAPI document, except that what
// senders choose freely stays text (see json.ts).

import type { components, operations } from '../../../clients/typescript/schema';

/** JSON as the API sent it, unparsed: its numbers are not floats yet, and must not become any. */
export type JsonText = string & { readonly isJson: true };

export interface Change {
  field: string;
  before?: JsonText;
  after?: JsonText;
}

/** What an event has in place of the values that a parser would make of it. */
interface AsSent {
  /** The whole event. */
  json: JsonText;
  metadata?: JsonText;
  changes?: Change[];
}

export type Event = Omit<components['schemas']['Event'], keyof AsSent> & AsSent;
export type EventInFull = Omit<components['schemas']['EventInFull'], keyof AsSent> & AsSent;
export type Page = Omit<components['schemas']['Page'], 'events'> & { events: Event[] };
export type Statistics = components['schemas']['Statistics'];
export type Status = components['schemas']['Status'];
export type Running = components['schemas']['Running'];
export type Export = components['schemas']['Export'];
export type Problem = components['schemas']['Problem'];
export type Outcome = Event['outcome'];

/** The query parameters of the list of events. */
export type EventParameters = NonNullable<operations['listEvents']['parameters']['query']>;
/** The query parameters of counts. */
export type StatisticsParameters = NonNullable<operations['countEvents']['parameters']['query']>;
/** A column whose values can be counted. */
export type GroupColumn = NonNullable<StatisticsParameters['group_by']>;
/** The length of a time bucket, as the API knows them. */
export type Interval = NonNullable<StatisticsParameters['interval']>;
