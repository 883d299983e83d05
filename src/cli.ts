#!/usr/bin/env node
// Nothing is imported before the version is known: an older Node would fail on what it loads, with a stack instead of a line.
const [major, minor] = process.versions.node.split(".").map(Number) as [number, number];
if (major > 20 || (major === 20 && minor >= 19)) {
  import("./commands/program.js").then(({ main }) => main(process.argv));
} else {
  console.error(
    `daam: Node ${process.versions.node} is too old: install 20.19 or newer (https://nodejs.org)`,
  );
  process.exitCode = 1;
}
