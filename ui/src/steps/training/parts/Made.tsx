import { useQuery } from "@tanstack/react-query";
import { ButtonLink } from "@/kit/Button";
import { Card } from "@/kit/Card";
import { Facts, Named } from "@/kit/Facts";
import { bytes, count, plural } from "@/kit/format";
import { RelativeTime } from "@/kit/RelativeTime";
import { checkpointsQuery, type Training } from "../queries";
import { architectures } from "../architectures";

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

/** The checkpoint on disk, or the finished SAE and what to do with it. */
export function Outcome({ training }: { training: Training }) {
  const { data } = useQuery(checkpointsQuery(training.id));
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
  const newest = data?.checkpoints[0];
  return (
    <Card
      title="Checkpoint"
      description={
        data === undefined
          ? undefined
          : `Saved every ${plural(data.every_steps, "step")} and at every pause: the most that is lost if the machine stops.`
      }
    >
      {newest ? (
        <p className="text-sm text-ink-2">
          Step {count(newest.step)}, {bytes(newest.bytes)}, <RelativeTime at={newest.created_at} />
        </p>
      ) : (
        <p className="text-sm text-ink-3">None yet.</p>
      )}
    </Card>
  );
}
