import { queryOptions, useMutation, useQueryClient } from "@tanstack/react-query";
import { api, unwrap, unwrapPage } from "@/api/client";
import { keys } from "@/api/keys";
import type { components, paths } from "@/api/schema";

type Schemas = components["schemas"];
export type Model = Schemas["ModelOut"];
export type Description = Schemas["ModelDescription"];
export type Memory = Schemas["MemoryOut"];
export type Preview = Schemas["ModelPreview"];
export type ModelsQuery = NonNullable<paths["/api/v1/models"]["get"]["parameters"]["query"]>;

const one = (id: string) => ({ params: { path: { model_id: id } } });

export const modelsQuery = (query: ModelsQuery) =>
  queryOptions({
    queryKey: keys.models.list(query),
    queryFn: ({ signal }) => unwrapPage(api.GET("/api/v1/models", { params: { query }, signal })),
    placeholderData: (before) => before,
  });

export const modelQuery = (id: string) =>
  queryOptions({
    queryKey: keys.models.one(id),
    queryFn: ({ signal }) => unwrap(api.GET("/api/v1/models/{model_id}", { ...one(id), signal })),
  });

export const architectureQuery = (id: string) =>
  queryOptions({
    queryKey: keys.models.part(id, "architecture"),
    queryFn: ({ signal }) => unwrap(api.GET("/api/v1/models/{model_id}/architecture", { ...one(id), signal })),
    staleTime: Infinity,
  });

export const memoryQuery = (id: string) =>
  queryOptions({
    queryKey: keys.models.part(id, "memory"),
    queryFn: ({ signal }) => unwrap(api.GET("/api/v1/models/{model_id}/memory", { ...one(id), signal })),
  });

/** The SAEs that were trained on the model. */
export const saesQuery = (model: string) =>
  queryOptions({
    queryKey: keys.saes.list({ model }),
    queryFn: ({ signal }) => unwrapPage(api.GET("/api/v1/saes", { params: { query: { model, limit: 50 } }, signal })),
  });

export function usePreview() {
  return useMutation({
    mutationFn: (source: string) => unwrap(api.POST("/api/v1/models/preview", { body: { source } })),
  });
}

export interface Wanted {
  source: string;
  name: string;
  dtype: Schemas["ModelConfig"]["dtype"];
  quantize: "4bit" | "8bit" | null;
  trust_remote_code: boolean;
}

export function useAdd() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: ({ name, ...config }: Wanted) =>
      unwrap(
        api.POST("/api/v1/models", {
          body: { kind: "model_add", name: name === "" ? null : name, config: { device: "auto", ...config } },
        }),
      ),
    onSuccess: () => client.invalidateQueries({ queryKey: keys.jobs.lists }),
  });
}

export function useDelete() {
  return useMutation({
    mutationFn: (model: Model) => unwrap(api.DELETE("/api/v1/models/{model_id}", one(model.id))),
  });
}
