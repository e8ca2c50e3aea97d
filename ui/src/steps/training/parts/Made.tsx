import { ButtonLink } from "@/kit/Button";
import { Card } from "@/kit/Card";
import { Facts, Named } from "@/kit/Facts";
import { count, plural } from "@/kit/format";
import type { Training } from "../queries";
import { architectures } from "../architectures";
import { Checkpoints } from "./Checkpoints";

/** What the training is of, as a list of facts with links. */
export function MadeOf({ training }: { training: Training }) {
  const { config } = training;
  const facts: [string, React.ReactNode][] = [
    [
      "Model",
      training.model ? <Named to={`/models/${training.model.id}`} name={training.model.name} /> : training.model_name,
    ],
    [
      "Hook point",
      <code key="hook" className="font-mono text-xs">
        {training.hook}
      </code>,
    ],
    ["Text", training.dataset ? <Named to={`/datasets/${training.dataset.id}`} name={training.dataset.name} /> : "—"],
    [
      "Activations",
      training.source === "recording"
        ? `read from ${plural(training.recordings.length, "recording")}: ${training.recordings.map(({ name }) => name).join(", ")}`
        : "computed while it trains",
    ],
    [
      "SAE",
      `${architectures[config.sae.architecture]?.name ?? config.sae.architecture}, ${count(training.d_sae)} latents for ${count(training.d_in)} dimensions, ${config.sae.k} active on a token`,
    ],
    ["Training tokens", count(config.tokens)],
    ["Seed", String(config.seed)],
  ];
  return (
    <Card title="What is trained">
      <Facts facts={facts} />
    </Card>
  );
}

/** The checkpoints on disk, or the finished SAE and what to do with it. */
export function Outcome({ training }: { training: Training }) {
  if (training.sae)
    return (
      <Card
        title={`The SAE ${training.sae.name} is ready`}
        description="Next: measure it on text that it was not trained on, and find what its latents respond to."
        actions={
          <ButtonLink to={`/saes/${training.sae.id}`} variant="primary">
            Open the SAE
          </ButtonLink>
        }
      />
    );
  return <Checkpoints training={training} />;
}
