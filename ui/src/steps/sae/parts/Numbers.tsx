import { Card } from "@/kit/Card";
import { count, number, percent } from "@/kit/format";
import { RelativeTime } from "@/kit/RelativeTime";
import { Stat, Stats } from "@/kit/Stat";
import { numberOf, type SaeDetail } from "../queries";

/** The numbers that say what it is worth, and where they are from. */
export function Numbers({ sae }: { sae: SaeDetail }) {
  const newest = sae.newest_evaluation;
  const fvu = numberOf(sae, "fvu");
  const l0 = numberOf(sae, "l0");
  const dead = numberOf(sae, "dead_share");
  const recovered = numberOf(sae, "loss_recovered_mean");
  return (
    <Card
      title="What it is worth"
      description={
        newest ? (
          <>
            Measured on {count(newest.tokens)} tokens
            {newest.config.split === "held_out" && " that it was not trained on"}
            {newest.dataset && `, of ${newest.dataset.name}`}, <RelativeTime at={newest.created_at} />.
          </>
        ) : (
          "From the last batch of its training. Measure it on text that it was not trained on for numbers to rely on."
        )
      }
    >
      <Stats>
        <Stat
          label="Variance explained"
          value={fvu === undefined ? "—" : percent(1 - fvu.value)}
          definition={`1 − FVU. ${fvu?.definition ?? ""}`}
          note={fvu && `FVU ${number(fvu.value)}`}
          size="lg"
        />
        {recovered && (
          <Stat
            label="Loss recovered"
            value={percent(recovered.value)}
            definition={recovered.definition}
            note="against mean-ablation"
            size="lg"
          />
        )}
        <Stat
          label="Active per token (L0)"
          value={number(l0?.value)}
          unit="latents"
          definition={l0?.definition}
          size="lg"
        />
        <Stat
          label="Dead latents"
          value={percent(dead?.value)}
          definition={dead?.definition}
          note={dead?.evaluated && newest ? `active on none of ${count(newest.tokens)} tokens` : "in its training"}
          size="lg"
        />
        <Stat
          label="Latents"
          value={count(sae.d_sae)}
          note={`${number(sae.d_sae / sae.d_in)} × the activation's size`}
          size="lg"
        />
      </Stats>
    </Card>
  );
}
