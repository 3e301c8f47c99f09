import type { Change } from '../api/types';
import { LongText } from '../ui/LongText';
import { Untrusted } from '../ui/Untrusted';
import { difference, type Line } from './diff';

const SIGNS = { removed: '−', added: '+', same: ' ', skipped: '…' } as const;
const SPOKEN = { removed: 'removed: ', added: 'added: ', same: '', skipped: '' } as const;

function LineView({ line }: { line: Line }) {
  return (
    <div class={`diff-line diff-${line.kind}`}>
      <span class="diff-sign" aria-hidden="true">
        {SIGNS[line.kind]}
      </span>
      <span class="visually-hidden">{SPOKEN[line.kind]}</span>
      <span class="diff-text">
        {line.words.map((word, index) =>
          word.changed ? (
            <mark key={index}>
              <Untrusted text={word.text} />
            </mark>
          ) : (
            <Untrusted key={index} text={word.text} />
          ),
        )}
      </span>
    </div>
  );
}

/** One change of an event: the field, and what stood there before and after. */
export function ChangeView({ change }: { change: Change }) {
  const found = difference(change);
  return (
    <div class="change">
      <h4>
        <Untrusted text={change.field} />
      </h4>
      {found.kind === 'short' && (
        <p class="change-short">
          {found.before === null ? (
            <span class="quiet">not set</span>
          ) : (
            <del>
              <span class="visually-hidden">before: </span>
              <Untrusted text={found.before} />
            </del>
          )}
          <span class="quiet" aria-hidden="true">
            →
          </span>
          {found.after === null ? (
            <span class="quiet">removed</span>
          ) : (
            <ins>
              <span class="visually-hidden">after: </span>
              <Untrusted text={found.after} />
            </ins>
          )}
        </p>
      )}
      {found.kind === 'lines' && (
        <div class="diff">
          {found.lines.map((line, index) => (
            <LineView key={index} line={line} />
          ))}
        </div>
      )}
      {found.kind === 'whole' && (
        <>
          <p class="quiet">Before</p>
          <LongText text={found.before} block />
          <p class="quiet">After</p>
          <LongText text={found.after} block />
        </>
      )}
    </div>
  );
}
