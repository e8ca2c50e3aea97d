import { Sparkles, Star, Tag } from "lucide-react";
import { type ComponentProps, type Ref, useEffect, useState } from "react";
import { Button } from "@/kit/Button";
import { cx } from "@/kit/cx";
import { percent } from "@/kit/format";
import { SearchInput } from "@/kit/inputs";
import { RangeSlider } from "@/kit/RangeSlider";
import { Segments } from "@/kit/Tabs";
import { Tooltip } from "@/kit/Tooltip";
import type { FeatureSetDetail } from "../queries";
import type { View } from "../view";

interface FiltersProps {
  set: FeatureSetDetail;
  view: View;
  onChange: (changes: Partial<View>) => void;
  field: Ref<HTMLInputElement>;
}

const SETTLE_MS = 200;
/** Shares of tokens. */
const specific = { least: 1e-4, most: 1e-2 };

/** What the table shows: text, density, living or dead, starred, labelled. */
export function Filters({ set, view, onChange, field }: FiltersProps) {
  return (
    <div className="mb-4 flex flex-wrap items-end gap-x-4 gap-y-3">
      <Search view={view} onChange={onChange} field={field} />
      <Segments
        label="Living or dead"
        value={view.alive === null ? "all" : view.alive ? "alive" : "dead"}
        onChange={(next) => onChange({ alive: next === "all" ? null : next === "alive" })}
        options={[
          { value: "all", label: "All" },
          { value: "alive", label: "Living" },
          { value: "dead", label: "Dead" },
        ]}
      />
      <Tooltip text="Active on 1 in 100 to 1 in 10,000 tokens: neither everywhere nor hardly ever. These are the easiest to read.">
        <Toggle
          icon={Sparkles}
          text="Specific"
          on={view.least === specific.least && view.most === specific.most}
          onChange={(on) => onChange(on ? specific : { least: null, most: null })}
        />
      </Tooltip>
      <Toggle
        icon={Star}
        text="Starred"
        on={view.starred === true}
        onChange={(on) => onChange({ starred: on ? true : null })}
      />
      <Toggle
        icon={Tag}
        text="Labelled"
        on={view.labelled === true}
        onChange={(on) => onChange({ labelled: on ? true : null })}
      />
      <Density key={`${view.least} ${view.most}`} set={set} view={view} onChange={onChange} />
    </div>
  );
}

interface ToggleProps extends Omit<ComponentProps<typeof Button>, "onChange"> {
  icon: typeof Star;
  text: string;
  on: boolean;
  onChange: (on: boolean) => void;
}

function Toggle({ icon, text, on, onChange, ...rest }: ToggleProps) {
  return (
    <Button
      {...rest}
      icon={icon}
      aria-pressed={on}
      onClick={() => onChange(!on)}
      className={cx(on && "border-accent! bg-accent-soft! text-accent! [&_svg]:fill-current")}
    >
      {text}
    </Button>
  );
}

/** The address follows once one stops typing. */
function Search({ view, onChange, field }: Omit<FiltersProps, "set">) {
  const [draft, setDraft] = useState(view.search);
  const [known, setKnown] = useState(view.search);
  if (view.search !== known) {
    setKnown(view.search);
    // Emptied from elsewhere; what is still being typed is ahead of the address.
    if (view.search === "") setDraft("");
  }
  useEffect(() => {
    if (draft === view.search) return;
    const timer = setTimeout(() => onChange({ search: draft, sort: null }), SETTLE_MS);
    return () => clearTimeout(timer);
  });
  return (
    <div className="min-w-64 flex-1">
      <SearchInput ref={field} label="Search labels, notes and tokens" value={draft} onChange={setDraft} />
    </div>
  );
}

/** From the rarest to the commonest latents of the set, on a logarithmic scale. */
function Density({ set, view, onChange }: Omit<FiltersProps, "field">) {
  const { edges, counts } = set.log_density;
  const [low, high] = [Math.floor((edges[0] ?? -6) * 10) / 10, Math.ceil((edges.at(-1) ?? 0) * 10) / 10];
  const log = (share: number | null, otherwise: number) =>
    share === null || share <= 0 ? otherwise : Math.max(low, Math.min(high, Math.log10(share)));
  const [range, setRange] = useState<[number, number]>([log(view.least, low), log(view.most, high)]);
  const most = Math.max(1, ...counts);
  const inside = (place: number) => (edges[place + 1] ?? 0) > range[0] && (edges[place] ?? 0) < range[1];
  const share = (value: number) => Number((10 ** value).toPrecision(3));
  return (
    <div className="w-64">
      <div className="flex h-6 items-end gap-px px-2" aria-hidden>
        {counts.map((each, place) => (
          <div
            key={place}
            className={cx("min-w-0 flex-1 rounded-t-[1px]", inside(place) ? "bg-accent-fill/70" : "bg-quiet-soft")}
            style={{ height: `${(each / most) * 100}%` }}
          />
        ))}
      </div>
      <RangeSlider
        label="Density"
        min={low}
        max={high}
        step={0.05}
        value={range}
        onChange={setRange}
        onCommit={([least, greatest]) =>
          onChange({
            least: least <= low ? null : share(least),
            most: greatest >= high ? null : share(greatest),
          })
        }
        say={(value) => percent(10 ** value, 2)}
      />
      <p className="flex justify-between text-xs text-ink-3 tabular-nums">
        <span>Density {percent(10 ** range[0], 2)}</span>
        <span>{percent(10 ** range[1], 2)}</span>
      </p>
    </div>
  );
}
