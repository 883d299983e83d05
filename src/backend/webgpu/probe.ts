/** Run by {@link findAdapter}: one line of JSON that describes the adapter, or has the `error`. */
import { firstLine } from "../tensorflow.js";
import { requestAdapter } from "./dawn.js";
import { describe } from "./info.js";

const answer = await requestAdapter().then(describe, (error) => ({ error: firstLine(error) }));
process.stdout.write(JSON.stringify(answer), () => process.exit());
