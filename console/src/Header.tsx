import { LogOut, Moon, Sun, SunMoon } from 'lucide-preact';
import { useId, useState } from 'preact/hooks';

import { ZoneSwitch } from './filters/RangePicker';
import type { SignIn } from './session/session';
import type { Theme } from './session/preferences';
import type { Settings } from './session/settings';
import { ORGANIZATION_PATTERN } from './states/ChooseOrganization';
import { Popover } from './ui/Popover';
import { Untrusted } from './ui/Untrusted';
import type { Zone } from './view/time';

interface Properties {
  settings: Settings;
  signIn: SignIn;
  organization: string | null;
  zone: Zone;
  theme: Theme;
  onOrganization: (organization: string | null) => void;
  onZone: (zone: Zone) => void;
  onTheme: (theme: Theme) => void;
  onSignOut: () => void;
}

const THEMES = [
  { theme: 'system', label: 'System', Icon: SunMoon },
  { theme: 'light', label: 'Light', Icon: Sun },
  { theme: 'dark', label: 'Dark', Icon: Moon },
] as const;

export function Header({ settings, signIn, organization, zone, theme, onOrganization, onZone, onTheme, onSignOut }: Properties) {
  const Icon = THEMES.find((one) => one.theme === theme)?.Icon ?? SunMoon;
  return (
    <header class="top-bar">
      <a class="brand" href="./" aria-label="auditlake home">
        <img src="./favicon.svg" width="24" height="24" alt="" />
        <span>auditlake</span>
      </a>
      {(settings.must_name_organization || organization !== null) && (
        <Popover label={organization === null ? 'No organization' : <Untrusted text={organization} />} name={organization === null ? 'Organization' : `Organization: ${organization}`}>
          {(close) => (
            <OrganizationForm
              settings={settings}
              organization={organization}
              onOrganization={(next) => {
                onOrganization(next);
                close();
              }}
            />
          )}
        </Popover>
      )}
      <span class="spacer" />
      <ZoneSwitch zone={zone} onZone={onZone} />
      <Popover align="end" buttonClass="icon-button" name="Theme" label={<Icon size={18} aria-hidden="true" />}>
        {(close) =>
          THEMES.map(({ theme: one, label, Icon: ThemeIcon }) => (
            <button
              key={one}
              type="button"
              class="menu-item"
              aria-pressed={theme === one}
              onClick={() => {
                onTheme(one);
                close();
              }}
            >
              <ThemeIcon size={16} aria-hidden="true" /> {label}
            </button>
          ))
        }
      </Popover>
      {(signIn.state === 'signed-in' || signIn.state === 'expired') && (
        <span class="who">
          <span class="who-name">
            <Untrusted text={signIn.name} />
          </span>
          <button type="button" class="icon-button" aria-label="Sign out" title="Sign out" onClick={onSignOut}>
            <LogOut size={18} aria-hidden="true" />
          </button>
        </span>
      )}
    </header>
  );
}

function OrganizationForm({ settings, organization, onOrganization }: Pick<Properties, 'settings' | 'organization' | 'onOrganization'>) {
  const [name, setName] = useState(organization ?? '');
  const id = useId();
  return (
    <div class="organizations">
      {settings.organizations.map((known) => (
        <button key={known} type="button" class="menu-item" aria-pressed={known === organization} onClick={() => onOrganization(known)}>
          {known}
        </button>
      ))}
      <form
        class="organization-form"
        onSubmit={(event) => {
          event.preventDefault();
          onOrganization(name === '' ? null : name);
        }}
      >
        <label for={id}>Another organization</label>
        <div class="field-row">
          <input id={id} type="text" value={name} pattern={ORGANIZATION_PATTERN} spellcheck={false} onInput={(event) => setName(event.currentTarget.value)} />
          <button type="submit" class="button small">
            Open
          </button>
        </div>
      </form>
    </div>
  );
}
