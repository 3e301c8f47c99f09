// Names for the parts of the API's description that the page uses. They are generated from the OpenAPI document.

import type { components, operations } from '../../../clients/typescript/schema';

export type Event = components['schemas']['Event'];
export type EventInFull = components['schemas']['EventInFull'];
export type Change = components['schemas']['Change'];
export type Page = components['schemas']['Page'];
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
