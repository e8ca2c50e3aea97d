import { number } from "@/kit/format";
import { Explained } from "@/kit/Tooltip";
import type { Result } from "../queries";
import type { Run } from "../runs";

/** How active the steered latents were on both texts. */
export function Readings({ run, result, colours }: { run: Run; result: Result; colours: readonly string[] }) {
  const of = (column: number, latent: number) =>
    result.texts.find((text) => text.column === column)?.readings.find((each) => each.latent === latent);
  return (
    <section aria-label="How active the latents were" className="overflow-x-auto">
      <h3 className="mb-1 font-medium text-ink">Did it take hold?</h3>
      <table className="w-full text-sm">
        <thead className="text-ink-3">
          <tr className="border-b border-line">
            <th scope="col" className="py-1.5 pr-4 text-left font-medium">
              Mean activation per token
            </th>
            <Head meaning="On the text as the model writes it by itself.">As it is</Head>
            <Head meaning="While the steered text was written, after the edit.">Steered</Head>
            <Head meaning="When the untouched model reads the steered text: is the text itself about it?">
              Text alone
            </Head>
          </tr>
        </thead>
        <tbody>
          {run.edits.map(({ latent }, place) => {
            const [plain, steered] = [of(0, latent), of(1, latent)];
            return (
              <tr key={latent} className="border-b border-line/60">
                <th scope="row" className="py-1.5 pr-4 text-left font-normal text-ink">
                  <span
                    aria-hidden
                    className="mr-2 inline-block size-2.5 rounded-full"
                    style={{ background: colours[place % colours.length] }}
                  />
                  {run.names[latent] ?? `Latent ${latent}`}
                </th>
                <Cell value={plain?.text} />
                <Cell value={steered?.steered} before={plain?.text} />
                <Cell value={steered?.text} before={plain?.text} />
              </tr>
            );
          })}
        </tbody>
      </table>
    </section>
  );
}

function Head({ children, meaning }: { children: string; meaning: string }) {
  return (
    <th scope="col" className="py-1.5 pl-4 text-right font-medium">
      <Explained meaning={meaning}>{children}</Explained>
    </th>
  );
}

/** A reading, and an arrow where it moved by more than a hair. */
function Cell({ value, before }: { value: number | null | undefined; before?: number | null }) {
  const moved = value != null && before != null && Math.abs(value - before) > 0.05 * Math.max(1, Math.abs(before));
  return (
    <td className="py-1.5 pl-4 text-right text-ink tabular-nums">
      {moved && <span className={value > before ? "text-accent" : "text-cold"}>{value > before ? "↑ " : "↓ "}</span>}
      {number(value)}
    </td>
  );
}
