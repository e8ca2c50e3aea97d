import { queryOptions, useMutation, useQueryClient } from "@tanstack/react-query";
import { api, type Paged, request, unwrap, unwrapPage } from "@/api/client";
import { keys } from "@/api/keys";
import type { components, paths } from "@/api/schema";

type Schemas = components["schemas"];
export type Dataset = Schemas["DatasetOut"];
export type Document = Schemas["DocumentSample"];
export type Tokenization = Schemas["TokenizationOut"];
export type Preview = Schemas["CorpusPreview"];
export type Statistics = Schemas["CorpusStatistics"];
export type DatasetsQuery = NonNullable<paths["/api/v1/datasets"]["get"]["parameters"]["query"]>;

const one = (id: string) => ({ path: { dataset_id: id } });

export const datasetsQuery = (query: DatasetsQuery) =>
  queryOptions({
    queryKey: keys.datasets.list(query),
    queryFn: ({ signal }) => unwrapPage(api.GET("/api/v1/datasets", { params: { query }, signal })),
    placeholderData: (before) => before,
  });

export const datasetQuery = (id: string) =>
  queryOptions({
    queryKey: keys.datasets.one(id),
    queryFn: ({ signal }) => unwrap(api.GET("/api/v1/datasets/{dataset_id}", { params: one(id), signal })),
  });

export const documentsQuery = (id: string, query: { search?: string; page: number; limit: number }) =>
  queryOptions({
    queryKey: keys.datasets.part(id, "documents", query),
    queryFn: async ({ signal }): Promise<Paged<Document>> => {
      const { data } = await api.GET("/api/v1/datasets/{dataset_id}/samples", {
        params: { ...one(id), query: { ...query, characters: 300 } },
        signal,
      });
      if (data === undefined) throw new Error("no answer");
      return { items: data.data, pagination: data.pagination, ...(data.scan.complete ? {} : { scanning: true }) };
    },
    placeholderData: (before) => before,
    // A search of much text takes a second at a time, until all of it was seen.
    refetchInterval: ({ state }) => (state.data && "scanning" in state.data ? 200 : false),
  });

export const documentQuery = (id: string, doc: number) =>
  queryOptions({
    queryKey: keys.datasets.part(id, "document", { doc }),
    queryFn: ({ signal }) =>
      unwrap(
        api.GET("/api/v1/datasets/{dataset_id}/samples/{doc}", {
          params: { path: { dataset_id: id, doc }, query: { characters: 100_000 } },
          signal,
        }),
      ),
  });

export const tokenizationsQuery = (id: string) =>
  queryOptions({
    queryKey: keys.tokenizations.list({ dataset: id }),
    queryFn: ({ signal }) =>
      unwrapPage(
        api.GET("/api/v1/datasets/{dataset_id}/tokenizations", {
          params: { ...one(id), query: { limit: 200 } },
          signal,
        }),
      ),
  });

export const statisticsQuery = (tokenization: string) =>
  queryOptions({
    queryKey: keys.tokenizations.part(tokenization, "statistics"),
    queryFn: ({ signal }) =>
      unwrap(
        api.GET("/api/v1/tokenizations/{tokenization_id}/statistics", {
          params: { path: { tokenization_id: tokenization } },
          signal,
        }),
      ),
    staleTime: Infinity,
  });

export const contextsQuery = (tokenization: string, seed: number) =>
  queryOptions({
    queryKey: keys.tokenizations.part(tokenization, "contexts", { seed }),
    queryFn: ({ signal }) =>
      unwrapPage(
        api.GET("/api/v1/tokenizations/{tokenization_id}/samples", {
          params: { path: { tokenization_id: tokenization }, query: { limit: 3, seed } },
          signal,
        }),
      ),
    placeholderData: (before) => before,
  });

export const modelsQuery = queryOptions({
  queryKey: keys.models.list({ limit: 500 }),
  queryFn: ({ signal }) => unwrapPage(api.GET("/api/v1/models", { params: { query: { limit: 500 } }, signal })),
});

export function usePreview() {
  return useMutation({
    mutationFn: (wanted: { source: string; split?: string; config_name?: string }) =>
      unwrap(api.POST("/api/v1/datasets/preview", { body: { rows: 5, ...wanted } })),
  });
}

export function useUpload() {
  return useMutation({
    mutationFn: async (file: File) => {
      const body = new FormData();
      body.append("file", file);
      const answer = await request("/api/v1/datasets/upload", { method: "POST", body });
      return ((await answer.json()) as { data: Schemas["Uploaded"] }).data;
    },
  });
}

export interface Wanted {
  source: string;
  name: string;
  column: string;
  held_out: number;
  limit: number | null;
  split: string;
  config_name: string | null;
}

export function useAdd() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: ({ source, name, ...config }: Wanted) =>
      unwrap(
        api.POST("/api/v1/datasets", {
          body: {
            kind: "dataset_add",
            name: name === "" ? null : name,
            config: { sources: [source], streaming: true, ...config },
          },
        }),
      ),
    onSuccess: () => client.invalidateQueries({ queryKey: keys.jobs.lists }),
  });
}

export function useTokenize() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: ({ id, model, config }: { id: string; model: string; config: Partial<Schemas["TokenizeConfig"]> }) =>
      unwrap(
        api.POST("/api/v1/datasets/{dataset_id}/tokenizations", {
          params: one(id),
          // What is not given has its default.
          body: { model_id: model, config } as Schemas["TokenizeIn"],
        }),
      ),
    onSuccess: () => client.invalidateQueries({ queryKey: keys.jobs.lists }),
  });
}

export function useDelete() {
  return useMutation({
    mutationFn: (dataset: Dataset) => unwrap(api.DELETE("/api/v1/datasets/{dataset_id}", { params: one(dataset.id) })),
  });
}
