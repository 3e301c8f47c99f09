import { KeyRound, Lock, LogIn } from 'lucide-preact';

import type { SignIn } from '../session/session';
import type { Settings } from '../session/settings';
import { Dialog } from '../ui/Dialog';
import { Untrusted } from '../ui/Untrusted';

/** The permission that reading the log needs. */
const PERMISSION = 'iam:tenant:iam:audit:read';

export function SignedOut({ problem, onSignIn }: { problem: string | null; onSignIn: () => void }) {
  return (
    <main class="state-page">
      <KeyRound size={32} aria-hidden="true" />
      <h1>Sign in to see the audit log</h1>
      <p>You sign in with your organization's identity provider and then return to this view.</p>
      {problem !== null && (
        <p class="field-problem" role="alert">
          Sign-in failed: <Untrusted text={problem} />
        </p>
      )}
      <p>
        <button type="button" class="button primary" onClick={onSignIn}>
          <LogIn size={16} aria-hidden="true" /> Sign in
        </button>
      </p>
    </main>
  );
}

export function Expired({ name, onSignIn }: { name: string; onSignIn: () => void }) {
  return (
    <Dialog title="Your session has ended">
      <p>
        Sign in again as <Untrusted text={name} /> to continue. Your filters and the open event are kept.
      </p>
      <p>
        <button type="button" class="button primary" onClick={onSignIn}>
          <LogIn size={16} aria-hidden="true" /> Sign in again
        </button>
      </p>
    </Dialog>
  );
}

export function NoPermission({ settings, signIn, detail }: { settings: Settings; signIn: SignIn; detail: string }) {
  const { contact } = settings;
  return (
    <main class="state-page">
      <Lock size={32} aria-hidden="true" />
      <h1>You don't have access to this audit log</h1>
      {'name' in signIn && (
        <p>
          You are signed in as <Untrusted text={signIn.name} />.
        </p>
      )}
      <p>
        You need the permission <code>{PERMISSION}</code>. This attempt was recorded in the audit log.
      </p>
      {detail !== '' && <p class="quiet">Message from the server: {detail}</p>}
      <p>
        {contact === null ? (
          'Ask the person who manages your organization’s roles.'
        ) : (
          <>
            To get access, contact <strong>{contact.includes('@') && !contact.includes(' ') ? <a href={`mailto:${contact}`}>{contact}</a> : contact}</strong>.
          </>
        )}
      </p>
    </main>
  );
}
