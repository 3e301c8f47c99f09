import { Download, RotateCw, X } from 'lucide-preact';
import { useEffect, useState } from 'preact/hooks';

import { asApiError, isAbort, type ApiError } from '../api/problem';
import { Dialog } from '../ui/Dialog';
import { Failure } from '../ui/Failure';
import { Untrusted } from '../ui/Untrusted';
import { bytes, counted } from '../view/text';
import { relativeTime } from '../view/time';
import type { Exports, KnownExport } from './exports';

const FORMATS = [
  { format: 'csv', label: 'CSV', hint: "for spreadsheets; formula-like values are prefixed with ' for safety" },
  { format: 'ndjson', label: 'NDJSON', hint: 'one JSON object per line, gzip-compressed; values unchanged' },
  { format: 'parquet', label: 'Parquet', hint: 'for DuckDB, pandas and Spark; values unchanged' },
] as const;

interface Properties {
  exports: Exports;
  /** The filters of the view, as the API takes them. */
  filters: Record<string, unknown>;
  /** The view in words. */
  label: string;
  onClose: () => void;
}

export function useExports(exports: Exports): KnownExport[] {
  const [known, setKnown] = useState(exports.all);
  useEffect(() => exports.subscribe(setKnown), [exports]);
  return known;
}

/** Starts an export of the view, and shows how those that were started go. */
export function ExportDialog({ exports, filters, label, onClose }: Properties) {
  const known = useExports(exports);
  const [format, setFormat] = useState<string>('csv');
  const [withRaw, setWithRaw] = useState(false);
  const [isStarting, setStarting] = useState(false);
  const [error, setError] = useState<ApiError | null>(null);
  const start = async () => {
    setStarting(true);
    setError(null);
    try {
      const name = FORMATS.find((one) => one.format === format)?.label ?? format;
      await exports.start({ ...filters, format, with_raw: withRaw }, `${name}: ${label}`, new AbortController().signal);
    } catch (problem) {
      if (!isAbort(problem)) setError(asApiError(problem));
    }
    setStarting(false);
  };
  return (
    <Dialog title="Export this view" onClose={onClose}>
      <p>
        All events of <strong class="wrap"><Untrusted text={label} /></strong>, not only those loaded.
      </p>
      <fieldset class="formats">
        <legend>Format</legend>
        {FORMATS.map((one) => (
          <label key={one.format}>
            <input type="radio" name="format" checked={format === one.format} onChange={() => setFormat(one.format)} />
            <span>
              <strong>{one.label}</strong> <span class="quiet">{one.hint}</span>
            </span>
          </label>
        ))}
      </fieldset>
      <label class="check">
        <input type="checkbox" checked={withRaw} onChange={(event) => setWithRaw(event.currentTarget.checked)} />
        <span>
          Include original records <span class="quiet">often larger than everything else</span>
        </span>
      </label>
      {error !== null && <Failure error={error} compact />}
      <p>
        <button type="button" class="button primary" disabled={isStarting} onClick={start}>
          <Download size={16} aria-hidden="true" /> {isStarting ? 'Starting…' : 'Start export'}
        </button>
      </p>
      {known.length > 0 && (
        <>
          <h3>Exports in the last 24 hours</h3>
          <ul class="exports" aria-live="polite">
            {known.map((one) => (
              <ExportRow key={one.link} one={one} exports={exports} />
            ))}
          </ul>
        </>
      )}
    </Dialog>
  );
}

const STATUS_WORDS = { running: 'Running', done: 'Done', failed: 'Failed', cancelled: 'Cancelled' } as const;

function ExportRow({ one, exports }: { one: KnownExport; exports: Exports }) {
  const { state, problem, link } = one;
  const isRunning = state.status === 'running' && problem === null;
  const [now, setNow] = useState(Date.now());
  useEffect(() => {
    if (!isRunning) return;
    const timer = setInterval(() => setNow(Date.now()), 1000);
    return () => clearInterval(timer);
  }, [isRunning]);
  const seconds = Math.max(0, Math.round((now - one.started) / 1000));
  const rows = state.rows === undefined ? '' : ` · ${counted(state.rows, 'event')}`;
  return (
    <li class="export">
      <div class="export-head">
        <span class="wrap">
          <Untrusted text={one.label} />
        </span>
        <span class="quiet">
          {STATUS_WORDS[state.status]}
          {isRunning ? ` · ${seconds} s` : rows}
          {state.scanned_bytes !== undefined && state.scanned_bytes > 0 && ` · ${bytes(state.scanned_bytes)} read`}
          {!isRunning && ` · ${relativeTime(one.started, now)}`}
        </span>
      </div>
      {isRunning && <progress aria-label="Export in progress" />}
      {problem !== null && <p class="field-problem">{problem}</p>}
      {state.status === 'failed' && state.error !== undefined && (
        <p class="field-problem">
          {state.error.title}. {state.error.detail}
        </p>
      )}
      {state.status === 'done' && state.complete === false && (
        <p class="quiet">Created while newer events could still arrive. Events that arrived later are not included.</p>
      )}
      {state.status === 'done' && state.files?.length === 0 && <p class="quiet">No events matched, so there is no file.</p>}
      {state.files?.map((file) => (
        <p key={file.name}>
          {/* A navigation, not a call: the files lie on another origin, and the browser keeps what it downloads. */}
          <a href={file.url} download={file.name} rel="noreferrer">
            <Download size={14} aria-hidden="true" /> {file.name}
          </a>{' '}
          <span class="quiet">{bytes(file.bytes)} · link valid for one hour</span>
        </p>
      ))}
      <p class="export-actions">
        {state.status === 'done' && (
          <button type="button" class="link" onClick={() => void exports.look(link)}>
            <RotateCw size={14} aria-hidden="true" /> {state.files === undefined ? 'Get links' : 'New links'}
          </button>
        )}
        {isRunning ? (
          <button type="button" class="link" onClick={() => void exports.cancel(link)}>
            Cancel
          </button>
        ) : (
          <button type="button" class="link" onClick={() => exports.forget(link)}>
            <X size={14} aria-hidden="true" /> Remove from list
          </button>
        )}
      </p>
    </li>
  );
}
