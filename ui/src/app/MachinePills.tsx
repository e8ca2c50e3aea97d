import { useQuery } from "@tanstack/react-query";
import { Link } from "react-router";
import { cx } from "@/kit/cx";
import { machine } from "./queries";

interface Load {
  label: string;
  percent: number;
}

/** How busy processor, memory and GPU are; the whole of it is on the system page. */
export function MachinePills() {
  const { data } = useQuery(machine);
  const loads = data === undefined ? [] : loadsOf(data);
  if (loads.length === 0) return null;
  return (
    <Link
      to="/system"
      className="hidden h-7 items-center gap-3 rounded-full border border-line px-3 text-xs text-ink-3 transition-colors hover:border-line-strong xl:flex"
    >
      <span className="sr-only">System</span>
      {loads.map(({ label, percent }) => (
        <span key={label} className="flex items-center gap-1.5">
          {label}
          <span
            className={cx(
              "w-10 text-right font-medium whitespace-nowrap tabular-nums",
              percent >= 95 ? "text-danger" : percent >= 85 ? "text-warn" : "text-ink-2",
            )}
          >
            {percent} %
          </span>
        </span>
      ))}
    </Link>
  );
}

function loadsOf(sample: { cpu_percent: number; memory_percent: number; gpu_percent: number | null }): Load[] {
  const loads = [
    { label: "CPU", percent: Math.round(sample.cpu_percent) },
    { label: "RAM", percent: Math.round(sample.memory_percent) },
  ];
  return sample.gpu_percent === null ? loads : [...loads, { label: "GPU", percent: Math.round(sample.gpu_percent) }];
}
