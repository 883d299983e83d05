import { before, describe, test } from "node:test";
import { chooseBackend, listBackends } from "#src/backend/choose.js";

const listed = await listBackends();

/** Runs a suite once for every backend that is present here, and says why the others are left out. A software adapter takes long. */
export const onEveryBackend = (name: string, suite: () => void) => onBackends(name, suite, false);

/** As {@link onEveryBackend}, on a software adapter too. */
export const onSoftwareToo = (name: string, suite: () => void) => onBackends(name, suite, true);

function onBackends(name: string, suite: () => void, software: boolean): void {
  for (const backend of listed) {
    const title = `${name} (${backend.name})`;
    const skip = backend.present ? backend.software && !software && backend.detail : backend.detail;
    if (skip) test(title, { skip }, () => {});
    else
      describe(title, () => {
        before(async () => {
          await chooseBackend(backend.name.split(" ")[0]);
        });
        suite();
      });
  }
}
