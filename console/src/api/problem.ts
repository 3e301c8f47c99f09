// What went wrong, in a form that can be shown: RFC 9457 problem details, or the lack of an answer.

import type { Problem } from './types';

/** A call that was not answered with what was asked for. */
export class ApiError extends Error {
  /** The HTTP status; 0 where there was no answer. */
  readonly status: number;
  readonly title: string;
  readonly detail: string;
  /** What the server's own logs call the request. */
  readonly requestId: string | null;
  /** Rules that single fields broke. */
  readonly fields: { field?: string; detail: string }[];

  constructor(status: number, title: string, detail: string, requestId: string | null = null, fields: { field?: string; detail: string }[] = []) {
    super(`${title}: ${detail}`);
    this.status = status;
    this.title = title;
    this.detail = detail;
    this.requestId = requestId;
    this.fields = fields;
  }

  /** Whether the same call may be answered later. */
  get isPassing(): boolean {
    return this.status === 0 || this.status === 429 || this.status >= 500;
  }
}

function isProblem(value: unknown): value is Problem {
  return typeof value === 'object' && value !== null && 'title' in value && 'status' in value;
}

/** The error of an answer that is none of the good ones. Gateways in between answer in shapes of their own. */
export function errorOf(response: Response, body: unknown): ApiError {
  const requestId = response.headers.get('x-request-id');
  if (isProblem(body)) {
    return new ApiError(response.status, body.title, body.detail ?? '', body.request_id ?? requestId, body.errors ?? []);
  }
  const message = typeof body === 'object' && body !== null && 'message' in body && typeof body.message === 'string' ? body.message : '';
  return new ApiError(response.status, `The server returned ${response.status}`, message || response.statusText, requestId);
}

/** Whether an error only says that nobody waits for the answer any more. */
export function isAbort(error: unknown): boolean {
  return error instanceof DOMException && error.name === 'AbortError';
}

/** Any thrown value as an error that can be shown. */
export function asApiError(error: unknown): ApiError {
  if (error instanceof ApiError) return error;
  if (error instanceof TypeError) {
    return new ApiError(0, 'No connection', 'The server could not be reached. Check the network, then try again.');
  }
  return new ApiError(0, 'Something went wrong on this page', error instanceof Error ? error.message : String(error));
}
