// What a person chose on this device. Nothing depends on it: storage may be forbidden, full, or hold what an older page wrote.

import { useCallback, useState } from 'preact/hooks';

const PREFIX = 'auditlake.';
/** Where recent filters are kept. */
export const RECENTS = 'recents';
/** Where the exports that were started are kept. */
export const EXPORTS = 'exports';

export function readStored<T>(name: string, otherwise: T, isValid: (value: unknown) => boolean): T {
  try {
    const text = localStorage.getItem(PREFIX + name);
    if (text === null) return otherwise;
    const value: unknown = JSON.parse(text);
    return isValid(value) ? (value as T) : otherwise;
  } catch {
    return otherwise;
  }
}

export function writeStored(name: string, value: unknown): void {
  try {
    localStorage.setItem(PREFIX + name, JSON.stringify(value));
  } catch {
    // The choice is then kept for as long as the page is open.
  }
}

/** Forgets what a person asked for, so that the next one at this device does not see it; how the page looks stays. */
export function forgetQuestions(): void {
  for (const name of [RECENTS, EXPORTS]) {
    try {
      localStorage.removeItem(PREFIX + name);
    } catch {
      // Nothing was kept, then.
    }
  }
}

/** A value that outlives the page. */
export function useStored<T>(name: string, otherwise: T, isValid: (value: unknown) => boolean): [T, (value: T) => void] {
  const [value, setValue] = useState(() => readStored(name, otherwise, isValid));
  const set = useCallback(
    (next: T) => {
      setValue(next);
      writeStored(name, next);
    },
    [name],
  );
  return [value, set];
}

export type Theme = 'system' | 'light' | 'dark';

export const isTheme = (value: unknown): boolean => value === 'system' || value === 'light' || value === 'dark';

/** Shows the page in a theme; the system's own is CSS's business. */
export function applyTheme(theme: Theme): void {
  if (theme === 'system') delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
}

/** Filters that were used lately. */
export interface Recent {
  /** The query of the URL, without what belongs to one look at it. */
  search: string;
  label: string;
}

/** Most recent filters that are kept. */
export const MOST_RECENT = 8;

export const isRecents = (value: unknown): boolean =>
  Array.isArray(value) && value.every((one) => typeof one?.search === 'string' && typeof one?.label === 'string');

/** The list with one more at its head. */
export function withRecent(recents: Recent[], recent: Recent): Recent[] {
  return [recent, ...recents.filter(({ search }) => search !== recent.search)].slice(0, MOST_RECENT);
}
