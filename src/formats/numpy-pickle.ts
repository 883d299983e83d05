/** An array of bytes, row by row, as a pickle describes it: made empty, then given its state. */
export class ByteArray {
  shape: number[] = [0];
  bytes: Buffer = Buffer.alloc(0);

  /** @param state version, shape, dtype, whether it lies column by column, contents. @returns false where it does not fit */
  setState(state: unknown): boolean {
    const [, shape, dtype, byColumns, contents] = Array.isArray(state) ? state : [];
    const bytes = typeof contents === "string" ? Buffer.from(contents, "latin1") : contents;
    if (!Array.isArray(shape) || !shape.every((n) => Number.isSafeInteger(n) && n >= 0)) return false;
    if (!(dtype instanceof Dtype) || dtype.name !== "u1" || byColumns || !Buffer.isBuffer(bytes))
      return false;
    if (bytes.length !== shape.reduce((product, n) => product * n, 1)) return false;
    this.shape = shape;
    this.bytes = bytes;
    return true;
  }
}

/** The kind of an array's elements; its state, byte order and the like, says nothing of bytes. */
export class Dtype {
  constructor(readonly name: string) {}
}
