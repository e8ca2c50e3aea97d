import { queryOptions, useMutation, useQueryClient } from "@tanstack/react-query";
import { api, unwrap, unwrapPage } from "@/api/client";
import { keys } from "@/api/keys";
import type { components } from "@/api/schema";
import type { TrainRequest } from "./queries";

type Schemas = components["schemas"];
export type Model = Schemas["ModelOut"];
export type Tokenization = Schemas["TokenizationOut"];
export type Recording = Schemas["RecordingOut"];
export type Template = Schemas["TrainingTemplateOut"];

const all = { limit: 500 };

export const modelsQuery = queryOptions({
  queryKey: keys.models.list(all),
  queryFn: ({ signal }) => unwrapPage(api.GET("/api/v1/models", { params: { query: all }, signal })),
});

export const datasetsQuery = queryOptions({
  queryKey: keys.datasets.list(all),
  queryFn: ({ signal }) => unwrapPage(api.GET("/api/v1/datasets", { params: { query: all }, signal })),
});

export const tokenizationsQuery = queryOptions({
  queryKey: keys.tokenizations.list(all),
  queryFn: ({ signal }) => unwrapPage(api.GET("/api/v1/tokenizations", { params: { query: all }, signal })),
});

export const recordingsQuery = queryOptions({
  queryKey: keys.recordings.list(all),
  queryFn: ({ signal }) => unwrapPage(api.GET("/api/v1/recordings", { params: { query: all }, signal })),
});

export const templatesQuery = queryOptions({
  queryKey: keys.templates.list({ kind: "training" }),
  queryFn: ({ signal }) =>
    unwrapPage(
      api.GET("/api/v1/templates", {
        params: { query: { kind: ["training"], limit: 200, sortBy: "created_at", order: "asc" } },
        signal,
      }),
    ),
  select: ({ items }) => items.filter((each): each is Template => each.kind === "training"),
});

/** What a training would need; null while the request is not whole. */
export const estimateQuery = (request: TrainRequest | null) =>
  queryOptions({
    queryKey: keys.trainings.list({ estimate: request }),
    queryFn: ({ signal }) => {
      if (request === null) throw new Error("nothing to estimate");
      return unwrap(api.POST("/api/v1/trainings/estimate", { body: request, signal }));
    },
    enabled: request !== null,
    retry: false,
    placeholderData: (before) => before,
    staleTime: 30_000,
  });

export function useStart() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (request: TrainRequest) => unwrap(api.POST("/api/v1/trainings", { body: request })),
    onSuccess: () => client.invalidateQueries({ queryKey: keys.trainings.lists }),
  });
}

export function useTokenize() {
  return useMutation({
    mutationFn: ({ dataset, model }: { dataset: string; model: string }) =>
      unwrap(
        api.POST("/api/v1/datasets/{dataset_id}/tokenizations", {
          params: { path: { dataset_id: dataset } },
          // Every other option has its default.
          body: { model_id: model } as Schemas["TokenizeIn"],
        }),
      ),
  });
}

export function useSaveTemplate() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: ({ name, request }: { name: string; request: TrainRequest }) =>
      unwrap(
        api.POST("/api/v1/templates", {
          body: {
            kind: "training",
            name,
            description: "",
            is_favorite: false,
            config: { train: request.config, hook: request.hook ?? null, recording_ids: [] },
          },
        }),
      ),
    onSuccess: () => client.invalidateQueries({ queryKey: keys.templates.all }),
  });
}

/** A job that prepares the training: its progress comes by live events. */
export const preparingQuery = (id: string | null) =>
  queryOptions({
    queryKey: keys.jobs.one(id ?? ""),
    queryFn: ({ signal }) =>
      unwrap(api.GET("/api/v1/jobs/{job_id}", { params: { path: { job_id: id ?? "" } }, signal })),
    enabled: id !== null,
    meta: { poll: 2000 },
  });
