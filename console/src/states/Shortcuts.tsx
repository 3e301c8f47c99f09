import { Dialog } from '../ui/Dialog';

const SHORTCUTS = [
  ['/', 'Search'],
  ['↑ ↓ or k j', 'Go through the events'],
  ['Page Up, Page Down, Home, End', 'Go further'],
  ['Enter', 'Open the event'],
  ['Esc', 'Close the event'],
  ['r', 'Refresh'],
  ['?', 'Show this'],
] as const;

export function Shortcuts({ onClose }: { onClose: () => void }) {
  return (
    <Dialog title="Keyboard" onClose={onClose}>
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
