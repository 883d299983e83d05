/** Rows on shifted test inputs: tables, figures and the section of a README from the cells of the part "robustness". */
import { robustnessMethods } from "../../experiments/plan/robustness.js";
import type { Preset } from "../../experiments/types.js";
import { type Shift, severity, shiftName, shiftWords } from "../../shifts/shift.js";
import type { Figure } from "../figures/figure.js";
import { styleOf } from "../figures/method-style.js";
import { learningCurves } from "../figures/training.js";
import { collapsedOf } from "../tables/attention-maps.js";
import {
  CLEAN,
  cellsOf,
  columns,
  rateOf,
  recordedText,
  type Robustness,
  sets,
  shiftsOf,
  summaryOf,
  titleOf,
} from "../tables/robustness-cells.js";
import {
  contrasts,
  robustnessDifferences,
  robustnessDifferencesNote,
} from "../claims/robustness-differences.js";
import { notRun, plusMinus } from "../tables/words.js";
import { type TextTable, toMarkdown } from "../tables/text-table.js";

export const robustnessNote =
  "Each decoder is trained on inputs as they are and tested after its last epoch: on inputs as they are (clean) and on the same items after a " +
  "shift. Noise on audio: white, signal-to-noise ratio in dB over the clip without its padding. Words dropped: that share of a text's words, at " +
  "random, one always stays. Noise on images: Gaussian, σ for pixel values of 0–1; blur: Gaussian, σ in pixels of the raw image, borders " +
  "mirrored. Text and images: fewer test items than in the tables.";

/** Accuracy in %, mean ± population sd over runs, last epoch: a line a row with its rate, clean inputs and every shift. */
export function robustnessTable(of: Robustness): TextTable {
  const rows = robustnessMethods.map((method) => {
    const count = cellsOf(of, method).length;
    const some = count > 0 && count < of.runs ? ` (${count} of ${of.runs})` : "";
    const texts = sets(of).map((set, i) => {
      const found = summaryOf(of, method, set);
      return found ? plusMinus(found) + some : i ? "" : notRun;
    });
    return [titleOf(method), rateOf(of, method), ...texts];
  });
  return { columns: [`method${recordedText(of)}`, "rate", ...columns(of)], rows };
}

/** Accuracy against the strength of the shift, a line a row and a panel a kind of shift; undefined before any cell is finished. */
export function robustnessFigure(of: Robustness): Figure | undefined {
  const rows = robustnessMethods.filter((method) => cellsOf(of, method).length > 0);
  if (rows.length === 0) return undefined;
  const { task, runs } = of;
  const kinds = [...new Set(shiftsOf(of).map(({ kind }) => kind))];
  const panels = kinds.map((kind) => {
    const shifts: Shift[] = shiftsOf(of).filter((shift) => shift.kind === kind);
    const { title, level } = shiftWords[kind];
    const names = [CLEAN, ...shifts.map(shiftName)];
    return {
      title,
      axis: {
        title: "strength of the shift",
        labels: [CLEAN, ...shifts.map((shift) => level(severity(shift)))],
      },
      curves: rows.map((method) => {
        const summaries = names.map((set) => summaryOf(of, method, set)!);
        const cells = cellsOf(of, method);
        const collapsed = collapsedOf(cells, task.classes.length);
        return {
          name: titleOf(method) + (collapsed ? ` (${collapsed} of ${cells.length} collapsed)` : ""),
          collapsed: collapsed > 0,
          style: styleOf(method),
          mean: summaries.map(({ mean }) => mean),
          sd: summaries.map(({ sd }) => sd),
        };
      }),
    };
  });
  const noun = task.split === "folds" ? "folds" : "runs";
  const complete = robustnessMethods.every((method) => cellsOf(of, method).length >= runs);
  const title = `${task.title} on shifted inputs: ${task.here.data}, mean ± sd of ${runs} ${noun}${complete ? "" : " (incomplete)"}${recordedText(of)}`;
  return learningCurves(title, panels);
}

/** Every figure of the tables as CSV rows: accuracies and differences by task and shift. */
export function robustnessCsv(parts: readonly Robustness[]): TextTable {
  const fixed = (value: number) => value.toFixed(2);
  const rows = parts.flatMap((of) => [
    ...robustnessMethods.flatMap((method) =>
      sets(of).flatMap((set) => {
        const found = summaryOf(of, method, set);
        return found
          ? [
              [
                of.task.name,
                "accuracy",
                titleOf(method),
                set,
                fixed(found.mean),
                fixed(found.sd),
                "",
                "",
                String(found.n),
              ],
            ]
          : [];
      }),
    ),
    ...contrasts(of).flatMap(({ title, at, change }) =>
      [["difference", at] as const, ["change from clean", change] as const].flatMap(([quantity, list]) =>
        list.flatMap((found, i) =>
          found
            ? [
                [
                  of.task.name,
                  quantity,
                  title,
                  sets(of)[i]!,
                  fixed(found.mean),
                  "",
                  ...(found.sure?.interval.map(fixed) ?? ["", ""]),
                  String(found.runs),
                ],
              ]
            : [],
        ),
      ),
    ),
  ]);
  return { columns: ["task", "quantity", "row", "shift", "mean", "sd", "low", "high", "runs"], rows };
}

/** The section of a published README; none where the preset has no tests on shifted inputs. */
export function robustnessBlocks(
  preset: Preset,
  parts: readonly Robustness[],
  image: (name: string, alt: string) => string[],
): string[] {
  if (parts.length === 0) return [];
  const command = `\`npx daam run --preset ${preset.name} --part robustness\``;
  return [
    "## Robustness on shifted inputs",
    `${robustnessNote} ${robustnessDifferencesNote} ${
      parts.some(({ earlier }) => earlier !== undefined)
        ? `Recorded: cells of an earlier setting of this preset, not run at the one of now; ${command} trains them at that.`
        : `${command} trains these cells again.`
    }`,
    ...parts.flatMap((of) => {
      const all = of.runs * robustnessMethods.length;
      const done = of.results.length;
      return [
        `### ${of.task.title} on shifted inputs${done < all ? ` (incomplete: ${done} of ${all} cells)` : ""}${recordedText(of)}`,
        toMarkdown(robustnessTable(of)).trimEnd(),
        toMarkdown(robustnessDifferences(of)).trimEnd(),
        ...image(`${of.task.name}-robustness`, `${of.task.title} on shifted inputs`),
      ];
    }),
  ];
}
