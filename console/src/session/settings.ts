// What the server says about itself before anybody signs in: `/console.json`.

export interface Settings {
  version: string;
  mode: 'local' | 'deployed';
  /** Whose log is shown if nobody says otherwise. */
  organization: string | null;
  /** Organizations that are known to have events; only where anybody may see all. */
  organizations: string[];
  /** Whether a caller says whose log is asked for, or the token does. */
  must_name_organization: boolean;
  /** Whom to ask for the permission to read. */
  contact: string | null;
  oidc: { issuer: string; client_id: string; scope: string; audience: string | null } | null;
}

export async function loadSettings(): Promise<Settings> {
  const response = await fetch('console.json', { headers: { accept: 'application/json' } });
  if (!response.ok) throw new Error(`console.json: ${response.status}`);
  return (await response.json()) as Settings;
}
