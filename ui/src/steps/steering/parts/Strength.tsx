import { cx } from "@/kit/cx";
import { number } from "@/kit/format";
import { NumberInput } from "@/kit/inputs";
import { Slider } from "@/kit/Slider";
import { Explained } from "@/kit/Tooltip";
import { useState } from "react";
import type { Edit } from "../choice";
import type { Suggestion } from "../queries";
import { inWords, isFarBeyond, type Zone, zoneOf, zonesOf } from "../zones";

interface StrengthProps {
  name: string;
  mode: Edit["mode"];
  strength: number;
  suggestion: Suggestion;
  onChange: (strength: number) => void;
  /** What is typed is no number. */
  onWrong: (wrong: boolean) => void;
}

const fills: Record<Zone, string> = {
  none: "bg-line",
  subtle: "bg-info",
  moderate: "bg-accent-fill",
  strong: "bg-warn",
  extreme: "bg-danger-fill",
};
const inks: Record<Zone, string> = {
  none: "text-ink-3",
  subtle: "text-info",
  moderate: "text-accent",
  strong: "text-warn",
  extreme: "text-danger",
};

/** How far a latent is turned, on both sides of nothing, with the zones that its size suggests. */
export function Strength({ name, mode, strength, suggestion, onChange, onWrong }: StrengthProps) {
  // While it is dragged the address stays as it was.
  const [dragged, setDragged] = useState<number | null>(null);
  const value = dragged ?? strength;
  const span = spanOf(suggestion, strength);
  const step = Number((span / 100).toPrecision(1));
  const words = inWords(mode, value, suggestion);
  const tidy = (raw: number) => Number(raw.toFixed(4));
  return (
    <div>
      <Slider
        label={`Strength of ${name}`}
        value={value}
        min={-span}
        max={span}
        step={step}
        origin={0}
        valueText={`${value} × its largest activation, ${words}`}
        onChange={(next) => setDragged(tidy(next))}
        onCommit={(next) => {
          setDragged(null);
          onChange(tidy(next));
        }}
      />
      <Zones suggestion={suggestion} span={span} />
      <div className="mt-2 flex items-center gap-2 text-sm">
        <NumberInput
          aria-label={`Strength of ${name}, as a number`}
          className="h-8! w-20! shrink-0 text-right"
          value={value}
          step={step}
          onChange={(next) => next !== null && onChange(next)}
          onWrong={onWrong}
        />
        <span className="text-ink-3">
          ×{" "}
          <Explained meaning={`1 is the largest activation that the latent had on the text. ${suggestion.reason}`}>
            its largest activation
          </Explained>
          , <span className={cx("font-medium", inks[zoneOf(value, suggestion)])}>{words}</span>
        </span>
      </div>
      {isFarBeyond(value, suggestion) && (
        <p role="status" className="mt-2 text-sm text-danger">
          Far beyond what is suggested: {number(suggestion.strong)} is a strong push already. Expect the same word over
          and over.
        </p>
      )}
    </div>
  );
}

/** Twice a strong push to each side, and more where the strength is beyond. */
function spanOf({ strong }: Suggestion, strength: number): number {
  const wanted = Math.max(2 * strong, Math.abs(strength));
  return Number((Math.ceil(wanted * 10) / 10).toPrecision(4));
}

function Zones({ suggestion, span }: { suggestion: Suggestion; span: number }) {
  const zones = zonesOf(suggestion);
  const sides = zones.map(({ zone, from }, place) => ({
    zone,
    from: Math.min(from, span),
    to: Math.min(zones[place + 1]?.from ?? span, span),
  }));
  const band = (side: 1 | -1) =>
    sides.map(({ zone, from, to }) => (
      <span
        key={`${side} ${zone}`}
        className={cx("absolute h-full", fills[zone])}
        style={{ left: `${50 + (side === 1 ? from : -to) * (50 / span)}%`, width: `${(to - from) * (50 / span)}%` }}
      />
    ));
  return (
    <div className="mx-2 mt-1" aria-hidden>
      <div className="relative h-1 overflow-hidden rounded-full opacity-80">
        {band(-1)}
        {band(1)}
      </div>
    </div>
  );
}
