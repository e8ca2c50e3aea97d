import { queryOptions, useMutation, useQueryClient } from "@tanstack/react-query";
import { api, unwrap, unwrapPage } from "@/api/client";
import { keys } from "@/api/keys";
import type { components, paths } from "@/api/schema";
import { toast, toastError } from "@/kit/toast";

type Schemas = components["schemas"];
export type Training = Schemas["TrainingOut"];
export type Curves = Schemas["TrainingCurves"];
export type TrainRequest = Schemas["Train"];
export type Checkpoint = Schemas["CheckpointOut"];
export type TakenSae = Schemas["TakenSae"];
export type Estimate = Schemas["EstimateOut"];
export type TrainingsQuery = NonNullable<paths["/api/v1/trainings"]["get"]["parameters"]["query"]>;

const one = (id: string) => ({ params: { path: { training_id: id } } });

export const trainingsQuery = (query: TrainingsQuery) =>
  queryOptions({
    queryKey: keys.trainings.list(query),
    queryFn: ({ signal }) => unwrapPage(api.GET("/api/v1/trainings", { params: { query }, signal })),
    meta: { poll: 3000 },
    placeholderData: (before) => before,
  });

export const trainingQuery = (id: string) =>
  queryOptions({
    queryKey: keys.trainings.one(id),
    queryFn: ({ signal }) => unwrap(api.GET("/api/v1/trainings/{training_id}", { ...one(id), signal })),
    meta: { poll: 2000 },
  });

/** The curves, thinned out by the server; live lines are added to them, and after many the server thins out again. */
export const curvesQuery = (id: string) =>
  queryOptions({
    queryKey: keys.trainings.part(id, "metrics"),
    queryFn: ({ signal }) =>
      unwrap(
        api.GET("/api/v1/trainings/{training_id}/metrics", {
          params: { path: { training_id: id }, query: { points: 600 } },
          signal,
        }),
      ),
    meta: { poll: 3000 },
  });

export const checkpointsQuery = (id: string) =>
  queryOptions({
    queryKey: keys.trainings.part(id, "checkpoints"),
    queryFn: ({ signal }) => unwrap(api.GET("/api/v1/trainings/{training_id}/checkpoints", { ...one(id), signal })),
    meta: { poll: 5000 },
  });

/** What the job of the training said: the end of its log. */
export const logQuery = (jobId: string, live: boolean) =>
  queryOptions({
    queryKey: keys.jobs.part(jobId, "log"),
    queryFn: ({ signal }) =>
      unwrap(api.GET("/api/v1/jobs/{job_id}/log", { params: { path: { job_id: jobId } }, signal })),
    refetchInterval: live ? 2000 : false,
  });

export type Command = "pause" | "resume" | "stop" | "retry";

const commands = {
  pause: (id: string) => unwrap(api.POST("/api/v1/trainings/{training_id}/pause", one(id))),
  resume: (id: string) => unwrap(api.POST("/api/v1/trainings/{training_id}/resume", one(id))),
  stop: (id: string) => unwrap(api.POST("/api/v1/trainings/{training_id}/stop", one(id))),
  retry: (id: string) => unwrap(api.POST("/api/v1/trainings/{training_id}/retry", one(id))),
};

export function useCommand() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: ({ training, command }: { training: Training; command: Command }) => commands[command](training.id),
    onSuccess: (training) => client.setQueryData(keys.trainings.one(training.id), training),
    onError: (error, { command }) => toastError(`The training could not be asked to ${command}`, error),
    onSettled: () =>
      Promise.all([
        client.invalidateQueries({ queryKey: keys.trainings.all }),
        client.invalidateQueries({ queryKey: keys.jobs.lists }),
      ]),
  });
}

/** Make an SAE from a checkpoint, or from the best state. */
export function useFinalize(training: Training) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (wanted: { step: number } | { best: true }) =>
      unwrap(
        api.POST("/api/v1/trainings/{training_id}/finalize", { ...one(training.id), body: { best: false, ...wanted } }),
      ),
    onSuccess: ({ job }) =>
      toast({
        tone: "info",
        title: job.title,
        text: "It takes a moment.",
        link: { text: "Watch", to: `/jobs/${job.id}` },
      }),
    onError: (error) => toastError("The SAE could not be asked for", error),
    onSettled: () =>
      Promise.all([
        client.invalidateQueries({ queryKey: keys.trainings.part(training.id, "checkpoints") }),
        client.invalidateQueries({ queryKey: keys.jobs.lists }),
      ]),
  });
}

export function useDelete() {
  const client = useQueryClient();
  return useMutation({
    // Forced where there is an SAE: it is not deleted with the training, and the dialog says that it stays.
    mutationFn: ({ id, sae }: Training) =>
      unwrap(
        api.DELETE("/api/v1/trainings/{training_id}", {
          params: { path: { training_id: id }, query: { force: sae !== null } },
        }),
      ),
    onSuccess: () => client.invalidateQueries({ queryKey: keys.trainings.lists }),
  });
}
