import { useQuery } from "@tanstack/react-query";
import { Check } from "lucide-react";
import { useDeferredValue, useId, useState } from "react";
import { cx } from "@/kit/cx";
import { Dialog } from "@/kit/Dialog";
import { ErrorState } from "@/kit/ErrorState";
import { number, percent } from "@/kit/format";
import { SearchInput } from "@/kit/inputs";
import { TokenChip } from "@/kit/TokenChip";
import { useListKeys } from "@/kit/useListKeys";
import { type Feature, searchQuery } from "../queries";

interface AddFeatureProps {
  set: string;
  chosen: readonly number[];
  onAdd: (latent: number) => void;
  onClose: () => void;
}

/** Find a feature by its label or its tokens, and take it. */
export function AddFeature({ set, chosen, onAdd, onClose }: AddFeatureProps) {
  const [search, setSearch] = useState("");
  const list = useId();
  const { data, error, isPending, refetch } = useQuery(searchQuery(set, useDeferredValue(search.trim())));
  const found = data?.items ?? [];
  const add = (feature: Feature | undefined) => {
    if (feature && !chosen.includes(feature.latent)) onAdd(feature.latent);
  };
  const { active, setActive, onKeyDown } = useListKeys(found.length, (place) => add(found[place]));
  return (
    <Dialog
      open
      onOpenChange={onClose}
      size="lg"
      title="Add a feature"
      description="By its label, or a word on which it is active. Without a text: strong features that are neither everywhere nor rare."
    >
      <SearchInput
        role="combobox"
        aria-expanded
        aria-controls={list}
        aria-activedescendant={found.length > 0 ? `${list}-${active}` : undefined}
        label="Search labels, notes and tokens"
        value={search}
        onChange={(text) => {
          setSearch(text);
          setActive(0);
        }}
        onKeyDown={onKeyDown}
      />
      {error && (
        <div className="mt-3">
          <ErrorState error={error} onRetry={() => void refetch()} compact />
        </div>
      )}
      <div id={list} role="listbox" aria-label="Features" className="mt-3 h-[min(26rem,50dvh)] overflow-y-auto">
        {found.map((feature, place) => {
          const taken = chosen.includes(feature.latent);
          return (
            // The keys are those of the field above, as the pattern for comboboxes has it.
            // eslint-disable-next-line jsx-a11y/click-events-have-key-events
            <div
              key={feature.latent}
              id={`${list}-${place}`}
              role="option"
              tabIndex={-1}
              aria-selected={taken}
              ref={place === active ? (row) => row?.scrollIntoView({ block: "nearest" }) : undefined}
              onClick={() => add(feature)}
              onPointerMove={() => setActive(place)}
              className={cx(
                "grid cursor-pointer grid-cols-[1fr_auto] items-center gap-x-4 gap-y-1 rounded-md px-3 py-2 sm:grid-cols-[11rem_1fr_auto]",
                place === active && "bg-quiet-soft",
              )}
            >
              <span className="flex min-w-0 items-center gap-1.5 font-medium">
                <span className="truncate">{feature.label ?? `Latent ${feature.latent}`}</span>
                {taken && <Check size={14} aria-label="taken" className="shrink-0 text-accent" />}
              </span>
              <span className="order-last col-span-2 flex gap-1 overflow-hidden sm:order-none sm:col-span-1">
                {feature.top_tokens.map((token, each) => (
                  <TokenChip key={each} text={token} />
                ))}
              </span>
              <span className="text-right text-xs text-ink-3 tabular-nums">
                {percent(feature.density, 2)} of tokens, up to {number(feature.max)}
              </span>
            </div>
          );
        })}
        {!isPending && found.length === 0 && (
          <p role="status" className="py-10 text-center text-ink-3">
            No living feature has “{search}” in its label, its notes or its tokens.
          </p>
        )}
      </div>
    </Dialog>
  );
}
