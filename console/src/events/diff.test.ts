import { describe, expect, test } from 'vitest';

import type { Change, JsonText } from '../api/types';
import { difference, type Line } from './diff';

/** A change as the API sends it. */
const change = (before: string | undefined, after: string | undefined): Change => ({
  field: 'f',
  ...(before === undefined ? {} : { before: before as JsonText }),
  ...(after === undefined ? {} : { after: after as JsonText }),
});
const quoted = (text: string) => JSON.stringify(text);

const shape = (lines: Line[]) => lines.map(({ kind, words }) => `${{ same: ' ', removed: '-', added: '+', skipped: '~' }[kind]}${words.map((word) => (word.changed ? `[${word.text}]` : word.text)).join('')}`);

describe('what changed', () => {
  test('short values stand side by side', () =>
    expect(difference(change('"viewer"', '"admin"'))).toEqual({ kind: 'short', before: 'viewer', after: 'admin' }));
  test('what was not there before is not an empty text', () => {
    expect(difference(change(undefined, '""'))).toEqual({ kind: 'short', before: null, after: '' });
    expect(difference(change('"a"', 'null'))).toEqual({ kind: 'short', before: 'a', after: null });
  });
  test('numbers and booleans are values like others', () => expect(difference(change('1', 'false'))).toEqual({ kind: 'short', before: '1', after: 'false' }));

  // Each pair is one and the same to a 64-bit float, or to a reader who does not see the quotes.
  test.each([
    ['9007199254740992', '9007199254740993'],
    ['123456789012345678901234567890', '123456789012345678901234567891'],
    ['1.10', '1.1'],
    ['0.1', '0.1000000000000000055511151231257827'],
    ['1e400', '1e401'],
    ['0', '-0'],
    ['1E2', '100'],
    ['"1"', '1'],
    ['true', '"true"'],
  ])('%s and %s stay apart', (before, after) => expect(difference(change(before, after))).toEqual({ kind: 'short', before, after }));
  test('a number inside an object is compared by its digits', () => {
    const found = difference(change('{"limit":9007199254740992,"unit":"bytes"}', '{"limit":9007199254740993,"unit":"bytes"}'));
    if (found.kind !== 'lines') throw new Error('compared by lines');
    expect(shape(found.lines)).toEqual([' {', '-  "limit": [9007199254740992],', '+  "limit": [9007199254740993],', '   "unit": "bytes"', ' }']);
  });

  test('objects are compared line by line, their members in the order that was sent', () => {
    const found = difference(change('{"z":1,"10":{"x":true},"2":1}', '{"z":1,"10":{"x":true},"2":2}'));
    expect(found.kind).toBe('lines');
    if (found.kind !== 'lines') return;
    expect(shape(found.lines)).toEqual([' {', '   "z": 1,', '   "10": {', '     "x": true', '   },', '-  "2": [1]', '+  "2": [2]', ' }']);
  });
  test('unchanged lines far from a change are left out and counted', () => {
    const before = Array.from({ length: 30 }, (_, index) => `line ${index}`);
    const after = before.map((line, index) => (index === 15 ? 'other' : line));
    const found = difference(change(quoted(before.join('\n')), quoted(after.join('\n'))));
    if (found.kind !== 'lines') throw new Error('compared by lines');
    expect(shape(found.lines)).toEqual([
      '~12 unchanged lines',
      ' line 12',
      ' line 13',
      ' line 14',
      '-[line 15]',
      '+[other]',
      ' line 16',
      ' line 17',
      ' line 18',
      '~11 unchanged lines',
    ]);
  });
  test('two texts that have nothing in common do not stop the page', () => {
    const random = (seed: number) => Array.from({ length: 20_000 }, (_, index) => ((index * seed) % 9973).toString(36)).join('\n');
    expect(difference(change(quoted(random(7919)), quoted(random(6007)))).kind).toBe('whole');
  });
});
