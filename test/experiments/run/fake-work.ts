/** A worker of a cluster with the fake trainer, for tests that kill it: `node fake-work.js <preset> <task>`. */
import { Run } from "#src/experiments/run/run.js";

const [preset, task] = process.argv.slice(2);
const trainer = new URL("../fake-trainer.js", import.meta.url).href;
const run = await Run.open(preset!, { trainer, jobs: 1 });
const scope = { tasks: [task!] };
const names = new Set(run.plan(scope).flatMap(({ name, config }) => (config ? name : [])));
await run.work(scope, names);
