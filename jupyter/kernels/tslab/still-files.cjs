// tslab compiles cells in TypeScript's watch mode, which expects that no file changes while a cell runs; a cell that trains writes files
// all the time, and tslab then dies of "Unexpected pending rebuildTimer". Loaded before it, this makes every file look still.
const { sys } = load("../../../node_modules/@tslab/typescript-for-tslab");

const watcher = { close() {} };
sys.watchFile = () => watcher;
sys.watchDirectory = () => watcher;

function load(path) {
  try {
    return require(path);
  } catch {
    console.error("the TypeScript kernel is not installed: run `make build`");
    process.exit(1);
  }
}
