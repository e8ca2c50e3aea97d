import { useState } from "react";
import { Card } from "@/kit/Card";
import { Facts } from "@/kit/Facts";
import { count, number, percent, plural } from "@/kit/format";
import { Segments } from "@/kit/Tabs";
import type { LabelProbing, ProbeScores } from "../queries";
import { Bars } from "./Bars";
import { Latents } from "./Latents";
import { PlainTable } from "./PlainTable";

const scores = [
  { value: "balanced_accuracy", label: "Balanced accuracy" },
  { value: "auc", label: "AUC" },
  { value: "f1", label: "F1" },
  { value: "accuracy", label: "Accuracy" },
] as const;
type Score = keyof ProbeScores;

const meanings: Record<Score, string> = {
  balanced_accuracy:
    "Mean of the shares of right answers among the class and among the rest. 50 % is what always giving one answer gets.",
  auc: "Probability that a document of the class is ranked above one of the rest. 50 % is chance.",
  f1: "2 · right yeses / (yeses answered + documents of the class). What chance gets depends on how many there are.",
  accuracy:
    "Share of right answers. Where a class is rare, always saying no is right most of the time: see “one answer”.",
};

/** How well latents tell the classes apart, and whether they are each class's own. */
export function LabelReport({ found, set }: { found: LabelProbing; set: string | null }) {
  const [score, setScore] = useState<Score>("balanced_accuracy");
  const chance = score === "balanced_accuracy" || score === "auc" ? 0.5 : 0;
  const heads = [
    { title: "Class", text: true },
    { title: "Documents", meaning: "Of the class, on both sides of the split." },
    ...found.config.ks.map((k) => ({ title: plural(k, "latent"), meaning: chosenBy })),
    { title: "All latents", meaning: "A probe on every latent that is active somewhere in the training half." },
    { title: "No SAE", meaning: "The baseline: a probe on the activations themselves." },
    ...(score === "accuracy"
      ? [{ title: "One answer", meaning: "Accuracy of always giving the answer that is right more often." }]
      : []),
    { title: "Its first latents", meaning: chosenBy, text: true },
  ];
  return (
    <div className="grid grid-cols-1 gap-4">
      <Card
        title="How few latents are enough?"
        description="Probes that may read so many latents, on documents that no probe was fitted on; the mean over the classes."
        actions={<Segments label="Score" options={scores} value={score} onChange={setScore} />}
      >
        <Bars
          label="Scores of the probes"
          from={chance}
          to={1}
          rows={found.means.map(({ probe, scores: mean }) => ({
            key: probe,
            title: inWords(probe),
            value: mean[score],
            text: percent(mean[score]),
            fill: probe === "raw activations" ? "bg-quiet-soft border border-line-strong" : "bg-accent-fill",
          }))}
        />
        <p className="mt-3 text-sm text-ink-3">
          {meanings[score]} {chance > 0 && "The bars begin there."}
        </p>
      </Card>
      <Card title="Class by class" description="Each class against the rest.">
        <PlainTable
          label="Scores of each class"
          heads={heads}
          rows={found.classes.map((each) => ({
            key: each.label,
            cells: [
              each.label,
              count(each.documents),
              ...each.sparse.map(({ scores: one }) => percent(one[score])),
              percent(each.all_latents[score]),
              percent(each.raw[score]),
              ...(score === "accuracy" ? [percent(each.always_one_answer)] : []),
              <Latents key="latents" latents={each.sparse.at(-1)?.latents.slice(0, 5) ?? []} set={set} />,
            ],
          }))}
        />
      </Card>
      <Perturbed found={found} set={set} />
      <ProbedOn found={found} />
    </div>
  );
}

const chosenBy =
  "Those whose mean activation differs most between the class and the rest, on the half that probes are fitted on.";

function inWords(probe: string): string {
  const k = /^k=(\d+)$/.exec(probe)?.[1];
  if (k !== undefined) return plural(Number(k), "latent");
  return probe === "raw activations" ? "No SAE: the activations themselves" : "All latents";
}

function Perturbed({ found, set }: { found: LabelProbing; set: string | null }) {
  if (found.perturbations.length === 0)
    return (
      <Card
        title="Are the latents each class’s own?"
        description="Not measured: with two classes, what speaks for one speaks against the other."
      />
    );
  const most = found.perturbations.at(-1);
  return (
    <Card
      title="Are the latents each class’s own?"
      description="Targeted probe perturbation: the latents that speak for a class are set to zero. Its own probe should fall, and the other classes’ should not: the numbers are the one fall less the other, in balanced accuracy."
    >
      <PlainTable
        label="Fall of balanced accuracy: the class’s own probe less the others’"
        heads={[
          { title: "Set to zero", text: true },
          ...(most?.classes.map(({ label }) => ({ title: label })) ?? []),
          { title: "Mean", meaning: "0 where the latents are of no class in particular; TPP in SAEBench." },
        ]}
        rows={found.perturbations.map((each) => ({
          key: String(each.k),
          cells: [
            plural(each.k, "latent"),
            ...each.classes.map(({ own_fall: own, others_fall: others, score }) => (
              <span key="score" title={`own probe −${number(own)}, others −${number(others)}`}>
                {number(score)}
              </span>
            )),
            number(each.score),
          ],
        }))}
      />
      {found.perturbations[0] && (
        <div className="mt-4">
          <p className="mb-2 text-sm font-medium text-ink-2">
            The first {plural(found.perturbations[0].k, "latent")} of each class
          </p>
          <Facts
            facts={found.perturbations[0].classes.map(({ label, latents }) => [
              label,
              <Latents key={label} latents={latents} set={set} />,
            ])}
          />
        </div>
      )}
    </Card>
  );
}

function ProbedOn({ found }: { found: LabelProbing }) {
  const left = Object.entries(found.left_out_classes);
  return (
    <Card title="What it was probed on">
      <Facts
        facts={[
          ["Documents", `${count(found.train_documents)} to fit on, ${count(found.test_documents)} to score on`],
          ["Tokens", `${count(found.tokens)}; a document is the mean over its tokens`],
          ["Kept together", found.config.group ?? "nothing: every document stands alone"],
          [
            "Left out",
            left.length > 0
              ? `classes with fewer than ${found.config.min_documents} documents: ${left.map(([name, many]) => `${name} (${many})`).join(", ")}`
              : "no class",
          ],
          ["Repeated", plural(found.repeated_documents, "document")],
        ]}
      />
    </Card>
  );
}
