import { useQuery } from "@tanstack/react-query";
import { useLayoutEffect, useRef } from "react";
import { Card } from "@/kit/Card";
import { CopyButton } from "@/kit/Code";
import { ErrorState } from "@/kit/ErrorState";
import { SkeletonText } from "@/kit/Skeleton";
import { logQuery } from "../queries";

/** What the job said. While one stands at the end, the end stays in sight. */
export function JobLog({ id, live }: { id: string; live: boolean }) {
  const log = useQuery(logQuery(id, live));
  const box = useRef<HTMLPreElement>(null);
  const following = useRef(true);
  useLayoutEffect(() => {
    if (following.current && box.current) box.current.scrollTop = box.current.scrollHeight;
  }, [log.data?.text]);
  const text = log.data?.text ?? "";
  return (
    <Card
      title="Log"
      description={log.data && log.data.offset > 0 ? "The last 64 KiB." : undefined}
      actions={text === "" ? undefined : <CopyButton text={text} name="Copy the log" />}
    >
      {log.isPending ? (
        <SkeletonText />
      ) : log.error ? (
        <ErrorState error={log.error} onRetry={() => void log.refetch()} compact />
      ) : (
        <pre
          ref={box}
          // A region that scrolls must be reachable with the keyboard.
          // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex
          tabIndex={0}
          aria-label="The job's log"
          onScroll={({ currentTarget: { scrollHeight, scrollTop, clientHeight } }) => {
            following.current = scrollHeight - scrollTop - clientHeight < 24;
          }}
          className="max-h-96 overflow-auto rounded-lg bg-sunken p-3 font-mono text-xs leading-relaxed whitespace-pre-wrap text-ink-2"
        >
          {text === "" ? "It has not said anything yet." : text}
        </pre>
      )}
    </Card>
  );
}
