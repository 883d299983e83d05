import type { Curve } from "../report/figures/training.js";
import type { Figure } from "../report/figures/figure.js";
import { learningCurves } from "../report/figures/training.js";
import { pairedDifference, type RunDifference } from "../statistics/paired.js";
import { plusMinus } from "../report/tables/words.js";
import { summarise } from "../statistics/summary.js";
import type { TextTable } from "../report/tables/text-table.js";
import type { VqVaeFigures } from "./cells.js";
import { variants } from "./settings.js";
import type { VqVaeEpoch } from "./train.js";

interface Column {
  title: string;
  of: (epoch: VqVaeEpoch) => number;
  digits: number;
}

/** What is reported of the last epoch, on test images. */
const columns: readonly Column[] = [
  { title: "squared error × 1000", of: ({ mse }) => 1000 * mse, digits: 2 },
  { title: "PSNR, dB", of: ({ psnr }) => psnr, digits: 2 },
  { title: "codes in use, %", of: ({ usage }) => 100 * usage, digits: 1 },
  { title: "perplexity of the codes", of: ({ perplexity }) => perplexity, digits: 1 },
];

/** Sizes of a run beside those that the authors give. */
export function vqVaeSizes(results: readonly VqVaeFigures[]): TextTable {
  const { trainImages, testImages, epochs, hidden, latent, codes, heads, gaussians } = results[0]!.config;
  const grid = 32 / 2 ** hidden.length;
  return {
    columns: ["", "authors", "here"],
    rows: [
      ["images", "COCO-2017, 256 × 256", `CIFAR-100, 32 × 32: ${trainImages} + ${testImages} for the test`],
      ["channels", "128, 256, 512", hidden.join(", ")],
      ["codebook", "1024 codes of 256 entries", `${codes} codes of ${latent} entries`],
      ["codes an image", "–", `${grid} × ${grid}`],
      ["attention", "4 heads × 3 Gaussians", `${heads} heads × ${gaussians} Gaussians`],
      ["epochs", "176", String(epochs)],
    ],
  };
}

/** Results by variant, in the order of `variants`; seeds in order. */
export const byVariant = <T extends VqVaeFigures>(results: readonly T[]) =>
  variants.map((variant) => ({
    variant,
    results: results
      .filter(({ config }) => config.attention === variant.attention)
      .sort((a, b) => a.config.seed - b.config.seed),
  }));

/** Mean ± population sd over seeds at the last epoch, and the paired difference (with − without) with its 95 % interval. */
export function vqVaeTable(results: readonly VqVaeFigures[]): TextTable {
  const groups = byVariant(results);
  const values = ({ of }: Column, group: number) => groups[group]!.results.map(({ last }) => of(last));
  const rows = groups.map(({ variant, results }, group) => [
    variant.title,
    ...columns.map((column) => spread(values(column, group), column.digits)),
    results[0]!.parameters.toLocaleString("en"),
  ]);
  const differences = columns.map((column) =>
    interval(pairedDifference(values(column, 1), values(column, 0)), column.digits),
  );
  const n = groups[0]!.results.length;
  return {
    columns: ["", ...columns.map(({ title }) => title), "parameters"],
    rows: [...rows, [`with − without${n > 1 ? " (95 %)" : ""}`, ...differences, ""]],
  };
}

/** PSNR of every seed: a row a seed. */
export function seedTable(results: readonly VqVaeFigures[]): TextTable {
  const [without, withAttention] = byVariant(results);
  return {
    columns: ["seed", ...variants.map(({ title }) => `PSNR ${title}, dB`), "difference"],
    rows: without!.results.map(({ config, last }, i) => {
      const other = withAttention!.results[i]!.last.psnr;
      return [String(config.seed), last.psnr.toFixed(2), other.toFixed(2), signed(other - last.psnr, 2)];
    }),
  };
}

/** One sentence on whether attention changes the reconstructions, and how sure that is. */
export function vqVaeSentence(results: readonly VqVaeFigures[]): string {
  const [without, withAttention] = byVariant(results).map(({ results }) =>
    results.map(({ last }) => last.psnr),
  );
  const difference = pairedDifference(withAttention!, without!);
  const { low, high, n } = difference;
  if (n < 2)
    return `PSNR, with − without: ${interval(difference, 2)} dB on one seed: how much of it is chance cannot be told.`;
  const verdict =
    low > 0
      ? "the VQ-VAE reconstructs better with attention"
      : high < 0
        ? "the VQ-VAE reconstructs worse with attention"
        : "no difference between the two can be told";
  return `PSNR, with − without: ${interval(difference, 2)} dB over ${n} paired seeds: at this size ${verdict}. The interval holds for the spread over seeds alone.`;
}

/** PSNR after every epoch: mean and sd over seeds. */
export function vqVaeCurves(results: readonly VqVaeFigures[]): Figure {
  const curves = (of: (epoch: VqVaeEpoch) => number): Curve[] =>
    byVariant(results).map(({ variant, results }) => {
      const epochs = results[0]!.curve.map((_, i) => summarise(results.map(({ curve }) => of(curve[i]!))));
      return { name: variant.title, mean: epochs.map(({ mean }) => mean), sd: epochs.map(({ sd }) => sd) };
    });
  const seeds = results.length / variants.length;
  return learningCurves(
    "VQ-VAE: reconstructions of test images",
    [
      {
        title: seeds > 1 ? `mean and sd over ${seeds} seeds` : "one seed",
        curves: curves(({ psnr }) => psnr),
      },
    ],
    "PSNR, dB",
  );
}

const signed = (value: number, digits: number) =>
  `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(digits)}`;

const spread = (values: number[], digits: number) => plusMinus(summarise(values), digits);

const interval = ({ mean, low, high, n }: RunDifference, digits: number) =>
  n < 2
    ? signed(mean, digits)
    : `${signed(mean, digits)} (${signed(low, digits)} to ${signed(high, digits)})`;
