import { queryOptions, useMutation, useQueryClient } from "@tanstack/react-query";
import { api, type Paged, unwrap, unwrapPage } from "@/api/client";
import { keys } from "@/api/keys";
import type { components, paths } from "@/api/schema";
import { toastError } from "@/kit/toast";

type Schemas = components["schemas"];
export type FeatureSet = Schemas["FeatureSetOut"];
export type FeatureSetDetail = Schemas["FeatureSetDetail"];
export type Feature = Schemas["FeatureOut"];
export type FeaturePage = Schemas["FeaturePage"];
export type Examples = Schemas["Examples"];
export type Passage = Schemas["Passage"];
export type PassageGroup = Schemas["PassageGroup"];
export type TokenLogit = Schemas["TokenLogit"];
export type TriedText = Schemas["TriedText"];
export type Change = Partial<Pick<Feature, "label" | "notes" | "starred">>;
export type FeaturesQuery = NonNullable<paths["/api/v1/feature-sets/{set_id}/features"]["get"]["parameters"]["query"]>;

const path = (set: string, latent: number) => ({ path: { set_id: set, latent } });

export const featureSetsQuery = queryOptions({
  queryKey: keys.featureSets.list({ limit: 500 }),
  queryFn: ({ signal }) => unwrapPage(api.GET("/api/v1/feature-sets", { params: { query: { limit: 500 } }, signal })),
  meta: { poll: 5000 },
});

export const featureSetQuery = (set: string) =>
  queryOptions({
    queryKey: keys.featureSets.one(set),
    queryFn: ({ signal }) =>
      unwrap(api.GET("/api/v1/feature-sets/{set_id}", { params: { path: { set_id: set } }, signal })),
    meta: { poll: 5000 },
    // Its table is sorted and searched in the database, into which a new set is read first.
    refetchInterval: ({ state }) => (state.data?.loaded === false ? 1500 : false),
  });

export const featuresQuery = (set: string, query: FeaturesQuery) =>
  queryOptions({
    queryKey: keys.featureSets.part(set, "features", query),
    queryFn: ({ signal }) =>
      unwrapPage(
        api.GET("/api/v1/feature-sets/{set_id}/features", { params: { path: { set_id: set }, query }, signal }),
      ),
    staleTime: 60_000,
  });

/** One feature; `table` is the table that it was opened from, whose order gives its neighbours. */
export const featureQuery = (set: string, latent: number, table: FeaturesQuery) =>
  queryOptions({
    queryKey: keys.featureSets.part(set, "feature", { latent, ...table }),
    queryFn: ({ signal }) =>
      unwrap(
        api.GET("/api/v1/feature-sets/{set_id}/features/{latent}", {
          params: { ...path(set, latent), query: table },
          signal,
        }),
      ),
    staleTime: 60_000,
  });

export const examplesQuery = (set: string, latent: number) =>
  queryOptions({
    queryKey: keys.featureSets.part(set, "examples", { latent }),
    queryFn: ({ signal }) =>
      unwrap(
        api.GET("/api/v1/feature-sets/{set_id}/features/{latent}/examples", { params: path(set, latent), signal }),
      ),
    staleTime: Infinity,
  });

export const triedQuery = (set: string, latent: number, text: string) =>
  queryOptions({
    queryKey: keys.tried(set, latent, text),
    queryFn: ({ signal }) =>
      unwrap(
        api.POST("/api/v1/feature-sets/{set_id}/features/{latent}/test", {
          params: path(set, latent),
          body: { text },
          signal,
        }),
      ),
    enabled: text.trim() !== "",
    staleTime: Infinity,
    placeholderData: (before) => before,
    retry: false,
  });

/** Write a label, notes or a star. It is seen at once, and taken back where it cannot be kept. */
export function useChange(set: string) {
  const client = useQueryClient();
  const show = (latent: number, change: Change) => {
    const of = (part: string) => ({ queryKey: [...keys.featureSets.one(set), part] });
    client.setQueriesData<Paged<Feature>>(of("features"), (page) =>
      page?.items.some((each) => each.latent === latent)
        ? { ...page, items: page.items.map((each) => (each.latent === latent ? { ...each, ...change } : each)) }
        : undefined,
    );
    client.setQueriesData<FeaturePage>(of("feature"), (page) =>
      page?.feature.latent === latent ? { ...page, feature: { ...page.feature, ...change } } : undefined,
    );
  };
  return useMutation({
    mutationFn: ({ feature, change }: { feature: Feature; change: Change }) =>
      unwrap(
        api.PATCH("/api/v1/feature-sets/{set_id}/features/{latent}", {
          params: path(set, feature.latent),
          // What is not given stays as it is.
          body: change as Schemas["FeatureChange"],
        }),
      ),
    onMutate: ({ feature, change }) => show(feature.latent, change),
    onSuccess: (feature) => show(feature.latent, feature),
    onError: (error, { feature }) => {
      const { label, notes, starred } = feature;
      show(feature.latent, { label, notes, starred });
      toastError(`Latent ${feature.latent} could not be changed`, error);
    },
    onSettled: () => client.invalidateQueries({ queryKey: keys.featureSets.one(set), exact: true }),
  });
}

export function useDelete() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (id: string) =>
      unwrap(api.DELETE("/api/v1/feature-sets/{set_id}", { params: { path: { set_id: id } } })),
    onSuccess: () => client.invalidateQueries({ queryKey: keys.featureSets.lists }),
  });
}
