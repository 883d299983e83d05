/** Counts of items by true class (row) and predicted class (column). */
export function confusionMatrix(
  labels: ArrayLike<number>,
  predictions: ArrayLike<number>,
  classes: number,
): number[][] {
  const counts = Array.from({ length: classes }, () => new Array<number>(classes).fill(0));
  for (let i = 0; i < labels.length; i++) counts[labels[i]!]![predictions[i]!]!++;
  return counts;
}

/**
 * Accuracy, mean F1 over the classes, and mean recall over the classes that occur (unweighted average recall), in 0–1.
 * A class that neither occurs nor is predicted has an F1 of 0, as in scikit-learn.
 */
export function scores(confusion: readonly (readonly number[])[]): {
  accuracy: number;
  macroF1: number;
  unweightedRecall: number;
} {
  const total = (row: readonly number[]) => row.reduce((a, b) => a + b, 0);
  const classes = confusion.map((row, k) => ({
    hits: row[k]!,
    actual: total(row),
    predicted: total(confusion.map((other) => other[k]!)),
  }));
  const mean = (values: number[]) => values.reduce((a, b) => a + b, 0) / Math.max(values.length, 1);
  return {
    accuracy: total(classes.map(({ hits }) => hits)) / total(confusion.map(total)),
    macroF1: mean(
      classes.map(({ hits, actual, predicted }) => (hits ? (2 * hits) / (actual + predicted) : 0)),
    ),
    unweightedRecall: mean(
      classes.filter(({ actual }) => actual > 0).map(({ hits, actual }) => hits / actual),
    ),
  };
}
