/** PyTorch's `ReduceLROnPlateau(mode="max", factor=0.1, patience=10)`, its other settings at their defaults. */
export class PlateauSchedule {
  private best = -Infinity;
  private badEpochs = 0;

  constructor(
    public learningRate: number,
    private readonly factor = 0.1,
    private readonly patience = 10,
  ) {}

  /** To be called once an epoch with the watched accuracy. */
  update(accuracy: number): void {
    const threshold = 1e-4; // relative
    if (accuracy > this.best * (1 + threshold) || this.best === -Infinity) {
      this.best = accuracy;
      this.badEpochs = 0;
    } else if (++this.badEpochs > this.patience) {
      const next = this.learningRate * this.factor;
      if (this.learningRate - next > 1e-8) this.learningRate = next;
      this.badEpochs = 0;
    }
  }
}
