import type { QueryClient } from "@tanstack/react-query";
import { keys } from "./keys";
import type { components } from "./schema";

export type StudioEvent = components["schemas"]["StudioEvent"];

export interface Delivery {
  seq: number;
  channel: string;
  data: StudioEvent;
  timestamp: string;
}

type EventOf<Type extends StudioEvent["type"]> = Extract<StudioEvent, { type: Type }>;

/** The query keys under which each kind of artifact is kept. */
const rootOf: Record<string, readonly unknown[]> = {
  dataset: keys.datasets.all,
  tokenization: keys.tokenizations.all,
  model: keys.models.all,
  recording: keys.recordings.all,
  training: keys.trainings.all,
  sae: keys.saes.all,
  evaluation: keys.saes.all,
  feature_set: keys.featureSets.all,
  template: keys.templates.all,
};

/** Bring the cache up to date by a batch of events, and ask again only for what an event names without telling. */
export function applyEvents(client: QueryClient, batch: readonly Delivery[]): void {
  const stale = new Map<string, readonly unknown[]>();
  for (const { data } of newest(batch)) {
    for (const key of apply(client, data)) stale.set(JSON.stringify(key), key);
  }
  for (const queryKey of stale.values()) void client.invalidateQueries({ queryKey });
}

/** Of progress and of the machine only the newest counts. */
function newest(batch: readonly Delivery[]): Delivery[] {
  const seen = new Set<string>();
  const kept = [...batch].reverse().filter(({ data }) => {
    const name =
      data.type === "job.progress" ? `${data.type} ${data.job_id}` : data.type === "system.metrics" ? data.type : null;
    if (name === null) return true;
    if (seen.has(name)) return false;
    seen.add(name);
    return true;
  });
  return kept.reverse();
}

/** Patch what the event tells; returns the keys of what must be asked for again. */
function apply(client: QueryClient, event: StudioEvent): readonly (readonly unknown[])[] {
  switch (event.type) {
    case "job.progress":
      patchJob(client, event.job_id, progressOf(event));
      return [];
    case "job.state":
      patchJob(client, event.job_id, { state: event.state, wanted: event.wanted });
      return [keys.jobs.lists, keys.jobs.one(event.job_id), ...subjectOf(event.subject)];
    case "job.completed":
      patchJob(client, event.job_id, {
        state: event.failed_items > 0 ? "completed_with_errors" : "completed",
        failed_items: event.failed_items,
      });
      return [keys.jobs.lists, keys.jobs.one(event.job_id), ...(event.entity ? [rootOf[event.entity] ?? []] : [])];
    case "job.failed":
      patchJob(client, event.job_id, {
        state: "failed",
        error: { code: event.code, message: event.message, remedy: event.remedy },
      });
      return [keys.jobs.lists, keys.jobs.one(event.job_id)];
    case "training.metrics":
      appendPoints(client, event);
      return [];
    case "training.checkpoint":
      return [keys.trainings.part(event.training_id, "checkpoints")];
    case "system.metrics":
      client.setQueryData(keys.system.metrics, event.sample);
      appendSample(client, event.sample);
      return [];
    case "store.changed":
      return [rootOf[event.entity] ?? []];
    default:
      return assertNever(event);
  }
}

function progressOf({ stage, done, total, rate, eta_seconds, metrics }: EventOf<"job.progress">) {
  return { stage, done, total, rate, eta_seconds, metrics };
}

/** `trainings/{id}` names a key of the cache. */
function subjectOf(subject: string | null): (readonly unknown[])[] {
  const [name, id] = subject?.split("/") ?? [];
  return name !== undefined && id !== undefined
    ? [
        [name, "one", id],
        [name, "list"],
      ]
    : [];
}

type Fields = Record<string, unknown>;

/** A job appears alone and in lists. */
function patchJob(client: QueryClient, id: string, fields: Fields): void {
  client.setQueryData<Fields>(keys.jobs.one(id), (job) => job && { ...job, ...fields });
  client.setQueriesData<{ items?: Fields[] }>({ queryKey: keys.jobs.lists }, (page) => {
    if (!page?.items?.some((job) => job.id === id)) return page;
    return { ...page, items: page.items.map((job) => (job.id === id ? { ...job, ...fields } : job)) };
  });
}

/** Above this many the server thins the series out again. */
const MAX_POINTS = 3000;

function appendPoints(client: QueryClient, { training_id, points }: EventOf<"training.metrics">): void {
  const queryKey = keys.trainings.part(training_id, "metrics").slice(0, 4);
  const full = { yes: false };
  client.setQueriesData<{ points?: { step: number }[] }>({ queryKey }, (series) => {
    if (!series?.points) return series;
    const last = series.points.at(-1)?.step ?? -1;
    const joined = [...series.points, ...points.filter((point) => point.step > last)];
    full.yes ||= joined.length > MAX_POINTS;
    return { ...series, points: joined };
  });
  if (full.yes) void client.invalidateQueries({ queryKey });
}

/** The machine is sampled every two seconds. */
function appendSample(client: QueryClient, sample: Fields): void {
  for (const [queryKey, history] of client.getQueriesData<{ samples?: Fields[] }>({
    queryKey: ["system", "history"],
  })) {
    const minutes = Number(queryKey[2] ?? 60);
    if (!history?.samples) continue;
    client.setQueryData(queryKey, { ...history, samples: [...history.samples, sample].slice(-minutes * 30) });
  }
}

/** The compiler refuses an event without a case. A studio newer than this page may still send one: it is passed over. */
function assertNever(_event: never): readonly never[] {
  return [];
}
