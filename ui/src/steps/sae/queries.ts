import { queryOptions, useMutation, useQueryClient } from "@tanstack/react-query";
import { api, unwrap, unwrapPage } from "@/api/client";
import { keys } from "@/api/keys";
import type { components, paths } from "@/api/schema";

type Schemas = components["schemas"];
export type Sae = Schemas["SaeOut"];
export type SaeDetail = Schemas["SaeDetail"];
export type Evaluation = Schemas["EvaluationOut"];
export type Measured = Schemas["Measured"];
export type Tokenization = Schemas["TokenizationOut"];
export type Recording = Schemas["RecordingOut"];
export type Job = Schemas["JobOut"];
export type Probing = Schemas["ProbingOut"];
export type LabelProbing = Schemas["LabelProbing"];
export type SpellingProbing = Schemas["SpellingProbing"];
export type ProbeScores = Schemas["ProbeScores"];
export type SaesQuery = NonNullable<paths["/api/v1/saes"]["get"]["parameters"]["query"]>;

const one = (id: string) => ({ params: { path: { sae_id: id } } });
const all = { limit: 500 };

export const saesQuery = (query: SaesQuery) =>
  queryOptions({
    queryKey: keys.saes.list(query),
    queryFn: ({ signal }) => unwrapPage(api.GET("/api/v1/saes", { params: { query }, signal })),
    meta: { poll: 5000 },
    placeholderData: (before) => before,
  });

export const saeQuery = (id: string) =>
  queryOptions({
    queryKey: keys.saes.one(id),
    queryFn: ({ signal }) => unwrap(api.GET("/api/v1/saes/{sae_id}", { ...one(id), signal })),
    meta: { poll: 5000 },
  });

/** Text that the SAE's model can read. */
export const tokenizationsQuery = queryOptions({
  queryKey: keys.tokenizations.list(all),
  queryFn: ({ signal }) => unwrapPage(api.GET("/api/v1/tokenizations", { params: { query: all }, signal })),
});

export const recordingsQuery = queryOptions({
  queryKey: keys.recordings.list(all),
  queryFn: ({ signal }) => unwrapPage(api.GET("/api/v1/recordings", { params: { query: all }, signal })),
});

/** What probing this SAE found, newest first. */
export const probingsQuery = (id: string) =>
  queryOptions({
    queryKey: keys.saes.part(id, "probings"),
    queryFn: ({ signal }) => unwrap(api.GET("/api/v1/saes/{sae_id}/probings", { ...one(id), signal })),
    meta: { poll: 5000 },
  });

export const probingQuery = (id: string, probing: string) =>
  queryOptions({
    queryKey: keys.saes.part(id, "probings", { probing }),
    queryFn: ({ signal }) =>
      unwrap(
        api.GET("/api/v1/saes/{sae_id}/probings/{probing_id}", {
          params: { path: { sae_id: id, probing_id: probing } },
          signal,
        }),
      ),
  });

export const datasetsQuery = queryOptions({
  queryKey: keys.datasets.list(all),
  queryFn: ({ signal }) => unwrapPage(api.GET("/api/v1/datasets", { params: { query: all }, signal })),
});

/** What the documents say of themselves, key by key. */
export const metadataQuery = (dataset: string | null) =>
  queryOptions({
    queryKey: keys.datasets.part(dataset ?? "", "statistics"),
    queryFn: ({ signal }) =>
      unwrap(
        api.GET("/api/v1/datasets/{dataset_id}/statistics", {
          params: { path: { dataset_id: dataset ?? "" } },
          signal,
        }),
      ),
    enabled: dataset !== null,
  });

/** Jobs that run or wait, of all kinds; those of one SAE are picked out by the page. */
export const liveJobsQuery = queryOptions({
  queryKey: keys.jobs.list({ of: "saes" }),
  queryFn: ({ signal }) =>
    unwrapPage(
      api.GET("/api/v1/jobs", {
        params: { query: { state: ["running", "pausing", "queued", "paused"], limit: 100 } },
        signal,
      }),
    ),
  meta: { poll: 2000 },
});

/** What a search would need; null while it cannot be asked for. */
export const findEstimateQuery = (request: Schemas["Find"] | null) =>
  queryOptions({
    queryKey: keys.jobs.list({ estimate: request }),
    queryFn: ({ signal }) => {
      if (request === null) throw new Error("nothing to estimate");
      return unwrap(api.POST("/api/v1/jobs/estimate", { body: request, signal }));
    },
    enabled: request !== null,
    retry: false,
    placeholderData: (before) => before,
    staleTime: 30_000,
  });

export function useEvaluate(saeId: string) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (body: Schemas["EvaluationRequest"]) =>
      unwrap(api.POST("/api/v1/saes/{sae_id}/evaluations", { ...one(saeId), body })),
    onSuccess: () => client.invalidateQueries({ queryKey: keys.jobs.lists }),
  });
}

export function useProbe(saeId: string) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (body: Schemas["ProbingRequest"]) =>
      unwrap(api.POST("/api/v1/saes/{sae_id}/probings", { ...one(saeId), body })),
    onSuccess: () => client.invalidateQueries({ queryKey: keys.jobs.lists }),
  });
}

export function useFind() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (body: Schemas["Find"]) => unwrap(api.POST("/api/v1/feature-sets", { body })),
    onSuccess: () => client.invalidateQueries({ queryKey: keys.jobs.lists }),
  });
}

export function useDelete() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: ({ id, force }: { id: string; force: boolean }) =>
      unwrap(api.DELETE("/api/v1/saes/{sae_id}", { params: { path: { sae_id: id }, query: { force } } })),
    onSuccess: () => client.invalidateQueries({ queryKey: keys.saes.lists }),
  });
}

/** A number by its name: of the newest evaluation, or else of the end of the training. */
export function numberOf(sae: Sae, name: string): (Measured & { evaluated: boolean }) | undefined {
  const of = (numbers: readonly Measured[] | undefined) => numbers?.find((each) => each.name === name);
  const evaluated = of(sae.newest_evaluation?.numbers);
  const found = evaluated ?? of(sae.training_numbers);
  return found && { ...found, evaluated: evaluated !== undefined };
}
