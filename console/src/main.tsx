import { render } from 'preact';

import { Api } from './api/client';
import { App } from './App';
import { Exports } from './exports/exports';
import { applyTheme, isTheme, readStored, type Theme } from './session/preferences';
import { Session } from './session/session';
import { loadSettings } from './session/settings';
import { Failure } from './ui/Failure';
import { asApiError } from './api/problem';
import './styles.css';

const place = document.getElementById('app');
if (place === null) throw new Error('the page has no place for the application');

async function start(parent: HTMLElement): Promise<void> {
  applyTheme(readStored<Theme>('theme', 'system', isTheme));
  try {
    const settings = await loadSettings();
    const session = new Session();
    await session.start(settings);
    const api = new Api('', () => session.token(), () => session.expire());
    parent.textContent = '';
    render(<App api={api} settings={settings} session={session} exports={new Exports(api)} />, parent);
  } catch (error) {
    parent.textContent = '';
    render(
      <main class="state-page">
        <h1>The page couldn't load</h1>
        <Failure error={asApiError(error)} onRetry={() => location.reload()} />
      </main>,
      parent,
    );
  }
}

void start(place);
