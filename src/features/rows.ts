/** Hidden states in memory, row by row. */

/** Copies rows of `width` values out of one array. */
export function rowsInMemory(
  values: Float32Array,
  width: number,
): (items: ArrayLike<number>) => Float32Array {
  return (items) => {
    const rows = new Float32Array(items.length * width);
    for (let i = 0; i < items.length; i++) {
      rows.set(values.subarray(items[i]! * width, (items[i]! + 1) * width), i * width);
    }
    return rows;
  };
}

/**
 * q · scale + zero of every value.
 * @param q [items, layers, features], whole numbers
 * @param scale [layers, features], as `zero`
 */
export function dequantised(q: ArrayLike<number>, scale: Float32Array, zero: Float32Array): Float32Array {
  const values = new Float32Array(q.length);
  const width = scale.length;
  for (let i = 0; i < values.length; i += width)
    for (let j = 0; j < width; j++) values[i + j] = q[i + j]! * scale[j]! + zero[j]!;
  return values;
}
