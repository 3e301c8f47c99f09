import { CalendarClock } from 'lucide-preact';
import { useState } from 'preact/hooks';

import { Popover } from '../ui/Popover';
import { inputValue, momentOfInput, PRESETS, rangeLabel, type Preset, type TimeRange, type Zone } from '../view/time';

interface Properties {
  range: TimeRange;
  zone: Zone;
  onRange: (range: TimeRange) => void;
  onZone: (zone: Zone) => void;
}

/** The range of time: one that moves with the clock, or exact moments. */
export function RangePicker({ range, zone, onRange, onZone }: Properties) {
  return (
    <Popover
      label={
        <>
          <CalendarClock size={16} aria-hidden="true" />
          <span>{rangeLabel(range, zone)}</span>
          {!('preset' in range) && <span class="quiet">{zone === 'utc' ? 'UTC' : 'local'}</span>}
        </>
      }
      buttonClass="button range-button"
    >
      {(close) => (
        <div class="range-picker">
          <div class="presets" role="group" aria-label="Ranges">
            {(Object.keys(PRESETS) as Preset[]).map((preset) => (
              <button
                key={preset}
                type="button"
                class="menu-item"
                aria-pressed={'preset' in range && range.preset === preset}
                onClick={() => {
                  onRange({ preset });
                  close();
                }}
              >
                {PRESETS[preset].label}
              </button>
            ))}
          </div>
          <ExactRange
            key={`${zone}${JSON.stringify(range)}`}
            range={range}
            zone={zone}
            onZone={onZone}
            onRange={(exact) => {
              onRange(exact);
              close();
            }}
          />
        </div>
      )}
    </Popover>
  );
}

function ExactRange({ range, zone, onRange, onZone }: Properties) {
  const exact = 'preset' in range ? { from: null, to: null } : range;
  const [from, setFrom] = useState(inputValue(exact.from, zone));
  const [to, setTo] = useState(inputValue(exact.to, zone));
  const start = momentOfInput(from, zone);
  const end = momentOfInput(to, zone);
  const isTurned = start !== null && end !== null && start >= end;
  return (
    <form
      class="exact-range"
      onSubmit={(event) => {
        event.preventDefault();
        if (!isTurned && (start !== null || end !== null)) onRange({ from: start, to: end });
      }}
    >
      <label>
        From (inclusive)
        <input type="datetime-local" step="1" value={from} onInput={(event) => setFrom(event.currentTarget.value)} />
      </label>
      <label>
        To (exclusive)
        <input type="datetime-local" step="1" value={to} aria-invalid={isTurned} aria-describedby="range-problem" onInput={(event) => setTo(event.currentTarget.value)} />
      </label>
      <p id="range-problem" class="field-problem" aria-live="polite">
        {isTurned && 'The end must be after the start.'}
      </p>
      <ZoneSwitch zone={zone} onZone={onZone} />
      <button type="submit" class="button primary" disabled={isTurned || (start === null && end === null)}>
        Apply
      </button>
    </form>
  );
}

/** In which zone times are shown and entered. */
export function ZoneSwitch({ zone, onZone }: { zone: Zone; onZone: (zone: Zone) => void }) {
  return (
    <fieldset class="switch">
      <legend class="visually-hidden">Times in</legend>
      {(['utc', 'local'] as const).map((one) => (
        <label key={one}>
          <input type="radio" name="zone" checked={zone === one} onChange={() => onZone(one)} />
          <span>{one === 'utc' ? 'UTC' : 'Local time'}</span>
        </label>
      ))}
    </fieldset>
  );
}
