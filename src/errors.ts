/** A mistake of the user's or of his files: one line that names what is wrong, where, and the remedy. */
export class UserError extends Error {
  override name = "UserError";
}

/** The user ended a run. */
export class Stopped extends UserError {
  constructor(kept = "finished cells are kept, the same command goes on with the missing ones") {
    super(`stopped: ${kept}`);
  }
}

/** The user ended an extraction. */
export class ExtractionStopped extends Stopped {
  constructor() {
    super("finished items are kept, the same command goes on with the rest");
  }
}

/** The memory for what is being done is not to be had. */
export class OutOfMemory extends UserError {
  override name = "OutOfMemory";
}

/** Refuses `value` unless it is one of `valid`, and lists those. */
export function oneOf<T extends string>(what: string, value: string, valid: readonly T[]): T {
  if ((valid as readonly string[]).includes(value)) return value as T;
  throw new UserError(`unknown ${what} "${value}": choose one of ${valid.join(", ")}`);
}
