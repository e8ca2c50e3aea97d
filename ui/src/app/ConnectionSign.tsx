import { type ConnectionState, stateOf, useConnection } from "@/api/connection";
import { cx } from "@/kit/cx";
import { Tooltip } from "@/kit/Tooltip";

const signs: Record<ConnectionState, { word: string; meaning: string; dot: string }> = {
  connecting: { word: "Connecting", meaning: "Looking for the studio.", dot: "bg-line-strong animate-breathe" },
  live: { word: "Live", meaning: "Changes appear here as they happen.", dot: "bg-accent-fill" },
  polling: {
    word: "Polling",
    meaning: "The live connection is down. Pages ask every few seconds until it is back.",
    dot: "bg-warn",
  },
  offline: {
    word: "Offline",
    meaning: "The studio does not answer. What you see may be old. Start it with: mistudio up",
    dot: "bg-danger-fill",
  },
};

/** Whether what is shown is true now, in a word. */
export function ConnectionSign() {
  const { word, meaning, dot } = signs[stateOf(useConnection())];
  return (
    <Tooltip text={meaning}>
      <button
        type="button"
        className="flex h-7 cursor-default items-center gap-2 rounded-full border border-line px-2.5 text-xs font-medium text-ink-2"
      >
        <span aria-hidden className={cx("size-2 rounded-full", dot)} />
        <span role="status">{word}</span>
      </button>
    </Tooltip>
  );
}
