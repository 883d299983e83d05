/** Figure of the batch leak. Pure: numbers in, a Plotly figure out. */
import type { Data, Layout } from "plotly.js";
import { type BatchLeak } from "../../models/batch-leak.js";
import { brief, colours, type Figure, look, panelTitle, translucent } from "./figure.js";

/** Probability that each model gives one sample in other company: a panel a model, a dot a batch. */
export function batchLeakFigure(
  title: string,
  models: readonly { title: string; leak: BatchLeak }[],
): Figure {
  const gap = 0.03;
  const width = (1 - gap * (models.length - 1)) / models.length;
  const layout: Record<string, unknown> = {};
  const data = models.flatMap(({ leak }, m): Data[] => {
    const suffix = m ? String(m + 1) : "";
    const left = m * (width + gap);
    const reordered = "order";
    layout[`xaxis${suffix}`] = {
      domain: [left, left + width],
      anchor: `y${suffix}`,
      type: "category",
      categoryarray: [...leak.sizes.map(String), reordered],
      tickangle: 0,
      title: { text: `items in the batch; order: ${Math.max(...leak.sizes)}, reordered` },
    };
    layout[`yaxis${suffix}`] = m
      ? { anchor: `x${suffix}`, matches: "y", showticklabels: false }
      : { anchor: "x", range: [-0.03, 1.03], title: { text: "probability" } };
    const dots = (labels: string[], values: number[], colour: string): Data =>
      ({
        type: "scatter",
        mode: "markers",
        x: labels,
        y: values.map(brief),
        marker: { color: translucent(colour, 0.45), size: 9 },
        xaxis: `x${suffix}`,
        yaxis: `y${suffix}`,
        showlegend: false,
        hovertemplate: "%{x}: %{y}<extra></extra>",
      }) as Data;
    return [
      dots(
        leak.neighbours.flatMap((values, i) => values.map(() => String(leak.sizes[i]))),
        leak.neighbours.flat(),
        colours[0]!,
      ),
      dots(
        leak.orders.map(() => reordered),
        leak.orders,
        colours[3]!,
      ),
    ];
  });
  return {
    data,
    layout: look(title, {
      width: 60 + 310 * models.length,
      height: 400,
      margin: { l: 64, r: 24, t: 82, b: 60 },
      annotations: models.map((model, m) => panelTitle(model.title, m * (width + gap), 1.01)),
      ...(layout as Partial<Layout>),
    }),
  };
}
