import { Star } from "lucide-react";
import { Bar } from "./Bar";
import { IconButton } from "@/kit/Button";
import { cx } from "@/kit/cx";
import type { Column } from "@/kit/DataTable";
import { count, number, percent } from "@/kit/format";
import { TokenChip } from "@/kit/TokenChip";
import type { Feature, FeatureSetDetail } from "../queries";

/** The table's columns. Every quantity says what it means. */
export function columnsOf(set: FeatureSetDetail, onStar: (feature: Feature) => void): readonly Column<Feature>[] {
  return [
    {
      id: "latent",
      header: "Latent",
      definition: "Its number in the SAE.",
      cell: (feature) => <span className="tabular-nums">{feature.latent}</span>,
      sort: true,
      width: "6rem",
    },
    {
      id: "label",
      header: "Label",
      definition: "What somebody thinks that it stands for.",
      cell: (feature) =>
        feature.label ?? <span className="text-ink-3">{feature.count === 0 ? "dead" : "no label yet"}</span>,
      sort: true,
      width: "minmax(9rem, 1.2fr)",
    },
    {
      id: "top_tokens",
      header: "Most active on",
      definition: "The tokens with the largest sums of its activations.",
      cell: (feature) => (
        <span className="flex gap-1 overflow-hidden">
          {feature.top_tokens.map((token, place) => (
            <TokenChip key={place} text={token} />
          ))}
        </span>
      ),
      width: "minmax(15rem, 2fr)",
    },
    {
      id: "density",
      header: "Density",
      definition: "Share of the tokens on which it is active.",
      cell: (feature) => percent(feature.density),
      sort: true,
      firstOrder: "desc",
      align: "right",
      width: "6.5rem",
    },
    {
      id: "max",
      header: "Largest activation",
      definition: "On all of the text. The bar compares it with the largest of any latent.",
      cell: (feature) => <Bar value={feature.max} most={set.max_activation} />,
      sort: true,
      firstOrder: "desc",
      align: "right",
      width: "10rem",
    },
    {
      id: "mean",
      header: "Mean",
      definition: "Mean activation on the tokens on which it is active.",
      cell: (feature) => number(feature.mean),
      sort: true,
      firstOrder: "desc",
      align: "right",
      width: "5.5rem",
    },
    {
      id: "documents",
      header: "Documents",
      definition: "Different documents among its 32 strongest activations: 1 is often one odd text.",
      cell: (feature) => count(feature.documents),
      sort: true,
      firstOrder: "desc",
      align: "right",
      width: "7.5rem",
    },
    {
      id: "starred",
      header: "Star",
      cell: (feature) => (
        <IconButton
          name={feature.starred ? `Take the star off latent ${feature.latent}` : `Star latent ${feature.latent}`}
          icon={Star}
          size="sm"
          tabIndex={-1}
          pressed={feature.starred}
          className={cx("[&[aria-pressed=true]_svg]:fill-current")}
          onClick={() => onStar(feature)}
        />
      ),
      sort: true,
      firstOrder: "desc",
      align: "right",
      width: "5rem",
    },
  ];
}
