/** The TypeScript kernel of tslab without its ZeroMQ server: cells in, outputs out, nothing lost in between. */
import { createRequire } from "node:module";
import { format, types } from "node:util";
import type { Cell, Output } from "./ipynb.js";
import { joined } from "./ipynb.js";

const require = createRequire(import.meta.url);

interface DisplayMessage {
  data: Record<string, unknown>;
  metadata: object;
  transient?: { display_id?: string };
}

/** What changed on a display that is already there, such as a progress line. */
export type OnUpdate = (text: string) => void;

export class Kernel {
  readonly #errors: Output[] = [];
  readonly #displays = new Map<string, Output>();
  readonly #onUpdate: OnUpdate;
  readonly #handler: any;
  readonly close: () => void;

  /** Runs cells in the current folder. Unhandled errors of this process count as errors of the running cell. */
  constructor(onUpdate: OnUpdate = () => {}) {
    require("../../jupyter/kernels/tslab/still-files.cjs");
    const { createConverter } = require("tslab/dist/converter.js");
    const { createExecutor } = require("tslab/dist/executor.js");
    const { JupyterHandlerImpl } = require("tslab/dist/jupyter.js");
    this.#onUpdate = onUpdate;
    const node = createConverter({ isJS: false, isBrowser: false });
    const executor = createExecutor(
      process.cwd(),
      { node, close: () => node.close() },
      {
        // Looked up late: the handler redirects stdout for each cell.
        log: (...args: unknown[]) => console.log(...args),
        error: (...args: unknown[]) => this.#errors.push(errorOutput(args)),
      },
    );
    this.#handler = new JupyterHandlerImpl(executor, false);
    this.close = () => executor.close();
    const onAsyncError = (error: unknown) => this.#errors.push(errorOutput([error]));
    process.on("uncaughtException", onAsyncError);
    process.on("unhandledRejection", onAsyncError);
  }

  get languageInfo(): object {
    return this.#handler.handleKernel().language_info;
  }

  /** Runs a code cell and fills in its outputs and count; returns its errors. */
  async run(cell: Cell): Promise<Output[]> {
    const outputs: Output[] = (cell.outputs = []);
    const reply = await this.#handler.handleExecute(
      { code: joined(cell.source) },
      (name: string, text: string) => appendStream(outputs, name, text),
      (message: DisplayMessage, update: boolean) => this.#display(outputs, message, update),
    );
    // Rejections that nobody awaits surface in the next turn of the event loop.
    await new Promise((done) => setTimeout(done, 0));
    cell.execution_count = reply.execution_count ?? null;
    if (reply.status !== "ok" && !this.#errors.length) this.#errors.push(errorOutput([`the cell failed`]));
    const errors = this.#errors.splice(0);
    outputs.push(...errors);
    return errors;
  }

  #display(outputs: Output[], { data, metadata, transient }: DisplayMessage, update: boolean): void {
    const id = transient?.display_id;
    const shown = id === undefined ? undefined : this.#displays.get(id);
    if (update && shown) {
      Object.assign(shown, { data, metadata });
      this.#onUpdate(String(data["text/plain"] ?? ""));
      return;
    }
    const output: Output = { output_type: "display_data", data, metadata };
    if (id !== undefined) this.#displays.set(id, output);
    // A display that has never been drawn would leave an empty output.
    if (Object.keys(data).length) outputs.push(output);
  }
}

/** tslab reports a thrown value as one argument, a compile error as a printf-style message. */
function errorOutput(args: unknown[]): Output {
  const [error] = args;
  if (!types.isNativeError(error)) {
    const text = format(...args);
    return { output_type: "error", ename: "Error", evalue: text, traceback: [text] };
  }
  const traceback = (error.stack ?? String(error))
    .split("\n")
    // Frames of the machinery, and with them the paths of this machine.
    .filter((line) => !/^\s+at /.test(line));
  return { output_type: "error", ename: error.name, evalue: error.message, traceback };
}

function appendStream(outputs: Output[], name: string, text: string): void {
  const last = outputs.at(-1);
  if (last?.output_type === "stream" && last.name === name) last.text += text;
  else outputs.push({ output_type: "stream", name, text });
}
