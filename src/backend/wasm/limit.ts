import { address, override, type Native } from "./native.js";

/** MultiplyAdds {}, {tasks, rounds} → y [tasks, 4, 8], which counts the multiply-adds made: as many a second as the machine can. */
export function registerLimit(native: Native): void {
  override("MultiplyAdds", () => ({ attrs, backend }) => {
    const { tasks, rounds } = attrs as { tasks: number; rounds: number };
    const y = backend.makeOutput([tasks, 4, 8], "float32");
    native.run("multiplyAdds", tasks, native.exports.LIMIT_SCRATCH.value, [address(backend, y), rounds]);
    return y;
  });
}
