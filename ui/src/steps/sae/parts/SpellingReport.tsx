import { Card } from "@/kit/Card";
import { Facts } from "@/kit/Facts";
import { count, number, percent, plural } from "@/kit/format";
import { Stat, Stats } from "@/kit/Stat";
import type { SpellingProbing } from "../queries";
import { Bars } from "./Bars";
import { Latents } from "./Latents";
import { PlainTable } from "./PlainTable";

/** Which latents stand for first letters, and what others take from them. */
export function SpellingReport({ found, set }: { found: SpellingProbing; set: string | null }) {
  const absorbing = found.letters.filter(({ absorbers }) => absorbers.length > 0);
  const left = Object.entries(found.left_out_letters);
  return (
    <div className="grid grid-cols-1 gap-4">
      <Card>
        <Stats>
          <Stat
            label="Absorbed"
            value={percent(found.absorption_rate)}
            definition="Of the held-out words whose first letter the activations tell: those on which the letter's latents are silent and another latent stands in for them. The mean over the letters."
            note="of words; lower is better"
            size="lg"
          />
          <Stat
            label="Carried by others"
            value={percent(found.absorption_fraction)}
            definition="Mean share of the letter that other latents carry, also where the letter's own latents are active."
            note="of the letter"
            size="lg"
          />
          <Stat
            label="Latents a letter"
            value={number(found.main_latents)}
            definition="Main latents of a letter: added while each makes a probe better. 1 where no letter is split."
            note={`${plural(found.split_letters, "letter")} split`}
            size="lg"
          />
          <Stat
            label="Letters"
            value={count(found.letters.length)}
            note={`${count(found.test_words)} words`}
            size="lg"
          />
        </Stats>
      </Card>
      <Card
        title="Absorption, letter by letter"
        description="A latent for “begins with S” that stays silent on “snake”, because a latent for snakes took the letter over, cannot be trusted."
      >
        <Bars
          label="Absorbed share of words by letter"
          to={Math.max(0.05, ...found.letters.map((each) => each.absorption_rate))}
          rows={found.letters.map((each) => ({
            key: each.letter,
            title: each.letter,
            value: each.absorption_rate,
            text: `${percent(each.absorption_rate)}: ${count(each.absorbed_words)} of ${count(each.right_words)} words`,
          }))}
        />
      </Card>
      <Card title="The letters’ latents">
        <PlainTable
          label="The letters’ latents"
          heads={[
            { title: "Letter", text: true },
            { title: "Words", meaning: "Held-out words that begin with it." },
            { title: "Probe F1", meaning: "Of a probe on the activations themselves, on held-out words." },
            { title: "One latent F1", meaning: "Of a probe that reads the letter's best latent alone." },
            { title: "Carried by others", meaning: "Mean share of the letter that other latents carry." },
            { title: "Main latents", text: true, meaning: "More than one: the letter is split." },
          ]}
          rows={found.letters.map((each) => ({
            key: each.letter,
            cells: [
              each.letter,
              count(each.test_words),
              number(each.probe.f1),
              number(each.f1_by_k[0]),
              percent(each.absorption_fraction),
              <Latents key="latents" latents={each.main_latents} set={set} />,
            ],
          }))}
        />
      </Card>
      {absorbing.length > 0 && (
        <Card title="Who absorbs" description="Latents that fire in a letter's place, and words on which they do.">
          <PlainTable
            label="Absorbing latents"
            heads={[
              { title: "Letter", text: true },
              { title: "Latent" },
              { title: "Words" },
              { title: "Cosine", meaning: "Of its decoder row with the letter's probe." },
              { title: "Such as", text: true },
            ]}
            rows={absorbing.flatMap(({ letter, absorbers }) =>
              absorbers.slice(0, 3).map((each) => ({
                key: `${letter} ${each.latent}`,
                cells: [
                  letter,
                  <Latents key="latent" latents={[each.latent]} set={set} />,
                  count(each.words),
                  number(each.cosine),
                  each.examples.join(", "),
                ],
              })),
            )}
          />
        </Card>
      )}
      <Card title="What it was probed on">
        <Facts
          facts={[
            ["Words", `${count(found.train_words)} to fit on, ${count(found.test_words)} to measure on`],
            ["Prompt", found.config.template],
            ["Left out", left.length > 0 ? left.map(([letter, why]) => `${letter}: ${why}`).join("; ") : "no letter"],
          ]}
        />
      </Card>
    </div>
  );
}
