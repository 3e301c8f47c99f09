// The calls of the page: typed by the OpenAPI document, patient with slow questions, and polite when the server is busy.

import createClient from 'openapi-fetch';

import type { paths } from '../../../clients/typescript/schema';
import { readAnswer, readEvent, readPage } from './json';
import { ApiError, errorOf } from './problem';
import type { EventInFull, EventParameters, Export, Page, Running, Statistics, StatisticsParameters, Status } from './types';

/** How long one call waits before the server gives a link instead (seconds). */
const FIRST_WAIT = 10;
const NEXT_WAIT = 20;
/** How often a busy server is asked again by itself. */
const BUSY_RETRIES = 4;
const LONGEST_PAUSE_SECONDS = 30;

/** What the page shows of a question that is not answered yet. */
export type Progress = { state: 'slow' } | { state: 'busy'; seconds: number };

/** How a call is made. */
export interface Asking {
  /** Whoever aborts it also stops the question on the server. */
  signal: AbortSignal;
  onProgress?: (progress: Progress) => void;
}

interface Answer {
  /** The body of a good answer, unparsed. */
  data?: string | undefined;
  error?: unknown;
  response: Response;
}

/** Resolves after some seconds, or rejects when the signal aborts. */
export function pause(seconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const abort = () => {
      clearTimeout(timer);
      reject(new DOMException('aborted', 'AbortError'));
    };
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', abort);
      resolve();
    }, seconds * 1000);
    if (signal.aborted) abort();
    signal.addEventListener('abort', abort, { once: true });
  });
}

/** Adds a parameter to a link of the API, which may have some. */
function withParameter(link: string, name: string, value: string): string {
  const [path, query = ''] = link.split('?', 2);
  const parameters = new URLSearchParams(query);
  parameters.set(name, value);
  return `${path}?${parameters}`;
}

/** The calls of the page. */
export class Api {
  private readonly client;

  /**
   * @param base where the API is; empty for the page's own origin
   * @param token gives the token of who is signed in, if anybody need be
   * @param onUnauthorized is told when the server does not know who asks (any more)
   */
  constructor(
    private readonly base: string,
    private readonly token: () => Promise<string | null>,
    private readonly onUnauthorized: () => void,
  ) {
    this.client = createClient<paths>({ baseUrl: base, fetch: (request: Request) => this.fetch(request) });
  }

  private async fetch(request: Request): Promise<Response> {
    const token = await this.token();
    if (token !== null) request.headers.set('authorization', `Bearer ${token}`);
    const response = await fetch(request);
    if (response.status === 401) this.onUnauthorized();
    return response;
  }

  /** Calls a link that an answer gave. */
  private follow(link: string, how: RequestInit): Promise<Response> {
    return this.fetch(new Request(new URL(link, new URL(this.base, location.href)), how));
  }

  private async fetchLink(link: string, signal: AbortSignal): Promise<Answer> {
    const response = await this.follow(link, { signal });
    if (response.ok) return { data: await response.text(), response };
    return { error: await response.json().catch(() => undefined), response };
  }

  private stop(link: string): void {
    // The page goes on, and may be gone before the answer: nobody waits for it, and the question ends by age if it is lost.
    this.follow(link, { method: 'DELETE', keepalive: true }).catch(() => undefined);
  }

  /** Asks until there is an answer: follows the newest link of a slow question, comes back when a busy server says so. */
  private async ask<T>(first: () => Promise<Answer>, read: (json: string) => T, { signal, onProgress }: Asking): Promise<T> {
    let call = first;
    let link: string | null = null;
    let busy = 0;
    try {
      for (;;) {
        const { data = '', error, response } = await call();
        if (response.status === 202) {
          link = readAnswer<Running>(data).link;
          const next = withParameter(link, 'wait', String(NEXT_WAIT));
          call = () => this.fetchLink(next, signal);
          busy = 0;
          onProgress?.({ state: 'slow' });
          continue;
        }
        if (response.ok) {
          link = null;
          return read(data);
        }
        const problem = errorOf(response, error);
        const after = Number(response.headers.get('retry-after'));
        if ((response.status === 429 || response.status === 503) && after > 0 && busy < BUSY_RETRIES) {
          busy += 1;
          const seconds = Math.min(after, LONGEST_PAUSE_SECONDS);
          onProgress?.({ state: 'busy', seconds });
          await pause(seconds, signal);
          continue;
        }
        throw problem;
      }
    } catch (error) {
      if (signal.aborted && link !== null) this.stop(link);
      throw error;
    }
  }

  /** A page of events, newest first. */
  events(query: EventParameters, asking: Asking): Promise<Page> {
    const how = { params: { query: { wait: FIRST_WAIT, ...query } }, signal: asking.signal, parseAs: 'text' } as const;
    return this.ask(() => this.client.GET('/v1/events', how), readPage, asking);
  }

  /** Counts by time and by column. */
  statistics(query: StatisticsParameters, asking: Asking): Promise<Statistics> {
    const how = { params: { query: { wait: FIRST_WAIT, ...query } }, signal: asking.signal, parseAs: 'text' } as const;
    return this.ask(() => this.client.GET('/v1/stats', how), readAnswer<Statistics>, asking);
  }

  /** One event in full. */
  event(id: string, query: { at: string; source?: string; organization?: string }, asking: Asking): Promise<EventInFull> {
    const how = { params: { path: { id }, query: { wait: FIRST_WAIT, ...query } }, signal: asking.signal, parseAs: 'text' } as const;
    return this.ask(() => this.client.GET('/v1/events/{id}', how), readEvent, asking);
  }

  /** Where the lake stands. */
  async status(signal: AbortSignal): Promise<Status> {
    const { data, error, response } = await this.client.GET('/v1/status', { signal });
    if (data === undefined) throw errorOf(response, error);
    return data;
  }

  /** Starts an export. `filters` are the parameters of a list. */
  async startExport(filters: Record<string, unknown>, signal: AbortSignal): Promise<Export> {
    const { data, error, response } = await this.client.POST('/v1/exports', { body: filters as never, signal });
    if (data === undefined) throw errorOf(response, error);
    return data;
  }

  /** How an export goes, and the seconds after which to look again. */
  async exportState(link: string, signal: AbortSignal): Promise<{ state: Export; retryAfter: number }> {
    const { data, error, response } = await this.fetchLink(link, signal);
    if (data === undefined) throw errorOf(response, error);
    return { state: readAnswer<Export>(data), retryAfter: Number(response.headers.get('retry-after')) || 1 };
  }

  /** Cancels an export. */
  async cancelExport(link: string): Promise<void> {
    const response = await this.follow(link, { method: 'DELETE' });
    if (!response.ok && response.status !== 410) throw new ApiError(response.status, 'Not cancelled', 'The export could not be cancelled.');
  }
}
