/** Trains cells of a preset again in workers of the browser, and compares them with the published ones. */
import type {
  RowEntry,
  SiteBinaries,
  SiteFeatures,
  SiteIndex,
  TaskEntry,
  TaskResults,
} from "#src/site/types.js";
import { remember } from "./address.js";
import { load } from "./data.js";
import { choice, controls, h } from "./dom.js";
import { Figure } from "./figure.js";
import { BACKENDS, type PageBackend } from "./messages.js";
import type { Page } from "./page.js";
import { drawAccuracy, drawDensity, drawLoss } from "./train/figures.js";
import { Training } from "./train/training.js";

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
    if (!this.trainings.length) return;
    drawAccuracy(accuracy, this.trainings);
    drawLoss(loss, this.trainings);
    drawDensity(density, this.trainings);
  }
}
