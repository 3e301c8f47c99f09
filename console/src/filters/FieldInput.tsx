import { useId, useState } from 'preact/hooks';

import type { FieldDescription } from '../view/fields';
import { words } from '../view/fields';
import { counted } from '../view/text';

interface Properties {
  description: FieldDescription;
  /** Adds a condition on a value. */
  onAdd: (exclude: boolean, value: string) => void;
  /** Values that are there, most frequent first; asked for when the field is entered. */
  suggest: (() => Promise<{ value: string; count: number }[]>) | null;
}

/** Longest value the API takes (characters). */
const LONGEST = 2048;

/** One filter: a value that is typed or chosen is added to the conditions. */
export function FieldInput({ description, onAdd, suggest }: Properties) {
  const { label, placeholder, hint, values, canExclude } = description;
  const [exclude, setExclude] = useState(false);
  const [suggestions, setSuggestions] = useState<{ value: string; count: number }[]>([]);
  const id = useId();
  const add = (input: HTMLInputElement) => {
    const value = input.value.trim();
    if (value === '') return;
    input.value = '';
    onAdd(exclude, value);
  };
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <div class="field-row">
        {canExclude && (
          <select
            class="field-mode"
            aria-label={`${label}: is or is not`}
            value={exclude ? 'not' : 'is'}
            onChange={(event) => setExclude(event.currentTarget.value === 'not')}
          >
            <option value="is">is</option>
            <option value="not">is not</option>
          </select>
        )}
        {values === undefined ? (
          <>
            <input
              id={id}
              type="text"
              list={`${id}-values`}
              maxLength={LONGEST}
              placeholder={placeholder}
              title={hint}
              autocomplete="off"
              spellcheck={false}
              onFocus={() => {
                // Suggestions help, but nobody waits for them.
                suggest?.().then(setSuggestions, () => setSuggestions([]));
              }}
              onInput={(event) => {
                // A suggestion that was chosen needs no Enter.
                if (!(event instanceof InputEvent) || event.inputType === 'insertReplacementText') add(event.currentTarget);
              }}
              onChange={(event) => add(event.currentTarget)}
            />
            <datalist id={`${id}-values`}>
              {suggestions.map(({ value, count }) => (
                <option key={value} value={value}>
                  {counted(count, 'event')}
                </option>
              ))}
            </datalist>
          </>
        ) : (
          <select
            id={id}
            value=""
            onChange={(event) => {
              const { value } = event.currentTarget;
              event.currentTarget.value = '';
              if (value !== '') onAdd(exclude, value);
            }}
          >
            <option value="">Any</option>
            {values.map((value) => (
              <option key={value} value={value}>
                {words(value)}
              </option>
            ))}
          </select>
        )}
      </div>
    </div>
  );
}
