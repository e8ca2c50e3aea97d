import { queryOptions } from "@tanstack/react-query";
import { api, unwrap, unwrapPage } from "@/api/client";
import { keys } from "@/api/keys";

/** How many jobs run now: the sidebar's badge. */
export const runningJobs = queryOptions({
  queryKey: keys.jobs.list({ state: ["running"], limit: 1 }),
  queryFn: () => unwrapPage(api.GET("/api/v1/jobs", { params: { query: { state: ["running"], limit: 1 } } })),
  select: (page) => page.pagination.total,
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
