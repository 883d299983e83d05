/** A whole run with the fake trainer, for tests that kill it: `node fake-run.js <preset> [task]`. */
import { reproduce } from "#src/reproduction/reproduce.js";

const [preset, task] = process.argv.slice(2);
await reproduce(preset!, {
  trainer: new URL("../experiments/fake-trainer.js", import.meta.url).href,
  jobs: 2,
  scope: task ? { tasks: [task] } : {},
});
