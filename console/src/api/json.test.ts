import { describe, expect, test } from 'vitest';

import { layOut, layOutIfJson, readEvent, readPage } from './json';

// What a parser into floats and objects alters: precision, range, sign, written form, repeated members, members that look like numbers.
const AWKWARD =
  '{"z":1.10,"big":9007199254740993,"long":123456789012345678901234567890,"huge":1e400,"tiny":5E-999,"zero":-0,"10":"a","2":"b","twice":1,"twice":2,"__proto__":{"x":1}}';

/** JSON without the white space between its tokens; written for these tests, whose strings hold neither. */
const squeezed = (text: string) => text.replaceAll(/\s/g, '');

describe('laying out', () => {
  test('adds white space, and nothing else', () => expect(squeezed(layOut(AWKWARD))).toBe(AWKWARD));
  test('is by two spaces a level', () =>
    expect(layOut('{"a":[1.0,{"b":null,"c":[]},[[]]],"d":{},"e":"x, {y}: [\\"z\\"]"}')).toBe(
      '{\n  "a": [\n    1.0,\n    {\n      "b": null,\n      "c": []\n    },\n    [\n      []\n    ]\n  ],\n  "d": {},\n  "e": "x, {y}: [\\"z\\"]"\n}',
    ));
  test('looks like what the language writes wherever the language alters nothing', () => {
    const values = [{ b: [{ d: 1, c: null }], a: 'x' }, [], {}, [[], {}], 'text', -1.5, true, null, { '': ['é\n\u2028"\\'] }];
    for (const value of values) expect(layOut(JSON.stringify(value))).toBe(JSON.stringify(value, null, 2));
  });
  test('white space that was sent is replaced, but never in a text', () =>
    expect(layOut(' { "a b" :\t[ 1 ,\n 2 ] , "c" : "  x  " } ')).toBe('{\n  "a b": [\n    1,\n    2\n  ],\n  "c": "  x  "\n}'));
  test('escapes stay as they were written', () => expect(layOut('["\\u0041\\/\\ud83d\\ude00"]')).toBe('[\n  "\\u0041\\/\\ud83d\\ude00"\n]'));
  test('nesting without end does not stop the page', () => {
    const deep = `${'['.repeat(100_000)}${']'.repeat(100_000)}`;
    expect(layOutIfJson(deep)).toBe(deep);
  });
});

describe('a record', () => {
  test('is laid out with its digits', () => expect(squeezed(layOutIfJson(AWKWARD))).toBe(AWKWARD));
  test.each(['{oops', '{"a":01}', '{"a":1} {"b":2}', '[1,]', '// {}', '{"a":1 /* b */}', '203.0.113.7 - - [01/Mar/2026]', '9007199254740993', ''])(
    'that is no JSON object or array stays as it is: %s',
    (text) => expect(layOutIfJson(text)).toBe(text),
  );
});

const EVENT = `{"event_id":"e-1","event_time":"2026-03-01T12:00:00.000Z","http_status":403,"changes":[{"field":"quota","before":9007199254740992,"after":9007199254740993},{"field":"note","after":"a \\"b\\""}],"metadata":${AWKWARD},"link":"/v1/events/e-1"}`;

describe('an event', () => {
  const event = readEvent(EVENT);
  test('keeps the text it was sent as', () => expect(event.json).toBe(EVENT));
  test('has its columns as values', () => expect(event).toMatchObject({ event_id: 'e-1', http_status: 403, link: '/v1/events/e-1' }));
  test('has its metadata as text', () => expect(event.metadata).toBe(AWKWARD));
  test('has its changes as texts', () =>
    expect(event.changes).toEqual([
      { field: 'quota', before: '9007199254740992', after: '9007199254740993' },
      { field: 'note', after: '"a \\"b\\""' },
    ]));
  test('without metadata and changes has none', () => expect(readEvent('{"event_id":"e-2"}')).toEqual({ event_id: 'e-2', json: '{"event_id":"e-2"}' }));
});

test('a page keeps its events in the order of the API, each with its own text', () => {
  const [first, second] = ['{"event_id":"b","metadata":{"n":1.10}}', '{"event_id":"a","metadata":{"n":1e400}}'];
  const page = readPage(`{"events": [${first}, ${second}], "next_cursor": "c{[,:]}", "scanned_bytes": 12, "complete": false}`);
  expect(page.events.map(({ json }) => json)).toEqual([first, second]);
  expect(page.events.map(({ metadata }) => metadata)).toEqual(['{"n":1.10}', '{"n":1e400}']);
  expect(page).toMatchObject({ next_cursor: 'c{[,:]}', scanned_bytes: 12, complete: false });
});
