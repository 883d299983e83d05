/** What comparisons at several rates say together. */
import { rateText } from "../tables/words.js";
import { type Judgement, type Verdict, verdicts } from "./judge.js";

export const DEPENDS = "depends on the rate";

/** A comparison on one task at all of its rates. */
export interface AcrossRates {
  claim: string;
  task: string;
  /** Titles of the two rows. */
  rows: Judgement["rows"];
  /** At each rate, ascending, and then with each row at its own, where the rows chose different ones; those that share finished runs. */
  entries: readonly Judgement[];
  /** One that all entries agree on; undefined without any. */
  verdict?: Verdict | typeof DEPENDS;
  lacks?: Judgement["lacks"];
}

/** Every claim and task once, in their order: a verdict holds where it is the same at every rate, and at each row's own. */
export function acrossRates(judgements: readonly Judgement[]): AcrossRates[] {
  const groups = new Map<string, Judgement[]>();
  for (const entry of judgements) {
    const key = `${entry.claim}\n${entry.task}`;
    groups.set(key, [...(groups.get(key) ?? []), entry]);
  }
  return [...groups.values()].map((group) => {
    const [{ claim, task, rows, lacks }] = group as [Judgement];
    const entries = group.filter(({ last }) => last);
    const found = [...new Set(entries.map(({ last }) => last!.verdict))];
    return {
      claim,
      task,
      rows,
      entries,
      ...(found.length && { verdict: found.length === 1 ? found[0]! : DEPENDS }),
      ...(lacks && { lacks }),
    };
  });
}

/** "1e-3", or "1e-3 − 3e-4" where the two rows differ. */
export const ratesText = ({ rates: [a, b] }: Pick<Judgement, "rates">, between = " − ") => {
  const [first, second] = [a, b].map((rates) => rates.map(rateText).join(", ") || "–");
  return first === second ? first! : `${first}${between}${second}`;
};

/** "better at 1e-3; undecided at 1e-4, 3e-4, own rates (1e-3, 3e-4)". */
export function byRateText({ entries }: AcrossRates): string {
  const at = (entry: Judgement) =>
    entry.rate === undefined ? `own rates (${ratesText(entry, ", ")})` : rateText(entry.rate);
  return verdicts
    .flatMap((verdict) => {
      const places = entries.filter(({ last }) => last!.verdict === verdict).map(at);
      return places.length ? [`${verdict} at ${places.join(", ")}`] : [];
    })
    .join("; ");
}
