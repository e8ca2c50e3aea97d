/**
 * The keys of everything in the query cache. live.ts finds what an event changes by them, so every query uses them:
 * `keys.datasets.list(query)`, `keys.trainings.one(id)`, `keys.trainings.part(id, "metrics", query)`.
 */
const entity = <Name extends string>(name: Name) => ({
  /** All that is known of these. */
  all: [name] as const,
  lists: [name, "list"] as const,
  list: (query: object = {}) => [name, "list", query] as const,
  one: (id: string) => [name, "one", id] as const,
  /** What belongs to one: `samples`, `metrics`, `features`. */
  part: (id: string, part: string, query: object = {}) => [name, "one", id, part, query] as const,
});

export const keys = {
  jobs: entity("jobs"),
  datasets: entity("datasets"),
  tokenizations: entity("tokenizations"),
  models: entity("models"),
  recordings: entity("recordings"),
  trainings: entity("trainings"),
  saes: entity("saes"),
  featureSets: entity("feature-sets"),
  templates: entity("templates"),
  system: {
    all: ["system"] as const,
    info: ["system", "info"] as const,
    metrics: ["system", "metrics"] as const,
    history: (minutes: number) => ["system", "history", minutes] as const,
  },
  /** What exists at each step; every change of jobs and artifacts may change it. */
  road: ["road"] as const,
  settings: ["settings"] as const,
  search: (text: string) => ["search", text] as const,
  /** What a latent says of a text: it never changes. */
  tried: (set: string, latent: number, text: string) => ["tried", set, latent, text] as const,
  openapi: ["openapi"] as const,
};
