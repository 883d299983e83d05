/** Writes its process number and waits without an end; as "parent", starts one that does, and writes that one's. */
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { endWithParent } from "#src/apart.js";

if (process.argv[2] === "parent") {
  spawn(process.execPath, [fileURLToPath(import.meta.url)], { stdio: ["ignore", "inherit", "inherit"] });
  setInterval(() => {}, 1000);
} else {
  endWithParent();
  setTimeout(() => {
    process.stdout.write(`${process.pid}\n`, () =>
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0),
    );
  }, 200);
}
