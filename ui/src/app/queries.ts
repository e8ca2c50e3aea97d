import { queryOptions } from "@tanstack/react-query";
import { api, unwrap } from "@/api/client";
import { keys } from "@/api/keys";

/** How many jobs run now: the sidebar's badge. */
export const runningJobs = queryOptions({
  // Under the lists, because whatever changes them changes the counts.
  queryKey: keys.jobs.list({ counts: true }),
  queryFn: () => unwrap(api.GET("/api/v1/jobs/counts")),
  select: ({ counts }) => (counts.running ?? 0) + (counts.pausing ?? 0),
  meta: { poll: 5000 },
});

/** How the machine is: the header's pills. */
export const machine = queryOptions({
  queryKey: keys.system.metrics,
  queryFn: () => unwrap(api.GET("/api/v1/system/metrics")),
  meta: { poll: 5000 },
});

/** Everything whose name fits: the palette. */
export const found = (text: string) =>
  queryOptions({
    queryKey: keys.search(text),
    queryFn: ({ signal }) => unwrap(api.GET("/api/v1/search", { params: { query: { search: text } }, signal })),
    enabled: text !== "",
    placeholderData: (before) => before,
  });
