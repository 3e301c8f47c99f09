import { Ban, CircleCheck, CircleHelp, CircleX } from 'lucide-preact';

import type { Outcome } from '../api/types';
import { words } from '../view/fields';

const ICONS = { success: CircleCheck, failure: CircleX, denied: Ban, unknown: CircleHelp } as const;

/** How something ended, as an icon and a word: never by colour alone. */
export function OutcomeBadge({ outcome }: { outcome: Outcome }) {
  const Icon = ICONS[outcome] ?? CircleHelp;
  return (
    <span class={`outcome outcome-${outcome}`}>
      <Icon size={15} aria-hidden="true" />
      <span>{words(outcome)}</span>
    </span>
  );
}
