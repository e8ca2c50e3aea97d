import type { Point } from "@/kit/LineChart";
import type { History } from "./queries";

/** The history's columns as points in time; `t` is a moment in seconds. */
export function pointsOf(history: History | undefined): readonly Point[] {
  if (history === undefined) return [];
  return history.at.map((at, place) => ({
    t: at,
    cpu: history.cpu_percent[place],
    memory: history.memory_percent[place],
    swap: history.swap_total_bytes > 0 ? share(history.swap_used_bytes[place], history.swap_total_bytes) : null,
    read: mebi(history.disk_read_bytes_per_second[place]),
    write: mebi(history.disk_write_bytes_per_second[place]),
    received: kibi(history.network_received_bytes_per_second[place]),
    sent: kibi(history.network_sent_bytes_per_second[place]),
    ...Object.fromEntries(history.cores.map((core, index) => [`core${index}`, core[place]])),
    ...Object.fromEntries(history.gpus.flatMap((gpu) => gpuPoint(gpu, place))),
  }));
}

function gpuPoint(gpu: History["gpus"][number], place: number): [string, number | null | undefined][] {
  return [
    [`gpu${gpu.index}`, gpu.percent[place]],
    [`gpuMemory${gpu.index}`, share(gpu.memory_used_bytes[place], gpu.memory_total_bytes)],
    [`gpuHeat${gpu.index}`, gpu.temperature_celsius[place]],
  ];
}

function share(part: number | null | undefined, whole: number): number | null {
  return part === null || part === undefined || whole === 0 ? null : (100 * part) / whole;
}

function mebi(bytes: number | null | undefined): number | null {
  return bytes === null || bytes === undefined ? null : bytes / 2 ** 20;
}

function kibi(bytes: number | null | undefined): number | null {
  return bytes === null || bytes === undefined ? null : bytes / 2 ** 10;
}
