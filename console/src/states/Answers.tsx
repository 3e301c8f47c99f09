import { Hourglass, Inbox, SearchX } from 'lucide-preact';
import { useEffect, useState } from 'preact/hooks';

import type { Progress } from '../api/client';
import type { Settings } from '../session/settings';
import { CopyButton } from '../ui/CopyButton';
import { PRESETS, type TimeRange } from '../view/time';

/** Rows where the events will be, so that nothing jumps when they come. */
export function FirstLoad() {
  return (
    <div class="skeleton" role="status">
      <span class="visually-hidden">Loading events…</span>
      {Array.from({ length: 12 }, (_, index) => (
        <div key={index} class="skeleton-row" aria-hidden="true" />
      ))}
    </div>
  );
}

/** A question that takes long. */
export function Slow({ progress, since, onStop }: { progress: Progress; since: number; onStop: () => void }) {
  const [now, setNow] = useState(Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 1000);
    return () => clearInterval(timer);
  }, []);
  const seconds = Math.max(0, Math.round((now - since) / 1000));
  return (
    <div class="notice" role="status">
      <Hourglass size={20} aria-hidden="true" />
      <div>
        <p class="strong">
          {progress.state === 'slow' ? 'This search scans a lot of data and may take a while.' : `Too many searches are running. Retrying in ${progress.seconds} s.`}
        </p>
        <p class="quiet">
          <span aria-hidden="true">{seconds} s so far. </span>A shorter range or another filter makes it faster.
        </p>
        <progress aria-label="Search in progress" />
      </div>
      <button type="button" class="button small" onClick={onStop}>
        Stop
      </button>
    </div>
  );
}

interface NothingProperties {
  settings: Settings;
  organization: string | null;
  wasStopped: boolean;
  hasFilters: boolean;
  range: TimeRange;
  onClear: () => void;
  onRange: (range: TimeRange) => void;
  onRefresh: () => void;
}

/** No event to show: why that may be, and the nearest way to some. */
export function NothingFound({ settings, organization, wasStopped, hasFilters, range, onClear, onRange, onRefresh }: NothingProperties) {
  const isAll = 'preset' in range && range.preset === 'all';
  const Icon = hasFilters ? SearchX : Inbox;
  if (wasStopped) {
    return (
      <div class="state-page in-list">
        <h2>Search stopped</h2>
        <p>
          <button type="button" class="button" onClick={onRefresh}>
            Search again
          </button>
        </p>
      </div>
    );
  }
  return (
    <div class="state-page in-list">
      <Icon size={32} aria-hidden="true" />
      <h2>{hasFilters ? 'No events match these filters' : isAll ? 'No events yet' : 'No events in this range'}</h2>
      <p class="state-actions">
        {hasFilters && (
          <button type="button" class="button" onClick={onClear}>
            Clear filters
          </button>
        )}
        {!isAll &&
          (['30d', 'all'] as const).map((preset) => (
            <button key={preset} type="button" class="button" onClick={() => onRange({ preset })}>
              {PRESETS[preset].label}
            </button>
          ))}
      </p>
      {settings.mode === 'local' && !hasFilters && <FirstEvent organization={organization ?? 'acme'} />}
    </div>
  );
}

/** How a newcomer sends the first event. */
function FirstEvent({ organization }: { organization: string }) {
  const command = `curl -sS ${location.origin}/v1/events -H 'content-type: application/json' -d '{
  "organization": "${organization}", "event_time": "'$(date -u +%FT%TZ)'",
  "action": "role_assign", "outcome": "success", "actor_email": "alice@acme.example",
  "resource_type": "role", "resource_id": "role/admin",
  "changes": [{"field": "role", "before": "viewer", "after": "admin"}]}'`;
  return (
    <div class="first-event">
      <p>Send the first event:</p>
      <pre class="block">{command}</pre>
      <CopyButton text={() => command} label="Copy command" withText />
    </div>
  );
}
