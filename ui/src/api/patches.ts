import type { components } from "./schema";

type Schemas = components["schemas"];
type Line = Schemas["MetricPoint"];
type Sample = Schemas["MachineSample"];
type History = Schemas["SystemHistory"];

/** A number over the steps, as the API thins it out: of each point the least, the mean and the greatest. */
export interface Curve {
  min: number[];
  mean: number[];
  max: number[];
}

const NUMBERS = [
  ...(["loss", "auxiliary_loss", "fvu", "l0", "dead_share", "lr", "gradient_norm"] as const),
  ...(["penalty", "coefficient", "revived"] as const),
] as const;

/** A training's curves: `GET /trainings/{id}/metrics`. */
export type Curves = Record<(typeof NUMBERS)[number], Curve> & {
  steps: number[];
  tokens: number[];
  seconds: number[];
  lines: number;
};

/** Curves with the lines that came since; a line seen before changes nothing. */
export function withLines<Known extends Curves>(curves: Known, lines: readonly Line[]): Known {
  const last = curves.steps.at(-1) ?? -1;
  const fresh = lines.filter(({ step }) => step > last);
  if (fresh.length === 0) return curves;
  const grown = (name: (typeof NUMBERS)[number]): Curve => {
    const values = fresh.map((line) => line[name]);
    const { min, mean, max } = curves[name];
    return { min: [...min, ...values], mean: [...mean, ...values], max: [...max, ...values] };
  };
  return {
    ...curves,
    steps: [...curves.steps, ...fresh.map(({ step }) => step)],
    tokens: [...curves.tokens, ...fresh.map(({ tokens }) => tokens)],
    seconds: [...curves.seconds, ...fresh.map(({ seconds }) => seconds)],
    lines: curves.lines + fresh.length,
    ...Object.fromEntries(NUMBERS.map((name) => [name, grown(name)])),
  };
}

const COLUMNS = [
  "cpu_percent",
  "memory_percent",
  "memory_used_bytes",
  "swap_used_bytes",
  "disk_percent",
  "disk_read_bytes_per_second",
  "disk_write_bytes_per_second",
  "network_received_bytes_per_second",
  "network_sent_bytes_per_second",
] as const;
const GPU_COLUMNS = ["percent", "memory_used_bytes", "temperature_celsius", "power_watts"] as const;

/** A machine's history with one more sample and without what is older than `minutes`. */
export function withSample(history: History, sample: Sample, minutes: number): History {
  const at = new Date(sample.at).getTime() / 1000;
  const last = history.at.at(-1) ?? 0;
  // A thinned history takes a point only as often as it has them.
  if (sample.host !== history.host || at < last + history.step_seconds) return history;
  const dropped = history.at.findIndex((each) => each >= at - minutes * 60);
  const from = dropped === -1 ? history.at.length : dropped;
  const grown = (column: readonly (number | null)[], value: number | null | undefined) => [
    ...column.slice(from),
    value ?? null,
  ];
  return {
    ...history,
    at: [...history.at.slice(from), at],
    cores: history.cores.map((column, core) => grown(column, sample.cores[core])),
    load: grown(history.load, sample.load?.[0]),
    gpus: history.gpus.map((gpu, place) => ({
      ...gpu,
      ...Object.fromEntries(GPU_COLUMNS.map((name) => [name, grown(gpu[name], sample.gpus[place]?.[name])])),
    })),
    ...Object.fromEntries(COLUMNS.map((name) => [name, grown(history[name], sample[name])])),
  };
}
