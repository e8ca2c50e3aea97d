const apple = typeof navigator !== "undefined" && /Mac|iPhone|iPad/.test(navigator.userAgent);

const signs: Record<string, string> = {
  mod: apple ? "⌘" : "Ctrl",
  shift: apple ? "⇧" : "Shift",
  alt: apple ? "⌥" : "Alt",
  enter: "Enter",
  escape: "Esc",
  space: "Space",
  up: "↑",
  down: "↓",
  left: "←",
  right: "→",
};

/** A shortcut as keys: `mod+k`, `g d` (one after the other), `?`. */
export function KeyHint({ keys }: { keys: string }) {
  return (
    <span className="inline-flex items-center gap-1 font-mono text-xs text-ink-3">
      {keys.split(" ").flatMap((chord, place) => [
        ...(place > 0 ? [<span key={`then ${place}`}>then</span>] : []),
        ...chord.split("+").map((key) => (
          <kbd
            key={`${place} ${key}`}
            className="min-w-5 rounded-sm border border-line bg-sunken px-1 py-px text-center font-mono text-xs text-ink-2"
          >
            {signs[key] ?? key.toUpperCase()}
          </kbd>
        )),
      ])}
    </span>
  );
}
