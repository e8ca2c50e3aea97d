import { create } from "zustand";
import { ApiError } from "@/api/errors";
import type { components } from "@/api/schema";
import { stream } from "@/api/stream";
import type { Choice } from "./choice";
import { generateOf, type Result, type Sent } from "./queries";

type SteeringEvent = components["schemas"]["SteeringEvent"];

/** A comparison of this session. */
export interface Run {
  id: number;
  /** What was chosen: it can be brought back. */
  choice: Choice;
  edits: readonly Sent[];
  /** What the latents were called then. */
  names: Readonly<Record<number, string>>;
  state: "waiting" | "writing" | "done" | "stopped" | "failed";
  /** Why nothing is written yet, in words. */
  waiting: string;
  /** As it is, and steered: by the tokens written. */
  texts: readonly [readonly string[], readonly string[]];
  result: Result | null;
  error: unknown;
  startedAt: Date;
}

/** The runs of this session, newest first. They go on when one looks at another page, and a reload forgets them. */
export const useRuns = create<{ runs: readonly Run[] }>(() => ({ runs: [] }));

const MOST_RUNS = 50;
const aborts = new Map<number, AbortController>();
let last = 0;

function change(id: number, changes: (run: Run) => Partial<Run>): void {
  useRuns.setState(({ runs }) => ({ runs: runs.map((run) => (run.id === id ? { ...run, ...changes(run) } : run)) }));
}

/** Write as it is and steered, side by side. Returns the number of the run. */
export function start(given: Pick<Run, "choice" | "edits" | "names">): number {
  const id = ++last;
  const run: Run = {
    ...given,
    id,
    state: "waiting",
    waiting: "Asking the engine…",
    texts: [[], []],
    result: null,
    error: null,
    startedAt: new Date(),
  };
  useRuns.setState(({ runs }) => ({ runs: [run, ...runs].slice(0, MOST_RUNS) }));
  void follow(run);
  return id;
}

/** Hanging up stops the writing. */
export function stop(id: number): void {
  aborts.get(id)?.abort();
}

async function follow({ id, choice, edits }: Run): Promise<void> {
  const abort = new AbortController();
  aborts.set(id, abort);
  const body = {
    feature_set_id: choice.set,
    prompts: [choice.prompt],
    edits,
    generate: generateOf(choice.writing),
  };
  try {
    for await (const { data } of stream("/api/v1/steering/generate", body, abort.signal))
      change(id, (run) => after(run, data as SteeringEvent));
    change(id, ({ state }) => (state === "done" || state === "failed" ? {} : { state: "failed", error: brokenOff() }));
  } catch (error) {
    change(id, () => (abort.signal.aborted ? { state: "stopped" } : { state: "failed", error }));
  } finally {
    aborts.delete(id);
  }
}

/** What an event changes. */
function after(run: Run, event: SteeringEvent): Partial<Run> {
  switch (event.type) {
    case "waiting":
      return { waiting: event.ahead === 1 ? "One other text is written first…" : `${event.ahead} others come first…` };
    case "loading":
      return { waiting: `The ${event.entity === "sae" ? "SAE" : "model"} ${event.name} is being loaded…` };
    case "start":
      return { state: "writing" };
    case "tokens": {
      const of = (column: number) =>
        event.pieces.filter((piece) => piece.column === column && !piece.special).map(({ text }) => text);
      return { state: "writing", texts: [run.texts[0].concat(of(0)), run.texts[1].concat(of(1))] };
    }
    case "done":
      return { state: "done", result: event.result };
    case "error": {
      const { code, message, details, retryable } = event.error;
      const remedy = typeof details.remedy === "string" ? details.remedy : undefined;
      return { state: "failed", error: new ApiError(message, { code, status: 200, retryable, details, remedy }) };
    }
    default:
      return {};
  }
}

function brokenOff(): ApiError {
  return new ApiError("The stream ended before the texts were whole.", {
    code: "BrokenOff",
    status: 0,
    retryable: true,
    details: {},
    remedy: "Generate once more.",
  });
}
