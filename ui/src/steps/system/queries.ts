import { queryOptions, useMutation, useQueryClient } from "@tanstack/react-query";
import { api, unwrap } from "@/api/client";
import { keys } from "@/api/keys";
import type { components } from "@/api/schema";

type Schemas = components["schemas"];
export type Sample = Omit<Schemas["MachineSample"], "load"> & { load: number[] | null };
export type History = Schemas["SystemHistory"];
export type Engine = Schemas["EngineOut"];

export const infoQuery = queryOptions({
  queryKey: keys.system.info,
  queryFn: ({ signal }) => unwrap(api.GET("/api/v1/system/info", { signal })),
});

export const sampleQuery = queryOptions({
  queryKey: keys.system.metrics,
  queryFn: ({ signal }) => unwrap(api.GET("/api/v1/system/metrics", { signal })),
  meta: { poll: 5000 },
});

export const historyQuery = (minutes: number) =>
  queryOptions({
    queryKey: keys.system.history(minutes),
    queryFn: ({ signal }) => unwrap(api.GET("/api/v1/system/history", { params: { query: { minutes } }, signal })),
    meta: { poll: 10_000 },
  });

export const engineQuery = queryOptions({
  queryKey: [...keys.system.all, "engine"],
  queryFn: ({ signal }) => unwrap(api.GET("/api/v1/engine", { signal })),
  refetchInterval: 5000,
  retry: false,
});

export function useUnload() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: () => unwrap(api.POST("/api/v1/engine/unload", { body: {} })),
    onSettled: () => client.invalidateQueries({ queryKey: engineQuery.queryKey }),
  });
}
