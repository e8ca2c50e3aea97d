import { QueryClient } from "@tanstack/react-query";
import { beforeEach, describe, expect, it } from "vitest";
import { applyEvents, type Delivery, type StudioEvent } from "./events";
import { keys } from "./keys";
import { type Curves, withLines, withSample } from "./patches";

let client: QueryClient;
beforeEach(() => {
  client = new QueryClient();
});

let seq = 0;
const delivered = (...events: StudioEvent[]): Delivery[] =>
  events.map((data) => ({ seq: (seq += 1), channel: "jobs", data, timestamp: "2026-03-01T00:00:00Z" }));

const progress = (done: number): StudioEvent => ({
  type: "job.progress",
  job_id: "j1",
  stage: "train",
  done,
  total: 100,
  rate: 5,
  eta_seconds: 4,
  metrics: { loss: 0.3 },
});
const line = (step: number) => ({
  step,
  tokens: step * 10,
  loss: 1 / step,
  auxiliary_loss: 0,
  fvu: 0.5,
  l0: 32,
  dead_share: 0,
  lr: 1e-4,
  gradient_norm: 1,
  penalty: 0,
  coefficient: 0,
  revived: 0,
  seconds: step,
});
const flat = () => ({ min: [1], mean: [1], max: [1] });
const curves = (): Curves => ({
  steps: [10],
  tokens: [100],
  seconds: [10],
  lines: 1,
  loss: flat(),
  auxiliary_loss: flat(),
  fvu: flat(),
  l0: flat(),
  dead_share: flat(),
  lr: flat(),
  gradient_norm: flat(),
  penalty: flat(),
  coefficient: flat(),
  revived: flat(),
});

describe("a job's progress", () => {
  it("changes it alone, in lists, and inside its training, and asks for nothing", () => {
    const list = keys.jobs.list({ page: 1 });
    client.setQueryData(keys.jobs.one("j1"), { id: "j1", done: 0 });
    client.setQueryData(list, { items: [{ id: "j0" }, { id: "j1", done: 0 }], pagination: { total: 2 } });
    client.setQueryData(keys.trainings.one("t1"), { id: "t1", job: { id: "j1", done: 0 } });
    applyEvents(client, delivered(progress(40), progress(50)));
    expect(client.getQueryData(keys.jobs.one("j1"))).toMatchObject({ done: 50, rate: 5, eta_seconds: 4 });
    expect(client.getQueryData(list)).toMatchObject({ items: [{ id: "j0" }, { id: "j1", done: 50 }] });
    expect(client.getQueryData(keys.trainings.one("t1"))).toMatchObject({
      tokens_per_second: 5,
      eta_seconds: 4,
      job: { done: 50, metrics: { loss: 0.3 } },
    });
    expect(client.getQueryState(list)?.isInvalidated).toBe(false);
  });

  it("leaves alone what it does not concern", () => {
    const before = { items: [{ id: "j0" }] };
    client.setQueryData(keys.jobs.list(), before);
    applyEvents(client, delivered(progress(40)));
    expect(client.getQueryData(keys.jobs.list())).toBe(before);
    expect(client.getQueryData(keys.jobs.one("j1"))).toBeUndefined();
  });
});

describe("the end of a job", () => {
  it("with failed items is never shown as a plain success, and what it made is asked for", () => {
    client.setQueryData(keys.jobs.one("j1"), { id: "j1", state: "running" });
    client.setQueryData(keys.featureSets.list(), { items: [] });
    applyEvents(
      client,
      delivered({
        type: "job.completed",
        job_id: "j1",
        kind: "find",
        title: "Find features",
        failed_items: 2,
        entity: "feature_set",
        entity_id: "f1",
        entity_name: "features",
      }),
    );
    expect(client.getQueryData(keys.jobs.one("j1"))).toMatchObject({ state: "completed_with_errors" });
    expect(client.getQueryState(keys.featureSets.list())?.isInvalidated).toBe(true);
  });

  it("by failure carries its reason and its remedy", () => {
    client.setQueryData(keys.jobs.one("j1"), { id: "j1", state: "running" });
    const failed = { code: "OutOfMemory", message: "9 GiB are needed.", remedy: "Halve the buffer." };
    applyEvents(client, delivered({ type: "job.failed", job_id: "j1", kind: "train", title: "Train", ...failed }));
    expect(client.getQueryData(keys.jobs.one("j1"))).toMatchObject({ state: "failed", error: failed });
  });
});

it("asks again for a training whose job has come into another state", () => {
  client.setQueryData(keys.trainings.one("t1"), { id: "t1" });
  applyEvents(
    client,
    delivered({
      type: "job.state",
      job_id: "j1",
      kind: "train",
      title: "Train",
      state: "paused",
      previous: "pausing",
      wanted: "pause",
      subject: "trainings/t1",
    }),
  );
  expect(client.getQueryState(keys.trainings.one("t1"))?.isInvalidated).toBe(true);
});

describe("a training's lines", () => {
  const told = (...steps: number[]) =>
    delivered({ type: "training.metrics", training_id: "t1", points: steps.map(line) });

  it("lengthen its open curves, not a closed window", () => {
    const open = keys.trainings.part("t1", "metrics", { points: 1000 });
    const closed = keys.trainings.part("t1", "metrics", { end_step: 10 });
    client.setQueryData(open, curves());
    client.setQueryData(closed, curves());
    client.setQueryData(keys.trainings.one("t1"), { id: "t1", step: 10 });
    applyEvents(client, told(20, 30));
    expect(client.getQueryData<Curves>(open)?.steps).toEqual([10, 20, 30]);
    expect(client.getQueryData<Curves>(closed)?.steps).toEqual([10]);
    expect(client.getQueryData(keys.trainings.one("t1"))).toMatchObject({ step: 30, last_line: { step: 30 } });
  });

  it("that were seen before change nothing", () => {
    const known = withLines(curves(), [line(20)]);
    expect(withLines(known, [line(10), line(20)])).toBe(known);
    expect(known.loss.mean).toEqual([1, 0.05]);
  });

  it("in their thousands are asked for again, thinned out", () => {
    const key = keys.trainings.part("t1", "metrics", {});
    client.setQueryData(key, curves());
    applyEvents(client, told(...Array.from({ length: 3100 }, (_, place) => 20 + place)));
    expect(client.getQueryState(key)?.isInvalidated).toBe(true);
  });
});

it("keeps an hour of the machine and no more", () => {
  const at = Date.parse("2026-03-01T10:00:00Z") / 1000;
  const sample = {
    host: "here",
    at: "2026-03-01T10:00:00Z",
    cpu_percent: 50,
    cores: [40, 60],
    load: [1, 1, 1] as [number, number, number],
    memory_percent: 20,
    memory_used_bytes: 2,
    memory_total_bytes: 10,
    swap_used_bytes: 0,
    swap_total_bytes: 0,
    disk_percent: 5,
    disk_free_bytes: 5,
    disk_total_bytes: 10,
    disk_read_bytes_per_second: 0,
    disk_write_bytes_per_second: 0,
    network_received_bytes_per_second: 0,
    network_sent_bytes_per_second: 0,
    gpu_percent: null,
    gpus: [],
    processes: [],
  };
  const column = [1, 2];
  const history = {
    ...sample,
    hosts: ["here"],
    step_seconds: 2,
    at: [at - 3601, at - 4],
    cores: [column, column],
    load: column,
    cpu_percent: column,
    memory_percent: column,
    memory_used_bytes: column,
    swap_used_bytes: column,
    disk_percent: column,
    disk_read_bytes_per_second: column,
    disk_write_bytes_per_second: column,
    network_received_bytes_per_second: column,
    network_sent_bytes_per_second: column,
    gpus: [],
  };
  const grown = withSample(history, sample, 60);
  expect(grown.at).toEqual([at - 4, at]);
  expect(grown.cores).toEqual([
    [2, 40],
    [2, 60],
  ]);
  expect(withSample(grown, sample, 60)).toBe(grown);
  expect(withSample(history, { ...sample, host: "elsewhere" }, 60)).toBe(history);
});
