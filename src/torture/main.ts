/** `make torture [KILLS=50] [SEED=1] [MINUTES=n] [TABLE=docs/torture.md]`: its last line is a count. */
import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { summaryOf, tableOf } from "./table.js";
import { torture } from "./torture.js";

const { values } = parseArgs({
  options: {
    kills: { type: "string", default: "50" },
    seed: { type: "string", default: "1" },
    minutes: { type: "string" },
    table: { type: "string" },
    accident: { type: "string", multiple: true },
    subject: { type: "string", multiple: true },
  },
});
const tortured = await torture({
  kills: Number(values.kills),
  seed: Number(values.seed),
  ...(values.minutes !== undefined && { minutes: Number(values.minutes) }),
  accidents: values.accident,
  subjects: values.subject,
  say: (line) => console.log(line),
});
if (values.table !== undefined) writeFileSync(values.table, tableOf(tortured));
console.log(summaryOf(tortured));
process.exitCode = tortured.differences.length ? 1 : 0;
