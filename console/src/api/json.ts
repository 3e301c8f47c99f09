// JSON as evidence: what a sender wrote is shown and copied digit for digit.
//
// The language's own parser turns numbers into 64-bit floats and drops members that are stated twice: 9007199254740993 becomes
// 9007199254740992, and 1.10 becomes 1.1. So what comes from an event is never parsed into values. It stays text, is cut at its
// members and laid out token by token.

import { createScanner } from 'jsonc-parser';

import type { Change, Event, EventInFull, JsonText, Page } from './types';

/** Deepest nesting that is laid out; beyond it the indentation would be most of the text. */
const MAX_DEPTH = 200;

interface Token {
  text: string;
  offset: number;
}

/** The tokens of a text that is known to be JSON. */
function* tokens(json: string): Generator<Token> {
  const scanner = createScanner(json, true);
  for (;;) {
    scanner.scan();
    const [offset, length] = [scanner.getTokenOffset(), scanner.getTokenLength()];
    if (length === 0) return;
    yield { text: json.slice(offset, offset + length), offset };
  }
}

const opens = (token: string): boolean => token === '{' || token === '[';
const closes = (token: string): boolean => token === '}' || token === ']';

/** A member of an object, or an item of an array (whose name is empty). */
interface Part {
  name: string;
  json: JsonText;
}

/** The members of an object or the items of an array, in their order and each as often as it is stated. */
function parts(json: string): Part[] {
  const found: Part[] = [];
  let depth = 0;
  let name = '';
  let start: number | null = null;
  let end = 0;
  for (const { text, offset } of tokens(json)) {
    if (closes(text)) depth -= 1;
    if ((depth === 1 && text === ',') || depth === 0) {
      if (start !== null) found.push({ name, json: json.slice(start, end) as JsonText });
      start = null;
    } else if (depth === 1 && text === ':') {
      name = JSON.parse(json.slice(start ?? end, end)) as string;
      start = null;
    } else start ??= offset;
    end = offset + text.length;
    if (opens(text)) depth += 1;
  }
  return found;
}

/** JSON in lines, two spaces a level: only white space differs from what was sent. */
export function layOut(json: string): string {
  let laidOut = '';
  let depth = 0;
  let former = '';
  const nextLine = () => `\n${'  '.repeat(depth)}`;
  for (const { text } of tokens(json)) {
    if (closes(text)) {
      depth -= 1;
      if (!opens(former)) laidOut += nextLine();
    } else if (opens(former) || former === ',') laidOut += nextLine();
    laidOut += text === ':' ? ': ' : text;
    if (opens(text)) depth += 1;
    if (depth > MAX_DEPTH) return json;
    former = text;
  }
  return laidOut;
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

function readChange(json: JsonText): Change {
  const change: Change = { field: '' };
  for (const { name, json: value } of parts(json)) {
    if (name === 'field') change.field = String(JSON.parse(value));
    else if (name === 'before' || name === 'after') change[name] = value;
  }
  return change;
}

/** Reads an event. What its sender chose freely stays the text it is. */
export function readEvent(json: string): EventInFull {
  const { metadata: _, changes: __, ...columns } = JSON.parse(json) as Record<string, unknown>;
  const event = { ...columns, json } as EventInFull;
  for (const { name, json: value } of parts(json)) {
    if (name === 'metadata') event.metadata = value;
    if (name === 'changes') event.changes = parts(value).map((part) => readChange(part.json));
  }
  return event;
}

/** Reads a page of events; they stay in the order of the API. */
export function readPage(json: string): Page {
  const page: Record<string, unknown> = {};
  let events: Event[] = [];
  for (const { name, json: value } of parts(json)) {
    if (name === 'events') events = parts(value).map((part) => readEvent(part.json));
    else page[name] = JSON.parse(value);
  }
  return { ...page, events } as Page;
}

/** Reads an answer that holds nothing of an event's own: its numbers are counts and sizes. */
export function readAnswer<T>(json: string): T {
  return JSON.parse(json) as T;
}
