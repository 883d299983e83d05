/** What the tables say about the paper's claims, as tables and text: the verdicts first, the figures behind them after. */
import { type TextTable } from "../tables/tables.js";
import { intervalText, notRun, points, pText, rateText, withInterval } from "../tables/words.js";
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

const ratesText = (rates: readonly number[]) => rates.map(rateText).join(", ") || "–";

/** Whether the two rows were trained at different rates. */
export const apart = ({ rates: [a, b] }: Judgement) =>
  a.length > 0 && b.length > 0 && ratesText(a) !== ratesText(b);

/** "undecided (one run), at different rates (1e-3, 3e-3)". */
export function verdictText(entry: Judgement): string {
  const { last, rates } = entry;
  if (!last) return "–";
  const reason = last.reason ? ` (${last.reason})` : "";
  const different = apart(entry) ? `, at different rates (${rates.map(ratesText).join(", ")})` : "";
  return last.verdict + reason + different;
}

const claimsOf = (judgements: readonly Judgement[]) => [...new Set(judgements.map(({ claim }) => claim))];

/** The verdicts alone: a line a claim, a column a task. */
export function verdictTable(judgements: readonly Judgement[]): TextTable {
  const tasks = [...new Set(judgements.map(({ task }) => task))];
  return {
    columns: ["claim", ...tasks],
    rows: claimsOf(judgements).map((claim) => [
      claim,
      ...tasks.map((task) => {
        const entry = judgements.find((one) => one.claim === claim && one.task === task);
        return entry ? verdictText(entry) : "–";
      }),
    ]),
  };
}

/** How to read {@link verdictTable}. */
export const verdictNote =
  "Last epoch, all runs counted, also those in which a row learned nothing. Better or worse: a difference that is there after Holm's " +
  `correction for all distinct comparisons of the task (5 %). Equivalent: shown to be less than ${MARGIN} point, by two one-sided tests, ` +
  "corrected in the same way, whichever side of 0 it lies on. Undecided: neither; the difference may be there. Nothing is decided on one run. " +
  "Rows at different rates differ in more than their attention.";

/** Differences in points for every claim and task, the paper's protocol beside the last epoch's; all that is behind the verdict is of the last epoch. */
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
      const { claim, task, paper, best, last, rates } = entry;
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
        apart(entry) ? rates.map(ratesText).join(" − ") : ratesText(rates[0]),
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
  "smallest difference that would have been found with 80 % power, before Holm's correction. Rates: of the first row − of the second where they differ. " +
  "In simulations of these designs 95 % intervals hold the truth in 93 to 97 %, in up to 98 % with five seeds that hardly matter and in nearly all with three. Nothing here speaks of other data " +
  "or encoders.";

/** How many comparisons of each task are distinct, where some are of the same predictions. */
export function repeatsNote(judgements: readonly Judgement[]): string {
  const repeated = judgements.filter(({ repeats }) => repeats);
  const tasks = [...new Set(repeated.map(({ task }) => task))];
  return tasks
    .map((task) => {
      const own = judgements.filter((entry) => entry.task === task && entry.last);
      const same = repeated.filter((entry) => entry.task === task);
      const pairs = same.map(({ claim, repeats }) => `“${claim}” is “${repeats}”`).join("; ");
      return `On ${task}, ${own.length - same.length} of ${own.length} comparisons are distinct, since rows predict the same in every run: ${pairs}.`;
    })
    .join(" ");
}

/**
 * A line a claim and task: the difference at the last epoch and its verdict, here and as another preset has published it.
 * @param published that preset's {@link claimsTable}
 * @param names of the preset here and of the other
 */
export function claimsBeside(
  judgements: readonly Judgement[],
  published: TextTable,
  [here, other]: readonly [string, string],
): TextTable {
  const at = (name: string) => published.columns.indexOf(name);
  const there = ["here, last epoch", "found from", "verdict"].map(at);
  const tasks = new Set(judgements.map(({ task }) => task));
  const recorded = published.rows.filter(([, task]) => tasks.has(task!));
  const own = (claim: string, task: string) =>
    judgements.find((entry) => entry.claim === claim && entry.task === task)?.last;
  return {
    columns: [
      "claim",
      "task",
      `${here}, last epoch`,
      "found from",
      "verdict",
      `${other} (recorded), last epoch`,
      "found from there",
      "verdict there",
    ],
    rows: recorded.map((row) => {
      const [claim, task] = row as [string, string];
      const found = own(claim, task);
      return [
        claim,
        task,
        ...(found ? [differenceText(found), smallestText(found), found.verdict] : ["–", "–", "–"]),
        ...there.map((column) => row[column]!),
      ];
    }),
  };
}

/** A short paragraph a claim: its verdicts by task, and how small a difference would have been found. */
export function claimParagraphs(judgements: readonly Judgement[]): string[] {
  return claimsOf(judgements).map((claim) => {
    const entries = judgements.filter((entry) => entry.claim === claim && entry.last);
    const words = verdicts.flatMap((verdict) => {
      const tasks = entries.filter(({ last }) => last!.verdict === verdict).map(({ task }) => task);
      return tasks.length ? [`${verdict} on ${inWords(tasks)}`] : [];
    });
    const because = (text: string, of: (entry: Judgement) => unknown) => {
      const tasks = entries.filter(of).map(({ task }) => task);
      return tasks.length ? [`${text} on ${inWords(tasks)}`] : [];
    };
    const remarks = [
      ...because("One run", ({ last }) => last!.reason === "one run"),
      ...because("Test items that are not known", ({ last }) => last!.reason === "test items not known"),
      ...because("Different rates", apart),
      ...because("Collapsed runs, which are counted,", ({ last }) => last!.collapsed > 0),
    ];
    const smallest = entries.flatMap(({ task, last }) =>
      last!.sure ? [`${smallestText(last!)} (${task})`] : [],
    );
    return (
      `**${claim}** (${entries[0]!.rows.join(" − ")}): ${words.join("; ")}.` +
      remarks.map((remark) => ` ${remark}.`).join("") +
      (smallest.length
        ? ` The smallest difference that 80 % power would have found, in points: ${smallest.join(", ")}.`
        : "")
    );
  });
}

/** "a, b and c". */
export const inWords = (list: readonly string[]) =>
  list.length > 1 ? `${list.slice(0, -1).join(", ")} and ${list.at(-1)}` : (list[0] ?? "");
