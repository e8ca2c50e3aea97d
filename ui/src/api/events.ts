import type { QueryClient } from "@tanstack/react-query";
import { keys } from "./keys";
import { type Curves, withLines, withSample } from "./patches";
import type { components } from "./schema";

type Schemas = components["schemas"];
export type StudioEvent = Schemas["StudioEvent"];
export type Delivery = Schemas["Envelope"];

type EventOf<Type extends StudioEvent["type"]> = Extract<StudioEvent, { type: Type }>;
type Key = readonly unknown[];
type Fields = Record<string, unknown>;

/** The query keys under which each kind of artifact is kept, or told of: an SAE's page lists its feature sets. */
const roots: Record<string, readonly Key[]> = {
  dataset: [keys.datasets.all],
  tokenization: [keys.tokenizations.all],
  model: [keys.models.all],
  recording: [keys.recordings.all],
  training: [keys.trainings.all],
  sae: [keys.saes.all],
  evaluation: [keys.saes.all],
  probing: [keys.saes.all],
  feature_set: [keys.featureSets.all, keys.saes.all],
  template: [keys.templates.all],
};

/** Bring the cache up to date by a batch of events, and ask again only for what an event names without telling. */
export function applyEvents(client: QueryClient, batch: readonly Delivery[]): void {
  const stale = new Map<string, Key>();
  for (const { data } of newest(batch)) {
    for (const key of apply(client, data)) stale.set(JSON.stringify(key), key);
  }
  for (const queryKey of stale.values()) void client.invalidateQueries({ queryKey });
}

/** Of progress only the newest counts. */
function newest(batch: readonly Delivery[]): Delivery[] {
  const seen = new Set<string>();
  const kept = [...batch].reverse().filter(({ data }) => {
    if (data.type !== "job.progress") return true;
    if (seen.has(data.job_id)) return false;
    seen.add(data.job_id);
    return true;
  });
  return kept.reverse();
}

/** Patch what the event tells; returns the keys of what must be asked for again. */
function apply(client: QueryClient, event: StudioEvent): readonly Key[] {
  switch (event.type) {
    case "job.progress": {
      const { stage, done, total, rate, eta_seconds, metrics } = event;
      patchJob(client, event.job_id, { stage, done, total, rate, eta_seconds, metrics });
      return [];
    }
    case "job.state":
      patchJob(client, event.job_id, { state: event.state, wanted: event.wanted });
      return [keys.road, keys.jobs.lists, keys.jobs.one(event.job_id), ...subjectOf(event.subject)];
    case "job.completed":
      patchJob(client, event.job_id, {
        state: event.failed_items > 0 ? "completed_with_errors" : "completed",
        failed_items: event.failed_items,
      });
      return [keys.road, keys.jobs.lists, keys.jobs.one(event.job_id), ...rootOf(event.entity)];
    case "job.failed": {
      const { code, message, remedy } = event;
      patchJob(client, event.job_id, { state: "failed", error: { code, message, remedy } });
      return [keys.jobs.lists, keys.jobs.one(event.job_id)];
    }
    case "training.metrics":
      return appendLines(client, event);
    case "training.checkpoint":
      return [keys.trainings.part(event.training_id, "checkpoints")];
    case "system.metrics":
      appendSample(client, event.sample);
      return [];
    case "store.changed":
      return [keys.road, ...rootOf(event.entity)];
    default:
      return assertNever(event);
  }
}

function rootOf(entity: string | null): readonly Key[] {
  return (entity === null ? undefined : roots[entity]) ?? [];
}

/** `trainings/{id}` names a key of the cache. */
function subjectOf(subject: string | null): readonly Key[] {
  const [name, id] = subject?.split("/") ?? [];
  return name !== undefined && id !== undefined
    ? [
        [name, "one", id],
        [name, "list"],
      ]
    : [];
}

/** What a training shows of its job's progress. */
function speedOf({ stage, rate, eta_seconds }: Fields): Fields {
  if (stage === undefined) return {};
  return stage === "train" ? { tokens_per_second: rate, eta_seconds } : { tokens_per_second: null, eta_seconds: null };
}

/** A job stands alone, in lists, and inside the training that it runs. */
function patchJob(client: QueryClient, id: string, fields: Fields): void {
  const patched = (thing: Fields): Fields | undefined => {
    if (thing.id === id) return { ...thing, ...fields };
    const job = thing.job as Fields | null | undefined;
    return job?.id === id ? { ...thing, ...speedOf(fields), job: { ...job, ...fields } } : undefined;
  };
  client.setQueryData<Fields>(keys.jobs.one(id), (job) => job && patched(job));
  client.setQueriesData<Fields>(
    { queryKey: [...keys.trainings.all, "one"] },
    (training) => training && patched(training),
  );
  patchLists(client, keys.jobs.lists, patched);
  patchLists(client, keys.trainings.lists, patched);
}

/** What is undefined stays as it is; a list in which nothing changes is not touched. */
function patchLists(client: QueryClient, queryKey: Key, patched: (item: Fields) => Fields | undefined): void {
  client.setQueriesData<{ items?: Fields[] }>({ queryKey }, (page) => {
    const items = page?.items?.map(patched);
    return items?.some(Boolean)
      ? { ...page, items: items.map((item, at) => item ?? page?.items?.[at] ?? {}) }
      : undefined;
  });
}

/** Above this many points the server thins a series out again. */
const MAX_POINTS = 3000;

function appendLines(client: QueryClient, { training_id: id, points }: EventOf<"training.metrics">): readonly Key[] {
  const queryKey = [...keys.trainings.one(id), "metrics"];
  for (const [key, curves] of client.getQueriesData<Curves>({ queryKey })) {
    // A series that ends at a step is a closed window.
    const query = key[4] as { end_step?: number | null } | undefined;
    if (curves && query?.end_step == null) client.setQueryData(key, withLines(curves, points));
  }
  const last = points.at(-1);
  if (last) {
    const told = { step: last.step, tokens: last.tokens, last_line: last };
    client.setQueryData<Fields>(keys.trainings.one(id), (training) => training && { ...training, ...told });
    patchLists(client, keys.trainings.lists, (item) => (item.id === id ? { ...item, ...told } : undefined));
  }
  const full = client
    .getQueriesData<Curves>({ queryKey })
    .some(([, curves]) => (curves?.steps.length ?? 0) > MAX_POINTS);
  return full ? [queryKey] : [];
}

function appendSample(client: QueryClient, sample: Schemas["MachineSample"]): void {
  client.setQueryData(keys.system.metrics, sample);
  const histories = client.getQueriesData<Schemas["SystemHistory"]>({ queryKey: ["system", "history"] });
  for (const [queryKey, history] of histories) {
    if (history) client.setQueryData(queryKey, withSample(history, sample, Number(queryKey[2] ?? 60)));
  }
}

/** The compiler refuses an event without a case. A studio newer than this page may still send one: it is passed over. */
function assertNever(_event: never): readonly Key[] {
  return [];
}
