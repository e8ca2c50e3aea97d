import { queryOptions, useMutation, useQueryClient } from "@tanstack/react-query";
import { api, unwrap } from "@/api/client";
import { keys } from "@/api/keys";
import type { components } from "@/api/schema";

export type Road = components["schemas"]["Road"];
export type Step = components["schemas"]["RoadStep"];
export type Next = components["schemas"]["NextStep"];
export type Job = components["schemas"]["JobOut"];

export const roadQuery = queryOptions({
  queryKey: keys.road,
  queryFn: ({ signal }) => unwrap(api.GET("/api/v1/road", { signal })),
  meta: { poll: 3000 },
});

/** The jobs that run or wait; live events keep their progress right. */
export const runningQuery = queryOptions({
  queryKey: keys.jobs.list({ home: true }),
  queryFn: ({ signal }) =>
    unwrap(
      api.GET("/api/v1/jobs", {
        params: { query: { state: ["running", "pausing", "queued", "paused"], limit: 20, order: "asc" } },
        signal,
      }),
    ).then((items) => ({ items })),
  meta: { poll: 2000 },
});

export function useDemo() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: () => unwrap(api.POST("/api/v1/demo")),
    onSuccess: () =>
      Promise.all([
        client.invalidateQueries({ queryKey: keys.road }),
        client.invalidateQueries({ queryKey: keys.jobs.lists }),
      ]),
  });
}
