import { Check, Copy } from 'lucide-preact';
import { useEffect, useState } from 'preact/hooks';

/** Copies a text, and says that it did. */
export function CopyButton({ text, label, withText = false }: { text: () => string; label: string; withText?: boolean }) {
  const [state, setState] = useState<'idle' | 'done' | 'failed'>('idle');
  useEffect(() => {
    if (state === 'idle') return;
    const timer = setTimeout(() => setState('idle'), 2000);
    return () => clearTimeout(timer);
  }, [state]);
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text());
      setState('done');
    } catch {
      setState('failed');
    }
  };
  const said = state === 'done' ? 'Copied' : state === 'failed' ? "Couldn't copy" : label;
  return (
    <button type="button" class={withText ? 'button small' : 'icon-button small'} aria-label={withText ? undefined : said} title={said} onClick={copy}>
      {state === 'done' ? <Check size={14} aria-hidden="true" /> : <Copy size={14} aria-hidden="true" />}
      {withText && <span aria-live="polite">{said}</span>}
    </button>
  );
}
