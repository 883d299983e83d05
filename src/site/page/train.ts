/** Trains cells of a preset again in workers of the browser, and compares them with the published ones. */
import type { CellResult, EpochRecord } from "#src/experiments/types.js";
import { agreement } from "#src/reproduction/agreement.js";
import type {
  CellEntry,
  RowEntry,
  SiteBinaries,
  SiteFeatures,
  SiteIndex,
  TaskEntry,
  TaskResults,
} from "#src/site/types.js";
import { remember } from "./address.js";
import { load } from "./data.js";
import { choice, controls, fixed, h, signed, slider } from "./dom.js";
import { colour, Figure } from "./figure.js";
import type { Page } from "./page.js";
import {
  BACKENDS,
  type DensityParameter,
  type FromTrainer,
  type PageBackend,
  type Range,
  type ToTrainer,
} from "./messages.js";

export const trainHere: Page = (root, query, index) => {
  const preset = index.presets.find(({ trainable }) => trainable);
  root.append(h("h1", {}, "Train it here"));
  if (!preset) {
    root.append(h("p", {}, "No preset is published whose hidden states are shipped."));
    return;
  }
  const state = {
    task: index.tasks.find(({ name }) => name === query.get("task"))?.name ?? preset.tasks[0]!,
    run: query.get("run") ?? "1",
    a: query.get("a") ?? "daam-v1",
    b: query.get("b") ?? "no-attention",
    backend: query.get("backend") ?? "auto",
  };
  const place = h("div");
  root.append(
    h(
      "p",
      {},
      `Cells of preset ${preset.name}, trained in this browser: the same hidden states, seeds, batches and starting values as the published ` +
        "ones. Nothing is sent anywhere. On WebAssembly the digits should be the published ones; a graphics card rounds otherwise, and " +
        "agrees where best and last accuracy are within three points.",
    ),
    place,
  );
  let session: Session | undefined;
  const show = async () => {
    session?.end();
    session = undefined;
    const own = { ...state };
    const results = await load<TaskResults>(`${preset.name}-${state.task}`);
    if (own.task !== state.task) return;
    session = new Session(place, index, results, state, (key, value) => {
      state[key] = value;
      remember("train", state);
      if (key === "task") void show();
    });
  };
  void show().catch((error: Error) => place.replaceChildren(h("p", { role: "alert" }, error.message)));
  return () => session?.end();
};

type State = Record<"task" | "run" | "a" | "b" | "backend", string>;

const names: Record<PageBackend | "auto", string> = {
  auto: "the fastest there is",
  webgpu: "WebGPU",
  wasm: "WebAssembly",
  webgl: "WebGL",
};

/** The page for one task. */
class Session {
  private readonly task: TaskEntry;
  private readonly rows: RowEntry[];
  private trainings: Training[] = [];
  private paused = false;
  private readonly start = h(
    "button",
    { type: "button", class: "main", click: () => void this.begin() },
    "Train",
  );
  private readonly pause = h("button", { type: "button", disabled: true, click: () => this.hold() }, "Pause");
  private readonly stop = h("button", { type: "button", disabled: true, click: () => this.end() }, "Stop");
  private readonly panels = h("div", { class: "panels" });
  private readonly figures = { accuracy: new Figure(), loss: new Figure(), density: new Figure() };
  private drawing?: ReturnType<typeof setTimeout>;

  constructor(
    place: HTMLElement,
    index: SiteIndex,
    results: TaskResults,
    private readonly state: State,
    change: (key: keyof State, value: string) => void,
  ) {
    this.task = index.tasks.find(({ name }) => name === state.task)!;
    this.rows = results.rows.filter(({ cells }) => cells.some(({ config }) => config));
    const rows = this.rows.map(({ name, title }) => ({ value: name, text: title }));
    const runs = [...new Set(this.rows.flatMap(({ cells }) => cells.map(({ run }) => String(run))))];
    const select = (label: string, key: keyof State, options: Parameters<typeof choice>[1]) =>
      choice(label, options, state[key], (value) => change(key, value));
    place.replaceChildren(
      controls(
        select(
          "Task",
          "task",
          index.tasks.map(({ name, title, data }) => ({ value: name, text: `${title} (${data})` })),
        ),
        select("Row", "a", rows),
        select("beside", "b", [{ value: "none", text: "none" }, ...rows]),
        select(
          this.task.split === "folds" ? "Fold" : "Run",
          "run",
          runs.map((run) => ({ value: run, text: run })),
        ),
        select(
          "on",
          "backend",
          (["auto", ...BACKENDS] as const).map((name) => ({ value: name, text: names[name] })),
        ),
      ),
      controls(this.start, this.pause, this.stop),
      this.panels,
      h(
        "div",
        { class: "panels" },
        this.figures.accuracy.element,
        this.figures.loss.element,
        this.figures.density.element,
      ),
    );
    this.draw();
  }

  private async begin(): Promise<void> {
    this.end();
    const { state, task } = this;
    const chosen = [...new Set([state.a, state.b])].flatMap((name) => {
      const row = this.rows.find((row) => row.name === name);
      const cell = row?.cells.find(({ run, config }) => config && String(run) === state.run);
      return row && cell ? [{ row, cell }] : [];
    });
    this.trainings = chosen.map(({ row, cell }, i) => new Training(row, cell, i, () => this.soon()));
    this.panels.replaceChildren(...this.trainings.map(({ element }) => element));
    this.running(true);
    const trainings = this.trainings;
    const [features, binaries, source] = await Promise.all([
      load<SiteFeatures>(`features-${task.name}`),
      load<SiteBinaries>("wasm"),
      load<string>("trainer"),
    ]).catch((error: Error) => {
      trainings.forEach((training) => training.failed(error.message));
      return [];
    });
    if (!features || trainings !== this.trainings) return;
    const backend = state.backend as PageBackend | "auto";
    await Promise.all(
      trainings.map((training) =>
        training.run(source!, { split: task.split, features, binaries: binaries!, backend }),
      ),
    );
    if (trainings === this.trainings) this.running(false);
  }

  private hold(): void {
    this.paused = !this.paused;
    this.pause.textContent = this.paused ? "Go on" : "Pause";
    this.trainings.forEach((training) => training.tell({ kind: this.paused ? "pause" : "resume" }));
  }

  private running(yes: boolean): void {
    this.pause.disabled = this.stop.disabled = !yes;
    this.paused = false;
    this.pause.textContent = "Pause";
    this.start.textContent = yes ? "Start again" : "Train";
  }

  end(): void {
    this.trainings.forEach((training) => training.stop());
    this.running(false);
  }

  /** Draws a few times a second at most. */
  private soon(): void {
    this.drawing ??= setTimeout(() => {
      this.drawing = undefined;
      this.draw();
    }, 300);
  }

  private draw(): void {
    const { accuracy, loss, density } = this.figures;
    const shown = this.trainings;
    if (!shown.length) return;
    const epochs = Math.max(...shown.map(({ cell }) => cell.curve.length));
    const percent = (records: readonly EpochRecord[]) => ({
      x: records.map(({ epoch }) => epoch),
      y: records.map(({ accuracy }) => 100 * accuracy),
    });
    void accuracy.draw({
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
    void loss.draw({
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
    const dense = shown.filter(({ densities }) => densities.length);
    density.element.hidden = true;
    if (!dense.length) return;
    const last = (key: "meanOffset" | "scaledVariance", { densities }: Training) => {
      const { [key]: values } = densities.at(-1)!;
      return values.map((value) => signed(value, 2)).join(" / ");
    };
    void density.draw({
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
}

/** One cell in a worker. */
class Training {
  readonly records: EpochRecord[] = [];
  readonly steps: number[] = [];
  readonly smooth: number[] = [];
  readonly densities: { step: number; meanOffset: Range; scaledVariance: Range }[] = [];
  private readonly status = h("p", { role: "status" }, "loading the hidden states");
  private readonly where = h("p", { class: "soft" });
  private readonly bar: HTMLProgressElement;
  /** Of rows that have δ and c, once they are known to. */
  private readonly hand = h("div", { hidden: true });
  /** The step at which δ or c was first changed by hand. */
  private changedAt?: number;
  readonly element: HTMLElement;
  private worker?: Worker;
  /** Also before there is a worker to tell. */
  private held = false;
  private ended = false;
  private finish: () => void = () => {};

  constructor(
    readonly row: RowEntry,
    readonly cell: CellEntry,
    readonly at: number,
    private readonly changed: () => void,
  ) {
    this.bar = h("progress", { max: 1, value: 0, "aria-label": `Progress of ${row.title}` });
    const took = cell.seconds === undefined ? "" : `; that took ${fixed(cell.seconds)} s in Node`;
    this.element = h(
      "section",
      { "data-method": row.name },
      h("h2", {}, row.title),
      ...(row.note ? [h("p", { class: "soft" }, row.note)] : []),
      this.bar,
      this.status,
      this.hand,
      this.where,
      h("p", { class: "soft" }, `Published as ${cell.name}, on ${cell.backend}${took}.`),
    );
  }

  run(
    source: string,
    given: Pick<Extract<ToTrainer, { kind: "start" }>, "split" | "features" | "binaries" | "backend">,
  ): Promise<void> {
    if (this.ended) return Promise.resolve();
    const config = this.cell.config!;
    if (config.features !== given.features.id) {
      this.failed(`the published cell was trained on ${config.features}, here is ${given.features.id}`);
      return Promise.resolve();
    }
    this.says("starting");
    const address = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
    this.worker = new Worker(address);
    return new Promise((resolve) => {
      this.finish = () => {
        URL.revokeObjectURL(address);
        this.worker?.terminate();
        this.worker = undefined;
        resolve();
      };
      this.worker!.onerror = ({ message }) => this.failed(message);
      this.worker!.onmessage = ({ data }: MessageEvent<FromTrainer>) => this.hear(data);
      this.tell({ kind: "start", config, ...given });
      if (this.held) this.tell({ kind: "pause" });
    });
  }

  tell(message: ToTrainer): void {
    if (this.ended) return;
    this.worker?.postMessage(message);
    if (message.kind === "start") return;
    if (message.kind !== "set") this.held = message.kind === "pause";
    this.says(this.worker ? "training" : "loading the hidden states");
  }

  private says(stage: string): void {
    const hand =
      this.changedAt === undefined
        ? ""
        : `, δ or c changed by hand at step ${this.changedAt}: no longer the published cell`;
    this.status.textContent = (this.held ? "paused" : stage) + hand;
  }

  /** Sliders that set δ and c of all heads and features; training goes on from there. */
  private offerHand(): void {
    if (!this.hand.hidden) return;
    const set = (parameter: DensityParameter) => (value: number) => {
      this.changedAt ??= this.steps.at(-1) ?? 0;
      this.tell({ kind: "set", parameter, value });
    };
    this.hand.hidden = false;
    this.hand.append(
      h("p", { class: "soft" }, "Set all heads and features by hand; training goes on from there:"),
      controls(
        slider("δ", { min: -2, max: 2, step: 0.05, value: 0 }, set("meanOffset")),
        slider("c", { min: 0.1, max: 8, step: 0.1, value: 2 }, set("scaledVariance")),
      ),
    );
  }

  private hear(message: FromTrainer): void {
    switch (message.kind) {
      case "backend":
        this.where.textContent = message.line;
        this.says("training");
        break;
      case "steps": {
        const { done, of, loss, density } = message;
        this.steps.push(done);
        this.smooth.push(loss);
        if (density) {
          this.densities.push({ step: done, ...density });
          this.offerHand();
        }
        this.bar.value = done / of;
        break;
      }
      case "epoch":
        this.records.push(message.record);
        break;
      case "done":
        this.status.replaceChildren(
          h("strong", {}, judged(message.result as CellResult, this.cell, this.changedAt)),
        );
        this.status.append(` Trained in ${fixed(message.seconds)} s.`);
        this.end();
        break;
      case "failed":
        this.failed(message.message);
    }
    this.changed();
  }

  failed(why: string): void {
    this.status.textContent = `This could not be trained: ${why}`;
    this.end();
  }

  stop(): void {
    if (this.ended) return;
    this.status.textContent = "stopped";
    this.end();
  }

  private end(): void {
    this.ended = true;
    this.hand.hidden = true;
    this.finish();
  }
}

/** Whether a training here is what was published. */
function judged(result: CellResult, cell: CellEntry, changedAt?: number): string {
  const published = { ...cell, config: cell.config! } as unknown as CellResult;
  const { agreeing, differing } = agreement([result], () => published);
  const pair = (of: Pick<CellResult, "best" | "last">) =>
    `${fixed(100 * of.best.accuracy)} / ${fixed(100 * of.last.accuracy)} %`;
  const figures = `best and last accuracy ${pair(result)}, published ${pair(published)}`;
  if (changedAt !== undefined)
    return `δ or c was changed by hand from step ${changedAt} on, so this is another training than the published one: ${figures}.`;
  if (!agreeing) return `Differs from the published cell: ${differing.join("; ") || figures}.`;
  return result.backend === published.backend
    ? `Agrees with the published cell digit for digit: every loss, score and prediction (${figures}).`
    : `Agrees with the published cell within three points, on another backend: ${figures}.`;
}
