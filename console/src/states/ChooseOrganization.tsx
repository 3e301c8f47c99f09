import { useState } from 'preact/hooks';

/** What the API takes for an organization's name. */
export const ORGANIZATION_PATTERN = '[a-z0-9][a-z0-9_\\-]{0,62}';

/** Asks whose log is to be shown, where the caller says so. */
export function ChooseOrganization({ known, hint, onChoose }: { known: string[]; hint?: string; onChoose: (organization: string) => void }) {
  const [name, setName] = useState('');
  return (
    <main class="state-page">
      <h1>Choose an organization</h1>
      {known.length > 0 && (
        <ul class="choices">
          {known.map((organization) => (
            <li key={organization}>
              <button type="button" class="button" onClick={() => onChoose(organization)}>
                {organization}
              </button>
            </li>
          ))}
        </ul>
      )}
      {known.length === 0 && hint !== undefined && <p class="quiet">{hint}</p>}
      <form
        class="field-row"
        onSubmit={(event) => {
          event.preventDefault();
          if (name !== '') onChoose(name);
        }}
      >
        <input
          type="text"
          aria-label="Organization"
          placeholder="for example acme"
          pattern={ORGANIZATION_PATTERN}
          title="Lowercase letters, digits, - and _, starting with a letter or digit"
          required
          spellcheck={false}
          value={name}
          onInput={(event) => setName(event.currentTarget.value)}
        />
        <button type="submit" class="button primary">
          Open
        </button>
      </form>
    </main>
  );
}
