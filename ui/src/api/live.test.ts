import { QueryClient } from "@tanstack/react-query";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { stateOf, useConnection } from "./connection";
import { keys } from "./keys";
import { startLive, subscribe } from "./live";

// The wire is replaced, since there is no studio here; the browser tests use the real one.
type Listener = (...given: unknown[]) => void;
const wire = vi.hoisted(() => {
  const listeners = new Map<string, Listener>();
  return {
    listeners,
    connected: false,
    sent: [] as [string, unknown][],
    on(name: string, listener: Listener) {
      listeners.set(name, listener);
      return this;
    },
    emit(name: string, body: unknown) {
      this.sent.push([name, body]);
    },
    connect() {
      this.connected = true;
      listeners.get("connect")?.();
      return this;
    },
    disconnect() {
      this.connected = false;
      listeners.get("disconnect")?.();
      return this;
    },
  };
});
vi.mock("socket.io-client", () => ({ io: () => wire }));

const client = new QueryClient();
let stop: () => void;

beforeEach(() => {
  vi.useFakeTimers();
  wire.sent = [];
  wire.connected = false;
  stop = startLive(client);
});
afterEach(() => {
  stop();
  vi.useRealTimers();
});

const deliver = (seq: number, done: number) =>
  wire.listeners.get("event")?.({
    seq,
    channel: "jobs/j1",
    timestamp: "",
    data: {
      type: "job.progress",
      job_id: "j1",
      stage: "",
      done,
      total: null,
      rate: null,
      eta_seconds: null,
      metrics: {},
    },
  });

describe("a channel", () => {
  it("is subscribed once for all who want it, and left with the last of them", () => {
    wire.connect();
    const leave = [subscribe("store"), subscribe("store")];
    leave[0]!();
    leave[0]!();
    expect(wire.sent).toEqual([["subscribe", { channel: "store" }]]);
    leave[1]!();
    expect(wire.sent.at(-1)).toEqual(["unsubscribe", { channel: "store" }]);
  });

  it("is caught up from the last event seen, after the wire was cut", () => {
    client.setQueryData(keys.jobs.one("j1"), { id: "j1", done: 0 });
    const leave = subscribe("jobs/j1");
    wire.connect();
    deliver(7, 70);
    vi.advanceTimersByTime(200);
    expect(client.getQueryData(keys.jobs.one("j1"))).toMatchObject({ done: 70 });
    wire.disconnect();
    wire.connect();
    expect(wire.sent.at(-1)).toEqual(["subscribe", { channel: "jobs/j1", after: 7 }]);
    deliver(8, 80);
    deliver(8, 20);
    vi.advanceTimersByTime(200);
    expect(client.getQueryData(keys.jobs.one("j1"))).toMatchObject({ done: 80 });
    leave();
  });

  it("is heard again where a new database numbers from the beginning", () => {
    client.setQueryData(keys.jobs.one("j1"), { id: "j1", done: 0 });
    const leave = subscribe("jobs/j1");
    wire.connect();
    deliver(900, 70);
    wire.disconnect();
    wire.connect();
    deliver(3, 30);
    vi.advanceTimersByTime(200);
    expect(client.getQueryData(keys.jobs.one("j1"))).toMatchObject({ done: 30 });
    leave();
  });

  it("that nobody wants any more changes nothing", () => {
    wire.connect();
    subscribe("jobs/j1")();
    client.setQueryData(keys.jobs.one("j1"), { id: "j1", done: 0 });
    deliver(8, 80);
    vi.advanceTimersByTime(200);
    expect(client.getQueryData(keys.jobs.one("j1"))).toMatchObject({ done: 0 });
  });
});

it("asks for everything live again when the wire is cut, so that polling begins", () => {
  wire.connect();
  expect(stateOf(useConnection.getState())).toBe("live");
  const invalidate = vi.spyOn(client, "invalidateQueries");
  wire.disconnect();
  expect(stateOf(useConnection.getState())).toBe("polling");
  expect(invalidate).toHaveBeenCalledOnce();
});

it("holds few events of a tab that sleeps", () => {
  const leave = subscribe("jobs/j1");
  wire.connect();
  client.setQueryData(keys.jobs.one("j1"), { id: "j1", done: 0 });
  for (let seq = 10; seq < 10_000; seq += 1) deliver(seq, seq);
  vi.advanceTimersByTime(200);
  expect(client.getQueryData(keys.jobs.one("j1"))).toMatchObject({ done: 9999 });
  leave();
});
