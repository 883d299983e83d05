import { fork } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { runFolder } from "../folders.js";
import { attack, mutant, type AttackResult } from "./attack.js";
import { fuzzTargets } from "./targets.js";

/** `make fuzz`: every parser in a process of its own, so that a hang or a crash is seen and named. */

const COUNT = 1_000;
const SEED = 4;
/** Milliseconds for one file. */
const PATIENCE = 10_000;
/** Failing files are kept here, so many of each parser. */
const KEPT = runFolder("fuzz");
const SHOWN = 5;

type Message = { index: number } | { result: AttackResult };

async function child(name: string, count: number, seed: number): Promise<void> {
  const target = fuzzTargets.find((one) => one.name === name)!;
  const result = await attack({
    target,
    count,
    seed,
    before: (index) => process.send!({ index } satisfies Message),
  });
  process.send!({ result } satisfies Message, () => process.disconnect());
}

function watch(name: string, count: number, seed: number): Promise<AttackResult> {
  return new Promise((resolve) => {
    const run = fork(fileURLToPath(import.meta.url), [name, String(count), String(seed)]);
    let last = -1;
    let result: AttackResult | undefined;
    const lost = (why: string) => ({ parsed: 0, refused: 0, failures: [{ index: last, why }] });
    const give = () => run.kill("SIGKILL") && (result = lost(`hangs for more than ${PATIENCE / 1000} s`));
    let timer = setTimeout(give, PATIENCE);
    run.on("message", (message: Message) => {
      clearTimeout(timer);
      if ("result" in message) result = message.result;
      else {
        last = message.index;
        timer = setTimeout(give, PATIENCE);
      }
    });
    run.on("exit", (code, signal) => {
      clearTimeout(timer);
      resolve(result ?? lost(`the process ends with ${signal ?? `status ${code}`}`));
    });
  });
}

async function parent(): Promise<void> {
  for (const target of fuzzTargets) {
    const { name, extension } = target;
    const { parsed, refused, failures } = await watch(name, COUNT, SEED);
    console.log(`${name}: ${parsed} parsed, ${refused} refused, ${failures.length} failed of ${COUNT}`);
    for (const { index, why } of failures.slice(0, SHOWN)) {
      const path = join(KEPT, `${name.replaceAll(" ", "-")}-${index}${extension}`);
      mkdirSync(KEPT, { recursive: true });
      writeFileSync(path, mutant(target, SEED, index));
      console.log(`  ${path}: ${why}`);
      process.exitCode = 1;
    }
  }
}

const [name, count, seed] = process.argv.slice(2);
await (name ? child(name, Number(count), Number(seed)) : parent());
