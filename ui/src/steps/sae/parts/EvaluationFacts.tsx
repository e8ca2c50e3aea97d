import { Card } from "@/kit/Card";
import { Facts, Named } from "@/kit/Facts";
import { count, dateTime, number, percent } from "@/kit/format";
import { Stat, Stats } from "@/kit/Stat";
import type { Evaluation, Measured } from "../queries";
import { Bars } from "./Bars";

type Numbers = readonly Measured[];
const find = (numbers: Numbers, name: string) => numbers.find((each) => each.name === name);

/** The four numbers to quote. */
export function InShort({ numbers }: { numbers: Numbers }) {
  const of = (name: string) => find(numbers, name);
  const [fvu, recovered, l0, dead] = [of("fvu"), of("loss_recovered_mean"), of("l0"), of("dead_share")];
  return (
    <Card>
      <Stats>
        <Stat
          label="Variance explained"
          value={fvu ? percent(1 - fvu.value) : "—"}
          definition={`1 − FVU. ${fvu?.definition ?? ""}`}
          note={fvu && `FVU ${number(fvu.value)}`}
          size="lg"
        />
        <Stat
          label="Loss recovered"
          value={percent(recovered?.value)}
          definition={recovered?.definition ?? "Needs cross-entropies, which were left out of this evaluation."}
          note={recovered ? "against mean-ablation" : "not measured"}
          size="lg"
        />
        <Stat
          label="Active per token (L0)"
          value={number(l0?.value)}
          unit="latents"
          definition={l0?.definition}
          size="lg"
        />
        <Stat label="Dead latents" value={percent(dead?.value)} definition={dead?.definition} size="lg" />
      </Stats>
    </Card>
  );
}

/** FVU, cosine and norm as lengths, and what they say. */
export function Rebuilt({ numbers }: { numbers: Numbers }) {
  const of = (name: string) => find(numbers, name)?.value;
  const [fvu, cosine, norm] = [of("fvu"), of("cosine"), of("norm_ratio")];
  const rows = [
    { key: "fvu", title: "Variance explained", value: 1 - (fvu ?? 1), text: percent(1 - (fvu ?? 1)) },
    ...(cosine === undefined
      ? []
      : [{ key: "cosine", title: "Direction kept (cosine)", value: cosine, text: number(cosine) }]),
    ...(norm === undefined
      ? []
      : [{ key: "norm", title: "Length kept (norm ratio)", value: norm, text: number(norm), fill: "bg-info" }]),
  ];
  return (
    <>
      <Bars label="How much is kept" rows={rows} to={1} />
      <p className="mt-3 text-sm text-ink-3">
        A full bar is perfect.{" "}
        {norm !== undefined &&
          norm < 0.98 &&
          `What the SAE rebuilds is ${percent(1 - norm, 2)} too short: it shrinks what it rebuilds.`}
      </p>
    </>
  );
}

const splits = {
  held_out: "documents held out from training",
  train: "documents of the training split",
  all: "all documents",
};

/** On which text, how much of it, and what was left out. */
export function MeasuredOn({ evaluation }: { evaluation: Evaluation }) {
  const { tokens, tokens_read: read, excluded_special: special, excluded_massive: massive } = evaluation;
  return (
    <Card title="What it was measured on">
      <Facts
        facts={[
          [
            "Text",
            evaluation.dataset ? (
              <Named key="text" to={`/datasets/${evaluation.dataset.id}`} name={evaluation.dataset.name} />
            ) : (
              "not here any more"
            ),
          ],
          ["Documents", splits[evaluation.config.split]],
          ["Tokens", `${count(tokens)} of ${count(read)} read`],
          ["Left out", `${count(special)} special and ${count(massive)} massive-activation tokens`],
          ["Rule", evaluation.rule.replace(/^excluded: /, "left out: ") || "nothing is left out"],
          [
            "Predictions",
            evaluation.predictions > 0 ? `${count(evaluation.predictions)} next tokens` : "none: left out",
          ],
          ["Model", evaluation.model_name],
          ["Measured", dateTime(evaluation.created_at)],
        ]}
      />
    </Card>
  );
}
