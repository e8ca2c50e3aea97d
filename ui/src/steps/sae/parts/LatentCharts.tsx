import { ButtonLink } from "@/kit/Button";
import { Card } from "@/kit/Card";
import { Named } from "@/kit/Facts";
import { count, number } from "@/kit/format";
import { Histogram } from "@/kit/Histogram";
import { Stat, Stats } from "@/kit/Stat";
import type { Evaluation } from "../queries";

/** The density spectrum: how many latents are active how often. */
export function Density({ evaluation }: { evaluation: Evaluation }) {
  const { edges_log10: edges, counts, never } = evaluation.density_histogram;
  const all = counts.map((each, place) => ({ from: edges[place] ?? 0, to: edges[place + 1] ?? 0, count: each }));
  const used = all.filter((bin) => bin.count > 0);
  const [low, high] = [used[0]?.from ?? -4, used.at(-1)?.to ?? 0];
  const bins = all.filter((bin) => bin.from >= low - 0.5 && bin.to <= Math.max(high, 0));
  const often = all.reduce((sum, bin) => sum + (bin.from >= -1 ? bin.count : 0), 0);
  return (
    <>
      <Histogram
        label="How often latents are active"
        bins={bins}
        unit="log₁₀ of the share of tokens"
        things="latents"
        height={140}
      />
      <p className="mt-3 text-sm text-ink-3">
        −3 means: active on one token in a thousand. {count(never)} latents were active on none of the{" "}
        {count(evaluation.tokens)} tokens; {count(often)} on more than one token in ten: those rarely mean one thing.
      </p>
    </>
  );
}

/** Whether another SAE has found the same latents. */
export function Stability({ evaluation, saeId }: { evaluation: Evaluation; saeId: string }) {
  const of = (name: string) => evaluation.numbers.find((each) => each.name === name);
  const [cosine, mcc] = [of("stability_cosine"), of("stability_mcc")];
  if (!cosine)
    return (
      <Card
        title="Are its latents found again?"
        description="An SAE that was trained with another seed should find the same latents. Those that it does not find may be accidents of the training."
        actions={<ButtonLink to={`/saes/${saeId}?evaluate=1`}>Compare with another SAE</ButtonLink>}
      />
    );
  return (
    <Card
      title="Are its latents found again?"
      description={
        <>
          Compared with{" "}
          {evaluation.against ? (
            <Named to={`/saes/${evaluation.against.id}`} name={evaluation.against.name} />
          ) : (
            "an SAE that is not here any more"
          )}
          .
        </>
      }
    >
      <Stats>
        <Stat
          label="Nearest latent there (MMCS)"
          value={number(cosine.value)}
          definition={cosine.definition}
          note="mean cosine; 1: every latent is there too"
        />
        <Stat
          label="Matched one to one (MCC)"
          value={number(mcc?.value)}
          definition={mcc?.definition ?? "Not taken: there are too many pairs of latents."}
          note={mcc ? "mean |cosine|" : "too many latents to match"}
        />
      </Stats>
      <p className="mt-3 text-sm text-ink-3">
        Each latent’s direction is compared with all of the other SAE’s, and the best cosine counts. Latents that only
        one of two seeds finds may be accidents of its training: prefer those that both find.
      </p>
    </Card>
  );
}
