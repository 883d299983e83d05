/** A comparison of two rows on a task. */
import type { CellEntry, ClaimEntry, PresetEntry, TaskEntry, TaskResults } from "#src/site/types.js";
import { link } from "../address.js";
import { load } from "../data.js";
import { fixed, h, signed, table } from "../dom.js";
import { colour, Figure, shade, symbols } from "../figure.js";

/** Fills a section with the comparison behind a verdict: intervals by rate, runs, what was published, how sure. */
export function comparison(
  section: HTMLElement,
  preset: PresetEntry,
  { claim, rows, tasks }: ClaimEntry,
  task: TaskEntry,
  notes: readonly string[],
): void {
  const { verdict, lines } = tasks[task.name]!;
  const intervals = new Figure();
  const seeds = new Figure();
  section.append(
    h("h2", { id: "comparison-title" }, `${claim}: ${verdict} on ${task.title.toLowerCase()}`),
    h("p", { class: "soft" }, `Preset ${preset.name}, ${task.data} through ${task.encoder}.`),
    h("div", { class: "panels" }, intervals.element, seeds.element),
    linesTable(lines),
    h("h3", {}, "How sure"),
    ...notes.map((note) => h("p", {}, note)),
    ...(task.caveat ? [h("p", {}, task.caveat)] : []),
  );
  void load<TaskResults>(`${preset.name}-${task.name}`).then((results) => {
    const [a, b] = rows.map((name) => results.rows.find((row) => row.name === name));
    const pairs = a && b ? pairsOf(a.cells, b.cells) : [];
    drawIntervals(intervals, lines);
    drawSeeds(seeds, [a?.title ?? rows[0], b?.title ?? rows[1]], pairs, task);
    const place = { preset: preset.name, task: task.name, rows: rows.join() };
    section.append(
      h("p", {}, h("a", { href: link("explore", place) }, "The two rows' curves, maps and predictions")),
    );
  });
}

/** What was published of a comparison: a column a rate, where there are several. */
function linesTable(lines: readonly Record<string, string>[]): HTMLElement {
  const [{ claim, task, ...first }] = lines as [Record<string, string>];
  return table(
    {
      columns: ["", ...lines.map(({ rates }) => `at ${rates}`)],
      rows: Object.keys(first).map((name) => [name, ...lines.map((line) => line[name]!)]),
    },
    `Published figures: ${claim}, ${task}`,
  );
}

interface Pair {
  run: number;
  /** That both have, or "own rates". */
  rate: string;
  /** In points. */
  best: number;
  last: number;
}

/** Runs that both rows have at the same rate; where they have none, runs at their own rates. */
function pairsOf(a: readonly CellEntry[], b: readonly CellEntry[]): Pair[] {
  const match = (same: (one: CellEntry, other: CellEntry) => boolean, rate: (one: CellEntry) => string) =>
    a.flatMap((one): Pair[] => {
      const other = b.find((cell) => cell.run === one.run && same(one, cell));
      const less = (protocol: "best" | "last") => 100 * (one[protocol].accuracy - other![protocol].accuracy);
      return other ? [{ run: one.run, rate: rate(one), best: less("best"), last: less("last") }] : [];
    });
  const together = match(
    (one, other) => one.rate === other.rate,
    ({ rate }) => rateText(rate),
  );
  return together.length
    ? together
    : match(
        () => true,
        () => "own rates",
      );
}

const rateText = (rate: number) => rate.toExponential();

/** In their order, which is that of the rates. */
const ratesOf = (pairs: readonly Pair[]) =>
  [...new Set(pairs.map(({ rate }) => rate))].sort((a, b) => Number(a) - Number(b));

interface Span {
  label: string;
  mean: number;
  low: number;
  high: number;
}

/** "−3.3 (−7.3 to +0.6); …" */
function spanOf(label: string, text: string | undefined): Span[] {
  const number = "([−+]?[\\d.]+)";
  const found = new RegExp(`^${number} \\(${number} to ${number}\\)`).exec(text ?? "");
  if (!found) return [];
  const [mean, low, high] = found.slice(1).map((part) => Number(part.replace("−", "-"))) as [
    number,
    number,
    number,
  ];
  return [{ label, mean, low, high }];
}

function drawIntervals(figure: Figure, lines: readonly Record<string, string>[]): void {
  const spans = lines.flatMap((line) => {
    const at = lines.length > 1 ? `, ${line.rates}` : "";
    return [
      ...spanOf(`best epoch${at}`, line["here, best epoch"]),
      ...spanOf(`last epoch${at}`, line["here, last epoch"]),
    ];
  });
  const paper = lines.map((line) => Number((line.paper ?? "").replace("−", "-"))).filter(Number.isFinite);
  const points = paper.slice(0, 1).map((mean) => ({ label: "the paper", mean }));
  if (!spans.length && !points.length) return figure.element.remove();
  void figure.draw({
    height: 120 + 40 * (spans.length + points.length),
    alt: `Differences in points with 95 % intervals: ${spans.map(spanText).join("; ")}`,
    caption:
      "Difference in points of accuracy, 95 % intervals over seeds and test items. The paper reports best epochs.",
    data: [
      {
        type: "scatter",
        mode: "markers",
        y: spans.map(({ label }) => label),
        x: spans.map(({ mean }) => mean),
        error_x: {
          type: "data",
          symmetric: false,
          array: spans.map(({ mean, high }) => high - mean),
          arrayminus: spans.map(({ mean, low }) => mean - low),
          color: colour(0),
        },
        marker: { color: colour(0), size: 10 },
        text: spans.map(spanText),
        hoverinfo: "text",
      },
      {
        type: "scatter",
        mode: "markers",
        y: points.map(({ label }) => label),
        x: points.map(({ mean }) => mean),
        marker: { color: colour(3), size: 11, symbol: "diamond" },
        hovertemplate: "%{x}<extra></extra>",
      },
    ],
    layout: {
      showlegend: false,
      xaxis: { title: { text: "points" }, zeroline: true, zerolinewidth: 2 },
      yaxis: { range: [spans.length + points.length - 0.5, -0.5], gridcolor: "rgba(0,0,0,0)" },
    },
    numbers: {
      columns: ["", "difference", "from", "to"],
      rows: [
        ...spans.map(({ label, mean, low, high }) => [
          label,
          signed(mean, 2),
          signed(low, 2),
          signed(high, 2),
        ]),
        ...points.map(({ label, mean }) => [label, signed(mean, 2), "", ""]),
      ],
    },
  });
}

const spanText = ({ label, mean, low, high }: Span) =>
  `${label} ${signed(mean)} (${signed(low)} to ${signed(high)})`;

/** Of marks that belong to one run; six fit between two. */
const APART = 0.13;

function drawSeeds(
  figure: Figure,
  titles: readonly [string, string],
  pairs: readonly Pair[],
  { split }: TaskEntry,
): void {
  if (!pairs.length) return figure.element.remove();
  const rates = ratesOf(pairs);
  const what = split === "folds" ? "fold and seed" : "seed";
  void figure.draw({
    height: 340,
    alt: `${titles.join(" − ")} by ${what}, ${pairs.length} runs: last epoch from ${fixed(Math.min(...pairs.map(({ last }) => last)))} to ${fixed(Math.max(...pairs.map(({ last }) => last)))} points`,
    caption: `${titles.join(" − ")}, a pair of marks a run (${what}${split === "folds" ? ": run 1 to 5 are the folds of the first seed" : ""}).`,
    data: rates.flatMap((rate, i) =>
      (["last", "best"] as const).map((protocol, p) => {
        const own = pairs.filter((pair) => pair.rate === rate);
        return {
          type: "scatter" as const,
          mode: "markers" as const,
          name: `${protocol} epoch${rates.length > 1 ? `, ${rate}` : ""}`,
          // Beside each other, so that none hides another.
          x: own.map(({ run }) => run + APART * (2 * i + p - rates.length + 0.5)),
          y: own.map((pair) => pair[protocol]),
          marker: {
            color: protocol === "last" ? colour(i) : "rgba(0,0,0,0)",
            size: 9,
            symbol: symbols[p],
            line: { color: colour(i), width: 2 },
          },
        };
      }),
    ),
    layout: {
      xaxis: { title: { text: "run" }, dtick: Math.max(...pairs.map(({ run }) => run)) > 12 ? 5 : 1 },
      yaxis: { title: { text: "points" }, zeroline: true, zerolinewidth: 2, zerolinecolor: shade("soft") },
    },
    numbers: {
      columns: ["run", "rate", "best epoch", "last epoch"],
      rows: pairs.map(({ run, rate, best, last }) => [run, rate, signed(best), signed(last)]),
    },
  });
}
