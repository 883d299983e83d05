/** Figures of trainings that go on beside each other. */
import type { EpochRecord } from "#src/experiments/types.js";
import { fixed, signed } from "../dom.js";
import { colour, type Figure } from "../figure.js";
import type { Training } from "./training.js";

/** Accuracy of the test items, beside the published one. */
export function drawAccuracy(figure: Figure, shown: readonly Training[]): void {
  const epochs = Math.max(...shown.map(({ cell }) => cell.curve.length));
  const percent = (records: readonly EpochRecord[]) => ({
    x: records.map(({ epoch }) => epoch),
    y: records.map(({ accuracy }) => 100 * accuracy),
  });
  void figure.draw({
    height: 340,
    alt: `Test accuracy by epoch: ${shown.map(({ row, records }) => `${row.title} ${records.length ? fixed(100 * records.at(-1)!.accuracy) : "not yet"}`).join(", ")}`,
    caption: "Test accuracy after each epoch; dashed, as published.",
    data: shown.flatMap(({ row, cell, records }) => [
      {
        type: "scatter",
        mode: "lines",
        name: `${row.title}, published`,
        ...percent(cell.curve),
        line: { color: colour(row.place), dash: "dash", width: 2 },
      },
      {
        type: "scatter",
        mode: "lines+markers",
        name: row.title,
        ...percent(records),
        line: { color: colour(row.place), width: 3 },
        marker: { size: 8 },
      },
    ]),
    layout: {
      xaxis: { title: { text: "epoch" }, range: [0.5, epochs + 0.5], dtick: epochs > 12 ? 5 : 1 },
      yaxis: { title: { text: "test accuracy, %" } },
    },
    numbers: {
      columns: ["epoch", ...shown.flatMap(({ row }) => [row.title, `${row.title}, published`])],
      rows: (shown[0]?.cell.curve ?? []).map(({ epoch }, i) => [
        epoch,
        ...shown.flatMap(({ records, cell }) =>
          [records[i], cell.curve[i]].map((record) => (record ? fixed(100 * record.accuracy, 2) : "–")),
        ),
      ]),
    },
  });
}

export function drawLoss(figure: Figure, shown: readonly Training[]): void {
  void figure.draw({
    height: 340,
    alt: `Training loss by step, mean of neighbours: ${shown.map(({ row, smooth }) => `${row.title} ${smooth.at(-1)?.toPrecision(3) ?? "not yet"}`).join(", ")}`,
    caption: "Training loss of the batches, mean of neighbours.",
    data: shown.map(({ row, steps, smooth }) => ({
      type: "scatter",
      mode: "lines",
      name: row.title,
      x: [...steps],
      y: [...smooth],
      line: { color: colour(row.place), width: 2 },
    })),
    layout: { showlegend: true, xaxis: { title: { text: "step" } }, yaxis: { title: { text: "loss" } } },
  });
}

/** δ and c; the figure is hidden where no row has them. */
export function drawDensity(figure: Figure, shown: readonly Training[]): void {
  const dense = shown.filter(({ densities }) => densities.length);
  figure.element.hidden = true;
  if (!dense.length) return;
  const last = (key: "meanOffset" | "scaledVariance", { densities }: Training) => {
    const { [key]: values } = densities.at(-1)!;
    return values.map((value) => signed(value, 2)).join(" / ");
  };
  void figure.draw({
    height: 340,
    alt: dense
      .map(
        (training) =>
          `${training.row.title}: δ ${last("meanOffset", training)}, c ${last("scaledVariance", training)} (smallest / mean / largest)`,
      )
      .join("; "),
    caption:
      "δ and c − 2 while they are learned, from 0: smallest, mean and largest of all heads and features.",
    data: dense.flatMap(({ row, densities, at }) =>
      (["meanOffset", "scaledVariance"] as const).flatMap((key, k) =>
        [0, 1, 2].map((which) => ({
          type: "scatter" as const,
          mode: "lines" as const,
          name: `${row.title}: ${k ? "c − 2" : "δ"}`,
          legendgroup: key + at,
          showlegend: which === 1,
          x: densities.map(({ step }) => step),
          y: densities.map((entry) => entry[key][which]! - 2 * k),
          line: {
            color: colour(at + 2 * k + 1),
            width: which === 1 ? 3 : 1,
            dash: k ? ("dash" as const) : ("solid" as const),
          },
        })),
      ),
    ),
    layout: {
      showlegend: true,
      xaxis: { title: { text: "step" } },
      yaxis: { title: { text: "δ, c − 2" }, zeroline: true },
    },
  });
}
