import { useSyncExternalStore } from "react";
import * as format from "./format";

// One clock for all: it ticks while somebody looks.
let now = Date.now();
const watchers = new Set<() => void>();
let timer: ReturnType<typeof setInterval> | undefined;

function watch(watcher: () => void) {
  watchers.add(watcher);
  now = Date.now();
  timer ??= setInterval(() => {
    now = Date.now();
    for (const each of watchers) each();
  }, 10_000);
  return () => {
    watchers.delete(watcher);
    if (watchers.size === 0) {
      clearInterval(timer);
      timer = undefined;
    }
  };
}

/** `3 minutes ago`, kept right; the whole date on hover. */
export function RelativeTime({ at }: { at: Date | string }) {
  const current = useSyncExternalStore(watch, () => now);
  const then = new Date(at);
  return (
    <time dateTime={then.toISOString()} title={format.dateTime(then)} className="whitespace-nowrap">
      {format.ago(then, current)}
    </time>
  );
}
