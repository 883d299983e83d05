import { InvalidArgumentError, Option, type Command } from "commander";
import { CHOICES } from "../backend/names.js";
import { isApart, runApart } from "../apart.js";
import { oneOf, Stopped } from "../errors.js";
import type { Scope } from "../experiments/plan/cells.js";
import { presets } from "../experiments/plan/presets.js";
import { tasks } from "../experiments/plan/tasks.js";
import { type Part, parts } from "../experiments/types.js";

/**
 * Hands a command that computes over to a process of its own.
 * @returns false in that process, which is to go on
 */
export async function apart(signal: AbortSignal, stopped = new Stopped("run it again")): Promise<boolean> {
  if (isApart()) return false;
  process.exitCode = await runApart(process.argv.slice(2), stopped, signal);
  return true;
}

export const taskNames = tasks.map(({ name }) => name).join(", ");
export const presetOption = () =>
  new Option(
    "--preset <preset>",
    `${presets.map(({ name }) => name).join(", ")}; base-16: 16 items of base`,
  ).default("quick");
export const backendOption = () =>
  new Option("--backend <backend>", `${CHOICES.join(", ")} (default: DAAM_BACKEND, else auto)`);
export const jobsOption = () =>
  new Option("--jobs <n>", "worker processes, each with cores ÷ jobs threads (default: the cores)").argParser(
    wholeNumber,
  );

export function scoped(command: Command): Command {
  return command
    .addOption(presetOption())
    .option("--task <list>", `only these tasks: ${taskNames}`, listOf)
    .option("--method <list>", "only these methods (daam cells lists them)", listOf)
    .addOption(
      new Option(
        "--part <part>",
        "only this part; robustness (shifted inputs), scale and control (changed hidden states) are left out unless named",
      ).choices(parts),
    );
}

export const scopeOf = ({
  task,
  method,
  part,
}: {
  task?: string[];
  method?: string[];
  part?: Part;
}): Scope => ({
  ...(task && { tasks: task }),
  ...(method && { methods: method }),
  ...(part && { part }),
});

export function backendOf(name: string | undefined): string | undefined {
  const want = name ?? process.env.DAAM_BACKEND;
  return want === undefined ? undefined : oneOf("backend", want, CHOICES);
}

export function listOf(text: string): string[] {
  return text.split(",").filter((name) => name !== "");
}

export function wholeNumber(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new InvalidArgumentError("give a whole number, 1 or more");
  return value;
}

/** "750,375", or "750" for all test items. */
export function perClassCounts(text: string): { train: number; test?: number } {
  const parts = text.split(",");
  const [train, test] = parts.map(Number);
  if (parts.length > 2 || parts.some((part) => !/^\d+$/.test(part)) || (train === 0 && !test))
    throw new InvalidArgumentError("give whole numbers of train and test items, such as 750,375");
  return { train: train!, ...(test !== undefined && { test }) };
}

export const examples = (...lines: string[]) =>
  `\nExamples:\n${lines.map((line) => `  npx daam ${line}`).join("\n")}`;
