import { queryOptions, useMutation, useQueryClient } from "@tanstack/react-query";
import { api, unwrap, unwrapPage } from "@/api/client";
import { keys } from "@/api/keys";
import type { components } from "@/api/schema";
import type { Choice, Writing } from "./choice";

type Schemas = components["schemas"];
export type FeatureSet = Schemas["FeatureSetOut"];
export type Feature = Schemas["FeatureOut"];
export type Suggestion = Schemas["StrengthSuggestion"];
export type Template = Schemas["SteeringTemplateOut"];
export type Result = Schemas["SteeringResult"];

export const featureSetsQuery = queryOptions({
  queryKey: keys.featureSets.list({ limit: 500 }),
  queryFn: ({ signal }) => unwrapPage(api.GET("/api/v1/feature-sets", { params: { query: { limit: 500 } }, signal })),
  meta: { poll: 5000 },
});

export const featureQuery = (set: string, latent: number) =>
  queryOptions({
    queryKey: keys.featureSets.part(set, "steered", { latent }),
    queryFn: ({ signal }) =>
      unwrap(
        api.GET("/api/v1/feature-sets/{set_id}/features/{latent}", {
          params: { path: { set_id: set, latent } },
          signal,
        }),
      ),
    select: ({ feature }) => feature,
    staleTime: 60_000,
  });

export const suggestionQuery = (set: string, latent: number) =>
  queryOptions({
    queryKey: keys.featureSets.part(set, "suggestion", { latent }),
    queryFn: ({ signal }) =>
      unwrap(api.GET("/api/v1/steering/suggestion", { params: { query: { feature_set_id: set, latent } }, signal })),
    staleTime: Infinity,
    retry: false,
  });

/** Features whose label, notes or tokens hold the text; without one those that are easiest to read, strongest first. */
export const searchQuery = (set: string, search: string) => {
  const found =
    search === ""
      ? ({ alive: true, min_density: 1e-4, max_density: 1e-2, sortBy: "max" } as const)
      : ({ alive: true, search } as const);
  const query = { ...found, order: "desc" as const, limit: 50 };
  return queryOptions({
    queryKey: keys.featureSets.part(set, "features", query),
    queryFn: ({ signal }) =>
      unwrapPage(
        api.GET("/api/v1/feature-sets/{set_id}/features", { params: { path: { set_id: set }, query }, signal }),
      ),
    placeholderData: (before) => before,
  });
};

export const templatesQuery = queryOptions({
  queryKey: keys.templates.list({ kind: "steering" }),
  queryFn: ({ signal }) =>
    unwrapPage(api.GET("/api/v1/templates", { params: { query: { kind: ["steering"], limit: 200 } }, signal })),
  select: ({ items }) => items.filter((each): each is Template => each.kind === "steering"),
});

const readTemplate = (id: string, signal: AbortSignal) =>
  unwrap(api.GET("/api/v1/templates/{template_id}", { params: { path: { template_id: id } }, signal }));
export type AnyTemplate = Awaited<ReturnType<typeof readTemplate>>;

export const templateQuery = (id: string) =>
  queryOptions({ queryKey: keys.templates.one(id), queryFn: ({ signal }) => readTemplate(id, signal) });

export function useSaveTemplate() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: ({ name, set, edits, choice }: { name: string; set: FeatureSet; edits: Sent[]; choice: Choice }) =>
      unwrap(
        api.POST("/api/v1/templates", {
          body: {
            kind: "steering",
            name,
            description: "",
            is_favorite: false,
            config: {
              feature_set_id: set.id,
              sae_id: set.sae?.id ?? null,
              edits,
              generate: generateOf(choice.writing),
              prompts: choice.prompt === "" ? [] : [choice.prompt],
            },
          },
        }),
      ),
    onSuccess: () => client.invalidateQueries({ queryKey: keys.templates.all }),
  });
}

/** An edit with its strength decided. */
export type Sent = Schemas["Edit"];

export function generateOf(writing: Writing): Schemas["GenerateConfig"] {
  return { ...writing, prepend_bos: true, skip_special: true };
}
