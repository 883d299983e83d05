/** `make torture [KILLS=50] [SEED=1] [MINUTES=n]`: its last line is a count. */
import { parseArgs } from "node:util";
import { torture } from "./torture.js";

const { values } = parseArgs({
  options: {
    kills: { type: "string", default: "50" },
    seed: { type: "string", default: "1" },
    minutes: { type: "string" },
    accident: { type: "string", multiple: true },
    subject: { type: "string", multiple: true },
  },
});
const { kills, accidents, differences } = await torture({
  kills: Number(values.kills),
  seed: Number(values.seed),
  ...(values.minutes !== undefined && { minutes: Number(values.minutes) }),
  accidents: values.accident,
  subjects: values.subject,
  say: (line) => console.log(line),
});
console.log(`${kills} kills, ${accidents} accidents: ${differences.length} differences`);
process.exitCode = differences.length ? 1 : 0;
