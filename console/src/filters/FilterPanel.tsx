import { EyeOff, History, ListFilter, Search, X } from 'lucide-preact';
import { useEffect, useRef, useState } from 'preact/hooks';

import type { Outcome } from '../api/types';
import type { Recent } from '../session/preferences';
import { OutcomeBadge } from '../ui/Outcome';
import { Popover } from '../ui/Popover';
import { Untrusted } from '../ui/Untrusted';
import { useMedia } from '../ui/media';
import { describe, FIELDS, OUTCOMES, type FieldDescription } from '../view/fields';
import type { TimeRange, Zone } from '../view/time';
import { suggestionOf } from '../view/text';
import { countValues, valuesOf, withValue, withValues, type Filter } from '../view/view';
import { FieldInput } from './FieldInput';
import { RangePicker } from './RangePicker';

interface Properties {
  filters: Filter[];
  range: TimeRange;
  zone: Zone;
  recents: Recent[];
  onFilters: (filters: Filter[]) => void;
  onRange: (range: TimeRange) => void;
  onZone: (zone: Zone) => void;
  /** Parameters that the API refused, and why. */
  refused: { field?: string; detail: string }[];
  onClear: () => void;
  onRecent: (recent: Recent) => void;
  onForgetRecents: () => void;
  suggest: (description: FieldDescription) => (() => Promise<{ value: string; count: number }[]>) | null;
}

/** The source of the events that say who read the log. */
const READS = 'auditlake.api';

/** What is asked for: search, status, range, and the columns' filters. */
export function FilterPanel({ filters, range, zone, recents, refused, onFilters, onRange, onZone, onClear, onRecent, onForgetRecents, suggest }: Properties) {
  const isNarrow = useMedia('(max-width: 720px)');
  const [isUnfolded, setUnfolded] = useState(false);
  const fields = (place: FieldDescription['place']) =>
    FIELDS.filter((description) => description.place === place && description.field !== 'outcome').map((description) => (
      <FieldInput
        key={description.field}
        description={description}
        suggest={suggest(description)}
        onAdd={(exclude, value) => onFilters(withValue(filters, description.field, exclude, value))}
      />
    ));
  const more = filters.filter(({ field }) => describe(field).place === 'more').length;
  const excludedSources = valuesOf(filters, 'source', true);
  const hidesReads = excludedSources.includes(READS);
  const showsFields = !isNarrow || isUnfolded;
  const hideReads = (
    <button
      type="button"
      class="button"
      aria-pressed={hidesReads}
      title="Reading the audit log is itself recorded. Hide those events."
      onClick={() => {
        const others = excludedSources.filter((source) => source !== READS);
        onFilters(withValues(filters, 'source', true, hidesReads ? others : [...others, READS]));
      }}
    >
      <EyeOff size={16} aria-hidden="true" /> Hide audit-log access
    </button>
  );
  return (
    <section class="filters" aria-label="Filters">
      <div class="filter-row">
        <SearchBox text={valuesOf(filters, 'q', false)} onSearch={(values) => onFilters(withValues(filters, 'q', false, values))} />
        <RangePicker range={range} zone={zone} onRange={onRange} onZone={onZone} />
        <OutcomeFilter filters={filters} onFilters={onFilters} />
        {!isNarrow && hideReads}
        {isNarrow && (
          <button type="button" class="button" aria-expanded={isUnfolded} onClick={() => setUnfolded(!isUnfolded)}>
            <ListFilter size={16} aria-hidden="true" /> Filters
          </button>
        )}
        <Popover
          label={
            <>
              <History size={16} aria-hidden="true" /> Recent
            </>
          }
          align="end"
        >
          {(close) => (
            <div class="recents">
              {recents.length === 0 && <p class="quiet">Filters you use are saved here, on this device.</p>}
              {recents.map((recent) => (
                <button
                  key={recent.search}
                  type="button"
                  class="menu-item"
                  onClick={() => {
                    onRecent(recent);
                    close();
                  }}
                >
                  <Untrusted text={recent.label} />
                </button>
              ))}
              {recents.length > 0 && (
                <button type="button" class="menu-item quiet" onClick={onForgetRecents}>
                  Clear recent filters
                </button>
              )}
            </div>
          )}
        </Popover>
      </div>
      {showsFields && (
        <>
          {isNarrow && <div>{hideReads}</div>}
          <div class="field-grid">{fields('main')}</div>
          <details class="more-filters" open={more > 0}>
            <summary>More filters</summary>
            <div class="field-grid">{fields('more')}</div>
          </details>
        </>
      )}
      {countValues(filters) > 0 && <Conditions filters={filters} refused={refused} onFilters={onFilters} onClear={onClear} />}
    </section>
  );
}

function SearchBox({ text, onSearch }: { text: string[]; onSearch: (values: string[]) => void }) {
  const input = useRef<HTMLInputElement>(null);
  const searched = text[0] ?? '';
  useEffect(() => {
    if (input.current !== null) input.current.value = searched;
  }, [searched]);
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      const isTyping = event.target instanceof HTMLElement && event.target.matches('input, select, textarea');
      if (event.key !== '/' || isTyping || event.ctrlKey || event.metaKey) return;
      event.preventDefault();
      input.current?.focus();
      input.current?.select();
    };
    addEventListener('keydown', onKey);
    return () => removeEventListener('keydown', onKey);
  }, []);
  return (
    <form
      class="search"
      role="search"
      onSubmit={(event) => {
        event.preventDefault();
        onSearch([input.current?.value.trim() ?? '']);
      }}
    >
      <Search size={16} aria-hidden="true" />
      <input
        ref={input}
        type="search"
        aria-label="Search e-mail, actor or resource"
        placeholder="Search e-mail, actor or resource"
        title="Press Enter to search. Press / anywhere to come here."
        defaultValue={searched}
        maxLength={2048}
        spellcheck={false}
        autocomplete="off"
        onInput={(event) => {
          // The browser's own button to empty the field.
          if (event.currentTarget.value === '' && searched !== '') onSearch([]);
        }}
      />
      <button type="submit" class="visually-hidden">
        Search
      </button>
    </form>
  );
}

function OutcomeFilter({ filters, onFilters }: { filters: Filter[]; onFilters: (filters: Filter[]) => void }) {
  const chosen = valuesOf(filters, 'outcome', false);
  const toggle = (outcome: Outcome) => {
    const next = chosen.includes(outcome) ? chosen.filter((one) => one !== outcome) : [...chosen, outcome];
    onFilters(withValues(filters, 'outcome', false, next));
  };
  return (
    <div class="outcomes" role="group" aria-label="Status">
      {OUTCOMES.map((outcome) => (
        <button key={outcome} type="button" class="toggle" aria-pressed={chosen.includes(outcome)} onClick={() => toggle(outcome)}>
          <OutcomeBadge outcome={outcome} />
        </button>
      ))}
    </div>
  );
}

/** The conditions that are set, each of which can be taken away. */
function Conditions({ filters, refused, onFilters, onClear }: Pick<Properties, 'filters' | 'refused' | 'onFilters' | 'onClear'>) {
  const problemOf = ({ field, exclude }: Filter) => refused.find((one) => one.field === (exclude ? `${field}!` : field))?.detail;
  return (
    <ul class="conditions" aria-label="Conditions">
      {filters.flatMap((filter) => {
        const { field, exclude, values } = filter;
        const problem = problemOf(filter);
        const meant = problem && suggestionOf(problem);
        return values.map((value) => (
          <li
            key={`${field} ${exclude} ${value}`}
            class={`condition ${exclude ? 'is-excluded' : ''} ${problem === undefined ? '' : 'is-refused'}`}
          >
            <span class="condition-text" title={problem ?? value.slice(0, 1000)}>
              {describe(field).label} {exclude ? 'is not' : 'is'}{' '}
              <strong>
                <Untrusted text={value.slice(0, 200)} />
              </strong>
              {problem !== undefined && <span class="visually-hidden"> (not accepted: {problem})</span>}
            </span>
            {meant !== undefined && (
              <button type="button" class="link" onClick={() => onFilters(withValue(withValues(filters, field, exclude, values.filter((other) => other !== value)), field, exclude, meant))}>
                Use {meant}
              </button>
            )}
            <button
              type="button"
              class="icon-button small"
              aria-label={`Remove: ${describe(field).label} ${exclude ? 'is not' : 'is'} ${value.slice(0, 60)}`}
              onClick={() => onFilters(withValues(filters, field, exclude, values.filter((other) => other !== value)))}
            >
              <X size={14} aria-hidden="true" />
            </button>
          </li>
        ));
      })}
      <li>
        <button type="button" class="link" onClick={onClear}>
          Clear all
        </button>
      </li>
    </ul>
  );
}
