import { queryOptions, useMutation, useQueryClient } from "@tanstack/react-query";
import { api, unwrap, unwrapPage } from "@/api/client";
import { keys } from "@/api/keys";
import type { components } from "@/api/schema";
import { toastError } from "@/kit/toast";

export type Job = components["schemas"]["JobOut"];
type State = Job["state"];

/** The states that a tab of the list shows. */
export const groups = {
  all: [],
  active: ["queued", "running", "pausing", "paused"],
  completed: ["completed", "completed_with_errors"],
  failed: ["failed", "cancelled"],
} as const satisfies Record<string, readonly State[]>;
export type Group = keyof typeof groups;

export interface JobsQuery {
  state?: State[];
  search?: string;
  sortBy?: "created_at" | "started_at" | "finished_at" | "title" | "state";
  order?: "asc" | "desc";
  page?: number;
  limit?: number;
}

export const jobsQuery = (query: JobsQuery) =>
  queryOptions({
    queryKey: keys.jobs.list(query),
    queryFn: ({ signal }) => unwrapPage(api.GET("/api/v1/jobs", { params: { query }, signal })),
    meta: { poll: 2000 },
    placeholderData: (before) => before,
  });

export const jobQuery = (id: string) =>
  queryOptions({
    queryKey: keys.jobs.one(id),
    queryFn: ({ signal }) => unwrap(api.GET("/api/v1/jobs/{job_id}", { params: { path: { job_id: id } }, signal })),
    meta: { poll: 2000 },
  });

export const countsQuery = queryOptions({
  queryKey: keys.jobs.list({ counts: true }),
  queryFn: () => unwrap(api.GET("/api/v1/jobs/counts")),
  meta: { poll: 5000 },
});

/** The end of a job's log; asked for again while the job runs. */
export const logQuery = (id: string, live: boolean) =>
  queryOptions({
    queryKey: keys.jobs.part(id, "log"),
    queryFn: ({ signal }) => unwrap(api.GET("/api/v1/jobs/{job_id}/log", { params: { path: { job_id: id } }, signal })),
    refetchInterval: live ? 2000 : false,
  });

export type Command = "first" | "pause" | "resume" | "cancel" | "retry";
/** The highest priority: such a job is the next of its queue. */
export const FIRST = 10;

const commands = {
  first: (params: Params) => unwrap(api.PATCH("/api/v1/jobs/{job_id}", { params, body: { priority: FIRST } })),
  pause: (params: Params) => unwrap(api.POST("/api/v1/jobs/{job_id}/pause", { params })),
  resume: (params: Params) => unwrap(api.POST("/api/v1/jobs/{job_id}/resume", { params })),
  cancel: (params: Params) => unwrap(api.POST("/api/v1/jobs/{job_id}/cancel", { params })),
  retry: (params: Params) => unwrap(api.POST("/api/v1/jobs/{job_id}/retry", { params })),
};
interface Params {
  path: { job_id: string };
}

/** Ask something of a job; what it answers is the job, or with `retry` the new one. */
export function useCommand() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: ({ job, command }: { job: Job; command: Command }) => commands[command]({ path: { job_id: job.id } }),
    onSuccess: (job) => client.setQueryData(keys.jobs.one(job.id), job),
    onError: (error, { command }) =>
      toastError(`The job could not be asked to ${command === "first" ? "run next" : command}`, error),
    onSettled: () => client.invalidateQueries({ queryKey: keys.jobs.all }),
  });
}

export function useForget() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (job: Job) => unwrap(api.DELETE("/api/v1/jobs/{job_id}", { params: { path: { job_id: job.id } } })),
    onSuccess: () => client.invalidateQueries({ queryKey: keys.jobs.lists }),
  });
}

/** The page of what a job made or is about; null where it has none. */
export function placeOf(job: Job): { to: string; text: string } | null {
  const training = job.subject?.match(/^trainings\/(.+)$/)?.[1];
  if (training !== undefined) return { to: `/training/${training}`, text: "Open the training" };
  const made = job.result;
  if (made?.id == null) return null;
  const asked = (name: string) => {
    const id = job.request[name];
    return typeof id === "string" ? id : null;
  };
  const [sae, dataset] = [asked("sae_id"), asked("dataset_id")];
  if (made.entity === "evaluation")
    return sae === null ? null : { to: `/saes/${sae}/evaluations/${made.id}`, text: "Open the report" };
  if (made.entity === "probing")
    return sae === null ? null : { to: `/saes/${sae}/probings/${made.id}`, text: "Open the report" };
  if (made.entity === "tokenization")
    return dataset === null ? null : { to: `/datasets/${dataset}?tab=tokenizations`, text: "Open the tokenizations" };
  if (made.entity === "recording")
    return { to: `/training/new?from=recording&recording=${made.id}`, text: "Train on it" };
  const pages: Record<string, string> = {
    dataset: "/datasets",
    model: "/models",
    sae: "/saes",
    feature_set: "/features",
  };
  const page = pages[made.entity];
  return page === undefined ? null : { to: `${page}/${made.id}`, text: `Open ${made.name}` };
}
