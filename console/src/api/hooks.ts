// Questions as the page's components ask them: started when they change, stopped when nobody waits any more.

import { useCallback, useEffect, useRef, useState } from 'preact/hooks';

import type { Api, Asking, Progress } from './client';
import { asApiError, isAbort, type ApiError } from './problem';
import type { Event, EventParameters, Page } from './types';

/** What is known of a question. The former answer stays until the next one is there. */
export interface Asked<T> {
  data: T | null;
  error: ApiError | null;
  isLoading: boolean;
  progress: Progress | null;
}

/** Asks whenever `key` changes; null asks nothing. */
export function useAsked<T>(key: string | null, ask: (asking: Asking) => Promise<T>): Asked<T> {
  const [asked, setAsked] = useState<Asked<T>>({ data: null, error: null, isLoading: key !== null, progress: null });
  const newest = useRef(ask);
  newest.current = ask;
  useEffect(() => {
    if (key === null) {
      setAsked({ data: null, error: null, isLoading: false, progress: null });
      return;
    }
    const controller = new AbortController();
    setAsked((former) => ({ ...former, error: null, isLoading: true, progress: null }));
    const onProgress = (progress: Progress) => setAsked((former) => ({ ...former, progress }));
    newest
      .current({ signal: controller.signal, onProgress })
      .then((data) => setAsked({ data, error: null, isLoading: false, progress: null }))
      .catch((error: unknown) => {
        if (isAbort(error) || controller.signal.aborted) return;
        setAsked({ data: null, error: asApiError(error), isLoading: false, progress: null });
      });
    return () => controller.abort();
  }, [key]);
  return asked;
}

/** What a list cost, its pages together. */
export interface Cost {
  scannedBytes: number;
  engineMs: number;
  usd: number | null;
}

/** What an answer cost. */
export function costOf(answer: { scanned_bytes: number; engine_ms?: number; cost_usd?: number }): Cost {
  return { scannedBytes: answer.scanned_bytes, engineMs: answer.engine_ms ?? 0, usd: answer.cost_usd ?? null };
}

/** What several answers cost together. */
export function sumOfCosts(costs: (Cost | null)[]): Cost {
  return costs.reduce<Cost>(
    (sum, cost) =>
      cost === null
        ? sum
        : {
            scannedBytes: sum.scannedBytes + cost.scannedBytes,
            engineMs: sum.engineMs + cost.engineMs,
            usd: cost.usd === null ? sum.usd : (sum.usd ?? 0) + cost.usd,
          },
    { scannedBytes: 0, engineMs: 0, usd: null },
  );
}

/** A list of events that grows page by page. */
export interface EventList {
  events: Event[];
  /** The first page's answer, without its events' weight: what it says of itself. */
  first: Page | null;
  cost: Cost | null;
  hasMore: boolean;
  isLoading: boolean;
  isLoadingMore: boolean;
  error: ApiError | null;
  /** What went wrong with a further page; the pages before it stay. */
  moreError: ApiError | null;
  progress: Progress | null;
  loadMore: () => void;
  stop: () => void;
}

type ListState = Omit<EventList, 'loadMore' | 'stop' | 'hasMore'> & { cursor: string | null };

const EMPTY: ListState = {
  events: [],
  first: null,
  cost: null,
  cursor: null,
  isLoading: true,
  isLoadingMore: false,
  error: null,
  moreError: null,
  progress: null,
};

/** Events for one page of the list. */
const PAGE_SIZE = 200;

export function useEvents(api: Api, key: string, parameters: EventParameters): EventList {
  const [state, setState] = useState<ListState>(EMPTY);
  const controller = useRef(new AbortController());
  const asked = useRef(parameters);

  useEffect(() => {
    const mine = new AbortController();
    controller.current = mine;
    asked.current = parameters;
    // The events of the former question stay in sight, marked as such, until there are others.
    setState((former) => ({ ...EMPTY, events: former.events, first: former.first, cost: former.cost }));
    api
      .events({ ...parameters, limit: PAGE_SIZE }, { signal: mine.signal, onProgress: (progress) => setState((former) => ({ ...former, progress })) })
      .then((page) =>
        setState({ ...EMPTY, events: page.events, first: page, cost: costOf(page), cursor: page.next_cursor, isLoading: false }),
      )
      .catch((error: unknown) => {
        if (controller.current === mine && !isAbort(error)) setState({ ...EMPTY, isLoading: false, error: asApiError(error) });
      });
    return () => mine.abort();
  }, [api, key]);

  const { cursor, isLoading, isLoadingMore } = state;
  const loadMore = useCallback(() => {
    if (cursor === null || isLoading || isLoadingMore) return;
    const mine = controller.current;
    setState((former) => ({ ...former, isLoadingMore: true, moreError: null }));
    api
      .events({ ...asked.current, limit: PAGE_SIZE, cursor }, { signal: mine.signal })
      .then((page) =>
        setState((former) => ({
          ...former,
          events: [...former.events, ...page.events],
          cost: sumOfCosts([former.cost, costOf(page)]),
          cursor: page.next_cursor,
          isLoadingMore: false,
        })),
      )
      .catch((error: unknown) => {
        if (controller.current === mine && !isAbort(error)) {
          setState((former) => ({ ...former, isLoadingMore: false, moreError: asApiError(error) }));
        }
      });
  }, [api, cursor, isLoading, isLoadingMore]);

  const stop = useCallback(() => {
    controller.current.abort();
    setState((former) => ({ ...former, isLoading: false, isLoadingMore: false, progress: null }));
  }, []);

  return { ...state, hasMore: cursor !== null, loadMore, stop };
}
