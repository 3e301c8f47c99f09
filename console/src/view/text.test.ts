import { describe, expect, test } from 'vitest';

import { beginning, bytes, counted, dollars, pieces, suggestionOf } from './text';

describe('hidden characters are named', () => {
  test('plain text stays whole', () => expect(pieces('Zoë 🎉\n文件\tمرحبا')).toEqual([{ text: 'Zoë 🎉\n文件\tمرحبا' }]));
  test('the order in which a text is read cannot be turned unseen', () =>
    expect(pieces('invoice\u202efdp.exe')).toEqual([{ text: 'invoice' }, { mark: 'U+202E', name: 'right-to-left override' }, { text: 'fdp.exe' }]));
  test.each(['\u0000', '\u001b', '\u007f', '\u200b', '\u2028', '\ufeff', '\u{e0041}', '\r'])('%j', (character) => {
    const [piece] = pieces(character);
    expect(piece).toHaveProperty('mark', `U+${character.codePointAt(0)?.toString(16).toUpperCase().padStart(4, '0')}`);
  });
  test('an emoji that is joined of several stays one', () => expect(pieces('👩‍👩‍👧')).toHaveLength(1));
  test('nothing is lost', () => {
    const text = 'a\u200bb\u202ec\u0000';
    const back = pieces(text).map((piece) => ('text' in piece ? piece.text : String.fromCodePoint(Number.parseInt(piece.mark.slice(2), 16))));
    expect(back.join('')).toBe(text);
  });
});

test('numbers of things are grouped, and one is one', () => {
  expect([0, 1, 2, 1000, 432_720].map((value) => counted(value, 'event'))).toEqual(['0 events', '1 event', '2 events', '1,000 events', '432,720 events']);
});

test('a text is cut between lines, and between characters', () => {
  expect(beginning('short', 10)).toBe('short');
  expect(beginning('one line\n"n": 1234567890', 14)).toBe('one line');
  expect(beginning('a\nlonger second line', 10)).toBe('a\nlonger s');
  expect(beginning('abc😀', 4)).toBe('abc');
});

test('the word that was meant is found in a rule', () => {
  expect(suggestionOf('must be one of success, denied; did you mean `denied`?')).toBe('denied');
  expect(suggestionOf('must be one of success, denied')).toBeUndefined();
});

test('sizes and costs are said with the digits that matter', () => {
  expect([0, 999, 1000, 1_234_567, 250_000_000].map(bytes)).toEqual(['0 B', '999 B', '1.0 kB', '1.2 MB', '250 MB']);
  expect([0, 0.000047684, 0.5, 12.345].map(dollars)).toEqual(['$0', '$0.000048', '$0.50', '$12.35']);
});
