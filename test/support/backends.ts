import { before, describe } from "node:test";
import { chooseBackend, listBackends } from "#src/backend/choose.js";

const present = (await listBackends()).filter((backend) => backend.present).map(({ name }) => name);

/** Runs a suite once for every backend that is present here. */
export function onEveryBackend(name: string, suite: () => void): void {
  for (const backend of present) {
    describe(`${name} (${backend})`, () => {
      before(async () => {
        await chooseBackend(backend);
      });
      suite();
    });
  }
}
