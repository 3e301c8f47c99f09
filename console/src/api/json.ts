// JSON as evidence: what a sender wrote is shown and copied digit for digit.
//
// The language's own parser turns numbers into 64-bit floats and drops members that are stated twice: 9007199254740993 becomes
// 9007199254740992, and 1.10 becomes 1.1. So what comes from an event is never parsed into values. It stays text, is cut at its
// members and laid out token by token.

import { createScanner } from 'jsonc-parser';

import type { Change, Event, EventInFull, JsonText, Page } from './types';

/** Deepest nesting that is laid out; beyond it the indentation would be most of the text. */
const MAX_DEPTH = 200;

const opens = (token: string): boolean => token === '{' || token === '[';
const closes = (token: string): boolean => token === '}' || token === ']';

/** A value inside a JSON text: where it stands, and what stands in it. */
interface Part {
  /** The name of a member; empty for an item of an array. */
  name: string;
  start: number;
  end: number;
  /** The members of an object or the items of an array, in their order and each as often as it is stated. */
  parts: Part[];
}

const slice = (json: string, { start, end }: Part): JsonText => json.slice(start, end) as JsonText;

/** The value that a text which is known to be JSON holds, with what lies in it down to some depth. */
function read(json: string, depth: number): Part {
  const scanner = createScanner(json, true);
  const root: Part = { name: '', start: 0, end: json.length, parts: [] };
  const around = [root];
  let level = 0;
  let name = '';
  for (;;) {
    scanner.scan();
    const [start, length] = [scanner.getTokenOffset(), scanner.getTokenLength()];
    if (length === 0) return root.parts[0] ?? root;
    const first = json[start] ?? '';
    if (closes(first)) {
      level -= 1;
      const closed = level <= depth ? around.pop() : undefined;
      if (closed !== undefined) closed.end = start + 1;
    } else if (level <= depth && first === ':') {
      const named = around[level]?.parts.pop();
      name = named === undefined ? '' : (JSON.parse(slice(json, named)) as string);
    } else if (level <= depth && first !== ',') {
      const part: Part = { name, start, end: start + length, parts: [] };
      around[level]?.parts.push(part);
      if (opens(first)) around.push(part);
      name = '';
    }
    if (opens(first)) level += 1;
  }
}

/** JSON in lines, two spaces a level: only white space differs from what was sent. */
export function layOut(json: string): string {
  let laidOut = '';
  let depth = 0;
  let former = '';
  const nextLine = () => `\n${'  '.repeat(depth)}`;
  const scanner = createScanner(json, true);
  for (;;) {
    scanner.scan();
    const [start, length] = [scanner.getTokenOffset(), scanner.getTokenLength()];
    if (length === 0) return laidOut;
    const text = json.slice(start, start + length);
    if (closes(text)) {
      depth -= 1;
      if (!opens(former)) laidOut += nextLine();
    } else if (opens(former) || former === ',') laidOut += nextLine();
    laidOut += text === ':' ? ': ' : text;
    if (opens(text)) depth += 1;
    if (depth > MAX_DEPTH) return json;
    former = text;
  }
}

/** A text that is JSON, laid out; any other text as it is. */
export function layOutIfJson(text: string): string {
  if (!/^\s*[[{]/.test(text)) return text;
  try {
    JSON.parse(text);
  } catch {
    return text;
  }
  return layOut(text);
}

function changeOf(json: string, { parts }: Part): Change {
  const change: Change = { field: '' };
  for (const part of parts) {
    if (part.name === 'field') change.field = String(JSON.parse(slice(json, part)));
    else if (part.name === 'before' || part.name === 'after') change[part.name] = slice(json, part);
  }
  return change;
}

/** Levels from an event to the members of its changes. */
const EVENT_DEPTH = 3;

function eventOf(json: string, whole: Part): EventInFull {
  const text = slice(json, whole);
  const { metadata: _, changes: __, ...columns } = JSON.parse(text) as Record<string, unknown>;
  const event = { ...columns, json: text } as EventInFull;
  for (const part of whole.parts) {
    if (part.name === 'metadata') event.metadata = slice(json, part);
    if (part.name === 'changes') event.changes = part.parts.map((change) => changeOf(json, change));
  }
  return event;
}

/** Reads an event. What its sender chose freely stays the text it is. */
export function readEvent(json: string): EventInFull {
  return eventOf(json, read(json, EVENT_DEPTH));
}

/** Reads a page of events; they stay in the order of the API. */
export function readPage(json: string): Page {
  const page: Record<string, unknown> = {};
  let events: Event[] = [];
  for (const part of read(json, 2 + EVENT_DEPTH).parts) {
    if (part.name === 'events') events = part.parts.map((event) => eventOf(json, event));
    else page[part.name] = JSON.parse(slice(json, part));
  }
  return { ...page, events } as Page;
}

/** Reads an answer that holds nothing of an event's own: its numbers are counts and sizes. */
export function readAnswer<T>(json: string): T {
  return JSON.parse(json) as T;
}
