// Who is signed in: OpenID Connect, authorization code with PKCE. The tokens stay in this tab and end with it.

import type { User, UserManager } from 'oidc-client-ts';

import type { Settings } from './settings';

/** Where a sign-in stands. */
export type SignIn =
  /** Nobody need sign in here. */
  | { state: 'open' }
  | { state: 'signed-in'; name: string }
  | { state: 'signed-out'; problem: string | null }
  /** Somebody was signed in, and the server no longer takes the token. */
  | { state: 'expired'; name: string };

type Listener = (signIn: SignIn) => void;

/** The parameters by which an issuer comes back. */
const ANSWER_PARAMETERS = ['code', 'state', 'session_state', 'iss', 'error', 'error_description', 'error_uri'];

function nameOf(user: User): string {
  const { name, email, preferred_username: username, sub } = user.profile;
  return email ?? name ?? username ?? sub;
}

/** The page's own address, without what an issuer or a view put behind it. */
function ownAddress(): string {
  return new URL('./', location.href).href.split('?')[0] ?? location.href;
}

export class Session {
  private manager: UserManager | null = null;
  private readonly listeners = new Set<Listener>();
  private current: SignIn = { state: 'open' };

  get signIn(): SignIn {
    return this.current;
  }

  subscribe(listener: Listener): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  private set(signIn: SignIn): void {
    this.current = signIn;
    for (const listener of this.listeners) listener(signIn);
  }

  /** Finds out who is signed in, and takes in the issuer's answer if the page was called with one. */
  async start(settings: Settings): Promise<void> {
    if (settings.oidc === null) return;
    const { issuer, client_id, scope, audience } = settings.oidc;
    // Loaded only where people sign in.
    const { UserManager, WebStorageStateStore } = await import('oidc-client-ts');
    this.manager = new UserManager({
      authority: issuer,
      client_id,
      scope,
      redirect_uri: ownAddress(),
      post_logout_redirect_uri: ownAddress(),
      response_type: 'code',
      userStore: new WebStorageStateStore({ store: sessionStorage }),
      stateStore: new WebStorageStateStore({ store: sessionStorage }),
      // A token is renewed by its refresh token alone: no frame of another origin is ever opened.
      automaticSilentRenew: false,
      monitorSession: false,
      ...(audience === null ? {} : { extraQueryParams: { audience } }),
    });
    this.manager.events.addAccessTokenExpiring(() => void this.renew());
    this.manager.events.addAccessTokenExpired(() => this.expire());
    try {
      const parameters = new URLSearchParams(location.search);
      if (parameters.has('state') && (parameters.has('code') || parameters.has('error'))) {
        const user = await this.manager.signinRedirectCallback();
        history.replaceState(null, '', typeof user.state === 'string' && user.state.startsWith('?') ? user.state : './');
        this.set({ state: 'signed-in', name: nameOf(user) });
        return;
      }
      const user = await this.manager.getUser();
      this.set(user !== null && !user.expired ? { state: 'signed-in', name: nameOf(user) } : { state: 'signed-out', problem: null });
    } catch (error) {
      const parameters = new URLSearchParams(location.search);
      for (const name of ANSWER_PARAMETERS) parameters.delete(name);
      history.replaceState(null, '', `${location.pathname}${parameters.size > 0 ? `?${parameters}` : ''}`);
      this.set({ state: 'signed-out', problem: error instanceof Error ? error.message : String(error) });
    }
  }

  private async renew(): Promise<void> {
    const user = await this.manager?.getUser();
    if (!user?.refresh_token) return;
    // If it fails the token runs out, and the page says so then.
    await this.manager?.signinSilent().catch(() => undefined);
  }

  /** Sends the person to the issuer; the view in the URL is kept. */
  async redirectToSignIn(): Promise<void> {
    try {
      await this.manager?.signinRedirect({ state: location.search });
    } catch (error) {
      this.set({ state: 'signed-out', problem: error instanceof Error ? error.message : String(error) });
    }
  }

  /** Forgets the tokens, and tells the issuer where it can be told. */
  async signOut(): Promise<void> {
    const manager = this.manager;
    if (manager === null) return;
    const canTell = (await manager.metadataService.getEndSessionEndpoint().catch(() => undefined)) !== undefined;
    if (canTell) {
      await manager.signoutRedirect();
      return;
    }
    await manager.removeUser();
    this.set({ state: 'signed-out', problem: null });
  }

  /** The token that calls carry; null where nobody signs in. */
  async token(): Promise<string | null> {
    return (await this.manager?.getUser())?.access_token ?? null;
  }

  /** The server does not take the token any more. */
  expire(): void {
    if (this.current.state === 'signed-in') this.set({ state: 'expired', name: this.current.name });
  }
}
