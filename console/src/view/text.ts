// Texts that strangers wrote, made safe to look at: what has no glyph or turns the direction of writing is named.

/** A piece of text, or the name of a character that would not be seen or would mislead. */
export type Piece = { text: string } | { mark: string; name: string };

// Controls but tab and line feed; soft hyphen; zero-width and directional characters; line separators; byte order mark; tags.
const HIDDEN = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff\u{e0000}-\u{e007f}]/gu;

const NAMES: Record<string, string> = {
  '200B': 'zero-width space',
  '200E': 'left-to-right mark',
  '200F': 'right-to-left mark',
  '202A': 'left-to-right embedding',
  '202B': 'right-to-left embedding',
  '202C': 'end of direction',
  '202D': 'left-to-right override',
  '202E': 'right-to-left override',
  '2066': 'left-to-right isolate',
  '2067': 'right-to-left isolate',
  '2068': 'first strong isolate',
  '2069': 'end of isolate',
  FEFF: 'byte order mark',
};

/** Cuts a text at its hidden characters. */
export function pieces(text: string): Piece[] {
  const found: Piece[] = [];
  let end = 0;
  for (const match of text.matchAll(HIDDEN)) {
    if (match.index > end) found.push({ text: text.slice(end, match.index) });
    const code = (match[0].codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0');
    found.push({ mark: `U+${code}`, name: NAMES[code] ?? 'control character' });
    end = match.index + match[0].length;
  }
  if (end < text.length) found.push({ text: text.slice(end) });
  return found;
}

/** `1.2 MB`. */
export function bytes(count: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let value = count;
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${value >= 100 || unit === 0 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`;
}

/** `1,234`. */
export function count(value: number): string {
  return value.toLocaleString('en');
}

/** `1 event`, `432,720 events`: for words whose plural ends in `s`. */
export function counted(value: number, one: string): string {
  return `${count(value)} ${one}${value === 1 ? '' : 's'}`;
}

/** The beginning of a text: whole lines if there is one, and never half a character. */
export function beginning(text: string, length: number): string {
  if (text.length <= length) return text;
  const line = text.lastIndexOf('\n', length);
  if (line > length / 2) return text.slice(0, line);
  const isHalf = /[\ud800-\udbff]/.test(text.charAt(length - 1));
  return text.slice(0, isHalf ? length - 1 : length);
}

/** The word that the API takes to be meant: its rules end in “did you mean `word`?”. */
export function suggestionOf(rule: string): string | undefined {
  return /did you mean `([^`]+)`\?/.exec(rule)?.[1];
}

/** `$0.00005`: at least two digits that say something. */
export function dollars(value: number): string {
  if (value === 0) return '$0';
  const digits = Math.min(9, Math.max(2, 1 - Math.floor(Math.log10(value))));
  return `$${value.toFixed(digits)}`;
}
