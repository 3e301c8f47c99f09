// The view that the URL holds, and its changes: what a person chose can be gone back from.

import { useCallback, useEffect, useState } from 'preact/hooks';

import { formatView, parseView, type View } from './view';

/** Changes a view. `replace` is for what is not worth a step back, such as moving from event to event. */
export type Navigate = (change: Partial<View>, how?: 'push' | 'replace') => void;

export function useView(): [View, Navigate] {
  const [view, setView] = useState(() => parseView(location.search));
  useEffect(() => {
    const read = () => setView(parseView(location.search));
    addEventListener('popstate', read);
    return () => removeEventListener('popstate', read);
  }, []);
  const navigate = useCallback<Navigate>((change, how = 'push') => {
    const next = { ...parseView(location.search), ...change };
    const url = `${location.pathname}${formatView(next)}`;
    if (how === 'push' && url !== location.pathname + location.search) history.pushState(null, '', url);
    else history.replaceState(null, '', url);
    setView(next);
  }, []);
  return [view, navigate];
}
