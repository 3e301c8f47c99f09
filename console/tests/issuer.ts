// A real OpenID Connect issuer on loopback. It signs every visitor in as the user that the test names, without a form.

import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';

import { Provider } from 'oidc-provider';

export const AUDIENCE = 'auditlake';
export const CLIENT = 'console';

export interface Person {
  id: string;
  email: string;
  tenant: string;
  permissions: string[];
}

export class Issuer {
  /** Who signs in next; null refuses. */
  person: Person | null = null;
  /** How long tokens are good (seconds). */
  lifetime = 600;
  /** The grants that tokens were given for. */
  readonly grants: string[] = [];

  private constructor(
    readonly url: string,
    private readonly server: Server,
  ) {}

  static async start(): Promise<Issuer> {
    const server = createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('no port');
    return new Issuer(`http://127.0.0.1:${address.port}`, server);
  }

  /** Begins to answer, for a page at an address. */
  serve(page: string): void {
    const people = new Map<string, Person>();
    const key = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ format: 'jwk' });
    const provider = new Provider(this.url, {
      jwks: { keys: [{ ...key, kid: 'one', alg: 'ES256', use: 'sig' }] as never },
      clients: [
        {
          client_id: CLIENT,
          redirect_uris: [page],
          post_logout_redirect_uris: [page],
          grant_types: ['authorization_code', 'refresh_token'],
          response_types: ['code'],
          token_endpoint_auth_method: 'none',
          id_token_signed_response_alg: 'ES256',
        },
      ],
      cookies: { keys: ['a test'] },
      pkce: { required: () => true },
      scopes: ['openid', 'profile', 'email', 'offline_access'],
      claims: { openid: ['sub'], email: ['email'], profile: ['name'] },
      conformIdTokenClaims: false,
      clientBasedCORS: (_, origin) => page.startsWith(origin),
      findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id, email: people.get(id)?.email ?? '' }) }),
      extraTokenClaims: (_, token) => {
        const person = people.get('accountId' in token ? String(token.accountId) : '');
        return person && { tenant: person.tenant, permissions: person.permissions, email: person.email };
      },
      // Without being asked for `offline_access`, as Cognito does.
      issueRefreshToken: (_, client) => client.grantTypeAllowed('refresh_token'),
      loadExistingGrant: async (context) => {
        const grant = new context.oidc.provider.Grant({ clientId: CLIENT, accountId: context.oidc.session?.accountId ?? '' });
        grant.addOIDCScope('openid profile email offline_access');
        grant.addResourceScope('urn:auditlake:api', 'openid profile email offline_access');
        await grant.save();
        return grant;
      },
      ttl: { AccessToken: () => this.lifetime, IdToken: 600, Session: 600, Grant: 600, Interaction: 600, RefreshToken: 600, AuthorizationCode: 60 },
      interactions: { url: (_, interaction) => `/interaction/${interaction.uid}` },
      features: {
        devInteractions: { enabled: false },
        rpInitiatedLogout: {
          enabled: true,
          logoutSource: (context, form) => {
            context.body = `<!doctype html><title>Sign out</title>${form}<button form="op.logoutForm" name="logout" value="yes">Yes, sign out</button>`;
          },
        },
        resourceIndicators: {
          enabled: true,
          defaultResource: () => 'urn:auditlake:api',
          useGrantedResource: () => true,
          getResourceServerInfo: () => ({
            scope: 'openid profile email offline_access',
            audience: AUDIENCE,
            accessTokenFormat: 'jwt',
            accessTokenTTL: this.lifetime,
            jwt: { sign: { alg: 'ES256', kid: 'one' } },
          }),
        },
      },
    });
    provider.on('grant.success', (context) => this.grants.push(String(context.oidc.params?.grant_type)));
    const answer = provider.callback();
    this.server.on('request', (request, response) => {
      if (!request.url?.startsWith('/interaction/')) {
        void answer(request, response);
        return;
      }
      const { person } = this;
      if (person !== null) people.set(person.id, person);
      const result = person === null ? { error: 'access_denied', error_description: 'this person may not sign in' } : { login: { accountId: person.id } };
      void provider.interactionFinished(request, response, result, { mergeWithLastSubmission: false });
    });
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    this.server.close();
    await once(this.server, 'close');
  }
}
