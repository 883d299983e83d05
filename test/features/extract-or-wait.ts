/** Extracts and prints the path, or prints whom it would wait for and ends: `node extract-or-wait.js <settings> <cache>`. */
import { chooseBackend } from "#src/backend/choose.js";
import { extractFeatures } from "#src/features/extract.js";

const [settings, cache] = process.argv.slice(2);
await chooseBackend();
const path = await extractFeatures(JSON.parse(settings!), {
  cache: cache!,
  warn: (line) => {
    console.log(line);
    process.exit();
  },
});
console.log(path);
process.exit();
