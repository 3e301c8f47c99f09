// Exports that were started here, and how they go. They outlive the page: an id works for a day.

import type { Api } from '../api/client';
import { pause } from '../api/client';
import { asApiError, isAbort } from '../api/problem';
import type { Export } from '../api/types';
import { EXPORTS, readStored, writeStored } from '../session/preferences';

/** An export as this page knows it. */
export interface KnownExport {
  link: string;
  /** What was asked for, in words. */
  label: string;
  /** Milliseconds since 1970. */
  started: number;
  state: Export;
  /** Why it cannot be looked at any more. */
  problem: string | null;
}

type Listener = (exports: KnownExport[]) => void;

const MOST_KEPT = 10;
/** How long an id works (milliseconds). */
const LIFETIME = 24 * 3600 * 1000;
const LONGEST_PAUSE_SECONDS = 15;

const isExports = (value: unknown): boolean =>
  Array.isArray(value) && value.every((one) => typeof one?.link === 'string' && typeof one?.label === 'string' && typeof one?.state?.status === 'string');

/** Starts exports and follows them. */
export class Exports {
  private known: KnownExport[];
  private readonly listeners = new Set<Listener>();
  private readonly following = new Map<string, AbortController>();

  constructor(private readonly api: Api) {
    const now = Date.now();
    this.known = readStored<KnownExport[]>(EXPORTS, [], isExports).filter(({ started }) => now - started < LIFETIME);
    for (const one of this.known) if (one.state.status === 'running') this.follow(one.link);
  }

  get all(): KnownExport[] {
    return this.known;
  }

  subscribe(listener: Listener): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  private set(known: KnownExport[]): void {
    this.known = known.slice(0, MOST_KEPT);
    // Links to files are as good as the files: they are not kept on the device.
    writeStored(EXPORTS, this.known.map((one) => ({ ...one, state: { ...one.state, files: undefined } })));
    for (const listener of this.listeners) listener(this.known);
  }

  private update(link: string, change: Partial<KnownExport>): void {
    this.set(this.known.map((one) => (one.link === link ? { ...one, ...change } : one)));
  }

  /** Starts an export of what the filters find. */
  async start(filters: Record<string, unknown>, label: string, signal: AbortSignal): Promise<void> {
    const state = await this.api.startExport(filters, signal);
    this.set([{ link: state.link, label, started: Date.now(), state, problem: null }, ...this.known]);
    if (state.status === 'running') this.follow(state.link);
    else await this.look(state.link);
  }

  /** Looks once: new links, or how far it is. */
  async look(link: string): Promise<void> {
    try {
      const { state } = await this.api.exportState(link, new AbortController().signal);
      this.update(link, { state, problem: null });
    } catch (error) {
      const problem = asApiError(error);
      this.update(link, { problem: problem.status === 404 || problem.status === 410 ? 'The files have expired. Start the export again.' : `${problem.title}. ${problem.detail}` });
    }
  }

  private follow(link: string): void {
    if (this.following.has(link)) return;
    const controller = new AbortController();
    this.following.set(link, controller);
    const run = async () => {
      for (;;) {
        const { state, retryAfter } = await this.api.exportState(link, controller.signal);
        this.update(link, { state, problem: null });
        if (state.status !== 'running') return;
        await pause(Math.min(retryAfter, LONGEST_PAUSE_SECONDS), controller.signal);
      }
    };
    run()
      .catch((error: unknown) => {
        if (!isAbort(error)) this.update(link, { problem: `${asApiError(error).title}. ${asApiError(error).detail}` });
      })
      .finally(() => this.following.delete(link));
  }

  /** Cancels an export that runs. */
  async cancel(link: string): Promise<void> {
    this.following.get(link)?.abort();
    this.following.delete(link);
    try {
      await this.api.cancelExport(link);
      const one = this.known.find((other) => other.link === link);
      if (one !== undefined) this.update(link, { state: { ...one.state, status: 'cancelled' } });
    } catch (error) {
      this.update(link, { problem: asApiError(error).detail });
      this.follow(link);
    }
  }

  /** Takes an export from the list; its files stay until they expire. */
  forget(link: string): void {
    this.following.get(link)?.abort();
    this.set(this.known.filter((one) => one.link !== link));
  }
}
