import { describe, expect, test } from 'vitest';

import { difference, type Line } from './diff';

const shape = (lines: Line[]) => lines.map(({ kind, words }) => `${{ same: ' ', removed: '-', added: '+', skipped: '~' }[kind]}${words.map((word) => (word.changed ? `[${word.text}]` : word.text)).join('')}`);

describe('what changed', () => {
  test('short values stand side by side', () =>
    expect(difference({ field: 'role', before: 'viewer', after: 'admin' })).toEqual({ kind: 'short', before: 'viewer', after: 'admin' }));
  test('what was not there before is not an empty text', () => {
    expect(difference({ field: 'role', after: '' })).toEqual({ kind: 'short', before: null, after: '' });
    expect(difference({ field: 'role', before: 'a', after: null })).toEqual({ kind: 'short', before: 'a', after: null });
  });
  test('numbers and booleans are values like others', () =>
    expect(difference({ field: 'n', before: 1, after: false })).toEqual({ kind: 'short', before: '1', after: 'false' }));

  test('objects are compared line by line, whatever the order of their members', () => {
    const found = difference({ field: 'policy', before: { b: 1, a: { x: true } }, after: { a: { x: true }, b: 2 } });
    expect(found.kind).toBe('lines');
    if (found.kind !== 'lines') return;
    expect(shape(found.lines)).toEqual([' {', '   "a": {', '     "x": true', '   },', '-  "b": [1]', '+  "b": [2]', ' }']);
  });
  test('unchanged lines far from a change are left out and counted', () => {
    const before = Array.from({ length: 30 }, (_, index) => `line ${index}`);
    const after = before.map((line, index) => (index === 15 ? 'other' : line));
    const found = difference({ field: 'text', before: before.join('\n'), after: after.join('\n') });
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
    expect(difference({ field: 'blob', before: random(7919), after: random(6007) }).kind).toBe('whole');
  });
});
