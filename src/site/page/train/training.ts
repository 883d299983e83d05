/** A published cell that is trained again. */
import type { CellResult, EpochRecord } from "#src/experiments/types.js";
import { agreement } from "#src/reproduction/agreement.js";
import type { CellEntry, RowEntry } from "#src/site/types.js";
import { controls, fixed, h, slider } from "../dom.js";
import type { DensityParameter, FromTrainer, Range, ToTrainer } from "../messages.js";

/** One cell in a worker. */
export class Training {
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
