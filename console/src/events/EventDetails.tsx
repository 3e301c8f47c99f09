import { ChevronDown, ChevronUp, ListFilter, X } from 'lucide-preact';
import type { ComponentChildren } from 'preact';
import { useEffect, useRef } from 'preact/hooks';

import type { Api } from '../api/client';
import { useAsked } from '../api/hooks';
import { layOut, layOutIfJson } from '../api/json';
import type { Event, EventInFull } from '../api/types';
import { CopyButton } from '../ui/CopyButton';
import { Failure } from '../ui/Failure';
import { LongText } from '../ui/LongText';
import { OutcomeBadge } from '../ui/Outcome';
import { Untrusted } from '../ui/Untrusted';
import { describe, words, type Field } from '../view/fields';
import { fullTime, relativeTime, storedTime, type Zone } from '../view/time';
import type { Filter, OpenEvent } from '../view/view';
import { ChangeView } from './Difference';

interface Properties {
  api: Api;
  open: OpenEvent;
  organization: string | null;
  /** What the list knows of it; absent where a link opened it. */
  listed: Event | undefined;
  zone: Zone;
  now: number;
  onClose: () => void;
  /** Goes to a neighbour in the list; absent where there is none. */
  onPrevious?: (() => void) | undefined;
  onNext?: (() => void) | undefined;
  onFilter: (field: Field, exclude: boolean, value: string) => void;
  /** Asks another question: these filters alone, around this time if any is given. */
  onMore: (filters: Filter[], around?: number) => void;
}

/** A row of the details: a name and a value, which can be filtered by and copied. */
function Row({ label, value, field, onFilter }: { label: string; value: string | number | undefined; field?: Field; onFilter?: Properties['onFilter'] }) {
  if (value === undefined || value === '') return null;
  const text = String(value);
  return (
    <div class="detail">
      <dt>{label}</dt>
      <dd>
        <LongText text={text} />
        <span class="detail-actions">
          {field !== undefined && onFilter !== undefined && text.length <= 2048 && (
            <button
              type="button"
              class="icon-button small"
              aria-label={`Only events with this ${describe(field).label}`}
              title={`Only this ${describe(field).label}`}
              onClick={() => onFilter(field, false, text)}
            >
              <ListFilter size={14} aria-hidden="true" />
            </button>
          )}
          <CopyButton text={() => text} label={`Copy ${label}`} />
        </span>
      </dd>
    </div>
  );
}

function Section({ title, children }: { title: string; children: ComponentChildren }) {
  return (
    <section class="details-section">
      <h3>{title}</h3>
      {children}
    </section>
  );
}

/** Everything that is known of one event. */
export function EventDetails({ api, open, organization, listed, zone, now, onClose, onPrevious, onNext, onFilter, onMore }: Properties) {
  const panel = useRef<HTMLElement>(null);
  const key = JSON.stringify([open, organization]);
  const query = {
    at: open.at,
    ...(open.source === null ? {} : { source: open.source }),
    ...(organization === null ? {} : { organization }),
  };
  const { data, error, isLoading } = useAsked<EventInFull>(key, (asking) => api.event(open.id, query, asking));
  const full = data !== null && data.event_id === open.id ? data : null;
  const event: EventInFull | undefined = full ?? listed;

  const time = event === undefined ? 0 : Date.parse(event.event_time);
  const nanos = event?.event_time_nanos;
  const other = fullTime(time, zone === 'utc' ? 'local' : 'utc', nanos);
  const otherZone = other === fullTime(time, zone, nanos) ? null : other;

  // Whoever opens an event by keyboard stays in the list, so that the arrows go on; a link's event takes the focus.
  const isDeepLink = listed === undefined;
  useEffect(() => {
    if (isDeepLink) panel.current?.focus();
  }, []);

  return (
    <aside
      ref={panel}
      class="details"
      aria-label="Event"
      tabIndex={-1}
      onKeyDown={(key) => {
        if (key.key === 'Escape') onClose();
      }}
    >
      <header class="details-head">
        <div class="details-title">
          {event !== undefined && <OutcomeBadge outcome={event.outcome} />}
          <h2>{event === undefined ? 'Event' : <Untrusted text={event.action.slice(0, 300)} />}</h2>
        </div>
        <div class="details-tools">
          <button type="button" class="icon-button" aria-label="Previous event" title="Previous event (↑)" disabled={onPrevious === undefined} onClick={onPrevious}>
            <ChevronUp size={18} aria-hidden="true" />
          </button>
          <button type="button" class="icon-button" aria-label="Next event" title="Next event (↓)" disabled={onNext === undefined} onClick={onNext}>
            <ChevronDown size={18} aria-hidden="true" />
          </button>
          <button type="button" class="icon-button" aria-label="Close event" title="Close (Esc)" onClick={onClose}>
            <X size={18} aria-hidden="true" />
          </button>
        </div>
      </header>
      <div class="details-body" aria-busy={isLoading}>
        {error !== null && (error.status === 404 ? <NotThere /> : <Failure error={error} compact />)}
        {event === undefined && isLoading && <p class="quiet">Loading event…</p>}
        {event !== undefined && (
          <>
            <p class="details-when">
              <time dateTime={event.event_time}>{fullTime(time, zone, nanos)}</time>
              <span class="quiet">
                {relativeTime(time, now)}
                {otherZone !== null && ` · ${otherZone}`}
              </span>
            </p>
            <More event={event} onMore={onMore} />
            {event.changes !== undefined && event.changes.length > 0 && (
              <Section title={event.changes.length === 1 ? 'What changed' : `What changed (${event.changes.length})`}>
                {event.changes.map((change, index) => (
                  <ChangeView key={index} change={change} />
                ))}
              </Section>
            )}
            <Facts event={event} onFilter={onFilter} />
            {event.metadata !== undefined && event.metadata !== '{}' && (
              <Section title="Metadata">
                <LongText text={layOut(event.metadata)} block />
              </Section>
            )}
            {full?.raw !== undefined && (
              <Section title="Raw record">
                <p>
                  <CopyButton text={() => full.raw ?? ''} label="Copy record" withText />
                </p>
                <LongText text={layOutIfJson(full.raw)} block />
              </Section>
            )}
            <p class="details-actions">
              <CopyButton text={() => layOut((full ?? event).json)} label="Copy as JSON" withText />
              <CopyButton text={() => location.href} label="Copy link" withText />
            </p>
          </>
        )}
      </div>
    </aside>
  );
}

function NotThere() {
  return (
    <div class="failure compact" role="alert">
      <div>
        <p class="failure-title">Event not found</p>
        <p>The link may be incomplete or belong to another organization. Events are kept until their retention period ends.</p>
      </div>
    </div>
  );
}

/** Questions that an event raises. */
function More({ event, onMore }: { event: Event; onMore: Properties['onMore'] }) {
  const only = (field: Field, value: string): Filter[] => [{ field, exclude: false, values: [value] }];
  const actor: Filter[] | null =
    event.actor_id !== undefined ? only('actor', event.actor_id) : event.actor_email !== undefined ? only('actor_email', event.actor_email) : null;
  return (
    <p class="more" role="group" aria-label="More events">
      {actor !== null && (
        <button type="button" class="button small" onClick={() => onMore(actor)}>
          More by this user
        </button>
      )}
      {event.resource_id !== undefined && (
        <button type="button" class="button small" onClick={() => onMore(only('resource_id', event.resource_id ?? ''))}>
          More on this resource
        </button>
      )}
      {event.source_ip !== undefined && (
        <button type="button" class="button small" onClick={() => onMore(only('source_ip', event.source_ip ?? ''))}>
          More from this IP
        </button>
      )}
      <button type="button" class="button small" onClick={() => onMore([], Date.parse(event.event_time))}>
        Around this time
      </button>
    </p>
  );
}

function Facts({ event, onFilter }: { event: EventInFull; onFilter: Properties['onFilter'] }) {
  const known = event.actor_directory;
  const request = [event.http_method, event.http_path].filter(Boolean).join(' ');
  return (
    <>
      <Section title="Who">
        <dl>
          <Row label="Name" value={event.actor_name} />
          <Row label="E-mail" value={event.actor_email} field="actor_email" onFilter={onFilter} />
          <Row label="Directory" value={known && [known.name, known.email].filter(Boolean).join(', ')} />
          <Row label="ID" value={event.actor_id} field="actor" onFilter={onFilter} />
          <Row label="Type" value={event.actor_type && words(event.actor_type)} />
          <Row label="Assumed role" value={event.actor_via} field="actor_via" onFilter={onFilter} />
          {!event.actor_id && !event.actor_email && !event.actor_name && <p class="quiet">No user is recorded.</p>}
        </dl>
      </Section>
      <Section title="What">
        <dl>
          <Row label="Action" value={event.action} field="action" onFilter={onFilter} />
          <Row label="Category" value={event.category} field="category" onFilter={onFilter} />
          <Row label="Target" value={event.resource_id} field="resource_id" onFilter={onFilter} />
          <Row label="Target name" value={event.resource_name} />
          <Row label="Target type" value={event.resource_type} field="resource_type" onFilter={onFilter} />
          <Row label="Scope" value={[event.scope_type, event.scope_id].filter(Boolean).join(' ')} />
        </dl>
      </Section>
      <Section title="Outcome">
        <dl>
          <Row label="Status" value={event.outcome} field="outcome" onFilter={onFilter} />
          <Row label="Error" value={event.error_code} />
          <Row label="Message" value={event.error_message} />
          <Row label="HTTP status" value={event.http_status} />
        </dl>
      </Section>
      <Section title="From where">
        <dl>
          <Row label="IP address" value={event.source_ip} field="source_ip" onFilter={onFilter} />
          <Row label="User agent" value={event.user_agent} />
          <Row label="Request" value={request} />
          <Row label="Request ID" value={event.request_id} />
          <Row label="Service" value={event.service_name} />
        </dl>
      </Section>
      <Section title="Record">
        <dl>
          <Row label="Source" value={event.source} field="source" onFilter={onFilter} />
          <Row label="Event ID" value={event.event_id} field="event_id" onFilter={onFilter} />
          <Row label="Event time" value={storedTime(event.event_time, event.event_time_nanos)} />
          <Row label="Received" value={event.received_time} />
          <Row label="Organization" value={event.organization} />
          <Row label="Region" value={event.region} />
          {event.same_id !== undefined && event.same_id.length > 0 && <Row label="Other events with this ID" value={event.same_id.join('\n')} />}
        </dl>
      </Section>
    </>
  );
}
