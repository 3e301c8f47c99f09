import { useState } from 'preact/hooks';

import { beginning, counted } from '../view/text';
import { Untrusted } from './Untrusted';

/** Longest text that is shown whole at first (characters). */
const SHOWN = 600;

/** A text of any length: its beginning, and the rest when asked for. */
export function LongText({ text, block = false }: { text: string; block?: boolean }) {
  const [isWhole, setWhole] = useState(false);
  const isCut = !isWhole && text.length > SHOWN;
  const shown = (
    <>
      <Untrusted text={isCut ? beginning(text, SHOWN) : text} />
      {isCut && <span class="quiet">…</span>}
    </>
  );
  return (
    <>
      {block ? <pre class="block">{shown}</pre> : <span class="value-text">{shown}</span>}
      {text.length > SHOWN && (
        <button type="button" class="link" onClick={() => setWhole(!isWhole)}>
          {isWhole ? 'Show less' : `Show all ${counted(text.length, 'character')}`}
        </button>
      )}
    </>
  );
}
