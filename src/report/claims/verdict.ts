/** What the tables say about the paper's claims, as tables and text: the verdicts first, the figures behind them after. */
import type { TextTable } from "../tables/text-table.js";
import { intervalText, notRun, points, pText, rateText, withInterval } from "../tables/words.js";
import { type AcrossRates, acrossRates, byRateText, DEPENDS, ratesText } from "./across-rates.js";
import { type Judgement, verdicts } from "./judge.js";
import { type Difference, MARGIN, type Steadied } from "./paired.js";

/** "+3.2 (+1.0 to +5.4)"; the difference alone where there is no interval. */
export const differenceText = (found: Difference | undefined) =>
  found ? withInterval(found.mean, found.sure?.interval) : notRun;

/** "2 collapsed runs". */
export const collapsedRuns = (n: number) => `${n} collapsed ${n === 1 ? "run" : "runs"}`;

/** The same, and what it is without the runs in which a row learned nothing. */
export function judgedText(found: Steadied | undefined): string {
  if (!found?.collapsed) return differenceText(found);
  const { collapsed, steady } = found;
  const without = steady ? differenceText(steady) : "none is left";
  return `${differenceText(found)}; without ${collapsedRuns(collapsed)} ${without}`;
}

/** "3.1": the smallest difference that would have been found; a second digit below 1. */
export const smallestText = ({ sure }: Difference) =>
  sure ? sure.smallest.toFixed(sure.smallest < 0.95 ? 2 : 1) : "–";

/** Whether the two rows were trained at different rates. */
export const apart = ({ rates: [a, b] }: Judgement) => a.length > 0 && b.length > 0 && a.join() !== b.join();

/** Whether the rows are compared at different rates and at no other ones. */
const onlyApart = ({ entries }: AcrossRates) => entries.length === 1 && apart(entries[0]!);

/** "undecided (one run), at different rates (1e-3, 3e-3)"; "depends on the rate: better at 1e-3; undecided at 1e-4 (incomplete)". */
export function verdictText(found: AcrossRates): string {
  const { entries, verdict, lacks } = found;
  if (!verdict) return "–";
  const [reason] = new Set(entries.map(({ last }) => last!.reason));
  const remarks = [
    reason && entries.every(({ last }) => last!.reason === reason) ? reason : undefined,
    lacks,
  ];
  const said = remarks.filter((remark) => remark).join("; ");
  return (
    verdict +
    (verdict === DEPENDS ? `: ${byRateText(found)}` : "") +
    (said ? ` (${said})` : "") +
    (onlyApart(found) ? `, at different rates (${ratesText(entries[0]!, ", ")})` : "")
  );
}

const claimsOf = (found: readonly { claim: string }[]) => [...new Set(found.map(({ claim }) => claim))];

/** The verdicts alone: a line a claim, a column a task. */
export function verdictTable(judgements: readonly Judgement[]): TextTable {
  const across = acrossRates(judgements);
  const tasks = [...new Set(judgements.map(({ task }) => task))];
  return {
    columns: ["claim", ...tasks],
    rows: claimsOf(across).map((claim) => [
      claim,
      ...tasks.map((task) => {
        const entry = across.find((one) => one.claim === claim && one.task === task);
        return entry ? verdictText(entry) : "–";
      }),
    ]),
  };
}

/** How to read {@link verdictTable}. */
export const verdictNote =
  "Last epoch, all runs counted, also those in which a row learned nothing. Better or worse: a difference that is there after Holm's " +
  `correction for all distinct comparisons of the task at that rate (5 %). Equivalent: shown to be less than ${MARGIN} point, by two one-sided tests, ` +
  "corrected in the same way, whichever side of 0 it lies on. Undecided: neither; the difference may be there. Nothing is decided on one run. " +
  "Decoders that were trained at several rates are compared at each of them and, where they chose different ones on held-out items, with each " +
  "at its own: a verdict holds where all of these agree, else it depends on the rate. Rows at different rates differ in more than their attention.";

/** Differences in points for every claim, task and rate, the paper's protocol beside the last epoch's; all that is behind the verdict is of the last epoch. */
export function claimsTable(judgements: readonly Judgement[]): TextTable {
  return {
    columns: [
      "claim",
      "task",
      "paper",
      "here, best epoch",
      "here, last epoch",
      "over folds alone",
      "found from",
      "p",
      "p (Holm)",
      "p equivalent (Holm)",
      "rates",
      "verdict",
    ],
    rows: judgements.map((entry) => {
      const { claim, task, paper, best, last } = entry;
      return [
        claim,
        task,
        paper === undefined ? "–" : points(paper),
        judgedText(best),
        judgedText(last),
        last?.overFolds ? intervalText(last.overFolds) : "–",
        last ? smallestText(last) : "–",
        pText(last?.sure?.p),
        pText(last?.adjusted?.difference),
        pText(last?.adjusted?.equivalence),
        ratesText(entry) + (entry.rate !== undefined && entry.chosen ? " (chosen)" : ""),
        last ? last.verdict + (last.reason ? ` (${last.reason})` : "") : "–",
      ];
    }),
  };
}

/** How to read {@link claimsTable}. */
export const claimsNote =
  "Differences in points of accuracy between rows that share data, test items and seeds; in brackets the 95 % interval from two-way variance " +
  "components of seeds and test items, on speech of seeds and actors within each fold; where a fold has one seed, from the spread of the " +
  "folds alone. p: two-sided, of the same components, so that neither seeds nor items are held fixed. " +
  "Over folds alone: Student's interval of the folds' means, which also holds what training on other actors changes. Found from: the " +
  "smallest difference that would have been found with 80 % power, before Holm's correction. Rates: of the first row − of the second where they differ; chosen: the rate that both rows chose. " +
  "In simulations of these designs 95 % intervals hold the truth in 93 to 97 %, in up to 98 % with five seeds that hardly matter and in nearly all with three. Nothing here speaks of other data " +
  "or encoders.";

/** How many comparisons of each task, at each rate, are distinct, where some are of the same predictions. */
export function repeatsNote(judgements: readonly Judgement[]): string {
  const placeOf = ({ task, rate }: Judgement) => (rate === undefined ? task : `${task} at ${rateText(rate)}`);
  const repeated = judgements.filter(({ repeats }) => repeats);
  return [...new Set(repeated.map(placeOf))]
    .map((place) => {
      const own = judgements.filter((entry) => placeOf(entry) === place && entry.last);
      const same = repeated.filter((entry) => placeOf(entry) === place);
      const pairs = same.map(({ claim, repeats }) => `“${claim}” is “${repeats}”`).join("; ");
      return `On ${place}, ${own.length - same.length} of ${own.length} comparisons are distinct, since rows predict the same in every run: ${pairs}.`;
    })
    .join(" ");
}

/**
 * A line a claim, task and rate of another preset's: the difference at the last epoch and its verdict, here and as published there. What
 * was compared here stands in the line of the same rates, in the first of its claim and task where there is none.
 * @param published that preset's {@link claimsTable}
 * @param names of the preset here and of the other
 */
export function claimsBeside(
  judgements: readonly Judgement[],
  published: TextTable,
  [here, other]: readonly [string, string],
): TextTable {
  const at = (name: string) => published.columns.indexOf(name);
  const there = ["here, last epoch", "found from", "rates", "verdict"].map(at);
  const tasks = new Set(judgements.map(({ task }) => task));
  const recorded = published.rows.filter(([, task]) => tasks.has(task!));
  const bare = (rates: string) => rates.replace(/ \(.*/, "");
  const own = (row: readonly string[], first: boolean) => {
    const entries = judgements.filter(({ claim, task, last }) => claim === row[0] && task === row[1] && last);
    const lines = recorded.filter(([claim, task]) => claim === row[0] && task === row[1]);
    const same = (entry: Judgement, line: readonly string[]) => ratesText(entry) === bare(line[at("rates")]!);
    return (
      entries.find((entry) => same(entry, row)) ??
      (first ? entries.find((entry) => !lines.some((line) => same(entry, line))) : undefined)
    );
  };
  return {
    columns: [
      "claim",
      "task",
      `${here}, last epoch`,
      "found from",
      "rates",
      "verdict",
      `${other} (recorded), last epoch`,
      "found from there",
      "rates there",
      "verdict there",
    ],
    rows: recorded.map((row, i) => {
      const [claim, task] = row as [string, string];
      const first = recorded[i - 1]?.[0] !== claim || recorded[i - 1]?.[1] !== task;
      const found = own(row, first);
      const last = found?.last;
      return [
        claim,
        task,
        ...(last
          ? [differenceText(last), smallestText(last), ratesText(found), last.verdict]
          : ["–", "–", "–", "–"]),
        ...there.map((column) => row[column]!),
      ];
    }),
  };
}

/** A short paragraph a claim: its verdicts by task, and how small a difference would have been found. */
export function claimParagraphs(judgements: readonly Judgement[]): string[] {
  const across = acrossRates(judgements);
  return claimsOf(across).map((claim) => {
    const found = across.filter((one) => one.claim === claim && one.verdict);
    const words = [...verdicts, DEPENDS].flatMap((verdict) => {
      const tasks = found.filter((one) => one.verdict === verdict).map(({ task }) => task);
      return tasks.length ? [`${verdict} on ${inWords(tasks)}`] : [];
    });
    const because = (text: string, of: (one: AcrossRates) => unknown) => {
      const tasks = found.filter(of).map(({ task }) => task);
      return tasks.length ? [`${text} on ${inWords(tasks)}`] : [];
    };
    const any = (of: (entry: Judgement) => unknown) => (one: AcrossRates) => one.entries.some(of);
    const remarks = [
      ...because(
        "One run",
        any(({ last }) => last!.reason === "one run"),
      ),
      ...because(
        "Test items that are not known",
        any(({ last }) => last!.reason === "test items not known"),
      ),
      ...because("Different rates", onlyApart),
      ...because("Rates not chosen yet", ({ lacks }) => lacks === "rates not chosen yet"),
      ...because("Incomplete", ({ lacks }) => lacks === "incomplete"),
      ...because(
        "Collapsed runs, which are counted,",
        any(({ last }) => last!.collapsed > 0),
      ),
    ];
    const several = found.some(({ entries }) => entries.length > 1);
    const smallest = found.flatMap(({ task, entries }) => {
      const [largest] = entries
        .flatMap(({ last }) => (last!.sure ? [last!] : []))
        .sort((a, b) => b.sure!.smallest - a.sure!.smallest);
      return largest ? [`${smallestText(largest)} (${task})`] : [];
    });
    return (
      `**${claim}** (${found[0]!.rows.join(" − ")}): ${words.join("; ")}.` +
      remarks.map((remark) => ` ${remark}.`).join("") +
      (smallest.length
        ? ` The smallest difference that 80 % power would have found${several ? " at every rate" : ""}, in points: ${smallest.join(", ")}.`
        : "")
    );
  });
}

/** "a, b and c". */
export const inWords = (list: readonly string[]) =>
  list.length > 1 ? `${list.slice(0, -1).join(", ")} and ${list.at(-1)}` : (list[0] ?? "");
