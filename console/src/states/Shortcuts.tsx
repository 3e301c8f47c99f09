import { Dialog } from '../ui/Dialog';

const SHORTCUTS = [
  ['/', 'Search'],
  ['↑ ↓ or k j', 'Move between events'],
  ['Page Up, Page Down, Home, End', 'Move by a page, or to the first or last event'],
  ['Enter', 'Open event'],
  ['Esc', 'Close event'],
  ['r', 'Refresh'],
  ['?', 'Show this list'],
] as const;

export function Shortcuts({ onClose }: { onClose: () => void }) {
  return (
    <Dialog title="Keyboard shortcuts" onClose={onClose}>
      <dl class="shortcuts">
        {SHORTCUTS.map(([keys, what]) => (
          <div key={keys}>
            <dt>
              <kbd>{keys}</kbd>
            </dt>
            <dd>{what}</dd>
          </div>
        ))}
      </dl>
    </Dialog>
  );
}
