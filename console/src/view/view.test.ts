import { describe, expect, test } from 'vitest';

import { countValues, filterParameters, formatView, parseView, summary, valuesOf, withValue, withValues, type View } from './view';

const PLAIN = parseView('');

describe('the URL holds the whole view', () => {
  const views: [string, Partial<View>][] = [
    ['', {}],
    ['?organization=acme', { organization: 'acme' }],
    ['?range=30d', { range: { preset: '30d' } }],
    ['?from=2026-03-01T00%3A00%3A00.000Z&to=2026-03-02T00%3A00%3A00.000Z', { range: { from: '2026-03-01T00:00:00.000Z', to: '2026-03-02T00:00:00.000Z' } }],
    ['?from=2026-03-01T00%3A00%3A00.000Z', { range: { from: '2026-03-01T00:00:00.000Z', to: null } }],
    ['?to=2026-03-01T00%3A00%3A00.123456789Z', { range: { from: null, to: '2026-03-01T00:00:00.123456789Z' } }],
    ['?order=asc', { order: 'asc' }],
    ['?q=alice', { filters: [{ field: 'q', exclude: false, values: ['alice'] }] }],
    [
      '?outcome=denied&outcome=failure&action%21=login',
      {
        filters: [
          { field: 'outcome', exclude: false, values: ['denied', 'failure'] },
          { field: 'action', exclude: true, values: ['login'] },
        ],
      },
    ],
    ['?zone=local&columns=time%2Caction&top=1', { zone: 'local', columns: ['time', 'action'], top: true }],
    ['?event=a-1&at=2026-03-01T00%3A00%3A00.123Z&event_source=api', { open: { id: 'a-1', at: '2026-03-01T00:00:00.123Z', source: 'api' } }],
  ];
  test.each(views)('%s', (search, expected) => {
    const view = parseView(search);
    expect(view).toEqual({ ...PLAIN, ...expected });
    expect(formatView(view)).toBe(search);
  });

  test('any text comes back as it was', () => {
    for (const value of ['a&b=c#d', '<script>', 'x'.repeat(2048), '‮مرحبا', '🎉', '%00', ' ', '+', 'a,b']) {
      const view: View = { ...PLAIN, filters: [{ field: 'resource_id', exclude: true, values: [value, `${value}2`] }] };
      expect(parseView(formatView(view))).toEqual(view);
    }
  });
});

describe('a URL from elsewhere never breaks the page', () => {
  test.each(['?from=yesterday', '?to=', '?range=3y', '?range=toString', '?event=a', '?event=a&at=x', '?action=', '?zone=mars', '?order=up', '?columns=', '?%'])(
    '%s shows the usual view',
    (search) => expect({ ...parseView(search), zone: 'utc' }).toEqual(PLAIN),
  );
  test('what takes one value takes the first', () => expect(valuesOf(parseView('?region=eu&region=us').filters, 'region', false)).toEqual(['eu']));
  test('what cannot be excluded is not', () => expect(parseView('?region!=eu').filters).toEqual([]));
});

describe('conditions', () => {
  test('a value is added once, and leaves the opposite condition', () => {
    let filters = withValue([], 'action', false, 'login');
    filters = withValue(filters, 'action', false, 'login');
    expect(filters).toEqual([{ field: 'action', exclude: false, values: ['login'] }]);
    expect(withValue(filters, 'action', true, 'login')).toEqual([{ field: 'action', exclude: true, values: ['login'] }]);
  });
  test('no values take the condition away', () => expect(withValues([{ field: 'q', exclude: false, values: ['a'] }], 'q', false, [''])).toEqual([]));
  test('they are in the order of the page, whatever came first', () => {
    const filters = withValue(withValue([], 'source_ip', false, '192.0.2.1'), 'q', false, 'alice');
    expect(filters.map(({ field }) => field)).toEqual(['q', 'source_ip']);
    expect(countValues(filters)).toBe(2);
  });
  test('they are the parameters of the API', () => {
    const filters = parseView('?outcome=denied&outcome=failure&action!=login&region=eu').filters;
    expect(filterParameters(filters)).toEqual({ outcome: ['denied', 'failure'], 'action!': ['login'], region: 'eu' });
  });
  test('they are said in words', () =>
    expect(summary(parseView('?q=bob&outcome=denied&outcome=failure&action!=login').filters)).toBe('“bob”, Status is denied or failure, Action is not login'));
});
