import { Card } from "@/kit/Card";
import { cx } from "@/kit/cx";
import { number } from "@/kit/format";
import { Explained } from "@/kit/Tooltip";
import type { FeaturePage, TokenLogit } from "../queries";
import { TokenChip } from "@/kit/TokenChip";

/** Which next tokens the latent makes likelier and which less likely. */
export function Lens({ lens }: { lens: FeaturePage["lens"] }) {
  const most = Math.max(...[...lens.promoted, ...lens.suppressed].map(({ logit }) => Math.abs(logit)), 1e-9);
  if (lens.promoted.length === 0)
    return (
      <Card title="Tokens it promotes">
        <p className="text-sm text-ink-3">
          {lens.statement ?? "No logit lens was made when these features were found."}
        </p>
      </Card>
    );
  return (
    <Card
      title={
        <Explained
          meaning={`What the latent's direction adds to each token's logit, taken straight to the output. ${lens.statement ?? ""}`}
        >
          Tokens it promotes
        </Explained>
      }
      description="If the latent were all that decided the next token."
    >
      <div className="grid grid-cols-2 gap-5">
        <Tokens title="More likely" tokens={lens.promoted} most={most} fill="bg-accent-fill/25" />
        <Tokens title="Less likely" tokens={lens.suppressed} most={most} fill="bg-cold/25" />
      </div>
    </Card>
  );
}

interface TokensProps {
  title: string;
  tokens: readonly TokenLogit[];
  most: number;
  fill: string;
}

function Tokens({ title, tokens, most, fill }: TokensProps) {
  return (
    <div className="min-w-0">
      <h3 className="mb-1.5 text-sm font-medium text-ink-3">{title}</h3>
      <ul className="grid gap-1">
        {tokens.map(({ text, logit }, place) => (
          <li
            key={place}
            className="relative flex items-center justify-between gap-2 overflow-hidden rounded-md px-1 py-0.5"
          >
            <span
              aria-hidden
              className={cx("absolute inset-y-0 left-0 rounded-md", fill)}
              style={{ width: `${(Math.abs(logit) / most) * 100}%` }}
            />
            <span className="relative min-w-0 overflow-hidden">
              <TokenChip text={text} />
            </span>
            <span className="relative shrink-0 text-xs text-ink-2 tabular-nums">{number(logit)}</span>
          </li>
        ))}
      </ul>
    </div>
  );
}
