import { RotateCw, TriangleAlert } from 'lucide-preact';

import type { ApiError } from '../api/problem';
import { labelOf } from '../view/fields';
import { CopyButton } from './CopyButton';

/** A call that failed: what, why, and what can be done. */
export function Failure({ error, onRetry, compact = false }: { error: ApiError; onRetry?: () => void; compact?: boolean }) {
  return (
    <div class={compact ? 'failure compact' : 'failure'} role="alert">
      <TriangleAlert size={compact ? 18 : 28} aria-hidden="true" />
      <div>
        <p class="failure-title">{error.title}</p>
        {error.detail !== '' && error.detail !== error.title && <p>{error.detail}</p>}
        {error.fields.length > 0 && (
          <ul>
            {error.fields.map(({ field, detail }) => (
              <li key={`${field} ${detail}`}>
                {field !== undefined && (labelOf(field) === null ? <code>{field}</code> : <strong>{labelOf(field)}</strong>)} {detail}
              </li>
            ))}
          </ul>
        )}
        <p class="failure-actions">
          {onRetry && (
            <button type="button" class="button small" onClick={onRetry}>
              <RotateCw size={14} aria-hidden="true" /> Try again
            </button>
          )}
          {error.requestId !== null && (
            <span class="quiet">
              Request ID <code>{error.requestId}</code> <CopyButton text={() => error.requestId ?? ''} label="Copy request ID" />
            </span>
          )}
        </p>
      </div>
    </div>
  );
}
