/** Density attention by hand, on hidden states of a real item. */
import { shannonEntropy } from "#src/attention/analysis.js";
import type { SiteItems, TaskEntry } from "#src/site/types.js";
import { remember } from "./address.js";
import { load } from "./data.js";
import { choice, controls, fixed, h, slider } from "./dom.js";
import { colour, Figure, shade, symbols, layerMap } from "./figure.js";
import type { Page } from "./page.js";

interface State {
  task: string;
  item: string;
  feature: number;
  heads: number;
  delta: number;
  c: number;
}

export const mechanism: Page = (root, query, index) => {
  const number = (key: string, initial: number) => {
    const value = Number(query.get(key) ?? initial);
    return Number.isFinite(value) ? value : initial;
  };
  const tasks = index.presets.find(({ trainable }) => trainable)?.tasks ?? [];
  const state: State = {
    task: tasks.find((name) => name === query.get("task")) ?? tasks[0]!,
    item: query.get("item") ?? "",
    feature: number("feature", 0),
    heads: number("heads", 4),
    delta: number("delta", 0),
    c: number("c", 2),
  };
  const place = h("div");
  root.append(
    h("h1", {}, "What density attention does to a hidden state"),
    h(
      "p",
      {},
      "Each feature has a value in every layer of the encoder. A head takes a few neighbouring layers; z is how far a value lies from " +
        "their mean plus δ, in their standard deviations, and the value is multiplied by w = exp(−z² / 2c). δ and c are learned, one of " +
        "each a head and feature; here you set them for all at once.",
    ),
    place,
  );
  const show = async () => {
    const { task } = state;
    const items = await load<SiteItems>(`items-${task}`);
    if (task === state.task)
      new Bench(
        place,
        items,
        state,
        index.tasks.filter(({ name }) => tasks.includes(name)),
        () => void show(),
      );
  };
  show().catch((error: Error) => place.replaceChildren(h("p", { role: "alert" }, error.message)));
};

/** Figures of one item. */
class Bench {
  private readonly curve = new Figure();
  private readonly layers = new Figure();
  private readonly map = new Figure();
  private readonly sentence = h("p", { role: "status" });

  constructor(
    place: HTMLElement,
    private readonly items: SiteItems,
    private readonly state: State,
    tasks: readonly TaskEntry[],
    again: () => void,
  ) {
    const { layers, features } = items;
    const withStates = items.items.filter(({ states }) => states);
    if (!withStates.some(({ position }) => String(position) === state.item))
      state.item = String(withStates[0]!.position);
    state.feature = Math.min(Math.max(0, Math.round(state.feature)), features - 1);
    if (layers % state.heads !== 0) state.heads = 4;
    const { classes } = tasks.find(({ name }) => name === state.task)!;
    const divisors = Array.from({ length: layers }, (_, i) => i + 1).filter(
      (n) => layers % n === 0 && n < layers,
    );
    const set = <K extends keyof State>(key: K, value: State[K]) => {
      state[key] = value;
      this.draw();
    };
    const item = withStates.find(({ position }) => String(position) === state.item)!;
    place.replaceChildren(
      controls(
        choice(
          "Hidden states of",
          tasks.map(({ name, title, data, encoder }) => ({
            value: name,
            text: `${title} (${data}, ${encoder})`,
          })),
          state.task,
          (task) => {
            Object.assign(state, { task, item: "" });
            again();
          },
        ),
        choice(
          "Item",
          withStates.map(({ position, label }) => ({
            value: String(position),
            text: `${position}: ${classes[label]}`,
          })),
          state.item,
          (item) => {
            state.item = item;
            again();
          },
        ),
        choice(
          "Heads",
          divisors.map((n) => ({ value: String(n), text: `${n} of ${layers / n} layers` })),
          String(state.heads),
          (heads) => set("heads", Number(heads)),
        ),
      ),
      ...(item.text !== undefined ? [h("p", { class: "soft" }, item.text)] : []),
      ...(item.image !== undefined
        ? [h("img", { class: "item", src: item.image, alt: `the item, of class ${classes[item.label]}` })]
        : []),
      controls(
        slider("Feature", { min: 0, max: features - 1, step: 1, value: state.feature }, (value) =>
          set("feature", value),
        ),
        slider("δ", { min: -2, max: 2, step: 0.05, value: state.delta }, (value) => set("delta", value)),
        slider("c", { min: 0.1, max: 8, step: 0.1, value: state.c }, (value) => set("c", value)),
      ),
      this.sentence,
      h("div", { class: "panels" }, this.curve.element, this.layers.element),
      this.map.element,
    );
    this.draw();
  }

  private draw(): void {
    const { state, items } = this;
    const { layers, features } = items;
    remember(
      "mechanism",
      Object.fromEntries(Object.entries(state).map(([key, value]) => [key, String(value)])),
    );
    const states = items.items.find(({ position }) => String(position) === state.item)!.states!;
    const at = (feature: number) =>
      weigh(
        Array.from({ length: layers }, (_, layer) => states[layer * features + feature]!),
        state,
      );
    const all = Array.from({ length: features }, (_, feature) => at(feature));
    const { x, z, w, y } = all[state.feature]!;
    const size = layers / state.heads;
    const bound = Math.sqrt(size - 1);
    const largest = Math.max(...z.map(Math.abs));
    const highest = Math.max(...x);
    const soft = x.map((value) => Math.exp(value - highest));
    const [dense, softmax] = [shannonEntropy(w), shannonEntropy(soft)];
    const smallest = Math.exp((-bound * bound) / (2 * state.c));
    this.sentence.textContent =
      `Largest |z| of this feature: ${fixed(largest, 2)}. With ${size} values a head and δ = 0 none can exceed ${size === 3 ? "√2" : `√${size - 1}`} = ${fixed(bound, 2)}, so that no weight ` +
      `falls below exp(−${size - 1} / 2c) = ${fixed(smallest, 2)}. Entropy of the ${layers} weights: ${fixed(dense, 2)} nats, of softmax over the ` +
      `same values ${fixed(softmax, 2)}, of equal weights log ${layers} = ${fixed(Math.log(layers), 2)}.`;
    const line = Array.from({ length: 161 }, (_, i) => -4 + i / 20);
    void this.curve.draw({
      height: 380,
      alt: `Weight by z: ${z.map((value, i) => `layer ${i + 1} z ${fixed(value, 2)} weight ${fixed(w[i]!, 2)}`).join(", ")}`,
      caption: `The weight of a value by its z, and feature ${state.feature} of the ${layers} layers on it; marks are alike within a head. Dotted: the bound at δ = 0.`,
      data: [
        {
          type: "scatter",
          mode: "lines",
          x: line,
          y: line.map((value) => Math.exp(-(value ** 2) / (2 * state.c))),
          line: { color: colour(0), width: 2 },
          hoverinfo: "skip",
        },
        ...[-bound, bound].map((value) => ({
          type: "scatter" as const,
          mode: "lines" as const,
          x: [value, value],
          y: [0, 1.05],
          line: { color: shade("soft"), dash: "dot" as const, width: 1.5 },
          hoverinfo: "skip" as const,
        })),
        ...Array.from({ length: state.heads }, (_, head) => ({
          type: "scatter" as const,
          mode: "markers" as const,
          x: z.slice(head * size, (head + 1) * size),
          y: w.slice(head * size, (head + 1) * size),
          text: z.slice(head * size, (head + 1) * size).map((_, i) => `layer ${head * size + i + 1}`),
          marker: { color: colour(head + 1), symbol: symbols[head % symbols.length]!, size: 11 },
          hovertemplate: "%{text}: z %{x:.2f}, w %{y:.2f}<extra></extra>",
        })),
      ],
      layout: {
        showlegend: false,
        xaxis: { title: { text: "z" }, range: [-4, 4] },
        yaxis: { title: { text: "weight w" }, range: [0, 1.08] },
      },
      numbers: {
        columns: ["layer", "head", "x", "z", "w", "y = x · w"],
        rows: x.map((value, i) => [
          i + 1,
          Math.floor(i / size) + 1,
          fixed(value, 3),
          fixed(z[i]!, 2),
          fixed(w[i]!, 2),
          fixed(y[i]!, 3),
        ]),
      },
    });
    void this.layers.draw({
      height: 380,
      alt: `Feature ${state.feature} by layer, before and after: ${x.map((value, i) => `${fixed(value, 2)} becomes ${fixed(y[i]!, 2)}`).join(", ")}`,
      caption: `Feature ${state.feature} by layer, before and after the weights.`,
      data: [
        {
          type: "scatter",
          mode: "lines+markers",
          name: "x",
          x: x.map((_, i) => i + 1),
          y: x,
          line: { color: colour(0), width: 2 },
        },
        {
          type: "scatter",
          mode: "lines+markers",
          name: "y = x · w",
          x: x.map((_, i) => i + 1),
          y,
          line: { color: colour(1), width: 2, dash: "dash" },
          marker: { symbol: "square" },
        },
      ],
      layout: {
        showlegend: true,
        xaxis: { title: { text: "layer" }, dtick: 1 },
        yaxis: { title: { text: "value" } },
      },
    });
    const means = Array.from(
      { length: layers },
      (_, layer) => all.reduce((sum, { w }) => sum + w[layer]!, 0) / features,
    );
    void this.map.draw({
      height: 360,
      alt: `Weights of the whole item, mean of each layer: ${means.map((value, i) => `${i + 1}: ${fixed(value, 2)}`).join(", ")}`,
      caption: "The weights of the whole item: a line a layer, a column a feature.",
      ...layerMap(Array.from({ length: layers }, (_, layer) => all.map(({ w }) => w[layer]!))),
      numbers: { columns: ["layer", "mean weight"], rows: means.map((value, i) => [i + 1, fixed(value, 3)]) },
    });
  }
}

/** One feature through the layers, as `densityAttention` weighs it. */
function weigh(x: readonly number[], { heads, delta, c }: Pick<State, "heads" | "delta" | "c">) {
  const size = x.length / heads;
  const z = x.map((value, i) => {
    const own = x.slice(Math.floor(i / size) * size, (Math.floor(i / size) + 1) * size);
    const mean = own.reduce((a, b) => a + b) / size;
    const variance = own.reduce((sum, other) => sum + (other - mean) ** 2, 0) / size;
    return (value - mean - delta) / Math.sqrt(variance + 1e-8 + 1e-5);
  });
  const w = z.map((score) => Math.exp(-(score ** 2) / (2 * c)));
  return { x: [...x], z, w, y: x.map((value, i) => value * w[i]!) };
}
