import type { Command } from "commander";
import { UserError } from "../errors.js";
import { backendOf, backendOption, examples, presetOption, scoped, scopeOf, wholeNumber } from "./options.js";

/** Adds the commands that work on a cluster. */
export function clusterCommands(daam: Command, signal: AbortSignal): void {
  scoped(daam.command("submit"))
    .description(
      "submit the missing cells of a preset to Slurm as job arrays, hidden states first; what waits or fails is submitted when they end",
    )
    .argument("[options...]", "of sbatch, after --: partition, account, memory, --cpus-per-task, --time")
    .option(
      "--minutes <n>",
      "what a task is filled with, by the time that its cells may take",
      wholeNumber,
      60,
    )
    .option("--lora", "the rows of LoRA in smoke, quick and paper too (DAAM_LORA=1)")
    .option("--status", "say instead what is queued, running, finished and failed")
    .option("--follow", "as the job does that comes back: leave what failed twice")
    .addOption(backendOption())
    .addHelpText(
      "after",
      examples(
        "submit --preset small -- --partition=cpu --cpus-per-task=4 --mem=8G",
        "submit --preset paper --task speech --backend webgpu -- --gres=gpu:1",
        "submit --status --preset small",
      ),
    )
    .action(async (given: string[], options) => {
      if (options.lora) process.env.DAAM_LORA = "1";
      const backend = backendOf(options.backend);
      // what the tasks, and the job that comes back, find in their environment
      if (backend) process.env.DAAM_BACKEND = backend;
      if (options.status) {
        const { status } = await import("../cluster/status.js");
        return status(options.preset, (line) => console.log(line));
      }
      const odd = given.find((word, i) => i === 0 && !word.startsWith("-"));
      if (odd !== undefined)
        throw new UserError(
          `daam submit ${odd}: options of sbatch stand after --, as in daam submit -- --partition=cpu`,
        );
      const scope = scopeOf(options);
      const list = (name: string, values?: readonly string[]) => (values ? [name, values.join(",")] : []);
      const again = [
        ...[process.execPath, process.argv[1]!, "submit", "--follow", "--preset", options.preset],
        ...["--minutes", String(options.minutes)],
        ...list("--task", scope.tasks),
        ...list("--method", scope.methods),
        ...(scope.part ? ["--part", scope.part] : []),
        ...["--", ...given],
      ];
      const { submit } = await import("../cluster/submit.js");
      await submit(options.preset, { ...options, scope, options: given, again, signal });
    });

  daam
    .command("work", { hidden: true })
    .description("what a task of daam submit runs")
    .addOption(presetOption())
    .requiredOption("--submission <n>", "its number", wholeNumber)
    .action(async ({ preset, submission }) => {
      const { work } = await import("../cluster/work.js");
      await work(preset, { number: submission, backend: backendOf(undefined), signal });
    });
}
