/** Holm's (1979) adjusted p of several tests, in their order: none is rejected at 5 % unless its own is below 0.05. */
export function holm(p: readonly number[]): number[] {
  const order = p.map((_, i) => i).sort((a, b) => p[a]! - p[b]!);
  const adjusted = new Array<number>(p.length);
  let highest = 0;
  order.forEach((test, rank) => {
    highest = Math.max(highest, Math.min(1, (p.length - rank) * p[test]!));
    adjusted[test] = highest;
  });
  return adjusted;
}

/** {@link holm} by key, where tests of one key are the same test told twice and count once. */
export function holmOfDistinct(tests: Iterable<readonly [key: string, p: number]>): Map<string, number> {
  const distinct = [...new Map(tests)];
  const adjusted = holm(distinct.map(([, p]) => p));
  return new Map(distinct.map(([key], i) => [key, adjusted[i]!]));
}
