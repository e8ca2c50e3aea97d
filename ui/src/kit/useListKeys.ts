import { type KeyboardEvent, useState } from "react";

/** Arrow keys, Home, End and Enter over a list whose focus stays in a field. */
export function useListKeys(length: number, onChoose: (place: number) => void) {
  const [wanted, setActive] = useState(0);
  const active = Math.max(0, Math.min(wanted, length - 1));
  const onKeyDown = (event: KeyboardEvent) => {
    if (length === 0) return;
    const moves: Record<string, number> = {
      ArrowDown: (active + 1) % length,
      ArrowUp: (active - 1 + length) % length,
      PageDown: Math.min(length - 1, active + 8),
      PageUp: Math.max(0, active - 8),
    };
    const next = moves[event.key];
    if (next !== undefined) {
      event.preventDefault();
      setActive(next);
    } else if (event.key === "Enter") {
      event.preventDefault();
      onChoose(active);
    }
  };
  return { active, setActive, onKeyDown };
}
