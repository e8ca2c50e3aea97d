import { useQuery } from "@tanstack/react-query";
import { Card } from "@/kit/Card";
import { count, duration, number, percent, short } from "@/kit/format";
import { Stat, Stats } from "@/kit/Stat";
import { curvesQuery, type Training } from "../queries";

/** The newest numbers, each with its meaning. */
export function Numbers({ training }: { training: Training }) {
  const definitions = useQuery(curvesQuery(training.id)).data?.definitions ?? [];
  const meaning = (name: string) => definitions.find((each) => each.name === name)?.definition;
  const line = training.last_line;
  return (
    <Card>
      <Stats>
        <Stat label="FVU" value={number(line?.fvu)} definition={meaning("fvu")} />
        <Stat label="L0" value={number(line?.l0)} unit="latents" definition={meaning("l0")} />
        <Stat label="Dead latents" value={percent(line?.dead_share)} definition={meaning("dead_share")} />
        <Stat label="Loss" value={number(line?.loss)} definition={meaning("loss")} />
        <Stat label="Learning rate" value={number(line?.lr)} definition={meaning("lr")} />
        <Stat
          label="Step"
          value={count(training.step)}
          note={`of ${count(training.total_steps)}`}
          definition={`A step trains on one batch of ${count(training.config.batch_size)} tokens.`}
        />
        <Stat label="Tokens" value={short(training.tokens)} definition="Tokens trained on so far." />
        <Stat
          label="Speed"
          value={training.tokens_per_second === null ? "—" : short(training.tokens_per_second)}
          unit="tokens/s"
        />
        <Stat label="Trained for" value={duration(training.seconds)} definition="Without pauses and waiting." />
      </Stats>
    </Card>
  );
}
