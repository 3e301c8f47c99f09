// What changed, in a form that can be read: two short values side by side, or a text with its lines removed and added.

import { diffLines, diffWordsWithSpace } from 'diff';

import { layOut } from '../api/json';
import type { Change, JsonText } from '../api/types';
import { counted } from '../view/text';

/** Part of a line, and whether it is on one side only. */
export interface Word {
  text: string;
  changed: boolean;
}

export interface Line {
  kind: 'same' | 'removed' | 'added' | 'skipped';
  words: Word[];
}

export type Difference =
  | { kind: 'short'; before: string | null; after: string | null }
  | { kind: 'lines'; lines: Line[] }
  /** The values are too unlike or too long to be compared line by line. */
  | { kind: 'whole'; before: string; after: string };

/** Longest value that is shown in one line (characters). */
const SHORT = 60;
/** Unchanged lines shown around a change. */
const CONTEXT = 3;
/** Most steps of a comparison, so that no record can stop the page. */
const MAX_EDITS = 2000;

/** A side of a change, or null where it is absent: something was only added, or only taken away. */
function present(json: JsonText | undefined): JsonText | null {
  return json === undefined || json === 'null' ? null : json;
}

const isText = (json: JsonText): boolean => json.startsWith('"');

/** A value as it is shown. A text loses its quotes, unless it is compared with something that is none: `"1"` is not `1`. */
function shown(json: JsonText | null, other: JsonText | null): string | null {
  if (json === null) return null;
  const losesQuotes = isText(json) && (other === null || isText(other));
  return losesQuotes ? (JSON.parse(json) as string) : layOut(json);
}

function split(value: string): string[] {
  const lines = value.split('\n');
  if (lines.at(-1) === '') lines.pop();
  return lines;
}

/** Compares what a change states. */
export function difference(change: Change): Difference {
  const [was, is] = [present(change.before), present(change.after)];
  const [before, after] = [shown(was, is), shown(is, was)];
  const isShort = (value: string | null) => value === null || (value.length <= SHORT && !value.includes('\n'));
  if (isShort(before) && isShort(after)) return { kind: 'short', before, after };
  const parts = diffLines(before ?? '', after ?? '', { maxEditLength: MAX_EDITS });
  if (parts === undefined) return { kind: 'whole', before: before ?? '', after: after ?? '' };
  const lines: Line[] = [];
  for (let index = 0; index < parts.length; index += 1) {
    const part = parts[index];
    const next = parts[index + 1];
    if (part === undefined) continue;
    const own = split(part.value);
    if (part.removed && next?.added) {
      const others = split(next.value);
      if (own.length === others.length) {
        const pairs = own.map((line, position) => compareWords(line, others[position] ?? ''));
        lines.push(...pairs.map(([removed]) => removed), ...pairs.map(([, added]) => added));
        index += 1;
        continue;
      }
    }
    const kind = part.removed ? 'removed' : part.added ? 'added' : 'same';
    lines.push(...own.map((line) => ({ kind, words: [{ text: line, changed: false }] }) as Line));
  }
  return { kind: 'lines', lines: withoutFarLines(lines) };
}

/** Two lines that stand for each other, with the words that differ. */
function compareWords(before: string, after: string): [Line, Line] {
  const parts = diffWordsWithSpace(before, after, { maxEditLength: MAX_EDITS }) ?? [
    { value: before, removed: true, added: false },
    { value: after, removed: false, added: true },
  ];
  const side = (dropped: 'added' | 'removed', kept: 'added' | 'removed'): Word[] =>
    parts.filter((part) => !part[dropped]).map((part) => ({ text: part.value, changed: Boolean(part[kept]) }));
  return [
    { kind: 'removed', words: side('added', 'removed') },
    { kind: 'added', words: side('removed', 'added') },
  ];
}

/** Fewest unchanged lines that are worth leaving out. */
const SMALLEST_GAP = 4;

/** Leaves out unchanged lines that are far from every change. */
function withoutFarLines(lines: Line[]): Line[] {
  const near = lines.map(() => false);
  lines.forEach((line, index) => {
    if (line.kind === 'same') return;
    for (let other = index - CONTEXT; other <= index + CONTEXT; other += 1) near[other] = true;
  });
  const shown: Line[] = [];
  let far: Line[] = [];
  const flush = () => {
    if (far.length < SMALLEST_GAP) shown.push(...far);
    else shown.push({ kind: 'skipped', words: [{ text: counted(far.length, 'unchanged line'), changed: false }] });
    far = [];
  };
  lines.forEach((line, index) => {
    if (near[index]) {
      flush();
      shown.push(line);
    } else far.push(line);
  });
  flush();
  return shown;
}
