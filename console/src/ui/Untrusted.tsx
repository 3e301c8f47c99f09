import { pieces } from '../view/text';

/**
 * A text that a stranger wrote: it cannot change the direction of what stands beside it, and characters that are not seen or mislead
 * are named. The framework makes text nodes of it, never HTML.
 */
export function Untrusted({ text }: { text: string }) {
  return (
    <bdi>
      {pieces(text).map((piece, index) =>
        'text' in piece ? (
          piece.text
        ) : (
          <span key={index} class="hidden-character" title={piece.name}>
            {piece.mark}
          </span>
        ),
      )}
    </bdi>
  );
}
