import { queryOptions, useMutation, useQueryClient } from "@tanstack/react-query";
import { api, unwrap } from "@/api/client";
import { keys } from "@/api/keys";
import type { components } from "@/api/schema";

export type Settings = components["schemas"]["SettingsOut"];

export const settingsQuery = queryOptions({
  queryKey: keys.settings,
  queryFn: ({ signal }) => unwrap(api.GET("/api/v1/settings", { signal })),
});

export function useChange() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (change: components["schemas"]["SettingsChange"]) =>
      unwrap(api.PATCH("/api/v1/settings", { body: change })),
    onSuccess: (settings) => client.setQueryData(keys.settings, settings),
  });
}
