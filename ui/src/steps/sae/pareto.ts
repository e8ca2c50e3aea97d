import { numberOf, type Sae } from "./queries";

/** An SAE that was evaluated: where it stands between sparse and faithful. */
export interface Standing {
  sae: Sae;
  l0: number;
  fvu: number;
  /** Null where cross-entropies were left out. */
  recovered: number | null;
  dead: number | null;
}

/** Those that were evaluated; numbers of training batches are of other text, and no match for these. */
export function standingsOf(saes: readonly Sae[]): Standing[] {
  return saes.flatMap((sae) => {
    const of = (name: string) => {
      const found = numberOf(sae, name);
      return found?.evaluated ? found.value : null;
    };
    const [l0, fvu] = [of("l0"), of("fvu")];
    if (l0 === null || fvu === null) return [];
    return [{ sae, l0, fvu, recovered: of("loss_recovered_mean"), dead: of("dead_share") }];
  });
}

/** Ids of those that no other beats: none is as sparse or sparser and better. `loss` is smaller where it is better. */
export function frontier(standings: readonly Standing[], loss: (each: Standing) => number | null): Set<string> {
  const best = new Set<string>();
  let least = Infinity;
  const ordered = standings
    .flatMap((each) => {
      const value = loss(each);
      return value === null ? [] : [{ each, value }];
    })
    .sort((a, b) => a.each.l0 - b.each.l0 || a.value - b.value);
  for (const { each, value } of ordered) {
    if (value >= least) continue;
    least = value;
    best.add(each.sae.id);
  }
  return best;
}
