import { useQuery } from "@tanstack/react-query";
import { X } from "lucide-react";
import { Link } from "react-router";
import { IconButton } from "@/kit/Button";
import { ErrorState } from "@/kit/ErrorState";
import { Skeleton } from "@/kit/Skeleton";
import { Segments } from "@/kit/Tabs";
import { TokenChip } from "@/kit/TokenChip";
import type { Edit } from "../choice";
import { featureQuery, suggestionQuery } from "../queries";
import { Strength } from "./Strength";

interface FeatureTileProps {
  set: string;
  edit: Edit;
  colour: string;
  onChange: (edit: Edit) => void;
  onRemove: () => void;
  /** Its strength is no number. */
  onWrong: (wrong: boolean) => void;
}

const help = {
  add: "Adds to whatever the latent does by itself, on every token.",
  clamp: "Holds the latent at this value on every token, whatever it does by itself. 0 switches it off.",
};

/** One latent that is turned up or down. */
export function FeatureTile({ set, edit, colour, onChange, onRemove, onWrong }: FeatureTileProps) {
  const { data: feature } = useQuery(featureQuery(set, edit.latent));
  const suggestion = useQuery(suggestionQuery(set, edit.latent));
  const name = feature?.label ?? `latent ${edit.latent}`;
  return (
    <li className="rounded-lg border border-line bg-raised/40 p-3" style={{ borderLeft: `4px solid ${colour}` }}>
      <div className="flex items-start justify-between gap-2">
        <div className="min-w-0">
          <Link to={`/features/${set}/${edit.latent}`} className="font-medium wrap-anywhere text-ink hover:text-accent">
            {feature?.label ?? `Latent ${edit.latent}`}
          </Link>
          <div className="mt-1 flex h-5.5 flex-wrap gap-1 overflow-hidden">
            {feature?.top_tokens.map((token, place) => (
              <TokenChip key={place} text={token} />
            ))}
          </div>
        </div>
        <IconButton name={`Take ${name} away`} icon={X} size="sm" onClick={onRemove} />
      </div>
      <div className="mt-3">
        {suggestion.isPending ? (
          <Skeleton className="h-16" />
        ) : suggestion.error ? (
          <ErrorState error={suggestion.error} title="It cannot be steered with" compact />
        ) : (
          <Strength
            name={name}
            mode={edit.mode}
            strength={edit.strength ?? suggestion.data.moderate}
            suggestion={suggestion.data}
            onChange={(strength) => onChange({ ...edit, strength })}
            onWrong={onWrong}
          />
        )}
      </div>
      <div className="mt-3 flex flex-wrap items-center gap-x-3 gap-y-1">
        <Segments
          label={`How ${name} is changed`}
          value={edit.mode}
          onChange={(mode) => onChange({ ...edit, mode })}
          options={[
            { value: "add", label: "Add" },
            { value: "clamp", label: "Clamp" },
          ]}
        />
        <p className="min-w-40 flex-1 text-xs text-ink-3">{help[edit.mode]}</p>
      </div>
    </li>
  );
}
